/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource lease. There may be ten thousand of them, and GetManagedObjects() reads all: next to
 * nothing of a resource ever changes, so its properties are kept ready for sending.
 */
#include "dbus/resource-object.h"

#include "common/bailiff-error.h"
#include "dbus/method-call.h"
#include "dbus/object-path.h"
#include "dbus/variant-options.h"
#include "engine/lockspace.h"
#include "engine/registration.h"

struct _BailiffResourceObject {
    BailiffBusResourceSkeleton parent_instance;
    BailiffBusService *service; /* owns us */
    BailiffResource *resource;
    GVariant *properties; /* what get_properties gives; NULL: to be made anew */
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

static void release_act(MethodCall *call)
{
    BailiffResourceObject *self = BAILIFF_RESOURCE_OBJECT(call->target);
    bailiff_resource_release_async(self->resource, release_done, call);
}

static gboolean handle_release(BailiffBusResource *object, GDBusMethodInvocation *invocation,
                               GVariant *options)
{
    BailiffResourceObject *self = BAILIFF_RESOURCE_OBJECT(object);
    GError *error = NULL;

    if (!variant_options_parse(options, NULL, 0, &error))
        return method_call_refuse(invocation, error);
    return method_call_start(self->service, self, invocation, release_act, NULL, NULL);
}

/* Showing. */

static void sync_properties(BailiffResourceObject *self)
{
    BailiffBusResource *bus = BAILIFF_BUS_RESOURCE(self);
    BailiffRegistration *registration = bailiff_resource_get_registration(self->resource);
    g_autofree char *path =
        registration != NULL ? object_path_registration(bailiff_registration_get_id(registration))
                             : g_strdup("/");

    bailiff_bus_resource_set_version(bus, bailiff_resource_get_version(self->resource));
    bailiff_bus_resource_set_registration(bus, path);
    bailiff_bus_resource_set_orphan(bus, bailiff_resource_is_orphan(self->resource));
    bailiff_bus_resource_set_state(
        bus, bailiff_resource_state_name(bailiff_resource_get_state(self->resource)));
    g_clear_pointer(&self->properties, g_variant_unref);
}

static void resource_changed(BailiffResource *resource, GParamSpec *pspec,
                             BailiffResourceObject *self)
{
    sync_properties(self);
    bailiff_bus_service_changed(self->service, G_DBUS_INTERFACE_SKELETON(self));
}

static GVariant *get_properties(GDBusInterfaceSkeleton *interface)
{
    BailiffResourceObject *self = BAILIFF_RESOURCE_OBJECT(interface);
    if (self->properties == NULL) {
        GDBusInterfaceSkeletonClass *parent =
            G_DBUS_INTERFACE_SKELETON_CLASS(bailiff_resource_object_parent_class);
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
}

static void bailiff_resource_object_class_init(BailiffResourceObjectClass *class)
{
    G_OBJECT_CLASS(class)->finalize = bailiff_resource_object_finalize;
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
    bailiff_bus_resource_set_mode(bus, "exclusive");
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
        bailiff_bus_service_hide(service, path);
    }
}
