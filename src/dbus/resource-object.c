/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource lease. There may be ten thousand of them, and GetManagedObjects() reads all: next to
 * nothing of a resource ever changes, so its properties are kept ready for sending.
 */
#include "dbus/resource-object.h"

#include "common/bailiff-error.h"
#include "dbus/lease-mode.h"
#include "dbus/live-properties.h"
#include "dbus/method-call.h"
#include "dbus/object-path.h"
#include "dbus/value-methods.h"
#include "dbus/variant-options.h"
#include "engine/lockspace.h"
#include "engine/registration.h"

struct _BailiffResourceObject {
    BailiffBusResourceSkeleton parent_instance;
    BailiffBusService *service; /* owns us */
    BailiffResource *resource;
    GVariant *properties; /* what get_properties gives; NULL: to be made anew */
    gboolean stale;       /* some have changed and were not set yet */
};

static void resource_iface_init(BailiffBusResourceIface *iface);

G_DEFINE_TYPE_WITH_CODE(BailiffResourceObject, bailiff_resource_object,
                        BAILIFF_BUS_TYPE_RESOURCE_SKELETON,
                        G_IMPLEMENT_INTERFACE(BAILIFF_BUS_TYPE_RESOURCE, resource_iface_init))

BailiffResource *bailiff_resource_object_get_resource(BailiffResourceObject *self)
{
    return self->resource;
}

/* Releasing. */

static void release_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (bailiff_resource_release_finish(BAILIFF_RESOURCE(source), result, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

/* Others may use it from then on: none of those who hold it may do so any more. */
static gboolean check_out_of_use(BailiffResource *resource, GError **error)
{
    g_autoptr(GPtrArray) holders = bailiff_resource_list_registrations(resource);

    for (guint i = 0; i < holders->len; i++)
        if (!bailiff_registration_check_may_release(holders->pdata[i], error))
            return FALSE;
    return TRUE;
}

static void release_act(MethodCall *call)
{
    BailiffResourceObject *self = BAILIFF_RESOURCE_OBJECT(call->target);
    const char *new_name = call->args;
    g_autoptr(GPtrArray) holders = bailiff_resource_list_registrations(self->resource);
    GError *error = NULL;

    /* Nobody can say for all of them that they do not use it any more. */
    if (holders->len > 1)
        method_call_fail(
            call, bailiff_error_make(BAILIFF_ERROR_BUSY,
                                     "Release it for each registration that holds it.",
                                     "The lease on %s is shared by %u registrations on this host.",
                                     bailiff_resource_get_name(self->resource), holders->len));
    else if (!check_out_of_use(self->resource, &error))
        method_call_fail(call, error);
    else if (new_name != NULL)
        bailiff_resource_rename_async(self->resource, new_name, release_done, call);
    else
        bailiff_resource_release_async(self->resource, release_done, call);
}

static gboolean handle_release(BailiffBusResource *object, GDBusMethodInvocation *invocation,
                               GVariant *options)
{
    BailiffResourceObject *self = BAILIFF_RESOURCE_OBJECT(object);
    g_autofree char *new_name = NULL;
    const VariantOption known[] = { { "rename", "s", &new_name } };
    GError *error = NULL;

    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), &error))
        return method_call_refuse(invocation, error);
    return method_call_start(self->service, self, invocation, release_act,
                             g_steal_pointer(&new_name), g_free);
}

/* Converting. */

