/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything is looked at again when anything has changed: after the turn of the main loop in which
 * it did.
 */
#include "daemon/host-shutdown.h"

#include <unistd.h>

#include <gio/gunixfdlist.h>

#include "common/log-message.h"
#include "daemon/lease-users.h"
#include "engine/lockspace.h"

#define LOGIN_NAME "org.freedesktop.login1"
#define LOGIN_PATH "/org/freedesktop/login1"
#define LOGIN_MANAGER LOGIN_NAME ".Manager"
/* logind may hang; it is asked again when something changes. */
#define ANSWER_TIMEOUT_MS 10000

/* What was left because of a shutdown, to be joined again if that is called off. */
typedef struct LeftLockspace {
    char *name;
    char *path;
    guint64 offset;
    guint64 host_id;
    guint32 io_timeout;
} LeftLockspace;

struct HostShutdown {
    BailiffEngine *engine;
    GDBusConnection *bus;
    GCancellable *cancellable; /* of what is asked on `bus` */
    guint watch;               /* of logind's name */
    guint subscription;
    int inhibitor; /* -1: none */
    gboolean asking;
    gboolean refused; /* not asked again before logind or the bus is another one */
    gboolean preparing;
    guint leaving;
    GPtrArray *left; /* of LeftLockspace */
    guint look_source;
    GTask *waiting;
    guint patience_source;
};

static void left_lockspace_free(gpointer data)
{
    LeftLockspace *left = data;

    g_free(left->name);
    g_free(left->path);
    g_free(left);
}

static void look(HostShutdown *self);

static gboolean look_in_idle(gpointer user_data)
{
    HostShutdown *self = user_data;

    self->look_source = 0;
    look(self);
    return G_SOURCE_REMOVE;
}

static void look_soon(HostShutdown *self)
{
    if (self->look_source == 0)
        self->look_source = g_idle_add_full(G_PRIORITY_DEFAULT, look_in_idle, self, NULL);
}

/* The inhibitor. */

static void drop_inhibitor(HostShutdown *self)
{
    if (self->inhibitor >= 0)
        close(self->inhibitor);
    self->inhibitor = -1;
}

static void on_inhibited(GObject *source, GAsyncResult *result, gpointer user_data)
{
    HostShutdown *self = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GUnixFDList) fds = NULL;
    g_autoptr(GVariant) reply = g_dbus_connection_call_with_unix_fd_list_finish(
        G_DBUS_CONNECTION(source), &fds, result, &error);
    gint32 handle = -1;

    /* After the end of `self`, too. */
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    self->asking = FALSE;
    if (reply != NULL) {
        g_variant_get(reply, "(h)", &handle);
        self->inhibitor = fds != NULL ? g_unix_fd_list_get(fds, handle, &error) : -1;
    }
    if (self->inhibitor < 0) {
        g_dbus_error_strip_remote_error(error);
        self->refused = TRUE;
        log_line(LOG_DEBUG, NULL, "The host's shutdown is not delayed: %s",
                 error != NULL ? error->message : "logind has given no descriptor");
    }
    look_soon(self);
}

static void ask_for_inhibitor(HostShutdown *self)
{
    self->asking = TRUE;
    g_dbus_connection_call_with_unix_fd_list(
        self->bus, LOGIN_NAME, LOGIN_PATH, LOGIN_MANAGER, "Inhibit",
        g_variant_new("(ssss)", "shutdown", "bailiffd", "Leases on shared storage are given back",
                      "delay"),
        G_VARIANT_TYPE("(h)"), G_DBUS_CALL_FLAGS_NO_AUTO_START, ANSWER_TIMEOUT_MS, NULL,
        self->cancellable, on_inhibited, self);
}

static gboolean anything_is_joined(HostShutdown *self)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(self->engine);

    for (guint i = 0; i < lockspaces->len; i++)
        if (bailiff_lockspace_get_state(lockspaces->pdata[i]) != BAILIFF_LOCKSPACE_LOST)
            return TRUE;
    return FALSE;
}

static void look_at_inhibitor(HostShutdown *self)
{
    gboolean wanted = self->preparing ? self->leaving > 0 : anything_is_joined(self);

    if (!wanted)
        drop_inhibitor(self);
    else if (self->inhibitor < 0 && !self->asking && !self->refused && !self->preparing &&
             self->bus != NULL)
        ask_for_inhibitor(self);
}

/* Leaving, and joining again. */

static void on_left(GObject *source, GAsyncResult *result, gpointer user_data)
{
    HostShutdown *self = user_data;
    g_autoptr(GError) error = NULL;

    bailiff_lockspace_leave_finish(BAILIFF_LOCKSPACE(source), result, &error);
    self->leaving--;
    look_soon(self);
}

