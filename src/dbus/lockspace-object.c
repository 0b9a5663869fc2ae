/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lockspace. What it has is shown and hidden with it.
 */
#include "dbus/lockspace-object.h"

#include "bailiff-bus-generated.h"
#include "common/bailiff-error.h"
#include "dbus/drill-methods.h"
#include "dbus/event-methods.h"
#include "dbus/host-object.h"
#include "dbus/index-methods.h"
#include "dbus/live-properties.h"
#include "dbus/method-call.h"
#include "dbus/object-path.h"
#include "dbus/path-list.h"
#include "dbus/request-methods.h"
#include "dbus/resource-object.h"
#include "dbus/variant-options.h"
#include "engine/host.h"
#include "engine/lockspace.h"
#include "engine/registration.h"

#define BAILIFF_TYPE_LOCKSPACE_OBJECT (bailiff_lockspace_object_get_type())
G_DECLARE_FINAL_TYPE(BailiffLockspaceObject, bailiff_lockspace_object, BAILIFF, LOCKSPACE_OBJECT,
                     BailiffBusLockspaceSkeleton)

struct _BailiffLockspaceObject {
    BailiffBusLockspaceSkeleton parent_instance;
    BailiffBusService *service; /* owns us */
    BailiffLockspace *lockspace;
    PathList registrations;
};

static void lockspace_iface_init(BailiffBusLockspaceIface *iface);

G_DEFINE_TYPE_WITH_CODE(BailiffLockspaceObject, bailiff_lockspace_object,
                        BAILIFF_BUS_TYPE_LOCKSPACE_SKELETON,
                        G_IMPLEMENT_INTERFACE(BAILIFF_BUS_TYPE_LOCKSPACE, lockspace_iface_init))

/* Methods. */

static void leave_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (bailiff_lockspace_leave_finish(BAILIFF_LOCKSPACE(source), result, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

static void leave_act(MethodCall *call)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(call->target);
    bailiff_lockspace_leave_async(self->lockspace, GPOINTER_TO_INT(call->args), leave_done, call);
}

static gboolean handle_leave(BailiffBusLockspace *object, GDBusMethodInvocation *invocation,
                             GVariant *options)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    gboolean force = FALSE;
    GError *error = NULL;

    const VariantOption known[] = { { "force", "b", &force } };
    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), &error))
        return method_call_refuse(invocation, error);
    return method_call_start(self->service, self, invocation, leave_act, GINT_TO_POINTER(force),
                             NULL);
}

static void orphans_released(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    guint count;
    GError *error = NULL;

    if (bailiff_lockspace_release_orphans_finish(BAILIFF_LOCKSPACE(source), result, &count, &error))
        method_call_reply(call, g_variant_new("(u)", count));
    else
        method_call_fail(call, error);
}

static void release_orphans_act(MethodCall *call)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(call->target);
    bailiff_lockspace_release_orphans_async(self->lockspace, orphans_released, call);
}

static gboolean handle_release_orphans(BailiffBusLockspace *object,
                                       GDBusMethodInvocation *invocation, GVariant *options)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    GError *error = NULL;

    if (!variant_options_parse(options, NULL, 0, &error))
        return method_call_refuse(invocation, error);
    return method_call_start(self->service, self, invocation, release_orphans_act, NULL, NULL);
}

static void history_act(MethodCall *call)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(call->target);
    GVariant *entries =
        bailiff_lockspace_get_renewal_history(self->lockspace, GPOINTER_TO_UINT(call->args));
    method_call_reply(call, g_variant_new("(@aa{sv})", entries));
}

static gboolean handle_get_renewal_history(BailiffBusLockspace *object,
                                           GDBusMethodInvocation *invocation, guint max)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    return method_call_start(self->service, self, invocation, history_act, GUINT_TO_POINTER(max),
                             NULL);
}

static gboolean handle_drill(BailiffBusLockspace *object, GDBusMethodInvocation *invocation,
                             GVariant *options)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    return drill_lockspace_method(self->service, self, invocation, self->lockspace, options);
}

static gboolean handle_send_event(BailiffBusLockspace *object, GDBusMethodInvocation *invocation,
                                  guint64 event, guint64 data, GVariant *options)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    const BailiffHostEvent to = { .host_id = BAILIFF_ALL_HOSTS, .event = event, .data = data };
    return send_event_method(self->service, self, invocation, self->lockspace, &to, options);
}

static gboolean handle_request_resource(BailiffBusLockspace *object,
                                        GDBusMethodInvocation *invocation, const char *resource,
                                        const char *path, guint64 offset, GVariant *options)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    return request_resource_method(self->service, self, invocation, self->lockspace, resource, path,
                                   offset, options);
}

