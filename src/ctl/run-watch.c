/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/run-watch.h"

#include "common/boottime.h"

#define PROPERTIES "org.freedesktop.DBus.Properties"
#define RECONNECT_SECONDS 3

struct RunWatch {
    GDBusConnection *connection;
    char *registration;
    char *lockspace;
    GStrv resources;
    guint32 pid;
    RunWatchHandler handler;
    GCancellable *cancellable; /* of all that is under way when this is freed */
    guint name_watch;
    guint subscriptions[2];
    gulong closed_handler;
    guint reconnect_source;
    gboolean connecting;
    RunAnswer question; /* under way */
    int limit_ms;
};

static void attach(RunWatch *self);

static void detach(RunWatch *self)
{
    g_clear_handle_id(&self->name_watch, g_bus_unwatch_name);
    for (gsize i = 0; i < G_N_ELEMENTS(self->subscriptions); i++) {
        if (self->subscriptions[i])
            g_dbus_connection_signal_unsubscribe(self->connection, self->subscriptions[i]);
        self->subscriptions[i] = 0;
    }
    g_clear_signal_handler(&self->closed_handler, self->connection);
}

static void on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    GDBusConnection *connection = g_dbus_connection_new_for_address_finish(result, &error);
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    RunWatch *self = data;
    self->connecting = FALSE;
    if (!connection)
        return;
    detach(self);
    g_clear_handle_id(&self->reconnect_source, g_source_remove);
    g_clear_object(&self->connection);
    self->connection = connection;
    attach(self);
}

static gboolean on_reconnect(gpointer data)
{
    RunWatch *self = data;
    g_autofree char *address =
        g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, self->cancellable, NULL);
    if (!address || self->connecting)
        return G_SOURCE_CONTINUE;
    self->connecting = TRUE;
    g_dbus_connection_new_for_address(address,
                                      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                          G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                      NULL, self->cancellable, on_connected, self);
    return G_SOURCE_CONTINUE;
}

static void on_closed(GDBusConnection *connection, gboolean remote_peer_vanished, GError *error,
                      gpointer data)
{
    RunWatch *self = data;
    self->handler.presence(FALSE, self->handler.data);
    if (!self->reconnect_source)
        self->reconnect_source = g_timeout_add_seconds(RECONNECT_SECONDS, on_reconnect, self);
}

static void on_appeared(GDBusConnection *connection, const char *name, const char *owner,
                        gpointer data)
{
    RunWatch *self = data;
    self->handler.presence(TRUE, self->handler.data);
}

static void on_vanished(GDBusConnection *connection, const char *name, gpointer data)
{
    RunWatch *self = data;
    self->handler.presence(FALSE, self->handler.data);
}

static void on_changed(GDBusConnection *connection, const char *sender, const char *path,
                       const char *interface, const char *signal_name, GVariant *parameters,
                       gpointer data)
{
    RunWatch *self = data;
    self->handler.changed(self->handler.data);
}

static void attach(RunWatch *self)
{
    const char *paths[] = { self->registration, self->lockspace };
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++)
        self->subscriptions[i] = g_dbus_connection_signal_subscribe(
            self->connection, BUS_NAME, PROPERTIES, "PropertiesChanged", paths[i], NULL,
            G_DBUS_SIGNAL_FLAGS_NONE, on_changed, self, NULL);
    self->closed_handler =
        g_signal_connect(self->connection, "closed", G_CALLBACK(on_closed), self);
    self->name_watch =
        g_bus_watch_name_on_connection(self->connection, BUS_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                       on_appeared, on_vanished, self, NULL);
}

RunWatch *run_watch_new(GDBusConnection *connection, const char *registration, guint32 pid,
                        const char *lockspace, const char *const *resources,
                        const RunWatchHandler *handler)
{
    RunWatch *self = g_new0(RunWatch, 1);
    self->connection = g_object_ref(connection);
    self->registration = g_strdup(registration);
    self->pid = pid;
    self->lockspace = g_strdup(lockspace);
    self->resources = g_strdupv((char **)resources);
    self->handler = *handler;
    self->cancellable = g_cancellable_new();
    attach(self);
    return self;
}

