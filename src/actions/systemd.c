/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listening to systemd.
 */
#include "actions/systemd-private.h"

#define PROPERTIES "org.freedesktop.DBus.Properties"

G_DEFINE_TYPE(BailiffSystemd, bailiff_systemd, G_TYPE_OBJECT)

struct SystemdWatch {
    BailiffSystemd *systemd; /* owned */
    char *path;              /* NULL: none yet */
    SystemdWatchFunc callback;
    gpointer user_data;
};

/* Those at `path`; NULL: all. A callback may free any watch. */
static void call_watches(BailiffSystemd *self, const char *path)
{
    g_autoptr(BailiffSystemd) keep = g_object_ref(self);
    g_autoptr(GList) concerned = NULL;

    for (GList *l = self->watches; l != NULL; l = l->next) {
        SystemdWatch *watch = l->data;

        if (path == NULL || g_strcmp0(watch->path, path) == 0)
            concerned = g_list_prepend(concerned, watch);
    }
    for (GList *l = concerned; l != NULL; l = l->next)
        if (g_list_find(self->watches, l->data) != NULL) {
            SystemdWatch *watch = l->data;

            watch->callback(watch->user_data);
        }
}

static void on_changed(GDBusConnection *bus, const char *sender, const char *path,
                       const char *interface, const char *signal, GVariant *parameters,
                       gpointer user_data)
{
    call_watches(user_data, path);
}

static void on_job_removed(GDBusConnection *bus, const char *sender, const char *path,
                           const char *interface, const char *signal, GVariant *parameters,
                           gpointer user_data)
{
    const char *job, *unit, *result;

    if (!g_variant_is_of_type(parameters, G_VARIANT_TYPE("(uoss)")))
        return;
    g_variant_get(parameters, "(u&o&s&s)", NULL, &job, &unit, &result);
    systemd_job_ended(user_data, job, unit, result);
}

/* Without an answer: that it is subscribed already is as good, and whoever depends on its signals
 * asks again by itself. */
static void ask_without_answer(BailiffSystemd *self, const char *method)
{
    g_dbus_connection_call(self->bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, method, NULL,
                           NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, NULL, NULL);
}

static void on_appeared(GDBusConnection *bus, const char *name, const char *owner,
                        gpointer user_data)
{
    BailiffSystemd *self = user_data;

    ask_without_answer(self, "Subscribe");
    call_watches(self, NULL);
}

static void on_vanished(GDBusConnection *bus, const char *name, gpointer user_data)
{
    BailiffSystemd *self = user_data;
    g_autoptr(BailiffSystemd) keep = g_object_ref(self);

    systemd_jobs_lost(self);
    call_watches(self, NULL);
}

/* systemd emits its signals only to those who subscribed. It is asked for here, before any call
 * whose effect is to be told, and again when it appears (after it executed itself anew it has
 * forgotten). One match for all units: the bus allows each client only some hundred of them. */
static void listen_to_bus(BailiffSystemd *self)
{
    if (self->bus == NULL)
        return;
    self->job_subscription = g_dbus_connection_signal_subscribe(
        self->bus, SYSTEMD_NAME, SYSTEMD_MANAGER, "JobRemoved", SYSTEMD_PATH, NULL,
        G_DBUS_SIGNAL_FLAGS_NONE, on_job_removed, self, NULL);
    self->change_subscription = g_dbus_connection_signal_subscribe(
        self->bus, SYSTEMD_NAME, PROPERTIES, "PropertiesChanged", NULL, SYSTEMD_UNIT,
        G_DBUS_SIGNAL_FLAGS_NONE, on_changed, self, NULL);
    ask_without_answer(self, "Subscribe");
    self->name_watch =
        g_bus_watch_name_on_connection(self->bus, SYSTEMD_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                       on_appeared, on_vanished, self, NULL);
}

static void stop_listening(BailiffSystemd *self)
{
    if (self->name_watch == 0)
        return;
    g_bus_unwatch_name(self->name_watch);
    self->name_watch = 0;
    g_dbus_connection_signal_unsubscribe(self->bus, self->job_subscription);
    g_dbus_connection_signal_unsubscribe(self->bus, self->change_subscription);
    if (!g_dbus_connection_is_closed(self->bus))
        ask_without_answer(self, "Unsubscribe");
}

void systemd_use(BailiffSystemd *self)
{
    if (self->n_users++ == 0)
        listen_to_bus(self);
}

void systemd_unuse(BailiffSystemd *self)
{
    if (--self->n_users == 0)
        stop_listening(self);
}

void bailiff_systemd_set_bus(BailiffSystemd *self, GDBusConnection *bus)
{
    g_autoptr(BailiffSystemd) keep = g_object_ref(self);

    if (bus == self->bus)
        return;
    stop_listening(self);
    g_set_object(&self->bus, bus);
    systemd_jobs_lost(self);
    if (self->n_users > 0)
        listen_to_bus(self);
    call_watches(self, NULL);
}

SystemdWatch *systemd_watch_new(BailiffSystemd *systemd, SystemdWatchFunc callback,
                                gpointer user_data)
{
    SystemdWatch *self = g_new0(SystemdWatch, 1);

    self->systemd = g_object_ref(systemd);
    self->callback = callback;
    self->user_data = user_data;
    systemd->watches = g_list_prepend(systemd->watches, self);
    systemd_use(systemd);
    return self;
}

void systemd_watch_set_path(SystemdWatch *self, const char *path)
{
    g_free(self->path);
    self->path = g_strdup(path);
}

void systemd_watch_free(SystemdWatch *self)
{
    if (self == NULL)
        return;
    self->systemd->watches = g_list_remove(self->systemd->watches, self);
    systemd_unuse(self->systemd);
    g_object_unref(self->systemd);
    g_free(self->path);
    g_free(self);
}

/* Nobody watches and no job is out: each would hold a reference. */
static void bailiff_systemd_finalize(GObject *object)
{
    BailiffSystemd *self = BAILIFF_SYSTEMD(object);

    g_clear_object(&self->bus);
    g_hash_table_unref(self->ended_jobs);
    G_OBJECT_CLASS(bailiff_systemd_parent_class)->finalize(object);
}

static void bailiff_systemd_class_init(BailiffSystemdClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = bailiff_systemd_finalize;
}

static void bailiff_systemd_init(BailiffSystemd *self)
{
    self->ended_jobs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

BailiffSystemd *bailiff_systemd_new(void)
{
    return g_object_new(BAILIFF_TYPE_SYSTEMD, NULL);
}
