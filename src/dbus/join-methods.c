/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Joining a lockspace, with or without a record of it.
 *
 * The record comes first: a lockspace that is joined but will not be so after the next start,
 * though somebody has asked for that, would be found out on the day of that start.
 */
#include "dbus/join-methods.h"

#include "common/bailiff-error.h"
#include "dbus/method-call.h"
#include "dbus/object-path.h"
#include "dbus/variant-options.h"
#include "engine/lockspace.h"
#include "engine/records.h"

typedef struct JoinArgs {
    LockspaceSettings *settings;
    gboolean persist;
    gboolean forget_orphans;
} JoinArgs;

static void join_args_free(gpointer data)
{
    JoinArgs *args = data;

    lockspace_settings_free(args->settings);
    g_free(args);
}

static void reply_with(MethodCall *call, BailiffLockspace *lockspace)
{
    g_autofree char *path = object_path_lockspace(bailiff_lockspace_get_name(lockspace));

    method_call_reply(call, g_variant_new("(o)", path));
}

/* The lockspace, when it is joined already as it is to be. */
static BailiffLockspace *find_joined(BailiffEngine *engine, const LockspaceSettings *settings)
{
    BailiffLockspace *lockspace = bailiff_engine_find_lockspace(engine, settings->name);

    if (lockspace == NULL || bailiff_lockspace_get_state(lockspace) == BAILIFF_LOCKSPACE_LOST ||
        bailiff_lockspace_get_state(lockspace) == BAILIFF_LOCKSPACE_LEAVING ||
        g_strcmp0(bailiff_lockspace_get_path(lockspace), settings->path) != 0 ||
        bailiff_lockspace_get_offset(lockspace) != settings->offset)
        return NULL;
    return settings->host_id == 0 || settings->host_id == bailiff_lockspace_get_host_id(lockspace)
               ? lockspace
               : NULL;
}

static BailiffJoin wish_of(const LockspaceSettings *settings)
{
    return (BailiffJoin){
        .name = settings->name,
        .path = settings->path,
        .offset = settings->offset,
        .host_id = settings->host_id,
        .io_timeout = settings->io_timeout,
    };
}

static void join_now(MethodCall *call)
{
    const JoinArgs *args = call->args;
    BailiffEngine *engine = bailiff_bus_service_get_engine(call->service);
    const BailiffJoin join = wish_of(args->settings);
    GError *error = NULL;
    BailiffLockspace *lockspace = args->persist ? find_joined(engine, args->settings) : NULL;

    if (lockspace == NULL)
        lockspace = bailiff_engine_join_as(engine, &join, &error);
    if (lockspace != NULL)
        reply_with(call, lockspace);
    else
        method_call_fail(call, error);
}

static void on_recorded(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (bailiff_records_finish(BAILIFF_RECORDS(source), result, &error))
        join_now(call);
    else
        method_call_fail(call, error);
}

static void join_act(MethodCall *call)
{
    const JoinArgs *args = call->args;
    BailiffEngine *engine = bailiff_bus_service_get_engine(call->service);
    const BailiffJoin join = wish_of(args->settings);
    GError *error = NULL;

    if (args->forget_orphans && !bailiff_engine_forget_orphans(engine, join.name, &error)) {
        method_call_fail(call, error);
        return;
    }
    if (!args->persist) {
        join_now(call);
        return;
    }
    /* What cannot be joined leaves no record behind. */
    if (find_joined(engine, args->settings) == NULL &&
        !bailiff_engine_check_join(engine, &join, &error))
        method_call_fail(call, error);
    else
        bailiff_records_put_async(bailiff_engine_get_records(engine), args->settings, on_recorded,
                                  call);
}

static gboolean take_startup(const char *startup, gboolean persist, gboolean *ret_automatic,
                             GError **error)
{
    *ret_automatic = TRUE;
    if (startup == NULL)
        return TRUE;
    if (persist)
        return lockspace_startup_from_name(startup, ret_automatic, error);
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Give the option persist, too.",
                      "The option startup is about a record.");
    return FALSE;
}

gboolean join_lockspace_method(BailiffBusService *service, gpointer target,
                               GDBusMethodInvocation *invocation, const BailiffJoin *join,
                               GVariant *options)
{
    guint32 io_timeout = 0;
    gboolean persist = FALSE, forget_orphans = FALSE, automatic;
    g_autofree char *startup = NULL;
    JoinArgs *args;
    GError *error = NULL;

    const VariantOption known[] = {
        { "io-timeout", "u", &io_timeout, 1, 255 },
        { "forget-orphans", "b", &forget_orphans },
        { "persist", "b", &persist },
        { "startup", "s", &startup },
    };
    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), &error) ||
        !take_startup(startup, persist, &automatic, &error))
        return method_call_refuse(invocation, error);

    args = g_new0(JoinArgs, 1);
    args->settings = g_new0(LockspaceSettings, 1);
    args->settings->name = g_strdup(join->name);
    args->settings->path = g_strdup(join->path);
    args->settings->offset = join->offset;
    args->settings->host_id = join->host_id;
    args->settings->io_timeout = io_timeout;
    args->settings->automatic = automatic;
    args->persist = persist;
    args->forget_orphans = forget_orphans;
    return method_call_start(service, target, invocation, join_act, args, join_args_free);
}
