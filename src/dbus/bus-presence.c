/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A private connection to the bus (the shared one of g_bus_get() cannot be replaced once it has
 * closed), the name on it, and the search for a bus that went away.
 */
#include "dbus/bus-presence.h"

#include <string.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"

#define BUS_DRIVER_TIMEOUT_MS 10000

/* A restarted bus is back within a second; one that was stopped on purpose is not worth more than a
 * look now and then. */
#define RETRY_FIRST_MS 250
#define RETRY_MAX_MS 15000

/* For the last messages to leave; a bus that does not take them in this time is not waited for. */
#define FAREWELL_MAX_MS 1000

enum {
    REQUEST_NAME_ALLOW_REPLACEMENT = 1,
    REQUEST_NAME_REPLACE_EXISTING = 2,
    REQUEST_NAME_DO_NOT_QUEUE = 4,
};
enum { NAME_IS_PRIMARY_OWNER = 1, NAME_IS_ALREADY_OWNER = 4 };

enum { SIGNAL_CONNECTED, SIGNAL_LOST, N_SIGNALS };

struct _BailiffBusPresence {
    GObject parent_instance;
    char *name;
    char *address;
    GDBusConnection *connection; /* NULL: not on the bus */
    gulong closed_handler;
    GTask *starting; /* the first attempt; NULL after it */
    GSource *retry;
    guint retry_ms;
    gboolean quiet; /* the present search has been reported */
    gboolean stopped;
    gboolean replaces;
    gboolean persists;
};

static guint signals[N_SIGNALS];

G_DEFINE_TYPE(BailiffBusPresence, bailiff_bus_presence, G_TYPE_OBJECT)

static void connect_to_bus(BailiffBusPresence *self);

static void disarm_retry(BailiffBusPresence *self)
{
    if (self->retry != NULL) {
        g_source_destroy(self->retry);
        g_clear_pointer(&self->retry, g_source_unref);
    }
}

/* Without a word to the bus: the connection is dead, or is being given up. `closed` (may be NULL)
 * is called when its socket is closed. */
static void drop_connection(BailiffBusPresence *self, GAsyncReadyCallback closed, gpointer data)
{
    if (self->connection == NULL)
        return;
    g_signal_handler_disconnect(self->connection, self->closed_handler);
    g_autoptr(GDBusConnection) connection = g_steal_pointer(&self->connection);
    g_signal_emit(self, signals[SIGNAL_LOST], 0);
    g_dbus_connection_close(connection, NULL, closed, data);
}

static gboolean retry_now(gpointer user_data)
{
    BailiffBusPresence *self = user_data;
    g_clear_pointer(&self->retry, g_source_unref);
    connect_to_bus(self);
    return G_SOURCE_REMOVE;
}

static void attempt_failed(BailiffBusPresence *self, GError *error)
{
    g_autoptr(GError) owned = error;

    drop_connection(self, NULL, NULL);
    if (self->starting != NULL && !self->persists) {
        g_autoptr(GTask) task = g_steal_pointer(&self->starting);
        g_task_return_error(task, g_steal_pointer(&owned));
        return;
    }
    if (self->stopped)
        return;
    if (!self->quiet) {
        const char *line_end = strchr(owned->message, '\n');
        int length = line_end != NULL ? (int)(line_end - owned->message) : -1;
        log_message(MESSAGE_BUS_LOST, NULL,
                    "Not on the bus, leases are kept all the same, trying again: %.*s", length,
                    owned->message);
        self->quiet = TRUE;
    }
    self->retry = g_timeout_source_new(self->retry_ms);
    g_source_set_callback(self->retry, retry_now, self, NULL);
    g_source_attach(self->retry, NULL);
    self->retry_ms = MIN(self->retry_ms * 2, RETRY_MAX_MS);
}

static void attempt_worked(BailiffBusPresence *self)
{
    self->retry_ms = RETRY_FIRST_MS;
    self->quiet = FALSE;
    if (self->starting != NULL) {
        g_autoptr(GTask) task = g_steal_pointer(&self->starting);
        g_task_return_boolean(task, TRUE);
        return;
    }
    log_message(MESSAGE_BUS_BACK, NULL, "On the bus again as %s", self->name);
}

static void connection_closed(GDBusConnection *connection, gboolean by_peer, GError *error,
                              BailiffBusPresence *self)
{
    attempt_failed(self, bailiff_error_make(BAILIFF_ERROR_IO_ERROR,
                                            "Look after the bus: systemctl status dbus.",
                                            "The connection to the bus was lost (%s).",
                                            error != NULL ? error->message : "closed"));
}

