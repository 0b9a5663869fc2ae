/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A registration. Acquire() and Release() are in lease-methods.c.
 */
#include "dbus/registration-object.h"

#include "dbus/drill-methods.h"
#include "dbus/lease-methods.h"
#include "dbus/live-properties.h"
#include "dbus/method-call.h"
#include "dbus/object-path.h"
#include "dbus/path-list.h"
#include "dbus/policy-risk.h"
#include "dbus/program-check.h"
#include "dbus/resource-object.h"
#include "dbus/variant-options.h"
#include "dbus/variant-policy.h"

struct _BailiffRegistrationObject {
    BailiffBusRegistrationSkeleton parent_instance;
    BailiffBusService *service; /* owns us */
    BailiffRegistration *registration;
    PathList resources;
    gboolean stale; /* other properties have changed and were not set yet */
};

static void registration_iface_init(BailiffBusRegistrationIface *iface);

G_DEFINE_TYPE_WITH_CODE(BailiffRegistrationObject, bailiff_registration_object,
                        BAILIFF_BUS_TYPE_REGISTRATION_SKELETON,
                        G_IMPLEMENT_INTERFACE(BAILIFF_BUS_TYPE_REGISTRATION,
                                              registration_iface_init))

BailiffRegistration *bailiff_registration_object_get_registration(BailiffRegistrationObject *self)
{
    return self->registration;
}

/* Methods. */

static gboolean handle_acquire(BailiffBusRegistration *object, GDBusMethodInvocation *invocation,
                               GVariant *leases, GVariant *options)
{
    BailiffRegistrationObject *self = BAILIFF_REGISTRATION_OBJECT(object);
    return acquire_method(self->service, self, invocation, leases, options);
}

static gboolean handle_release(BailiffBusRegistration *object, GDBusMethodInvocation *invocation,
                               const char *const *resources, GVariant *options)
{
    BailiffRegistrationObject *self = BAILIFF_REGISTRATION_OBJECT(object);
    return release_method(self->service, self, invocation, resources, options);
}

static void set_failure_policy_now(MethodCall *call)
{
    BailiffRegistrationObject *self = BAILIFF_REGISTRATION_OBJECT(call->target);
    GError *error = NULL;

    if (bailiff_registration_set_failure_policy(self->registration, call->args, call->uid, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

/* Checked as a whole first: what is wrong with it itself is said before its programs are. */
static void set_failure_policy_act(MethodCall *call)
{
    BailiffRegistrationObject *self = BAILIFF_REGISTRATION_OBJECT(call->target);
    GError *error = NULL;

    if (bailiff_registration_check_failure_policy(self->registration, call->args, &error))
        program_check(call, call->args, set_failure_policy_now);
    else
        method_call_fail(call, error);
}

static gboolean handle_set_failure_policy(BailiffBusRegistration *object,
                                          GDBusMethodInvocation *invocation, GVariant *variant,
                                          GVariant *options)
{
    BailiffRegistrationObject *self = BAILIFF_REGISTRATION_OBJECT(object);
    g_autofree FailurePolicy *policy = g_new0(FailurePolicy, 1);
    g_autofree char *on_recovery = NULL;
    const VariantOption known[] = { { "on-recovery", "s", &on_recovery } };
    GError *error = NULL;

    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), &error) ||
        !variant_policy_parse(variant, on_recovery, policy, &error))
        return method_call_refuse(invocation, error);
    guint risk = policy_risk(policy);
    return method_call_start_with(self->service, self, invocation, set_failure_policy_act,
                                  g_steal_pointer(&policy), g_free, risk, NULL);
}

static gboolean handle_drill(BailiffBusRegistration *object, GDBusMethodInvocation *invocation,
                             GVariant *options)
{
    BailiffRegistrationObject *self = BAILIFF_REGISTRATION_OBJECT(object);
    return drill_registration_method(self->service, self, invocation, self->registration, options);
}

