/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events to other hosts. The reply comes when the event is on disk; a caller whose own time limit
 * is over before gives up the answer, not the event.
 */
#include "dbus/event-methods.h"

#include "common/bailiff-error.h"
#include "dbus/method-call.h"
#include "dbus/variant-options.h"

typedef struct SendArgs {
    BailiffLockspace *lockspace;
    BailiffHostEvent event;
} SendArgs;

static void send_args_free(gpointer data)
{
    SendArgs *args = data;

    g_object_unref(args->lockspace);
    g_free(args);
}

static void send_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (bailiff_lockspace_send_event_finish(BAILIFF_LOCKSPACE(source), result, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

static void send_act(MethodCall *call)
{
    SendArgs *args = call->args;

    bailiff_lockspace_send_event_async(args->lockspace, &args->event, send_done, call);
}

static gboolean parse_event(BailiffHostEvent *event, GVariant *options, GError **error)
{
    const VariantOption known[] = {
        { "replace", "b", &event->replace },
        { "generation", "t", &event->generation },
    };
    /* All hosts together have no generation. */
    gsize n_known = event->host_id == BAILIFF_ALL_HOSTS ? 1 : 2;

    if (!variant_options_parse(options, known, n_known, error))
        return FALSE;
    if (event->event == 0 && event->data != 0) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Choose an event from 1 on, or 0 with data 0 to take one back.",
                          "Event 0 is no event: it has no data.");
        return FALSE;
    }
    return TRUE;
}

gboolean send_event_method(BailiffBusService *service, gpointer target,
                           GDBusMethodInvocation *invocation, BailiffLockspace *lockspace,
                           const BailiffHostEvent *to, GVariant *options)
{
    BailiffHostEvent event = *to;
    GError *error = NULL;
    SendArgs *args;

    if (!parse_event(&event, options, &error))
        return method_call_refuse(invocation, error);
    args = g_new(SendArgs, 1);
    *args = (SendArgs){ g_object_ref(lockspace), event };
    return method_call_start(service, target, invocation, send_act, args, send_args_free);
}
