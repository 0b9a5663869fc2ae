/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process comes as a pidfd, as a number, or as "the caller". A pidfd is the one sure name of a
 * process, so it is used wherever there is one: also for the caller, if the bus hands it out. A
 * unit comes by the name that systemd has for it, a domain by its UUID.
 */
#include "dbus/register-methods.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "common/process-identity.h"
#include "dbus/method-call.h"
#include "dbus/object-path.h"
#include "dbus/policy-risk.h"
#include "dbus/program-check.h"
#include "dbus/variant-options.h"
#include "dbus/variant-policy.h"
#include "engine/policy-error.h"
#include "engine/registration.h"

#define BUS_DRIVER_TIMEOUT_MS 10000

typedef struct RegisterArgs {
    int pidfd; /* -1: `pid` says who */
    guint32 pid;
    guint64 start_time;
    char *unit;
    char *domain;      /* UUID */
    char *domain_name; /* NULL: libvirt is asked */
    char *name;        /* units and domains: may be NULL */
    gboolean descendants;
    gboolean has_policy;
    FailurePolicy policy;
} RegisterArgs;

static void register_args_free(RegisterArgs *args)
{
    if (args->pidfd >= 0)
        (void)g_close(args->pidfd, NULL);
    g_free(args->unit);
    g_free(args->domain);
    g_free(args->domain_name);
    g_free(args->name);
    g_free(args);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RegisterArgs, register_args_free)

/* `extra`: the options that only this method has. */
static RegisterArgs *parse_args(GVariant *options, FailureTarget kind, RegisterArgs *args,
                                const VariantOption *extra, gsize n_extra, GError **error)
{
    g_autoptr(RegisterArgs) parsed = args;
    g_autoptr(GVariant) policy = NULL;
    g_autofree char *on_recovery = NULL;
    VariantOption known[4] = { { "failure-policy", "a(sua{sv})", &policy },
                               { "on-recovery", "s", &on_recovery } };

    g_assert(n_extra + 2 <= G_N_ELEMENTS(known));
    for (gsize i = 0; i < n_extra; i++)
        known[2 + i] = extra[i];
    if (!variant_options_parse(options, known, 2 + n_extra, error))
        return NULL;
    if (policy == NULL && on_recovery != NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Give the option failure-policy too.",
                          "The option \"on-recovery\" belongs to a failure policy, and there is "
                          "none.");
        return NULL;
    }
    if (policy != NULL) {
        if (!variant_policy_parse(policy, on_recovery, &parsed->policy, error) ||
            !bailiff_failure_policy_check(&parsed->policy, kind, error))
            return NULL;
        parsed->has_policy = TRUE;
    }
    return g_steal_pointer(&parsed);
}

static RegisterArgs *parse_process_args(const char *name, GVariant *options, gboolean by_number,
                                        GError **error)
{
    RegisterArgs *args = g_new0(RegisterArgs, 1);
    const VariantOption extra[] = {
        { "descendants", "b", &args->descendants },
        { "start-time", "t", &args->start_time, 1 },
    };

    args->pidfd = -1;
    args->name = g_strdup(name);
    return parse_args(options, FAILURE_TARGET_PROCESS, args, extra, by_number ? 2 : 1, error);
}

/* NULL: the registration has none of its own. */
static const FailurePolicy *policy_of(const RegisterArgs *args)
{
    return args->has_policy ? &args->policy : NULL;
}

static gboolean start_with_risk(BailiffBusService *service, gpointer target,
                                GDBusMethodInvocation *invocation, MethodCallAct act,
                                RegisterArgs *args, MethodCallIsOwn is_own)
{
    return method_call_start_with(service, target, invocation, act, args,
                                  (GDestroyNotify)register_args_free, policy_risk(policy_of(args)),
                                  is_own);
}

static void reply_registration(MethodCall *call, BailiffRegistration *registration, GError *error)
{
    if (registration == NULL) {
        method_call_fail(call, error);
        return;
    }
    g_autofree char *path = object_path_registration(bailiff_registration_get_id(registration));
    method_call_reply(call, g_variant_new("(o)", path));
}

/* The process is the caller's if no user but the caller's is in it: one that has switched users, or
 * can switch, is more than its user may order about. From the first look on it is held by a pidfd,
 * since a number can be another process's by the time of the next. */
static gboolean is_own_process(MethodCall *call)
{
    RegisterArgs *args = call->args;
    ProcessIdentity process = { .pidfd = -1 };
    gboolean found;

    if (args->pidfd >= 0)
        found = process_identity_from_pidfd(&process, args->pidfd, NULL);
    else
        found = process_identity_from_pid(&process, (pid_t)args->pid, args->start_time, NULL);
    if (!found)
        return FALSE;
    args->pidfd = process.pidfd;
    return process.one_user && process.uid == call->uid;
}