static void unregister_act(MethodCall *call)
{
    BailiffRegistrationObject *self = BAILIFF_REGISTRATION_OBJECT(call->target);
    const gboolean *force = call->args;
    GError *error = NULL;

    if (bailiff_registration_unregister(self->registration, *force, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

static gboolean handle_unregister(BailiffBusRegistration *object, GDBusMethodInvocation *invocation,
                                  GVariant *options)
{
    BailiffRegistrationObject *self = BAILIFF_REGISTRATION_OBJECT(object);
    g_autofree gboolean *force = g_new0(gboolean, 1);
    const VariantOption known[] = { { "force", "b", force } };
    GError *error = NULL;

    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), &error))
        return method_call_refuse(invocation, error);
    return method_call_start(self->service, self, invocation, unregister_act,
                             g_steal_pointer(&force), g_free);
}

/* Properties. */

static void sync_properties(BailiffRegistrationObject *self)
{
    BailiffBusRegistration *bus = BAILIFF_BUS_REGISTRATION(self);
    BailiffRegistration *registration = self->registration;

    self->stale = FALSE;
    bailiff_bus_registration_set_state(
        bus, bailiff_registration_state_name(bailiff_registration_get_state(registration)));
    bailiff_bus_registration_set_pid(bus, (guint)bailiff_registration_get_pid(registration));
    bailiff_bus_registration_set_uid(bus, bailiff_registration_get_uid(registration));
    bailiff_bus_registration_set_recovery(bus, bailiff_registration_get_recovery(registration));
    bailiff_bus_registration_set_step(bus, bailiff_registration_get_step(registration));
    const FailurePolicy *policy = bailiff_registration_get_failure_policy(registration);
    bailiff_bus_registration_set_failure_policy(bus, variant_policy_new(policy));
    bailiff_bus_registration_set_on_recovery(
        bus, failure_recovery_name(failure_policy_get_recovery(policy)));
}

static void set_resources(BailiffRegistrationObject *self)
{
    g_autoptr(GPtrArray) resources = bailiff_registration_list_resources(self->registration);
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (guint i = 0; i < resources->len; i++) {
        g_autofree char *path = bailiff_resource_object_path(g_ptr_array_index(resources, i));
        g_strv_builder_add(builder, path);
    }
    g_auto(GStrv) paths = g_strv_builder_end(builder);
    bailiff_bus_registration_set_resources(BAILIFF_BUS_REGISTRATION(self),
                                           (const char *const *)paths);
    self->resources.stale = FALSE;
}

/* What has not been announced yet. */
static void refresh(gpointer interface)
{
    BailiffRegistrationObject *self = interface;
    if (self->stale)
        sync_properties(self);
    if (self->resources.stale)
        set_resources(self);
}

static void flush(GDBusInterfaceSkeleton *interface)
{
    BailiffRegistrationObject *self = BAILIFF_REGISTRATION_OBJECT(interface);
    if (self->stale)
        sync_properties(self);
    if (path_list_due(&self->resources, interface,
                      bailiff_bus_service_get_passing_changes(self->service)))
        set_resources(self);
    G_DBUS_INTERFACE_SKELETON_CLASS(bailiff_registration_object_parent_class)->flush(interface);
}

/* The engine's signals. */

static void announce_now(BailiffRegistrationObject *self)
{
    sync_properties(self);
    g_dbus_interface_skeleton_flush(G_DBUS_INTERFACE_SKELETON(self));
}

static void registration_changed(BailiffRegistration *registration, GParamSpec *pspec,
                                 BailiffRegistrationObject *self)
{
    self->stale = TRUE;
    bailiff_bus_service_changed(self->service, G_DBUS_INTERFACE_SKELETON(self));
}

static void resources_changed(BailiffRegistration *registration, BailiffRegistrationObject *self)
{
    self->resources.stale = TRUE;
    bailiff_bus_service_changed(self->service, G_DBUS_INTERFACE_SKELETON(self));
}

static void step_started(BailiffRegistration *registration, guint index, const char *action,
                         BailiffRegistrationObject *self)
{
    announce_now(self);
    bailiff_bus_registration_emit_step_started(BAILIFF_BUS_REGISTRATION(self), index, action);
}

