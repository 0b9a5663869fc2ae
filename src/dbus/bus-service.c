/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which objects are on the bus, and when their changes are announced.
 */
#include "dbus/bus-service.h"

#include "common/bailiff-error.h"
#include "dbus/authorization.h"
#include "dbus/bus-presence.h"
#include "dbus/call-filter.h"
#include "dbus/caller-watch.h"
#include "dbus/incident-object.h"
#include "dbus/lockspace-object.h"
#include "dbus/log-control.h"
#include "dbus/manager-object.h"
#include "dbus/method-call.h"
#include "dbus/object-path.h"
#include "dbus/record-object.h"
#include "dbus/registration-object.h"

struct _BailiffBusService {
    GObject parent_instance;
    BailiffEngine *engine;
    const DaemonControl *control; /* NULL: none was set */
    BailiffBusPresence *presence;
    GDBusObjectManagerServer *objects;
    BailiffAuthorization *authorization;
    CallerWatch *caller_watch;
    CallerQuota *caller_quota;
    BailiffLogControl *log_control; /* NULL: nobody has said what log there is */
    PassingChanges *passing;
    GHashTable *changed; /* set of GDBusInterfaceSkeleton, references */
    GSource *announce;   /* the idle source that flushes, while something has changed */
    CallTime *last_call;
    guint n_calls;
    GTask *stopping; /* waits for the end of all calls, or for `patience` */
    guint answer_ms;
    GSource *patience;
};

G_DEFINE_TYPE(BailiffBusService, bailiff_bus_service, G_TYPE_OBJECT)

BailiffEngine *bailiff_bus_service_get_engine(BailiffBusService *self)
{
    return self->engine;
}

void bailiff_bus_service_set_daemon_control(BailiffBusService *self, const DaemonControl *control)
{
    self->control = control;
}

const DaemonControl *bailiff_bus_service_get_daemon_control(BailiffBusService *self)
{
    return self->control;
}

void bailiff_bus_service_set_log(BailiffBusService *self, LogWriter *log)
{
    g_return_if_fail(self->log_control == NULL);
    self->log_control = bailiff_log_control_new(self, log);
}

BailiffAuthorization *bailiff_bus_service_get_authorization(BailiffBusService *self)
{
    return self->authorization;
}

CallerWatch *bailiff_bus_service_get_caller_watch(BailiffBusService *self)
{
    return self->caller_watch;
}

CallerQuota *bailiff_bus_service_get_caller_quota(BailiffBusService *self)
{
    return self->caller_quota;
}

PassingChanges *bailiff_bus_service_get_passing_changes(BailiffBusService *self)
{
    return self->passing;
}

/* Objects. */

gpointer bailiff_bus_service_find(BailiffBusService *self, const char *path, GType type)
{
    if (g_str_equal(path, LOG_CONTROL_PATH))
        return type == BAILIFF_TYPE_LOG_CONTROL ? self->log_control : NULL;

    GDBusObjectManager *manager = G_DBUS_OBJECT_MANAGER(self->objects);
    g_autoptr(GDBusObject) object = g_dbus_object_manager_get_object(manager, path);
    if (object == NULL)
        return NULL;

    g_autolist(GDBusInterface) interfaces = g_dbus_object_get_interfaces(object);
    for (GList *at = interfaces; at != NULL; at = at->next) {
        if (G_TYPE_CHECK_INSTANCE_TYPE(at->data, type))
            return at->data;
    }
    return NULL;
}

void bailiff_bus_service_show(BailiffBusService *self, const char *path,
                              GDBusInterfaceSkeleton *interface)
{
    g_autoptr(GDBusObjectSkeleton) object = g_dbus_object_skeleton_new(path);
    g_dbus_object_skeleton_add_interface(object, interface);
    g_dbus_object_manager_server_export(self->objects, object);
}

void bailiff_bus_service_hide(BailiffBusService *self, const char *path,
                              GDBusInterfaceSkeleton *interface)
{
    /* Its last state is told before it goes, but not what would have passed anyway. */
    bailiff_bus_service_flush(self);
    passing_changes_remove(self->passing, interface);
    g_dbus_object_manager_server_unexport(self->objects, path);
}

/* Changes. */

static GHashTable *new_set(void)
{
    return g_hash_table_new_full(NULL, NULL, g_object_unref, NULL);
}