static void owner_known(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffBusPresence) self = user_data;
    g_autoptr(GError) ignored = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &ignored);
    g_autofree char *who = g_strdup("somebody");

    if (self->connection != G_DBUS_CONNECTION(source))
        return;
    if (reply != NULL) {
        guint32 pid;
        g_variant_get(reply, "(u)", &pid);
        g_free(who);
        who = g_strdup_printf("process %u", pid);
    }
    attempt_failed(self, bailiff_error_make(BAILIFF_ERROR_ALREADY_EXISTS,
                                            "Only one bailiffd can run on a host: stop the other "
                                            "one first.",
                                            "The bus name %s is taken by %s.", self->name, who));
}

static void name_requested(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffBusPresence) self = user_data;
    GDBusConnection *connection = G_DBUS_CONNECTION(source);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = g_dbus_connection_call_finish(connection, result, &error);

    if (self->connection != connection)
        return;
    if (reply == NULL) {
        gboolean denied = g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
        g_dbus_error_strip_remote_error(error);
        attempt_failed(
            self, bailiff_error_make(denied ? BAILIFF_ERROR_NOT_AUTHORIZED : BAILIFF_ERROR_IO_ERROR,
                                     denied ? "Run bailiffd as root, and install its bus policy "
                                              "org.bailiff.Bailiff1.conf in dbus-1/system.d."
                                            : "Look after the bus: systemctl status dbus.",
                                     "The bus does not give the name %s: %s.", self->name,
                                     error->message));
        return;
    }

    guint32 code;
    g_variant_get(reply, "(u)", &code);
    if (code == NAME_IS_PRIMARY_OWNER || code == NAME_IS_ALREADY_OWNER) {
        attempt_worked(self);
        return;
    }
    g_dbus_connection_call(
        connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
        "GetConnectionUnixProcessID", g_variant_new("(s)", self->name), G_VARIANT_TYPE("(u)"),
        G_DBUS_CALL_FLAGS_NONE, BUS_DRIVER_TIMEOUT_MS, NULL, owner_known, g_object_ref(self));
}

/* One that was killed while its storage hangs has not ended, and still has its socket and the name:
 * its successor takes that away. */
static guint32 name_flags(const BailiffBusPresence *self)
{
    guint32 flags = REQUEST_NAME_ALLOW_REPLACEMENT | REQUEST_NAME_DO_NOT_QUEUE;

    return self->replaces ? flags | REQUEST_NAME_REPLACE_EXISTING : flags;
}

static void connected(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffBusPresence) self = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GDBusConnection) connection =
        g_dbus_connection_new_for_address_finish(result, &error);

    if (connection == NULL) {
        attempt_failed(self, bailiff_error_make(BAILIFF_ERROR_IO_ERROR,
                                                "Start the bus (systemctl start dbus), or set "
                                                "DBUS_SYSTEM_BUS_ADDRESS to where it is.",
                                                "The bus cannot be reached: %s.", error->message));
        return;
    }
    g_dbus_connection_set_exit_on_close(connection, FALSE);
    if (self->stopped) {
        g_dbus_connection_close(connection, NULL, NULL, NULL);
        return;
    }

    self->connection = g_steal_pointer(&connection);
    self->closed_handler =
        g_signal_connect(self->connection, "closed", G_CALLBACK(connection_closed), self);
    g_signal_emit(self, signals[SIGNAL_CONNECTED], 0, self->connection);
    g_dbus_connection_call(
        self->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
        "RequestName", g_variant_new("(su)", self->name, name_flags(self)), G_VARIANT_TYPE("(u)"),
        G_DBUS_CALL_FLAGS_NONE, BUS_DRIVER_TIMEOUT_MS, NULL, name_requested, g_object_ref(self));
}

static void connect_to_bus(BailiffBusPresence *self)
{
    g_dbus_connection_new_for_address(self->address,
                                      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                          G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                      NULL, NULL, connected, g_object_ref(self));
}

static void leave(BailiffBusPresence *self)
{
    self->stopped = TRUE;
    disarm_retry(self);
    drop_connection(self, NULL, NULL);
}

static void bailiff_bus_presence_dispose(GObject *object)
{
    leave(BAILIFF_BUS_PRESENCE(object));
    G_OBJECT_CLASS(bailiff_bus_presence_parent_class)->dispose(object);
}

static void bailiff_bus_presence_finalize(GObject *object)
{
    BailiffBusPresence *self = BAILIFF_BUS_PRESENCE(object);
    g_free(self->name);
    g_free(self->address);
    G_OBJECT_CLASS(bailiff_bus_presence_parent_class)->finalize(object);
}