static void step_finished(BailiffRegistration *registration, guint index, const char *action,
                          gboolean worked, const char *detail, BailiffRegistrationObject *self)
{
    announce_now(self);
    bailiff_bus_registration_emit_step_finished(BAILIFF_BUS_REGISTRATION(self), index, action,
                                                worked, detail);
}

static void cleared(BailiffRegistration *registration, const char *how,
                    BailiffRegistrationObject *self)
{
    announce_now(self);
    bailiff_bus_registration_emit_cleared(BAILIFF_BUS_REGISTRATION(self), how);
}

static void release_requested(BailiffRegistration *registration, BailiffResource *resource,
                              const char *how, BailiffRegistrationObject *self)
{
    g_autofree char *path = bailiff_resource_object_path(resource);
    announce_now(self);
    bailiff_bus_registration_emit_release_requested(BAILIFF_BUS_REGISTRATION(self), path, how);
}

static void watch_registration(BailiffRegistrationObject *self)
{
    const struct {
        const char *name;
        GCallback handler;
    } handlers[] = {
        { "notify", G_CALLBACK(registration_changed) },
        { "resources-changed", G_CALLBACK(resources_changed) },
        { "step-started", G_CALLBACK(step_started) },
        { "step-finished", G_CALLBACK(step_finished) },
        { "cleared", G_CALLBACK(cleared) },
        { "release-requested", G_CALLBACK(release_requested) },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(handlers); i++)
        g_signal_connect_object(self->registration, handlers[i].name, handlers[i].handler, self, 0);
}

/* Object. */

static void bailiff_registration_object_finalize(GObject *object)
{
    BailiffRegistrationObject *self = BAILIFF_REGISTRATION_OBJECT(object);
    g_clear_object(&self->registration);
    G_OBJECT_CLASS(bailiff_registration_object_parent_class)->finalize(object);
}

static void registration_iface_init(BailiffBusRegistrationIface *iface)
{
    iface->handle_acquire = handle_acquire;
    iface->handle_release = handle_release;
    iface->handle_drill = handle_drill;
    iface->handle_set_failure_policy = handle_set_failure_policy;
    iface->handle_unregister = handle_unregister;
}

static void bailiff_registration_object_class_init(BailiffRegistrationObjectClass *class)
{
    G_OBJECT_CLASS(class)->finalize = bailiff_registration_object_finalize;
    G_DBUS_INTERFACE_SKELETON_CLASS(class)->flush = flush;
    live_properties_install(G_DBUS_INTERFACE_SKELETON_CLASS(class), refresh);
}

static void bailiff_registration_object_init(BailiffRegistrationObject *self)
{
}

void bailiff_registration_object_show(BailiffBusService *service, BailiffRegistration *registration)
{
    g_autofree char *path = object_path_registration(bailiff_registration_get_id(registration));
    g_autoptr(BailiffRegistrationObject) self =
        g_object_new(BAILIFF_TYPE_REGISTRATION_OBJECT, NULL);
    BailiffBusRegistration *bus = BAILIFF_BUS_REGISTRATION(self);

    self->service = service;
    self->registration = g_object_ref(registration);
    bailiff_bus_registration_set_kind(bus, bailiff_registration_get_kind(registration));
    bailiff_bus_registration_set_name(bus, bailiff_registration_get_name(registration));
    bailiff_bus_registration_set_unit(bus, bailiff_registration_get_unit(registration));
    bailiff_bus_registration_set_domain(bus, bailiff_registration_get_domain(registration));
    sync_properties(self);
    set_resources(self);
    watch_registration(self);
    bailiff_bus_service_show(service, path, G_DBUS_INTERFACE_SKELETON(self));
}

void bailiff_registration_object_hide(BailiffBusService *service, BailiffRegistration *registration)
{
    g_autofree char *path = object_path_registration(bailiff_registration_get_id(registration));
    BailiffRegistrationObject *self =
        bailiff_bus_service_find(service, path, BAILIFF_TYPE_REGISTRATION_OBJECT);

    if (self == NULL || self->registration != registration)
        return;
    g_signal_handlers_disconnect_by_data(registration, self);
    bailiff_bus_service_hide(service, path, G_DBUS_INTERFACE_SKELETON(self));
}