static void disarm_announce(BailiffBusService *self)
{
    if (self->announce != NULL) {
        g_source_destroy(self->announce);
        g_clear_pointer(&self->announce, g_source_unref);
    }
}

void bailiff_bus_service_flush(BailiffBusService *self)
{
    disarm_announce(self);
    if (g_hash_table_size(self->changed) == 0)
        return;

    g_autoptr(GHashTable) changed = g_steal_pointer(&self->changed);
    self->changed = new_set();
    GHashTableIter iter;
    gpointer interface;
    g_hash_table_iter_init(&iter, changed);
    while (g_hash_table_iter_next(&iter, &interface, NULL))
        g_dbus_interface_skeleton_flush(interface);
}

static gboolean announce_now(gpointer user_data)
{
    bailiff_bus_service_flush(user_data);
    return G_SOURCE_REMOVE;
}

void bailiff_bus_service_changed(BailiffBusService *self, GDBusInterfaceSkeleton *interface)
{
    if (!g_hash_table_contains(self->changed, interface))
        g_hash_table_add(self->changed, g_object_ref(interface));
    if (self->announce == NULL) {
        self->announce = g_idle_source_new();
        g_source_set_priority(self->announce, G_PRIORITY_DEFAULT);
        g_source_set_callback(self->announce, announce_now, self, NULL);
        g_source_attach(self->announce, NULL);
    }
}

/* The engine's objects. */

static void lockspace_added(BailiffEngine *engine, BailiffLockspace *lockspace,
                            BailiffBusService *self)
{
    bailiff_lockspace_object_show(self, lockspace);
}

static void lockspace_removed(BailiffEngine *engine, BailiffLockspace *lockspace,
                              BailiffBusService *self)
{
    bailiff_lockspace_object_hide(self, lockspace);
}

static void registration_added(BailiffEngine *engine, BailiffRegistration *registration,
                               BailiffBusService *self)
{
    bailiff_registration_object_show(self, registration);
}

static void registration_removed(BailiffEngine *engine, BailiffRegistration *registration,
                                 BailiffBusService *self)
{
    bailiff_registration_object_hide(self, registration);
}

static void incident_added(BailiffIncidentLog *log, BailiffIncident *incident,
                           BailiffBusService *self)
{
    bailiff_incident_object_show(self, incident);
}

static void incident_removed(BailiffIncidentLog *log, BailiffIncident *incident,
                             BailiffBusService *self)
{
    bailiff_incident_object_hide(self, incident);
}

static void show_incidents(BailiffBusService *self)
{
    BailiffIncidentLog *log = bailiff_engine_get_incidents(self->engine);
    g_autoptr(GPtrArray) incidents = bailiff_incident_log_list(log);

    g_signal_connect_object(log, "incident-added", G_CALLBACK(incident_added), self, 0);
    g_signal_connect_object(log, "incident-removed", G_CALLBACK(incident_removed), self, 0);
    for (guint i = 0; i < incidents->len; i++)
        bailiff_incident_object_show(self, g_ptr_array_index(incidents, i));
}

static void record_added(BailiffRecords *records, BailiffRecord *record, BailiffBusService *self)
{
    bailiff_record_object_show(self, record);
}

static void record_removed(BailiffRecords *records, BailiffRecord *record, BailiffBusService *self)
{
    bailiff_record_object_hide(self, record);
}

static void show_records(BailiffBusService *self)
{
    BailiffRecords *records = bailiff_engine_get_records(self->engine);
    g_autoptr(GPtrArray) list = bailiff_records_list(records);

    g_signal_connect_object(records, "record-added", G_CALLBACK(record_added), self, 0);
    g_signal_connect_object(records, "record-removed", G_CALLBACK(record_removed), self, 0);
    for (guint i = 0; i < list->len; i++)
        bailiff_record_object_show(self, g_ptr_array_index(list, i));
}

/* How the last one ended, which is why the daemon could end. */
static void tell_incidents(BailiffBusService *self)
{
    g_autoptr(GPtrArray) incidents =
        bailiff_incident_log_list(bailiff_engine_get_incidents(self->engine));

    for (guint i = 0; i < incidents->len; i++)
        bailiff_incident_object_tell_rest(self, g_ptr_array_index(incidents, i));
}

