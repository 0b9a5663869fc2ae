/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unique names of callers and the work that goes with them.
 */
#include "dbus/caller-watch.h"

struct CallerWatch {
    GDBusConnection *connection;
    guint subscription;
    GHashTable *callers; /* unique name -> GPtrArray of GCancellable */
};

static GHashTable *new_table(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                 (GDestroyNotify)g_ptr_array_unref);
}

CallerWatch *caller_watch_new(void)
{
    CallerWatch *self = g_new0(CallerWatch, 1);
    self->callers = new_table();
    return self;
}

static void cancel_all(GPtrArray *cancellables)
{
    for (guint i = 0; i < cancellables->len; i++)
        g_cancellable_cancel(g_ptr_array_index(cancellables, i));
}

static void caller_left(CallerWatch *self, const char *name)
{
    g_autofree char *key = NULL;
    g_autoptr(GPtrArray) cancellables = NULL;

    /* Taken out first: cancelling may end calls, which then remove themselves. */
    if (g_hash_table_steal_extended(self->callers, name, (gpointer *)&key,
                                    (gpointer *)&cancellables))
        cancel_all(cancellables);
}

static void name_owner_changed(GDBusConnection *connection, const char *sender, const char *path,
                               const char *interface, const char *signal, GVariant *parameters,
                               gpointer user_data)
{
    const char *name, *new_owner;

    if (!g_variant_is_of_type(parameters, G_VARIANT_TYPE("(sss)")))
        return;
    g_variant_get(parameters, "(&s&s&s)", &name, NULL, &new_owner);
    if (*name == ':' && *new_owner == '\0')
        caller_left(user_data, name);
}

void caller_watch_set_connection(CallerWatch *self, GDBusConnection *connection)
{
    if (self->connection != NULL) {
        g_dbus_connection_signal_unsubscribe(self->connection, self->subscription);
        g_clear_object(&self->connection);
        /* Cancelling may end calls, which then remove themselves from the new table. */
        g_autoptr(GHashTable) callers = g_steal_pointer(&self->callers);
        self->callers = new_table();
        GHashTableIter iter;
        gpointer cancellables;
        g_hash_table_iter_init(&iter, callers);
        while (g_hash_table_iter_next(&iter, NULL, &cancellables))
            cancel_all(cancellables);
    }
    if (connection != NULL) {
        self->connection = g_object_ref(connection);
        self->subscription = g_dbus_connection_signal_subscribe(
            connection, "org.freedesktop.DBus", "org.freedesktop.DBus", "NameOwnerChanged",
            "/org/freedesktop/DBus", NULL, G_DBUS_SIGNAL_FLAGS_NONE, name_owner_changed, self,
            NULL);
    }
}

void caller_watch_free(CallerWatch *self)
{
    caller_watch_set_connection(self, NULL);
    g_hash_table_unref(self->callers);
    g_free(self);
}

void caller_watch_add(CallerWatch *self, const char *name, GCancellable *cancellable)
{
    GPtrArray *cancellables = g_hash_table_lookup(self->callers, name);
    if (cancellables == NULL) {
        cancellables = g_ptr_array_new_with_free_func(g_object_unref);
        g_hash_table_insert(self->callers, g_strdup(name), cancellables);
    }
    g_ptr_array_add(cancellables, g_object_ref(cancellable));
}

void caller_watch_remove(CallerWatch *self, const char *name, GCancellable *cancellable)
{
    GPtrArray *cancellables = g_hash_table_lookup(self->callers, name);
    if (cancellables == NULL)
        return;
    g_ptr_array_remove_fast(cancellables, cancellable);
    if (cancellables->len == 0)
        g_hash_table_remove(self->callers, name);
}
