/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An incident on the bus.
 *
 * A thousand registrations that fail at once make thousands of steps while their policies begin.
 * None of that is sent before there is time for it: steps are gathered for a moment and sent in
 * small parts when the main loop has nothing better to do. What else has changed follows the last
 * of them, so that who sees the end has seen the whole story.
 */
#include "dbus/incident-object.h"

#include "bailiff-bus-generated.h"
#include "dbus/object-path.h"

#define GATHER_MS 50u
/* Some tens of microseconds each. */
#define STEPS_AT_A_TIME 64u

#define BAILIFF_TYPE_INCIDENT_OBJECT (bailiff_incident_object_get_type())
G_DECLARE_FINAL_TYPE(BailiffIncidentObject, bailiff_incident_object, BAILIFF, INCIDENT_OBJECT,
                     BailiffBusIncidentSkeleton)

struct _BailiffIncidentObject {
    BailiffBusIncidentSkeleton parent_instance;
    BailiffIncident *incident;
    guint announced; /* how many steps */
    GSource *later;  /* armed while something has not been announced */
};

G_DEFINE_TYPE(BailiffIncidentObject, bailiff_incident_object, BAILIFF_BUS_TYPE_INCIDENT_SKELETON)

/* --- steps ----------------------------------------------------------------------------------- */

/* a{sv}; floating. */
static GVariant *step_to_variant(const IncidentStep *step)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&builder, "{sv}", "time-usec", g_variant_new_uint64(step->time_us));
    g_variant_builder_add(&builder, "{sv}", "event",
                          g_variant_new_string(incident_event_name(step->event)));
    if (step->registration != 0) {
        g_variant_builder_add(&builder, "{sv}", "registration",
                              g_variant_new_uint64(step->registration));
        g_variant_builder_add(&builder, "{sv}", "name", g_variant_new_string(step->name));
        g_variant_builder_add(&builder, "{sv}", "kind", g_variant_new_string(step->kind));
    }
    if (step->action != NULL) {
        g_variant_builder_add(&builder, "{sv}", "index", g_variant_new_uint32((guint)step->index));
        g_variant_builder_add(&builder, "{sv}", "action", g_variant_new_string(step->action));
    }
    if (step->event == INCIDENT_STEP_FINISHED)
        g_variant_builder_add(&builder, "{sv}", "worked", g_variant_new_boolean(step->worked));
    if (step->event == INCIDENT_STEP_FINISHED || step->took_us != 0)
        g_variant_builder_add(&builder, "{sv}", "took-usec", g_variant_new_uint64(step->took_us));
    if (step->detail[0] != '\0')
        g_variant_builder_add(&builder, "{sv}", "detail", g_variant_new_string(step->detail));
    return g_variant_builder_end(&builder);
}

static GVariant *steps_to_variant(const IncidentRecord *record)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < record->steps->len; i++)
        g_variant_builder_add_value(&builder, step_to_variant(record->steps->pdata[i]));
    return g_variant_builder_end(&builder);
}

/* --- announcing ------------------------------------------------------------------------------ */

static void sync_properties(BailiffIncidentObject *self)
{
    BailiffBusIncident *bus = BAILIFF_BUS_INCIDENT(self);
    const IncidentRecord *record = bailiff_incident_get_record(self->incident);

    bailiff_bus_incident_set_cause(bus, record->cause);
    bailiff_bus_incident_set_last_renewal_usec(bus, record->last_renewal_us);
    bailiff_bus_incident_set_fail_at_usec(bus, record->fail_at_us);
    bailiff_bus_incident_set_ended_usec(bus, record->ended_us);
    bailiff_bus_incident_set_outcome(bus, incident_outcome_name(record->outcome));
    bailiff_bus_incident_set_registration_count(bus, record->registrations);
    bailiff_bus_incident_set_cleared_count(bus, record->cleared);
    bailiff_bus_incident_set_steps_dropped(bus, record->dropped);
}

/* The generated code would send the whole list, which it does not even know. */
static void invalidate_steps(BailiffIncidentObject *self)
{
    GDBusInterfaceSkeleton *skeleton = G_DBUS_INTERFACE_SKELETON(self);
    GDBusConnection *connection = g_dbus_interface_skeleton_get_connection(skeleton);
    const char *const invalidated[] = { "Steps", NULL };

    if (connection != NULL)
        g_dbus_connection_emit_signal(
            connection, NULL, g_dbus_interface_skeleton_get_object_path(skeleton),
            "org.freedesktop.DBus.Properties", "PropertiesChanged",
            g_variant_new("(sa{sv}^as)", BAILIFF_BUS_NAME ".Incident", NULL, invalidated), NULL);
}

static gboolean announce(gpointer user_data);

/* Takes over `source`: that of now is done. */
static void arm(BailiffIncidentObject *self, GSource *source)
{
    if (self->later != NULL) {
        g_source_destroy(self->later);
        g_source_unref(self->later);
    }
    self->later = source;
    if (source == NULL)
        return;
    g_source_set_priority(source, G_PRIORITY_LOW);
    g_source_set_callback(source, announce, self, NULL);
    g_source_attach(source, NULL);
}

static gboolean announce(gpointer user_data)
{
    BailiffIncidentObject *self = user_data;
    const GPtrArray *steps = bailiff_incident_get_record(self->incident)->steps;
    guint end = MIN(steps->len, self->announced + STEPS_AT_A_TIME);
    gboolean more = self->announced < end;

    for (; self->announced < end; self->announced++)
        bailiff_bus_incident_emit_step_added(BAILIFF_BUS_INCIDENT(self),
                                             step_to_variant(steps->pdata[self->announced]));
    if (end < steps->len) {
        arm(self, g_idle_source_new());
        return G_SOURCE_REMOVE;
    }
    arm(self, NULL);
    if (more)
        invalidate_steps(self);
    sync_properties(self);
    g_dbus_interface_skeleton_flush(G_DBUS_INTERFACE_SKELETON(self));
    return G_SOURCE_REMOVE;
}