static void show_engine(BailiffBusService *self)
{
    g_signal_connect_object(self->engine, "lockspace-added", G_CALLBACK(lockspace_added), self, 0);
    g_signal_connect_object(self->engine, "lockspace-removed", G_CALLBACK(lockspace_removed), self,
                            0);
    g_signal_connect_object(self->engine, "registration-added", G_CALLBACK(registration_added),
                            self, 0);
    g_signal_connect_object(self->engine, "registration-removed", G_CALLBACK(registration_removed),
                            self, 0);

    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(self->engine);
    for (guint i = 0; i < registrations->len; i++)
        bailiff_registration_object_show(self, g_ptr_array_index(registrations, i));
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(self->engine);
    for (guint i = 0; i < lockspaces->len; i++)
        bailiff_lockspace_object_show(self, g_ptr_array_index(lockspaces, i));
    show_incidents(self);
    show_records(self);
}

/* The bus. */

static void bus_connected(BailiffBusPresence *presence, GDBusConnection *connection,
                          BailiffBusService *self)
{
    call_filter_install(connection, self->last_call);
    caller_watch_set_connection(self->caller_watch, connection);
    bailiff_engine_set_bus(self->engine, connection);
    if (self->control != NULL)
        self->control->bus_changed(self->control->daemon, connection);
    g_dbus_object_manager_server_set_connection(self->objects, connection);
    if (self->log_control != NULL)
        bailiff_log_control_set_connection(self->log_control, connection);
}

static void bus_lost(BailiffBusPresence *presence, BailiffBusService *self)
{
    g_dbus_object_manager_server_set_connection(self->objects, NULL);
    if (self->log_control != NULL)
        bailiff_log_control_set_connection(self->log_control, NULL);
    bailiff_authorization_forget(self->authorization);
    caller_watch_set_connection(self->caller_watch, NULL);
    bailiff_engine_set_bus(self->engine, NULL);
    if (self->control != NULL)
        self->control->bus_changed(self->control->daemon, NULL);
}

static void bailiff_bus_service_dispose(GObject *object)
{
    BailiffBusService *self = BAILIFF_BUS_SERVICE(object);

    disarm_announce(self);
    g_clear_pointer(&self->passing, passing_changes_free);
    if (self->presence != NULL)
        g_signal_handlers_disconnect_by_data(self->presence, self);
    if (self->caller_watch != NULL)
        caller_watch_set_connection(self->caller_watch, NULL);
    g_clear_object(&self->presence);
    g_clear_object(&self->objects);
    g_clear_object(&self->log_control);
    g_clear_object(&self->engine);
    g_clear_pointer(&self->changed, g_hash_table_unref);
    G_OBJECT_CLASS(bailiff_bus_service_parent_class)->dispose(object);
}

static void bailiff_bus_service_finalize(GObject *object)
{
    BailiffBusService *self = BAILIFF_BUS_SERVICE(object);
    g_clear_object(&self->authorization);
    g_clear_pointer(&self->caller_watch, caller_watch_free);
    g_clear_pointer(&self->caller_quota, caller_quota_free);
    g_clear_pointer(&self->last_call, g_atomic_rc_box_release);
    G_OBJECT_CLASS(bailiff_bus_service_parent_class)->finalize(object);
}

static void bailiff_bus_service_class_init(BailiffBusServiceClass *class)
{
    G_OBJECT_CLASS(class)->dispose = bailiff_bus_service_dispose;
    G_OBJECT_CLASS(class)->finalize = bailiff_bus_service_finalize;
}

static void announce_passing(gpointer user_data, GDBusInterfaceSkeleton *interface)
{
    bailiff_bus_service_changed(user_data, interface);
}

static void bailiff_bus_service_init(BailiffBusService *self)
{
    (void)bailiff_error_quark(); /* registers the error names with GDBus */
    self->objects = g_dbus_object_manager_server_new(OBJECT_PATH_ROOT);
    self->authorization = bailiff_authorization_new();
    self->caller_watch = caller_watch_new();
    self->caller_quota = caller_quota_new();
    self->changed = new_set();
    self->passing = passing_changes_new(announce_passing, self);
    self->last_call = g_atomic_rc_box_new0(CallTime);
    self->presence = bailiff_bus_presence_new(BAILIFF_BUS_NAME);
    g_signal_connect(self->presence, "connected", G_CALLBACK(bus_connected), self);
    g_signal_connect(self->presence, "lost", G_CALLBACK(bus_lost), self);
}

