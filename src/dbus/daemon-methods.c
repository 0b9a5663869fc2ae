/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the bus to the DaemonControl and back.
 */
#include "dbus/daemon-methods.h"

#include "common/bailiff-error.h"
#include "dbus/method-call.h"
#include "dbus/variant-options.h"

/* NULL when the call has ended. */
static const DaemonControl *get_control(MethodCall *call)
{
    const DaemonControl *control = bailiff_bus_service_get_daemon_control(call->service);

    if (control == NULL)
        method_call_fail(call, bailiff_error_make(BAILIFF_ERROR_UNSUPPORTED,
                                                  "Ask who has started this service.",
                                                  "This service is no daemon of its own."));
    return control;
}

static void reload_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    const DaemonControl *control = bailiff_bus_service_get_daemon_control(call->service);
    GError *error = NULL;

    if (control->reload_finish(control->daemon, result, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

static void reload_act(MethodCall *call)
{
    const DaemonControl *control = get_control(call);

    if (control != NULL)
        control->reload_async(control->daemon, reload_done, call);
}

static void succeed_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    const DaemonControl *control = bailiff_bus_service_get_daemon_control(call->service);
    GError *error = NULL;

    if (control->succeed_finish(control->daemon, result, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

static void reexecute_act(MethodCall *call)
{
    const DaemonControl *control = get_control(call);

    if (control != NULL)
        control->succeed_async(control->daemon, NULL, succeed_done, call);
}

typedef struct HandOverArgs {
    char *watchdog;
} HandOverArgs;

static void hand_over_args_free(gpointer data)
{
    HandOverArgs *args = data;

    g_free(args->watchdog);
    g_free(args);
}

static void hand_over_act(MethodCall *call)
{
    const DaemonControl *control = get_control(call);
    const HandOverArgs *args = call->args;
    const DaemonSuccessor successor = { .watchdog = args->watchdog, .gone = call->caller_gone };

    if (control != NULL)
        control->succeed_async(control->daemon, &successor, succeed_done, call);
}

static gboolean start(BailiffBusService *service, gpointer target,
                      GDBusMethodInvocation *invocation, GVariant *options,
                      void (*act)(MethodCall *call))
{
    GError *error = NULL;

    if (!variant_options_parse(options, NULL, 0, &error))
        return method_call_refuse(invocation, error);
    return method_call_start(service, target, invocation, act, NULL, NULL);
}

gboolean reload_method(BailiffBusService *service, gpointer target,
                       GDBusMethodInvocation *invocation, GVariant *options)
{
    return start(service, target, invocation, options, reload_act);
}

gboolean reexecute_method(BailiffBusService *service, gpointer target,
                          GDBusMethodInvocation *invocation, GVariant *options)
{
    return start(service, target, invocation, options, reexecute_act);
}

gboolean hand_over_method(BailiffBusService *service, gpointer target,
                          GDBusMethodInvocation *invocation, GVariant *options)
{
    HandOverArgs *args = g_new0(HandOverArgs, 1);
    const VariantOption known[] = { { "watchdog", "s", &args->watchdog } };
    GError *error = NULL;

    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), &error)) {
        hand_over_args_free(args);
        return method_call_refuse(invocation, error);
    }
    return method_call_start(service, target, invocation, hand_over_act, args, hand_over_args_free);
}

/* Stopping. */

typedef struct StopArgs {
    gboolean force;
} StopArgs;

static void stop_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    const DaemonControl *control = bailiff_bus_service_get_daemon_control(call->service);
    GError *error = NULL;

    if (control->stop_finish(control->daemon, result, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

static void stop_act(MethodCall *call)
{
    const DaemonControl *control = get_control(call);
    const StopArgs *args = call->args;

    if (control != NULL)
        control->stop_async(control->daemon, args->force, stop_done, call);
}

gboolean stop_method(BailiffBusService *service, gpointer target, GDBusMethodInvocation *invocation,
                     GVariant *options)
{
    StopArgs *args = g_new0(StopArgs, 1);
    const VariantOption known[] = { { "force", "b", &args->force } };
    GError *error = NULL;

    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), &error)) {
        g_free(args);
        return method_call_refuse(invocation, error);
    }
    return method_call_start(service, target, invocation, stop_act, args, g_free);
}