static void bailiff_bus_presence_class_init(BailiffBusPresenceClass *class)
{
    G_OBJECT_CLASS(class)->dispose = bailiff_bus_presence_dispose;
    G_OBJECT_CLASS(class)->finalize = bailiff_bus_presence_finalize;
    signals[SIGNAL_CONNECTED] =
        g_signal_new("connected", G_TYPE_FROM_CLASS(class), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                     G_TYPE_NONE, 1, G_TYPE_DBUS_CONNECTION);
    signals[SIGNAL_LOST] = g_signal_new("lost", G_TYPE_FROM_CLASS(class), G_SIGNAL_RUN_LAST, 0,
                                        NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void bailiff_bus_presence_init(BailiffBusPresence *self)
{
    self->retry_ms = RETRY_FIRST_MS;
}

BailiffBusPresence *bailiff_bus_presence_new(const char *name)
{
    BailiffBusPresence *self = g_object_new(BAILIFF_TYPE_BUS_PRESENCE, NULL);
    self->name = g_strdup(name);
    return self;
}

void bailiff_bus_presence_set_replaces(BailiffBusPresence *self, gboolean replaces)
{
    self->replaces = replaces;
}

void bailiff_bus_presence_set_persists(BailiffBusPresence *self, gboolean persists)
{
    self->persists = persists;
}

void bailiff_bus_presence_start_async(BailiffBusPresence *self, GBusType bus,
                                      GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    g_autoptr(GError) error = NULL;

    g_task_set_source_tag(task, bailiff_bus_presence_start_async);
    self->address = g_dbus_address_get_for_bus_sync(bus, NULL, &error);
    if (self->address == NULL) {
        g_task_return_error(task,
                            bailiff_error_make(BAILIFF_ERROR_IO_ERROR,
                                               "Set the address in the environment: "
                                               "DBUS_SYSTEM_BUS_ADDRESS or, with --session, "
                                               "DBUS_SESSION_BUS_ADDRESS.",
                                               "The bus cannot be found: %s.", error->message));
        return;
    }
    self->starting = g_steal_pointer(&task);
    connect_to_bus(self);
}

gboolean bailiff_bus_presence_start_finish(BailiffBusPresence *self, GAsyncResult *result,
                                           GError **error)
{
    g_return_val_if_fail(g_task_is_valid(result, self), FALSE);
    return g_task_propagate_boolean(G_TASK(result), error);
}

static void name_released(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);

    g_task_return_boolean(task, reply != NULL);
}

void bailiff_bus_presence_release_async(BailiffBusPresence *self, GAsyncReadyCallback callback,
                                        gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);

    g_task_set_source_tag(task, bailiff_bus_presence_release_async);
    if (self->connection == NULL) {
        g_task_return_boolean(task, FALSE);
        return;
    }
    g_dbus_connection_call(self->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                           "org.freedesktop.DBus", "ReleaseName", g_variant_new("(s)", self->name),
                           G_VARIANT_TYPE("(u)"), G_DBUS_CALL_FLAGS_NONE, FAREWELL_MAX_MS, NULL,
                           name_released, g_steal_pointer(&task));
}

void bailiff_bus_presence_release_finish(BailiffBusPresence *self, GAsyncResult *result)
{
    g_task_propagate_boolean(G_TASK(result), NULL);
}

typedef struct Farewell {
    GTask *task;
    GSource *limit;
} Farewell;

static void connection_is_closed(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    g_dbus_connection_close_finish(G_DBUS_CONNECTION(source), result, NULL);
    g_task_return_boolean(task, TRUE);
}

static void farewell_end(Farewell *farewell)
{
    if (farewell->task == NULL)
        return;
    g_autoptr(GTask) task = g_steal_pointer(&farewell->task);
    g_source_destroy(farewell->limit);
    g_clear_pointer(&farewell->limit, g_source_unref);
    /* The end is told when the socket is closed: a process with I/O out to storage that hangs does
     * not end, and would keep its socket, and with it the name. */
    BailiffBusPresence *self = g_task_get_source_object(task);
    gboolean connected = self->connection != NULL;
    drop_connection(self, connection_is_closed, connected ? g_object_ref(task) : NULL);
    leave(self);
    if (!connected)
        g_task_return_boolean(task, TRUE);
}

static gboolean farewell_too_long(gpointer user_data)
{
    farewell_end(user_data);
    return G_SOURCE_REMOVE;
}

static void farewell_sent(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_dbus_connection_flush_finish(G_DBUS_CONNECTION(source), result, NULL);
    farewell_end(user_data);
    g_free(user_data);
}

void bailiff_bus_presence_stop_async(BailiffBusPresence *self, GAsyncReadyCallback callback,
                                     gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);

    g_task_set_source_tag(task, bailiff_bus_presence_stop_async);
    if (self->connection == NULL) {
        leave(self);
        g_task_return_boolean(task, TRUE);
        return;
    }

    /* Freed when the flush has ended, which may be later than the time limit. */
    Farewell *farewell = g_new0(Farewell, 1);
    farewell->task = g_steal_pointer(&task);
    farewell->limit = g_timeout_source_new(FAREWELL_MAX_MS);
    g_source_set_callback(farewell->limit, farewell_too_long, farewell, NULL);
    g_source_attach(farewell->limit, NULL);
    g_dbus_connection_flush(self->connection, NULL, farewell_sent, farewell);
}

void bailiff_bus_presence_stop_finish(BailiffBusPresence *self, GAsyncResult *result)
{
    g_task_propagate_boolean(G_TASK(result), NULL);
}