/* Process 0 is the caller, who is found, and looked at, later. */
static gboolean is_own_or_caller(MethodCall *call)
{
    const RegisterArgs *args = call->args;

    return (args->pidfd < 0 && args->pid == 0) || is_own_process(call);
}

/* Who holds a connection need not be who opened it, and the bus tells of that one. */
static gboolean may_register_process(MethodCall *call)
{
    const RegisterArgs *args = call->args;

    if ((call->granted & POLKIT_BIT(POLKIT_ACTION_MANAGE_REGISTRATIONS)) != 0 ||
        is_own_process(call))
        return method_call_may_register(call);
    method_call_fail(call,
                     bailiff_error_make(BAILIFF_ERROR_NOT_AUTHORIZED,
                                        "Register a process of your own, by its number or pidfd.",
                                        "Process %u has ended, or is not of user %u alone.",
                                        args->pid, (guint)call->uid));
    return FALSE;
}

static void register_now(MethodCall *call)
{
    if (!may_register_process(call))
        return;

    RegisterArgs *args = call->args;
    BailiffEngine *engine = bailiff_bus_service_get_engine(call->service);
    const FailurePolicy *policy = policy_of(args);
    BailiffRegistration *registration;
    GError *error = NULL;

    if (args->pidfd >= 0) {
        registration =
            bailiff_engine_register_process(engine, g_steal_fd(&args->pidfd), args->name,
                                            args->descendants, call->uid, policy, &error);
    } else {
        registration =
            bailiff_engine_register_pid(engine, (pid_t)args->pid, args->start_time, args->name,
                                        args->descendants, call->uid, policy, &error);
    }
    reply_registration(call, registration, error);
}

/* The caller as the bus knows it. Newer buses hand out a pidfd, taken when the caller connected;
 * it is used unless the caller also named a start time, which only a look at /proc can check. */
static void credentials_known(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    RegisterArgs *args = call->args;
    g_autoptr(GUnixFDList) fd_list = NULL;
    g_autoptr(GVariant) credentials = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = g_dbus_connection_call_with_unix_fd_list_finish(
        G_DBUS_CONNECTION(source), &fd_list, result, &error);

    if (reply != NULL)
        g_variant_get(reply, "(@a{sv})", &credentials);
    if (reply == NULL || !g_variant_lookup(credentials, "ProcessID", "u", &args->pid) ||
        args->pid == 0) {
        method_call_fail(call, bailiff_error_make(BAILIFF_ERROR_NOT_FOUND,
                                                  "Name the process: by its number, or by a pidfd "
                                                  "with RegisterProcess().",
                                                  "The bus does not say which process the caller "
                                                  "is."));
        return;
    }

    gint32 handle;
    if (args->start_time == 0 && fd_list != NULL &&
        g_variant_lookup(credentials, "ProcessFD", "h", &handle) && handle >= 0 &&
        handle < g_unix_fd_list_get_length(fd_list))
        args->pidfd = g_unix_fd_list_get(fd_list, handle, NULL);
    register_now(call);
}

static void register_caller(MethodCall *call)
{
    g_dbus_connection_call_with_unix_fd_list(
        g_dbus_method_invocation_get_connection(call->invocation), "org.freedesktop.DBus",
        "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionCredentials",
        g_variant_new("(s)", g_dbus_method_invocation_get_sender(call->invocation)),
        G_VARIANT_TYPE("(a{sv})"), G_DBUS_CALL_FLAGS_NONE, BUS_DRIVER_TIMEOUT_MS, NULL, NULL,
        credentials_known, call);
}

static void register_process_act(MethodCall *call)
{
    const RegisterArgs *args = call->args;

    program_check(call, policy_of(args),
                  args->pidfd < 0 && args->pid == 0 ? register_caller : register_now);
}

