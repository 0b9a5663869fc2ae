/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way of a method call.
 */
#include "dbus/method-call.h"

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "dbus/call-details.h"
#include "dbus/ownership.h"

static void leave_quota(MethodCall *call)
{
    CallerQuota *quota = bailiff_bus_service_get_caller_quota(call->service);

    if (!call->counted)
        return;
    caller_quota_end_acquire(quota, call->uid, call->leases);
    caller_quota_end_call(quota, call->uid);
}

static void method_call_free(MethodCall *call)
{
    leave_quota(call);
    caller_watch_remove(bailiff_bus_service_get_caller_watch(call->service),
                        g_dbus_method_invocation_get_sender(call->invocation), call->caller_gone);
    if (call->free_args != NULL)
        call->free_args(call->args);
    g_object_unref(call->caller_gone);
    g_object_unref(call->target);
    g_object_unref(call->invocation);
    bailiff_bus_service_call_ends(call->service);
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

/* FALSE: the call has ended. */
static gboolean look_again(MethodCall *call)
{
    if (target_is_still_there(call))
        return TRUE;
    method_call_fail(
        call, bailiff_error_make(BAILIFF_ERROR_NOT_FOUND, "Look at what is there now.",
                                 "The object %s has gone meanwhile.",
                                 g_dbus_method_invocation_get_object_path(call->invocation)));
    return FALSE;
}

/* What the call asks for as things are now. A method that is not in the table asks for all that
 * there is. */
static guint needed_actions(MethodCall *call)
{
    gboolean own =
        call->is_own != NULL ? call->is_own(call) : object_belongs_to(call->target, call->uid);
    guint actions;

    if (!method_actions_of(call->invocation, own, &actions))
        return POLKIT_ALL;
    return actions | call->more_actions;
}

static void authorised(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (!bailiff_authorization_check_finish(BAILIFF_AUTHORIZATION(source), result, &error)) {
        const GDBusPropertyInfo *property =
            g_dbus_method_invocation_get_property_info(call->invocation);

        if (property != NULL)
            g_prefix_error(&error, "User %u may not set %s. ", (guint)call->uid, property->name);
        else
            g_prefix_error(&error, "User %u may not call %s(). ", (guint)call->uid,
                           g_dbus_method_invocation_get_method_name(call->invocation));
        log_line(LOG_DEBUG, NULL, "Refused: %s", error->message);
        method_call_fail(call, error);
        return;
    }
    if (!look_again(call))
        return;
    if ((needed_actions(call) & ~call->granted) != 0) {
        method_call_fail(
            call, bailiff_error_make(BAILIFF_ERROR_NOT_AUTHORIZED,
                                     "Look at what is there now, and call again.",
                                     "%s belongs to others, too, since the call was made.",
                                     g_dbus_method_invocation_get_object_path(call->invocation)));
        return;
    }
    call->act(call);
}

static void identified(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    BailiffAuthorization *authorization = BAILIFF_AUTHORIZATION(source);
    GError *error = NULL;

    if (!bailiff_authorization_identify_finish(authorization, result, &call->uid, &error) ||
        !caller_quota_begin_call(bailiff_bus_service_get_caller_quota(call->service), call->uid,
                                 &error)) {
        method_call_fail(call, error);
        return;
    }
    call->counted = TRUE;
    if (bailiff_authorization_trusts(authorization, call->uid)) {
        call->granted = POLKIT_ALL;
        if (look_again(call))
            call->act(call);
        return;
    }
    call->granted = needed_actions(call);
    g_autoptr(GVariant) details = call_details_new(call->invocation, call->target);
    bailiff_authorization_check_async(authorization, call->invocation, call->granted, details,
                                      call->caller_gone, authorised, call);
}

gboolean method_call_start_with(BailiffBusService *service, gpointer target,
                                GDBusMethodInvocation *invocation, MethodCallAct act, gpointer args,
                                GDestroyNotify free_args, guint more_actions,
                                MethodCallIsOwn is_own)
{
    MethodCall *call = g_new0(MethodCall, 1);

    call->service = g_object_ref(service);
    bailiff_bus_service_call_begins(service);
    call->invocation = invocation;
    call->target = g_object_ref(target);
    call->args = args;
    call->free_args = free_args;
    call->caller_gone = g_cancellable_new();
    call->act = act;
    call->is_own = is_own;
    call->more_actions = more_actions;

    /* From the first moment on: who leaves while the question is asked has left. */
    caller_watch_add(bailiff_bus_service_get_caller_watch(service),
                     g_dbus_method_invocation_get_sender(invocation), call->caller_gone);
    bailiff_authorization_identify_async(bailiff_bus_service_get_authorization(service), invocation,
                                         identified, call);
    return TRUE;
}

gboolean method_call_start(BailiffBusService *service, gpointer target,
                           GDBusMethodInvocation *invocation, MethodCallAct act, gpointer args,
                           GDestroyNotify free_args)
{
    return method_call_start_with(service, target, invocation, act, args, free_args, 0, NULL);
}

gboolean method_call_reserve_leases(MethodCall *call, gsize n)
{
    GError *error = NULL;

    if (!caller_quota_begin_acquire(bailiff_bus_service_get_caller_quota(call->service),
                                    bailiff_bus_service_get_engine(call->service), call->uid, n,
                                    &error)) {
        method_call_fail(call, error);
        return FALSE;
    }
    call->leases += n;
    return TRUE;
}

gboolean method_call_may_register(MethodCall *call)
{
    GError *error = NULL;

    if (caller_quota_check_registration(bailiff_bus_service_get_engine(call->service), call->uid,
                                        &error))
        return TRUE;
    method_call_fail(call, error);
    return FALSE;
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
