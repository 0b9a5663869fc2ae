/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host, and the callers who wait for it to reach a state.
 */
#include "dbus/host-object.h"

#include "bailiff-bus-generated.h"
#include "common/bailiff-error.h"
#include "common/printable-word.h"
#include "dbus/event-methods.h"
#include "dbus/live-properties.h"
#include "dbus/method-call.h"
#include "dbus/object-path.h"
#include "dbus/variant-options.h"
#include "engine/host.h"
#include "engine/lockspace.h"

#define BAILIFF_TYPE_HOST_OBJECT (bailiff_host_object_get_type())
G_DECLARE_FINAL_TYPE(BailiffHostObject, bailiff_host_object, BAILIFF, HOST_OBJECT,
                     BailiffBusHostSkeleton)

struct _BailiffHostObject {
    BailiffBusHostSkeleton parent_instance;
    BailiffBusService *service; /* owns us */
    BailiffLockspace *lockspace;
    BailiffHost *host;
    GPtrArray *waiters; /* MethodCall of WaitForState(), to be ended by us */
};

static void host_iface_init(BailiffBusHostIface *iface);

G_DEFINE_TYPE_WITH_CODE(BailiffHostObject, bailiff_host_object, BAILIFF_BUS_TYPE_HOST_SKELETON,
                        G_IMPLEMENT_INTERFACE(BAILIFF_BUS_TYPE_HOST, host_iface_init))

/* Waiting. */

typedef struct WaitArgs {
    HostState wanted;
    gulong gone_handler;
} WaitArgs;

/* The call is no longer waiting; who calls this ends it. */
static void stop_waiting(BailiffHostObject *self, MethodCall *call)
{
    WaitArgs *args = call->args;
    g_signal_handler_disconnect(call->caller_gone, args->gone_handler);
    g_ptr_array_remove_fast(self->waiters, call);
}

static void waiter_gone(GCancellable *caller_gone, MethodCall *call)
{
    stop_waiting(BAILIFF_HOST_OBJECT(call->target), call);
    method_call_drop(call);
}

static void fail_lost(MethodCall *call, BailiffLockspace *lockspace)
{
    method_call_fail(call,
                     bailiff_error_make(BAILIFF_ERROR_LOST, "Join the lockspace, then wait again.",
                                        "The lockspace %s has been left or lost.",
                                        bailiff_lockspace_get_name(lockspace)));
}

static void reply_reached(MethodCall *call, HostState state)
{
    method_call_reply(call, g_variant_new("(s)", host_state_name(state)));
}

static void serve_waiters(BailiffHostObject *self)
{
    HostState state = bailiff_host_get_state(self->host);

    for (guint i = 0; i < self->waiters->len;) {
        MethodCall *call = g_ptr_array_index(self->waiters, i);
        const WaitArgs *args = call->args;
        if (args->wanted == state) {
            stop_waiting(self, call);
            reply_reached(call, state);
        } else {
            i++;
        }
    }
}

static void fail_waiters(BailiffHostObject *self)
{
    while (self->waiters->len > 0) {
        MethodCall *call = g_ptr_array_index(self->waiters, 0);
        stop_waiting(self, call);
        fail_lost(call, self->lockspace);
    }
}

static void wait_act(MethodCall *call)
{
    BailiffHostObject *self = BAILIFF_HOST_OBJECT(call->target);
    WaitArgs *args = call->args;

    if (g_cancellable_is_cancelled(call->caller_gone)) {
        method_call_drop(call);
    } else if (bailiff_lockspace_get_state(self->lockspace) == BAILIFF_LOCKSPACE_LOST) {
        fail_lost(call, self->lockspace);
    } else if (bailiff_host_get_state(self->host) == args->wanted) {
        reply_reached(call, args->wanted);
    } else {
        args->gone_handler =
            g_signal_connect(call->caller_gone, "cancelled", G_CALLBACK(waiter_gone), call);
        g_ptr_array_add(self->waiters, call);
    }
}

static gboolean parse_state(const char *word, HostState *ret, GError **error)
{
    for (HostState state = HOST_UNKNOWN; state <= HOST_DEAD; state++) {
        if (g_str_equal(word, host_state_name(state))) {
            *ret = state;
            return TRUE;
        }
    }
    g_autofree char *shown = printable_word(word);
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "States: free, unknown, live, fail, dead.",
                      "\"%s\" is not a state of a host.", shown);
    return FALSE;
}

static gboolean handle_wait_for_state(BailiffBusHost *object, GDBusMethodInvocation *invocation,
                                      const char *state, GVariant *options)
{
    BailiffHostObject *self = BAILIFF_HOST_OBJECT(object);
    HostState wanted;
    GError *error = NULL;

    if (!parse_state(state, &wanted, &error) || !variant_options_parse(options, NULL, 0, &error))
        return method_call_refuse(invocation, error);

    WaitArgs *args = g_new0(WaitArgs, 1);
    args->wanted = wanted;
    return method_call_start(self->service, self, invocation, wait_act, args, g_free);
}

