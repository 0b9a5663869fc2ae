/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way of a method call.
 */
#include "dbus/method-call.h"

#include "common/bailiff-error.h"

static void method_call_free(MethodCall *call)
{
    caller_watch_remove(bailiff_bus_service_get_caller_watch(call->service),
                        g_dbus_method_invocation_get_sender(call->invocation), call->caller_gone);
    if (call->free_args != NULL)
        call->free_args(call->args);
    g_object_unref(call->caller_gone);
    g_object_unref(call->target);
    g_object_unref(call->invocation);
    g_object_unref(call->service);
    g_free(call);
}

/* After the question nothing that was found before it counts. The same path with another object
 * behind it is another thing: a lease that somebody else has acquired meanwhile must not be
 * released in the name of its former holder. */
static gboolean target_is_still_there(MethodCall *call)
{
    const char *path = g_dbus_method_invocation_get_object_path(call->invocation);
    return bailiff_bus_service_find(call->service, path, G_OBJECT_TYPE(call->target)) ==
           call->target;
}

static void authorised(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (!bailiff_authorization_check_finish(BAILIFF_AUTHORIZATION(source), result, &call->uid,
                                            &error)) {
        g_debug("Refused: %s", error->message);
        method_call_fail(call, error);
        return;
    }
    if (!target_is_still_there(call)) {
        method_call_fail(
            call, bailiff_error_make(BAILIFF_ERROR_NOT_FOUND, "Look at what is there now.",
                                     "The object %s has gone meanwhile.",
                                     g_dbus_method_invocation_get_object_path(call->invocation)));
        return;
    }
    call->act(call);
}

gboolean method_call_start(BailiffBusService *service, gpointer target,
                           GDBusMethodInvocation *invocation, MethodCallAct act, gpointer args,
                           GDestroyNotify free_args)
{
    MethodCall *call = g_new0(MethodCall, 1);

    call->service = g_object_ref(service);
    call->invocation = invocation;
    call->target = g_object_ref(target);
    call->args = args;
    call->free_args = free_args;
    call->caller_gone = g_cancellable_new();
    call->act = act;

    /* From the first moment on: who leaves while the question is asked has left. */
    caller_watch_add(bailiff_bus_service_get_caller_watch(service),
                     g_dbus_method_invocation_get_sender(invocation), call->caller_gone);
    bailiff_authorization_check_async(bailiff_bus_service_get_authorization(service), invocation,
                                      authorised, call);
    return TRUE;
}

gboolean method_call_refuse(GDBusMethodInvocation *invocation, GError *error)
{
    g_dbus_method_invocation_take_error(invocation, error);
    return TRUE;
}

void method_call_reply(MethodCall *call, GVariant *reply)
{
    bailiff_bus_service_flush(call->service);
    /* GDBus consumes a reference with the reply. */
    g_dbus_method_invocation_return_value(g_object_ref(call->invocation), reply);
    method_call_free(call);
}

void method_call_fail(MethodCall *call, GError *error)
{
    bailiff_bus_service_flush(call->service);
    g_dbus_method_invocation_take_error(g_object_ref(call->invocation), error);
    method_call_free(call);
}

void method_call_drop(MethodCall *call)
{
    method_call_free(call);
}