BailiffBusService *bailiff_bus_service_new(BailiffEngine *engine, const char *version)
{
    BailiffBusService *self = g_object_new(BAILIFF_TYPE_BUS_SERVICE, NULL);
    self->engine = g_object_ref(engine);
    bailiff_manager_object_show(self, version);
    show_engine(self);
    return self;
}

static void started(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    GError *error = NULL;

    if (bailiff_bus_presence_start_finish(BAILIFF_BUS_PRESENCE(source), result, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

/* Taken over from an earlier daemon: to give up for want of a bus would give that up. */
static gboolean holds_something(BailiffEngine *engine)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(engine);
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(engine);

    return lockspaces->len > 0 || registrations->len > 0;
}

void bailiff_bus_service_start_async(BailiffBusService *self, GBusType bus,
                                     GAsyncReadyCallback callback, gpointer user_data)
{
    GTask *task = g_task_new(self, NULL, callback, user_data);
    g_task_set_source_tag(task, bailiff_bus_service_start_async);
    if (holds_something(self->engine)) {
        bailiff_bus_presence_set_persists(self->presence, TRUE);
        bailiff_engine_await_bus(self->engine);
    }
    bailiff_bus_presence_set_replaces(self->presence,
                                      !bailiff_engine_check_predecessor_gone(self->engine, NULL));
    bailiff_bus_presence_start_async(self->presence, bus, started, task);
}

gboolean bailiff_bus_service_start_finish(BailiffBusService *self, GAsyncResult *result,
                                          GError **error)
{
    g_return_val_if_fail(g_task_is_valid(result, self), FALSE);
    return g_task_propagate_boolean(G_TASK(result), error);
}

/* Calls, and the end. */

guint bailiff_bus_service_count_calls(BailiffBusService *self)
{
    return self->n_calls;
}

gint64 bailiff_bus_service_get_last_call(BailiffBusService *self)
{
    return self->last_call->us;
}

void bailiff_bus_service_call_begins(BailiffBusService *self)
{
    self->n_calls++;
}

static void stopped(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    bailiff_bus_presence_stop_finish(BAILIFF_BUS_PRESENCE(source), result);
    g_task_return_boolean(task, TRUE);
}

static void leave_bus(BailiffBusService *self)
{
    GTask *task = g_steal_pointer(&self->stopping);

    if (self->patience != NULL)
        g_source_destroy(self->patience);
    g_clear_pointer(&self->patience, g_source_unref);
    bailiff_bus_presence_stop_async(self->presence, stopped, task);
}

void bailiff_bus_service_call_ends(BailiffBusService *self)
{
    self->n_calls--;
    if (self->n_calls == 0 && self->patience != NULL)
        leave_bus(self);
}

static gboolean out_of_patience(gpointer user_data)
{
    leave_bus(user_data);
    return G_SOURCE_REMOVE;
}

/* Whatever was sent to the name before it was given up is here: the bus keeps the order. */
static void name_released(GObject *source, GAsyncResult *result, gpointer user_data)
{
    BailiffBusService *self = user_data;

    bailiff_bus_presence_release_finish(BAILIFF_BUS_PRESENCE(source), result);
    if (self->n_calls == 0 || self->answer_ms == 0) {
        leave_bus(self);
        return;
    }
    self->patience = g_timeout_source_new(self->answer_ms);
    g_source_set_callback(self->patience, out_of_patience, self, NULL);
    g_source_attach(self->patience, NULL);
}

void bailiff_bus_service_stop_async(BailiffBusService *self, guint answer_ms,
                                    GAsyncReadyCallback callback, gpointer user_data)
{
    self->answer_ms = answer_ms;
    self->stopping = g_task_new(self, NULL, callback, user_data);
    g_task_set_source_tag(self->stopping, bailiff_bus_service_stop_async);
    tell_incidents(self);
    bailiff_bus_service_flush(self);
    bailiff_bus_presence_release_async(self->presence, name_released, self);
}

void bailiff_bus_service_stop_finish(BailiffBusService *self, GAsyncResult *result)
{
    g_task_propagate_boolean(G_TASK(result), NULL);
}