static void announce_later(BailiffIncidentObject *self)
{
    if (self->later == NULL)
        arm(self, g_timeout_source_new(GATHER_MS));
}

static void on_step_added(BailiffIncident *incident, gpointer step, BailiffIncidentObject *self)
{
    announce_later(self);
}

static void on_changed(BailiffIncident *incident, BailiffIncidentObject *self)
{
    announce_later(self);
}

/* --- reading --------------------------------------------------------------------------------- */

/* The list is made when somebody reads it; the skeleton never has it. */

static GDBusInterfaceVTable vtable;
static GDBusInterfaceGetPropertyFunc generated_get_property;

static GVariant *get_property(GDBusConnection *connection, const char *sender, const char *path,
                              const char *name, const char *property, GError **error,
                              gpointer user_data)
{
    BailiffIncidentObject *self = BAILIFF_INCIDENT_OBJECT(user_data);

    if (g_str_equal(property, "Steps"))
        return steps_to_variant(bailiff_incident_get_record(self->incident));
    return generated_get_property(connection, sender, path, name, property, error, user_data);
}

static GDBusInterfaceVTable *get_vtable(GDBusInterfaceSkeleton *interface)
{
    return &vtable;
}

/* For GetManagedObjects() and InterfacesAdded: a hundred incidents of a thousand registrations
 * would be more than a message may have. */
static GVariant *get_properties(GDBusInterfaceSkeleton *interface)
{
    GDBusInterfaceSkeletonClass *generated =
        G_DBUS_INTERFACE_SKELETON_CLASS(bailiff_incident_object_parent_class);
    g_autoptr(GVariant) all = g_variant_ref_sink(generated->get_properties(interface));
    GVariantDict dict;

    g_variant_dict_init(&dict, all);
    g_variant_dict_remove(&dict, "Steps");
    return g_variant_dict_end(&dict);
}

/* --- object ---------------------------------------------------------------------------------- */

static void bailiff_incident_object_dispose(GObject *object)
{
    BailiffIncidentObject *self = BAILIFF_INCIDENT_OBJECT(object);

    arm(self, NULL);
    g_clear_object(&self->incident);
    G_OBJECT_CLASS(bailiff_incident_object_parent_class)->dispose(object);
}

static void bailiff_incident_object_class_init(BailiffIncidentObjectClass *class)
{
    GDBusInterfaceSkeletonClass *skeleton = G_DBUS_INTERFACE_SKELETON_CLASS(class);

    G_OBJECT_CLASS(class)->dispose = bailiff_incident_object_dispose;
    vtable = *skeleton->get_vtable(NULL); /* generated: the same for all instances */
    generated_get_property = vtable.get_property;
    vtable.get_property = get_property;
    skeleton->get_vtable = get_vtable;
    skeleton->get_properties = get_properties;
}

static void bailiff_incident_object_init(BailiffIncidentObject *self)
{
}

void bailiff_incident_object_show(BailiffBusService *service, BailiffIncident *incident)
{
    const IncidentRecord *record = bailiff_incident_get_record(incident);
    g_autofree char *path = object_path_incident(record->number);
    g_autoptr(BailiffIncidentObject) self = g_object_new(BAILIFF_TYPE_INCIDENT_OBJECT, NULL);
    BailiffBusIncident *bus = BAILIFF_BUS_INCIDENT(self);

    self->incident = g_object_ref(incident);
    self->announced = record->steps->len;
    bailiff_bus_incident_set_number(bus, record->number);
    bailiff_bus_incident_set_lockspace(bus, record->lockspace);
    bailiff_bus_incident_set_boot_id(bus, record->boot_id);
    bailiff_bus_incident_set_started_usec(bus, record->started_us);
    bailiff_bus_incident_set_started_realtime_usec(bus, record->started_real_us);
    sync_properties(self);
    g_signal_connect_object(incident, "step-added", G_CALLBACK(on_step_added), self, 0);
    g_signal_connect_object(incident, "changed", G_CALLBACK(on_changed), self, 0);
    bailiff_bus_service_show(service, path, G_DBUS_INTERFACE_SKELETON(self));
}

static BailiffIncidentObject *find(BailiffBusService *service, BailiffIncident *incident)
{
    g_autofree char *path = object_path_incident(bailiff_incident_get_number(incident));
    BailiffIncidentObject *self =
        bailiff_bus_service_find(service, path, BAILIFF_TYPE_INCIDENT_OBJECT);

    return self != NULL && self->incident == incident ? self : NULL;
}

void bailiff_incident_object_tell_rest(BailiffBusService *service, BailiffIncident *incident)
{
    BailiffIncidentObject *self = find(service, incident);

    while (self != NULL && self->later != NULL)
        announce(self);
}

void bailiff_incident_object_hide(BailiffBusService *service, BailiffIncident *incident)
{
    g_autofree char *path = object_path_incident(bailiff_incident_get_number(incident));
    BailiffIncidentObject *self = find(service, incident);

    if (self == NULL)
        return;
    g_signal_handlers_disconnect_by_data(incident, self);
    bailiff_bus_service_hide(service, path, G_DBUS_INTERFACE_SKELETON(self));
}