void run_watch_free(RunWatch *self)
{
    if (!self)
        return;
    /* Callbacks that are still to come see that they were cancelled, and do not touch `self`. */
    g_cancellable_cancel(self->cancellable);
    detach(self);
    g_clear_handle_id(&self->reconnect_source, g_source_remove);
    g_clear_object(&self->cancellable);
    g_clear_object(&self->connection);
    g_strfreev(self->resources);
    g_free(self->registration);
    g_free(self->lockspace);
    g_free(self);
}

GDBusConnection *run_watch_connection(RunWatch *self)
{
    return self->connection;
}

static void deliver(RunWatch *self, const RunAnswer *answer)
{
    self->handler.answer(answer, self->handler.data);
}

/* Only what a daemon says that does not have the object; everything else (no daemon, no answer, no
 * memory) tells nothing about the leases. */
static gboolean says_unknown(const GError *error)
{
    static const int codes[] = { G_DBUS_ERROR_UNKNOWN_OBJECT, G_DBUS_ERROR_UNKNOWN_METHOD,
                                 G_DBUS_ERROR_UNKNOWN_INTERFACE, G_DBUS_ERROR_INVALID_ARGS };
    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++)
        if (g_error_matches(error, G_DBUS_ERROR, codes[i]))
            return TRUE;
    return FALSE;
}

/* The properties in *ret_properties, or the answer given: then FALSE. */
static gboolean finish_get_all(GObject *source, GAsyncResult *result, RunWatch *self,
                               GVariant **ret_properties)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return FALSE;
    if (reply) {
        *ret_properties = g_variant_get_child_value(reply, 0);
        return TRUE;
    }
    self->question.answered = says_unknown(error);
    deliver(self, &self->question);
    return FALSE;
}

static void get_all(RunWatch *self, const char *path, const char *interface,
                    GAsyncReadyCallback callback)
{
    g_dbus_connection_call(self->connection, BUS_NAME, path, PROPERTIES, "GetAll",
                           g_variant_new("(s)", interface), G_VARIANT_TYPE("(a{sv})"),
                           G_DBUS_CALL_FLAGS_NO_AUTO_START, self->limit_ms, self->cancellable,
                           callback, self);
}

static void on_lockspace(GObject *source, GAsyncResult *result, gpointer data)
{
    RunWatch *self = data;
    g_autoptr(GVariant) properties = NULL;
    if (!finish_get_all(source, result, self, &properties))
        return;
    RunAnswer *answer = &self->question;
    answer->answered = TRUE;
    answer->lockspace_state = answer->reason = "";
    (void)g_variant_lookup(properties, "State", "&s", &answer->lockspace_state);
    (void)g_variant_lookup(properties, "Reason", "&s", &answer->reason);
    answer->ours = g_variant_lookup(properties, "FailAtUsec", "t", &answer->fail_at_us);
    deliver(self, answer);
}

/* Numbers of registrations begin anew with each daemon: the pid tells whose it is. */
static gboolean is_ours(RunWatch *self, GVariant *properties)
{
    guint32 pid = 0;
    g_autofree const char **held = NULL;
    if (!g_variant_lookup(properties, "Pid", "u", &pid) || pid != self->pid ||
        !g_variant_lookup(properties, "Resources", "^a&o", &held))
        return FALSE;
    for (gsize i = 0; self->resources[i]; i++)
        if (!g_strv_contains(held, self->resources[i]))
            return FALSE;
    return TRUE;
}

static void on_registration(GObject *source, GAsyncResult *result, gpointer data)
{
    RunWatch *self = data;
    g_autoptr(GVariant) properties = NULL;
    if (!finish_get_all(source, result, self, &properties))
        return;
    const char *state = "";
    (void)g_variant_lookup(properties, "State", "&s", &state);
    self->question.failing = g_strcmp0(state, "failing") == 0;
    if (is_ours(self, properties)) {
        get_all(self, self->lockspace, BUS_INTERFACE("Lockspace"), on_lockspace);
        return;
    }
    self->question.answered = TRUE;
    deliver(self, &self->question);
}

void run_watch_ask(RunWatch *self, guint64 limit_us)
{
    self->question = (RunAnswer){ .asked_us = boottime_now() };
    self->limit_ms = (int)(limit_us / 1000 / 2); /* for each of the two calls */
    get_all(self, self->registration, BUS_INTERFACE("Registration"), on_registration);
}