/* Events. */

static gboolean handle_send_event(BailiffBusHost *object, GDBusMethodInvocation *invocation,
                                  guint64 event, guint64 data, GVariant *options)
{
    BailiffHostObject *self = BAILIFF_HOST_OBJECT(object);
    const BailiffHostEvent to = {
        .host_id = bailiff_host_get_host_id(self->host),
        .generation = bailiff_host_get_generation(self->host),
        .event = event,
        .data = data,
    };
    return send_event_method(self->service, self, invocation, self->lockspace, &to, options);
}

/* Showing. */

static void sync_properties(BailiffHostObject *self)
{
    BailiffBusHost *bus = BAILIFF_BUS_HOST(self);
    bailiff_bus_host_set_generation(bus, bailiff_host_get_generation(self->host));
    bailiff_bus_host_set_host_name(bus, bailiff_host_get_host_name(self->host));
    bailiff_bus_host_set_state(bus, host_state_name(bailiff_host_get_state(self->host)));
    bailiff_bus_host_set_io_timeout(bus, bailiff_host_get_io_timeout(self->host));
}

static void refresh(gpointer interface)
{
    BailiffHostObject *self = interface;
    bailiff_bus_host_set_last_seen_usec(BAILIFF_BUS_HOST(self),
                                        bailiff_host_get_last_seen(self->host));
}

static void host_changed(BailiffHost *host, GParamSpec *pspec, BailiffHostObject *self)
{
    sync_properties(self);
    bailiff_bus_service_changed(self->service, G_DBUS_INTERFACE_SKELETON(self));
    serve_waiters(self);
}

static void bailiff_host_object_finalize(GObject *object)
{
    BailiffHostObject *self = BAILIFF_HOST_OBJECT(object);
    g_ptr_array_unref(self->waiters);
    g_clear_object(&self->host);
    g_clear_object(&self->lockspace);
    G_OBJECT_CLASS(bailiff_host_object_parent_class)->finalize(object);
}

static void host_iface_init(BailiffBusHostIface *iface)
{
    iface->handle_wait_for_state = handle_wait_for_state;
    iface->handle_send_event = handle_send_event;
}

static void bailiff_host_object_class_init(BailiffHostObjectClass *class)
{
    G_OBJECT_CLASS(class)->finalize = bailiff_host_object_finalize;
    live_properties_install(G_DBUS_INTERFACE_SKELETON_CLASS(class), refresh);
}

static void bailiff_host_object_init(BailiffHostObject *self)
{
    self->waiters = g_ptr_array_new();
}

static char *get_path(BailiffLockspace *lockspace, BailiffHost *host)
{
    return object_path_host(bailiff_lockspace_get_name(lockspace), bailiff_host_get_host_id(host));
}

/* NULL when the path is another host's by now. */
static BailiffHostObject *find(BailiffBusService *service, const char *path, BailiffHost *host)
{
    BailiffHostObject *self = bailiff_bus_service_find(service, path, BAILIFF_TYPE_HOST_OBJECT);
    return self != NULL && self->host == host ? self : NULL;
}

void bailiff_host_object_show(BailiffBusService *service, BailiffLockspace *lockspace,
                              BailiffHost *host)
{
    g_autofree char *path = get_path(lockspace, host);
    g_autoptr(BailiffHostObject) self = g_object_new(BAILIFF_TYPE_HOST_OBJECT, NULL);

    self->service = service;
    self->lockspace = g_object_ref(lockspace);
    self->host = g_object_ref(host);
    bailiff_bus_host_set_host_id(BAILIFF_BUS_HOST(self), bailiff_host_get_host_id(host));
    sync_properties(self);
    g_signal_connect_object(host, "notify", G_CALLBACK(host_changed), self, 0);
    bailiff_bus_service_show(service, path, G_DBUS_INTERFACE_SKELETON(self));
}

void bailiff_host_object_hide(BailiffBusService *service, BailiffLockspace *lockspace,
                              BailiffHost *host)
{
    g_autofree char *path = get_path(lockspace, host);
    BailiffHostObject *self = find(service, path, host);

    if (self == NULL)
        return;
    g_signal_handlers_disconnect_by_data(host, self);
    fail_waiters(self);
    bailiff_bus_service_hide(service, path, G_DBUS_INTERFACE_SKELETON(self));
}

void bailiff_host_object_announce(BailiffBusService *service, BailiffLockspace *lockspace,
                                  BailiffHost *host)
{
    g_autofree char *path = get_path(lockspace, host);
    BailiffHostObject *self = find(service, path, host);

    if (self != NULL) {
        sync_properties(self);
        g_dbus_interface_skeleton_flush(G_DBUS_INTERFACE_SKELETON(self));
    }
}

void bailiff_host_object_lockspace_lost(BailiffBusService *service, BailiffLockspace *lockspace,
                                        BailiffHost *host)
{
    g_autofree char *path = get_path(lockspace, host);
    BailiffHostObject *self = find(service, path, host);

    if (self != NULL)
        fail_waiters(self);
}