static gboolean handle_examine_requests(BailiffBusLockspace *object,
                                        GDBusMethodInvocation *invocation, GVariant *options)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    return examine_requests_method(self->service, self, invocation, self->lockspace, options);
}

/* Resource indexes. */

static gboolean handle_format_index(BailiffBusLockspace *object, GDBusMethodInvocation *invocation,
                                    const char *path, guint64 offset, GVariant *options)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    return index_method(self->service, self, self->lockspace, invocation, INDEX_FORMAT, path,
                        offset, NULL, options);
}

static gboolean handle_create_resource(BailiffBusLockspace *object,
                                       GDBusMethodInvocation *invocation, const char *path,
                                       guint64 offset, const char *name, GVariant *options)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    return index_method(self->service, self, self->lockspace, invocation, INDEX_CREATE, path,
                        offset, name, options);
}

static gboolean handle_delete_resource(BailiffBusLockspace *object,
                                       GDBusMethodInvocation *invocation, const char *path,
                                       guint64 offset, const char *name, GVariant *options)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    return index_method(self->service, self, self->lockspace, invocation, INDEX_DELETE, path,
                        offset, name, options);
}

static gboolean handle_lookup_resource(BailiffBusLockspace *object,
                                       GDBusMethodInvocation *invocation, const char *path,
                                       guint64 offset, const char *name, GVariant *options)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    return index_method(self->service, self, self->lockspace, invocation, INDEX_LOOKUP, path,
                        offset, name, options);
}

static gboolean handle_list_resources(BailiffBusLockspace *object,
                                      GDBusMethodInvocation *invocation, const char *path,
                                      guint64 offset, GVariant *options)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    return index_method(self->service, self, self->lockspace, invocation, INDEX_LIST, path, offset,
                        NULL, options);
}

static gboolean handle_rebuild_index(BailiffBusLockspace *object, GDBusMethodInvocation *invocation,
                                     const char *path, guint64 offset, GVariant *options)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    return index_method(self->service, self, self->lockspace, invocation, INDEX_REBUILD, path,
                        offset, NULL, options);
}

/* Properties. */

static void sync_properties(BailiffLockspaceObject *self)
{
    BailiffBusLockspace *bus = BAILIFF_BUS_LOCKSPACE(self);
    BailiffLockspace *lockspace = self->lockspace;

    bailiff_bus_lockspace_set_host_id(bus, bailiff_lockspace_get_host_id(lockspace));
    bailiff_bus_lockspace_set_generation(bus, bailiff_lockspace_get_generation(lockspace));
    bailiff_bus_lockspace_set_sector_size(bus, bailiff_lockspace_get_sector_size(lockspace));
    bailiff_bus_lockspace_set_align_size(bus, bailiff_lockspace_get_align_size(lockspace));
    bailiff_bus_lockspace_set_state(
        bus, bailiff_lockspace_state_name(bailiff_lockspace_get_state(lockspace)));
    bailiff_bus_lockspace_set_reason(bus, bailiff_lockspace_get_reason(lockspace));
    bailiff_bus_lockspace_set_join_ends_at_usec(bus, bailiff_lockspace_get_join_ends_at(lockspace));
}

static void set_registrations(BailiffLockspaceObject *self)
{
    g_autoptr(GPtrArray) registrations = bailiff_lockspace_list_registrations(self->lockspace);
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (guint i = 0; i < registrations->len; i++) {
        BailiffRegistration *registration = g_ptr_array_index(registrations, i);
        g_autofree char *path = object_path_registration(bailiff_registration_get_id(registration));
        g_strv_builder_add(builder, path);
    }
    g_auto(GStrv) paths = g_strv_builder_end(builder);
    bailiff_bus_lockspace_set_registrations(BAILIFF_BUS_LOCKSPACE(self),
                                            (const char *const *)paths);
    self->registrations.stale = FALSE;
}

/* What is not announced, and what has not been announced yet. */
static void refresh(gpointer interface)
{
    BailiffLockspaceObject *self = interface;
    BailiffBusLockspace *bus = BAILIFF_BUS_LOCKSPACE(self);
    BailiffLockspace *lockspace = self->lockspace;

    bailiff_bus_lockspace_set_last_renewal_usec(bus, bailiff_lockspace_get_last_renewal(lockspace));
    bailiff_bus_lockspace_set_late_at_usec(bus, bailiff_lockspace_get_late_at(lockspace));
    bailiff_bus_lockspace_set_fail_at_usec(bus, bailiff_lockspace_get_fail_at(lockspace));
    bailiff_bus_lockspace_set_free_at_usec(bus, bailiff_lockspace_get_free_at(lockspace));
    if (self->registrations.stale)
        set_registrations(self);
}