static gboolean may_be_left(BailiffLockspace *lockspace)
{
    g_autoptr(GPtrArray) registrations = bailiff_lockspace_list_registrations(lockspace);
    g_autoptr(GPtrArray) orphans = bailiff_lockspace_list_orphans(lockspace);

    if (registrations->len > 0 || orphans->len > 0)
        return FALSE;
    switch (bailiff_lockspace_get_state(lockspace)) {
    case BAILIFF_LOCKSPACE_JOINING:
    case BAILIFF_LOCKSPACE_HELD:
    case BAILIFF_LOCKSPACE_LATE:
        return TRUE;
    case BAILIFF_LOCKSPACE_FAILING:
    case BAILIFF_LOCKSPACE_LEAVING:
    case BAILIFF_LOCKSPACE_LOST:
        break;
    }
    return FALSE;
}

static void leave_unused(HostShutdown *self)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(self->engine);

    for (guint i = 0; i < lockspaces->len; i++) {
        BailiffLockspace *lockspace = lockspaces->pdata[i];
        LeftLockspace *left;

        if (!may_be_left(lockspace))
            continue;
        left = g_new0(LeftLockspace, 1);
        left->name = g_strdup(bailiff_lockspace_get_name(lockspace));
        left->path = g_strdup(bailiff_lockspace_get_path(lockspace));
        left->offset = bailiff_lockspace_get_offset(lockspace);
        left->host_id = bailiff_lockspace_get_host_id(lockspace);
        left->io_timeout = bailiff_lockspace_get_io_timeout(lockspace);
        g_ptr_array_add(self->left, left);
        self->leaving++;
        bailiff_lockspace_leave_async(lockspace, FALSE, on_left, self);
    }
}

static void join_again(HostShutdown *self)
{
    for (guint i = 0; i < self->left->len; i++) {
        const LeftLockspace *left = self->left->pdata[i];
        g_autoptr(GError) error = NULL;

        /* Somebody else may have joined it meanwhile. */
        if (bailiff_engine_join(self->engine, left->name, left->path, left->offset, left->host_id,
                                left->io_timeout, &error) == NULL) {
            log_line(LOG_WARNING, LOG_SUBJECT(.lockspace = left->name, .host_id = left->host_id),
                     "Lockspace %s is not joined again: %s", left->name, error->message);
        }
    }
    g_ptr_array_set_size(self->left, 0);
}

/* Who waits for the users' end. */

static void stop_waiting(HostShutdown *self)
{
    g_autoptr(GTask) task = g_steal_pointer(&self->waiting);

    if (self->patience_source != 0)
        g_source_remove(self->patience_source);
    self->patience_source = 0;
    if (task != NULL)
        g_task_return_boolean(task, TRUE);
}

static gboolean out_of_patience(gpointer user_data)
{
    HostShutdown *self = user_data;
    g_autofree char *users = lease_users_describe(self->engine);

    self->patience_source = 0;
    log_message(MESSAGE_SHUTDOWN_UNHEEDED, NULL,
                "The host shuts down, and still leases are held: %s", users);
    stop_waiting(self);
    return G_SOURCE_REMOVE;
}

void host_shutdown_wait_async(HostShutdown *self, GAsyncReadyCallback callback, gpointer user_data)
{
    g_autofree char *users = NULL;

    g_return_if_fail(self->waiting == NULL);
    self->waiting = g_task_new(NULL, NULL, callback, user_data);
    if (!self->preparing || !lease_users_exist(self->engine)) {
        stop_waiting(self);
        return;
    }
    users = lease_users_describe(self->engine);
    log_line(LOG_NOTICE, NULL, "The host shuts down: waiting for the end of who holds leases: %s",
             users);
    self->patience_source =
        g_timeout_add_seconds(HOST_SHUTDOWN_PATIENCE_SECONDS, out_of_patience, self);
}

void host_shutdown_wait_finish(HostShutdown *self, GAsyncResult *result)
{
    g_task_propagate_boolean(G_TASK(result), NULL);
}

/* What changes. */

static void look(HostShutdown *self)
{
    if (self->preparing)
        leave_unused(self);
    /* Those that were being left when the shutdown was called off. */
    else if (self->leaving == 0)
        join_again(self);
    look_at_inhibitor(self);
    if (self->waiting != NULL && (!self->preparing || !lease_users_exist(self->engine)))
        stop_waiting(self);
}

static void set_preparing(HostShutdown *self, gboolean preparing)
{
    if (preparing == self->preparing)
        return;
    self->preparing = preparing;
    if (preparing)
        log_message(MESSAGE_HOST_SHUTS_DOWN, NULL,
                    "The host shuts down: lockspaces are left when nobody uses them");
    else
        log_message(MESSAGE_HOST_STAYS_UP, NULL,
                    "The host does not shut down: lockspaces are joined again");
    look(self);
}