gboolean register_process_method(BailiffBusService *service, gpointer target,
                                 GDBusMethodInvocation *invocation, GUnixFDList *fd_list,
                                 gint32 handle, const char *name, GVariant *options)
{
    GError *error = NULL;
    g_autoptr(RegisterArgs) args = parse_process_args(name, options, FALSE, &error);

    if (args == NULL)
        return method_call_refuse(invocation, error);
    if (fd_list == NULL &&
        g_dbus_message_get_num_unix_fds(g_dbus_method_invocation_get_message(invocation)) > 0) {
        return method_call_refuse(
            invocation,
            bailiff_error_make(BAILIFF_ERROR_BUSY,
                               "Raise bailiffd's limit on open files (prlimit --nofile for the one "
                               "that runs, LimitNOFILE= in its unit for the next).",
                               "The pidfd was sent, and bailiffd has no file descriptor free to "
                               "receive it with."));
    }
    if (fd_list == NULL || handle < 0 || handle >= g_unix_fd_list_get_length(fd_list)) {
        return method_call_refuse(
            invocation,
            bailiff_error_make(BAILIFF_ERROR_INVALID_ARGUMENT,
                               "Send a pidfd with the message, and its index in it.",
                               "There is no file descriptor number %d in the message.", handle));
    }
    args->pidfd = g_unix_fd_list_get(fd_list, handle, &error);
    if (args->pidfd < 0) {
        g_autoptr(GError) cause = error;
        return method_call_refuse(
            invocation, bailiff_error_make(BAILIFF_ERROR_BUSY, "Try again later.",
                                           "The pidfd cannot be kept: %s.", cause->message));
    }
    return start_with_risk(service, target, invocation, register_process_act,
                           g_steal_pointer(&args), is_own_or_caller);
}

gboolean register_pid_method(BailiffBusService *service, gpointer target,
                             GDBusMethodInvocation *invocation, guint32 pid, const char *name,
                             GVariant *options)
{
    GError *error = NULL;
    g_autoptr(RegisterArgs) args = parse_process_args(name, options, TRUE, &error);

    if (args == NULL)
        return method_call_refuse(invocation, error);
    if (pid > G_MAXINT32) {
        return method_call_refuse(invocation,
                                  bailiff_error_make(BAILIFF_ERROR_INVALID_ARGUMENT,
                                                     "Give the number of a running process, or 0 "
                                                     "for the caller.",
                                                     "%u is not the number of a process.", pid));
    }
    args->pid = pid;
    return start_with_risk(service, target, invocation, register_process_act,
                           g_steal_pointer(&args), is_own_or_caller);
}

static void unit_registered(GObject *source, GAsyncResult *result, gpointer user_data)
{
    GError *error = NULL;
    BailiffRegistration *registration =
        bailiff_engine_register_unit_finish(BAILIFF_ENGINE(source), result, &error);

    reply_registration(user_data, registration, error);
}

static void register_unit_now(MethodCall *call)
{
    const RegisterArgs *args = call->args;

    bailiff_engine_register_unit_async(bailiff_bus_service_get_engine(call->service), args->unit,
                                       args->name, call->uid, policy_of(args), call->caller_gone,
                                       unit_registered, call);
}

static void register_unit_act(MethodCall *call)
{
    if (method_call_may_register(call))
        program_check(call, policy_of(call->args), register_unit_now);
}

gboolean register_unit_method(BailiffBusService *service, gpointer target,
                              GDBusMethodInvocation *invocation, const char *unit,
                              GVariant *options)
{
    GError *error = NULL;
    RegisterArgs *args = g_new0(RegisterArgs, 1);
    const VariantOption extra[] = { { "name", "s", &args->name } };

    args->pidfd = -1;
    args->unit = g_strdup(unit);
    args = parse_args(options, FAILURE_TARGET_UNIT, args, extra, G_N_ELEMENTS(extra), &error);
    if (args == NULL)
        return method_call_refuse(invocation, error);
    return start_with_risk(service, target, invocation, register_unit_act, args, NULL);
}

static void domain_registered(GObject *source, GAsyncResult *result, gpointer user_data)
{
    GError *error = NULL;
    BailiffRegistration *registration =
        bailiff_engine_register_domain_finish(BAILIFF_ENGINE(source), result, &error);

    reply_registration(user_data, registration, error);
}

static void register_domain_now(MethodCall *call)
{
    const RegisterArgs *args = call->args;

    bailiff_engine_register_domain_async(
        bailiff_bus_service_get_engine(call->service), args->domain, args->domain_name, args->name,
        call->uid, policy_of(args), call->caller_gone, domain_registered, call);
}

static void register_domain_act(MethodCall *call)
{
    if (method_call_may_register(call))
        program_check(call, policy_of(call->args), register_domain_now);
}

gboolean register_domain_method(BailiffBusService *service, gpointer target,
                                GDBusMethodInvocation *invocation, const char *uuid,
                                GVariant *options)
{
    GError *error = NULL;
    RegisterArgs *args = g_new0(RegisterArgs, 1);
    const VariantOption extra[] = {
        { "name", "s", &args->name },
        { "domain-name", "s", &args->domain_name },
    };

    args->pidfd = -1;
    args->domain = g_strdup(uuid);
    args = parse_args(options, FAILURE_TARGET_DOMAIN, args, extra, G_N_ELEMENTS(extra), &error);
    if (args == NULL)
        return method_call_refuse(invocation, error);
    return start_with_risk(service, target, invocation, register_domain_act, args, NULL);
}