static void flush(GDBusInterfaceSkeleton *interface)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(interface);
    if (path_list_due(&self->registrations, interface,
                      bailiff_bus_service_get_passing_changes(self->service)))
        set_registrations(self);
    G_DBUS_INTERFACE_SKELETON_CLASS(bailiff_lockspace_object_parent_class)->flush(interface);
}

/* The engine's signals. */

static void announce_now(BailiffLockspaceObject *self)
{
    sync_properties(self);
    g_dbus_interface_skeleton_flush(G_DBUS_INTERFACE_SKELETON(self));
}

static void lockspace_changed(BailiffLockspace *lockspace, GParamSpec *pspec,
                              BailiffLockspaceObject *self)
{
    sync_properties(self);
    bailiff_bus_service_changed(self->service, G_DBUS_INTERFACE_SKELETON(self));
}

static void state_changed(BailiffLockspace *lockspace, GParamSpec *pspec,
                          BailiffLockspaceObject *self)
{
    if (bailiff_lockspace_get_state(lockspace) != BAILIFF_LOCKSPACE_LOST)
        return;
    g_autoptr(GPtrArray) hosts = bailiff_lockspace_list_hosts(lockspace);
    for (guint i = 0; i < hosts->len; i++)
        bailiff_host_object_lockspace_lost(self->service, lockspace, g_ptr_array_index(hosts, i));
}

static void registrations_changed(BailiffLockspace *lockspace, BailiffLockspaceObject *self)
{
    self->registrations.stale = TRUE;
    bailiff_bus_service_changed(self->service, G_DBUS_INTERFACE_SKELETON(self));
}

static void renewal_late(BailiffLockspace *lockspace, guint64 seconds_left, const char *reason,
                         BailiffLockspaceObject *self)
{
    announce_now(self);
    bailiff_bus_lockspace_emit_renewal_late(BAILIFF_BUS_LOCKSPACE(self), seconds_left, reason);
}

static void lease_lost(BailiffLockspace *lockspace, const char *reason,
                       BailiffLockspaceObject *self)
{
    announce_now(self);
    bailiff_bus_lockspace_emit_lease_lost(BAILIFF_BUS_LOCKSPACE(self), reason);
}

static void host_event(BailiffLockspace *lockspace, guint64 host_id, guint64 generation,
                       guint64 event, guint64 data, BailiffLockspaceObject *self)
{
    bailiff_bus_lockspace_emit_host_event(BAILIFF_BUS_LOCKSPACE(self), host_id, generation, event,
                                          data);
}

static void host_added(BailiffLockspace *lockspace, BailiffHost *host, BailiffLockspaceObject *self)
{
    bailiff_host_object_show(self->service, lockspace, host);
}

static void host_state_changed(BailiffLockspace *lockspace, BailiffHost *host, int old_state,
                               int new_state, BailiffLockspaceObject *self)
{
    bailiff_host_object_announce(self->service, lockspace, host);
    bailiff_bus_lockspace_emit_host_state_changed(
        BAILIFF_BUS_LOCKSPACE(self), bailiff_host_get_host_id(host),
        host_state_name((HostState)old_state), host_state_name((HostState)new_state));
}

static void resource_added(BailiffLockspace *lockspace, BailiffResource *resource,
                           BailiffLockspaceObject *self)
{
    bailiff_resource_object_show(self->service, resource);
}

static void resource_removed(BailiffLockspace *lockspace, BailiffResource *resource,
                             BailiffLockspaceObject *self)
{
    bailiff_resource_object_hide(self->service, resource);
}

static void watch_lockspace(BailiffLockspaceObject *self)
{
    const struct {
        const char *name;
        GCallback handler;
    } handlers[] = {
        { "notify", G_CALLBACK(lockspace_changed) },
        { "notify::state", G_CALLBACK(state_changed) },
        { "registrations-changed", G_CALLBACK(registrations_changed) },
        { "renewal-late", G_CALLBACK(renewal_late) },
        { "lease-lost", G_CALLBACK(lease_lost) },
        { "host-event", G_CALLBACK(host_event) },
        { "host-added", G_CALLBACK(host_added) },
        { "host-state-changed", G_CALLBACK(host_state_changed) },
        { "resource-added", G_CALLBACK(resource_added) },
        { "resource-removed", G_CALLBACK(resource_removed) },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(handlers); i++)
        g_signal_connect_object(self->lockspace, handlers[i].name, handlers[i].handler, self, 0);
}

/* Object. */

static void bailiff_lockspace_object_finalize(GObject *object)
{
    BailiffLockspaceObject *self = BAILIFF_LOCKSPACE_OBJECT(object);
    g_clear_object(&self->lockspace);
    G_OBJECT_CLASS(bailiff_lockspace_object_parent_class)->finalize(object);
}