static void on_prepare(GDBusConnection *bus, const char *sender, const char *path,
                       const char *interface, const char *signal, GVariant *parameters,
                       gpointer user_data)
{
    HostShutdown *self = user_data;
    gboolean begins;

    if (!g_variant_is_of_type(parameters, G_VARIANT_TYPE("(b)")))
        return;
    g_variant_get(parameters, "(b)", &begins);
    set_preparing(self, begins);
}

static void on_property(GObject *source, GAsyncResult *result, gpointer user_data)
{
    HostShutdown *self = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    g_autoptr(GVariant) value = NULL;

    if (reply == NULL)
        return; /* perhaps after the end of `self` */
    g_variant_get(reply, "(v)", &value);
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
        set_preparing(self, g_variant_get_boolean(value));
}

/* Signals may have been missed while there was no bus, or no logind. */
static void on_logind(GDBusConnection *bus, const char *name, const char *owner, gpointer user_data)
{
    HostShutdown *self = user_data;

    self->refused = FALSE;
    look_soon(self);
    g_dbus_connection_call(self->bus, LOGIN_NAME, LOGIN_PATH, "org.freedesktop.DBus.Properties",
                           "Get", g_variant_new("(ss)", LOGIN_MANAGER, "PreparingForShutdown"),
                           G_VARIANT_TYPE("(v)"), G_DBUS_CALL_FLAGS_NO_AUTO_START,
                           ANSWER_TIMEOUT_MS, self->cancellable, on_property, self);
}

static void leave_bus(HostShutdown *self)
{
    if (self->bus == NULL)
        return;
    g_cancellable_cancel(self->cancellable);
    g_clear_object(&self->cancellable);
    g_bus_unwatch_name(self->watch);
    g_dbus_connection_signal_unsubscribe(self->bus, self->subscription);
    g_clear_object(&self->bus);
    self->asking = FALSE;
}

/* An inhibitor is a descriptor of logind's, and outlives the bus. */
void host_shutdown_set_bus(HostShutdown *self, GDBusConnection *bus)
{
    leave_bus(self);
    if (bus == NULL)
        return;
    self->bus = g_object_ref(bus);
    self->cancellable = g_cancellable_new();
    self->subscription = g_dbus_connection_signal_subscribe(
        bus, LOGIN_NAME, LOGIN_MANAGER, "PrepareForShutdown", LOGIN_PATH, NULL,
        G_DBUS_SIGNAL_FLAGS_NONE, on_prepare, self, NULL);
    self->watch = g_bus_watch_name_on_connection(bus, LOGIN_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                 on_logind, NULL, self, NULL);
}

static void on_lockspace_added(BailiffEngine *engine, BailiffLockspace *lockspace,
                               HostShutdown *self)
{
    g_signal_connect_swapped(lockspace, "notify::state", G_CALLBACK(look_soon), self);
    g_signal_connect_swapped(lockspace, "registrations-changed", G_CALLBACK(look_soon), self);
    look_soon(self);
}

static void on_lockspace_removed(BailiffEngine *engine, BailiffLockspace *lockspace,
                                 HostShutdown *self)
{
    g_signal_handlers_disconnect_by_data(lockspace, self);
    look_soon(self);
}

HostShutdown *host_shutdown_new(BailiffEngine *engine)
{
    HostShutdown *self = g_new0(HostShutdown, 1);
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(engine);

    self->engine = g_object_ref(engine);
    self->inhibitor = -1;
    self->left = g_ptr_array_new_with_free_func(left_lockspace_free);
    g_signal_connect(engine, "lockspace-added", G_CALLBACK(on_lockspace_added), self);
    g_signal_connect(engine, "lockspace-removed", G_CALLBACK(on_lockspace_removed), self);
    g_signal_connect_swapped(engine, "registration-removed", G_CALLBACK(look_soon), self);
    for (guint i = 0; i < lockspaces->len; i++)
        on_lockspace_added(engine, lockspaces->pdata[i], self);
    return self;
}

void host_shutdown_free(HostShutdown *self)
{
    if (self == NULL)
        return;
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(self->engine);

    leave_bus(self);
    drop_inhibitor(self);
    stop_waiting(self);
    g_signal_handlers_disconnect_by_data(self->engine, self);
    for (guint i = 0; i < lockspaces->len; i++)
        g_signal_handlers_disconnect_by_data(lockspaces->pdata[i], self);
    if (self->look_source != 0)
        g_source_remove(self->look_source);
    g_ptr_array_unref(self->left);
    g_object_unref(self->engine);
    g_free(self);
}