static void convert_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (bailiff_resource_convert_finish(BAILIFF_RESOURCE(source), result, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

static void convert_act(MethodCall *call)
{
    BailiffResourceObject *self = BAILIFF_RESOURCE_OBJECT(call->target);
    const ResourceMode *mode = call->args;
    GError *error = NULL;

    if (*mode == RESOURCE_SHARED && !bailiff_resource_is_shared(self->resource) &&
        !check_out_of_use(self->resource, &error)) {
        method_call_fail(call, error);
        return;
    }
    bailiff_resource_convert_async(self->resource, *mode, convert_done, call);
}

static gboolean handle_convert(BailiffBusResource *object, GDBusMethodInvocation *invocation,
                               const char *word, GVariant *options)
{
    BailiffResourceObject *self = BAILIFF_RESOURCE_OBJECT(object);
    g_autofree ResourceMode *mode = g_new0(ResourceMode, 1);
    GError *error = NULL;

    if (!lease_mode_parse(word, mode, &error) || !variant_options_parse(options, NULL, 0, &error))
        return method_call_refuse(invocation, error);
    return method_call_start(self->service, self, invocation, convert_act, g_steal_pointer(&mode),
                             g_free);
}

/* Values. */

static gboolean handle_read_value(BailiffBusResource *object, GDBusMethodInvocation *invocation,
                                  GVariant *options)
{
    BailiffResourceObject *self = BAILIFF_RESOURCE_OBJECT(object);
    return read_value_method(self->service, self, invocation, self->resource, options);
}

static gboolean handle_write_value(BailiffBusResource *object, GDBusMethodInvocation *invocation,
                                   GVariant *value, GVariant *options)
{
    BailiffResourceObject *self = BAILIFF_RESOURCE_OBJECT(object);
    return write_value_method(self->service, self, invocation, self->resource, value, options);
}

/* Showing. */

static void sync_registrations(BailiffResourceObject *self)
{
    g_autoptr(GPtrArray) holders = bailiff_resource_list_registrations(self->resource);
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (guint i = 0; i < holders->len; i++) {
        g_autofree char *path =
            object_path_registration(bailiff_registration_get_id(g_ptr_array_index(holders, i)));
        g_strv_builder_add(builder, path);
    }
    g_auto(GStrv) paths = g_strv_builder_end(builder);
    bailiff_bus_resource_set_registrations(BAILIFF_BUS_RESOURCE(self), (const char *const *)paths);
}

static void sync_properties(BailiffResourceObject *self)
{
    BailiffBusResource *bus = BAILIFF_BUS_RESOURCE(self);
    self->stale = FALSE;
    BailiffRegistration *registration = bailiff_resource_get_registration(self->resource);
    g_autofree char *path =
        registration != NULL ? object_path_registration(bailiff_registration_get_id(registration))
                             : g_strdup("/");

    bailiff_bus_resource_set_mode(bus, bailiff_resource_get_mode_name(self->resource));
    bailiff_bus_resource_set_version(bus, bailiff_resource_get_version(self->resource));
    bailiff_bus_resource_set_registration(bus, path);
    sync_registrations(self);
    bailiff_bus_resource_set_orphan(bus, bailiff_resource_is_orphan(self->resource));
    bailiff_bus_resource_set_state(
        bus, bailiff_resource_state_name(bailiff_resource_get_state(self->resource)));
    g_clear_pointer(&self->properties, g_variant_unref);
}

static void resource_changed(BailiffResource *resource, GParamSpec *pspec,
                             BailiffResourceObject *self)
{
    GDBusInterfaceSkeleton *interface = G_DBUS_INTERFACE_SKELETON(self);

    self->stale = TRUE;
    g_clear_pointer(&self->properties, g_variant_unref);
    /* That it is being released: most often it is gone in a moment. */
    if (g_str_equal(pspec->name, "state"))
        passing_changes_add(bailiff_bus_service_get_passing_changes(self->service), interface);
    else
        bailiff_bus_service_changed(self->service, interface);
}

/* What has not been announced yet. */
static void refresh(gpointer interface)
{
    BailiffResourceObject *self = interface;
    if (self->stale)
        sync_properties(self);
}

static void flush(GDBusInterfaceSkeleton *interface)
{
    refresh(interface);
    G_DBUS_INTERFACE_SKELETON_CLASS(bailiff_resource_object_parent_class)->flush(interface);
}

static GVariant *get_properties(GDBusInterfaceSkeleton *interface)
{
    BailiffResourceObject *self = BAILIFF_RESOURCE_OBJECT(interface);
    if (self->properties == NULL) {
        GDBusInterfaceSkeletonClass *parent =
            G_DBUS_INTERFACE_SKELETON_CLASS(bailiff_resource_object_parent_class);
        refresh(self);
        self->properties = g_variant_ref_sink(parent->get_properties(interface));
        /* Serialised once, here, and not with every reply that it becomes a part of. */
        (void)g_variant_get_data(self->properties);
    }
    return g_variant_ref(self->properties);
}

static void bailiff_resource_object_finalize(GObject *object)
{
    BailiffResourceObject *self = BAILIFF_RESOURCE_OBJECT(object);
    g_clear_object(&self->resource);
    g_clear_pointer(&self->properties, g_variant_unref);
    G_OBJECT_CLASS(bailiff_resource_object_parent_class)->finalize(object);
}

static void resource_iface_init(BailiffBusResourceIface *iface)
{
    iface->handle_release = handle_release;
    iface->handle_convert = handle_convert;
    iface->handle_read_value = handle_read_value;
    iface->handle_write_value = handle_write_value;
}

static void bailiff_resource_object_class_init(BailiffResourceObjectClass *class)
{
    G_OBJECT_CLASS(class)->finalize = bailiff_resource_object_finalize;
    G_DBUS_INTERFACE_SKELETON_CLASS(class)->flush = flush;
    live_properties_install(G_DBUS_INTERFACE_SKELETON_CLASS(class), refresh);
    G_DBUS_INTERFACE_SKELETON_CLASS(class)->get_properties = get_properties;
}

static void bailiff_resource_object_init(BailiffResourceObject *self)
{
}

char *bailiff_resource_object_path(BailiffResource *resource)
{
    BailiffLockspace *lockspace = bailiff_resource_get_lockspace(resource);
    return object_path_resource(bailiff_lockspace_get_name(lockspace),
                                bailiff_resource_get_name(resource));
}

void bailiff_resource_object_show(BailiffBusService *service, BailiffResource *resource)
{
    g_autofree char *path = bailiff_resource_object_path(resource);
    g_autoptr(BailiffResourceObject) self = g_object_new(BAILIFF_TYPE_RESOURCE_OBJECT, NULL);
    BailiffBusResource *bus = BAILIFF_BUS_RESOURCE(self);

    self->service = service;
    self->resource = g_object_ref(resource);
    bailiff_bus_resource_set_name(bus, bailiff_resource_get_name(resource));
    bailiff_bus_resource_set_lockspace(
        bus, bailiff_lockspace_get_name(bailiff_resource_get_lockspace(resource)));
    bailiff_bus_resource_set_path(bus, bailiff_resource_get_path(resource));
    bailiff_bus_resource_set_offset(bus, bailiff_resource_get_offset(resource));
    sync_properties(self);
    g_signal_connect_object(resource, "notify", G_CALLBACK(resource_changed), self, 0);
    bailiff_bus_service_show(service, path, G_DBUS_INTERFACE_SKELETON(self));
}

void bailiff_resource_object_hide(BailiffBusService *service, BailiffResource *resource)
{
    g_autofree char *path = bailiff_resource_object_path(resource);
    BailiffResourceObject *self =
        bailiff_bus_service_find(service, path, BAILIFF_TYPE_RESOURCE_OBJECT);

    if (self != NULL && self->resource == resource) {
        g_signal_handlers_disconnect_by_data(resource, self);
        bailiff_bus_service_hide(service, path, G_DBUS_INTERFACE_SKELETON(self));
    }
}