static void lockspace_iface_init(BailiffBusLockspaceIface *iface)
{
    iface->handle_leave = handle_leave;
    iface->handle_release_orphans = handle_release_orphans;
    iface->handle_get_renewal_history = handle_get_renewal_history;
    iface->handle_format_index = handle_format_index;
    iface->handle_create_resource = handle_create_resource;
    iface->handle_delete_resource = handle_delete_resource;
    iface->handle_lookup_resource = handle_lookup_resource;
    iface->handle_list_resources = handle_list_resources;
    iface->handle_rebuild_index = handle_rebuild_index;
    iface->handle_drill = handle_drill;
    iface->handle_send_event = handle_send_event;
    iface->handle_request_resource = handle_request_resource;
    iface->handle_examine_requests = handle_examine_requests;
}

static void bailiff_lockspace_object_class_init(BailiffLockspaceObjectClass *class)
{
    G_OBJECT_CLASS(class)->finalize = bailiff_lockspace_object_finalize;
    G_DBUS_INTERFACE_SKELETON_CLASS(class)->flush = flush;
    live_properties_install(G_DBUS_INTERFACE_SKELETON_CLASS(class), refresh);
}

static void bailiff_lockspace_object_init(BailiffLockspaceObject *self)
{
}

static BailiffLockspaceObject *lockspace_object_new(BailiffBusService *service,
                                                    BailiffLockspace *lockspace)
{
    BailiffLockspaceObject *self = g_object_new(BAILIFF_TYPE_LOCKSPACE_OBJECT, NULL);
    BailiffBusLockspace *bus = BAILIFF_BUS_LOCKSPACE(self);

    self->service = service;
    self->lockspace = g_object_ref(lockspace);
    bailiff_bus_lockspace_set_name(bus, bailiff_lockspace_get_name(lockspace));
    bailiff_bus_lockspace_set_path(bus, bailiff_lockspace_get_path(lockspace));
    bailiff_bus_lockspace_set_offset(bus, bailiff_lockspace_get_offset(lockspace));
    bailiff_bus_lockspace_set_io_timeout(bus, bailiff_lockspace_get_io_timeout(lockspace));
    sync_properties(self);
    set_registrations(self);
    watch_lockspace(self);
    return self;
}

static void hide_at(BailiffBusService *service, const char *path, BailiffLockspaceObject *object)
{
    BailiffLockspace *lockspace = object->lockspace;

    g_signal_handlers_disconnect_by_data(lockspace, object);
    g_autoptr(GPtrArray) resources = bailiff_lockspace_list_resources(lockspace);
    for (guint i = 0; i < resources->len; i++)
        bailiff_resource_object_hide(service, g_ptr_array_index(resources, i));
    g_autoptr(GPtrArray) hosts = bailiff_lockspace_list_hosts(lockspace);
    for (guint i = 0; i < hosts->len; i++)
        bailiff_host_object_hide(service, lockspace, g_ptr_array_index(hosts, i));
    bailiff_bus_service_hide(service, path, G_DBUS_INTERFACE_SKELETON(object));
}

void bailiff_lockspace_object_show(BailiffBusService *service, BailiffLockspace *lockspace)
{
    g_autofree char *path = object_path_lockspace(bailiff_lockspace_get_name(lockspace));
    /* One that was lost and is being replaced. */
    BailiffLockspaceObject *former =
        bailiff_bus_service_find(service, path, BAILIFF_TYPE_LOCKSPACE_OBJECT);
    if (former != NULL)
        hide_at(service, path, former);

    g_autoptr(BailiffLockspaceObject) self = lockspace_object_new(service, lockspace);
    bailiff_bus_service_show(service, path, G_DBUS_INTERFACE_SKELETON(self));

    g_autoptr(GPtrArray) hosts = bailiff_lockspace_list_hosts(lockspace);
    for (guint i = 0; i < hosts->len; i++)
        bailiff_host_object_show(service, lockspace, g_ptr_array_index(hosts, i));
    g_autoptr(GPtrArray) resources = bailiff_lockspace_list_resources(lockspace);
    for (guint i = 0; i < resources->len; i++)
        bailiff_resource_object_show(service, g_ptr_array_index(resources, i));
}

void bailiff_lockspace_object_hide(BailiffBusService *service, BailiffLockspace *lockspace)
{
    g_autofree char *path = object_path_lockspace(bailiff_lockspace_get_name(lockspace));
    BailiffLockspaceObject *self =
        bailiff_bus_service_find(service, path, BAILIFF_TYPE_LOCKSPACE_OBJECT);

    if (self != NULL && self->lockspace == lockspace)
        hide_at(service, path, self);
}
