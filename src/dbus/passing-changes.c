/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two sets: of this interval, and of the one before it, which is announced when this one is over.
 */
#include "dbus/passing-changes.h"

struct PassingChanges {
    PassingChangesAnnounce announce;
    gpointer user_data;
    GHashTable *young;
    GHashTable *old;
    guint timer; /* 0: there are none */
};

static GHashTable *new_set(void)
{
    return g_hash_table_new_full(NULL, NULL, g_object_unref, NULL);
}

PassingChanges *passing_changes_new(PassingChangesAnnounce announce, gpointer user_data)
{
    PassingChanges *self = g_new0(PassingChanges, 1);

    self->announce = announce;
    self->user_data = user_data;
    self->young = new_set();
    self->old = new_set();
    return self;
}

void passing_changes_free(PassingChanges *self)
{
    g_clear_handle_id(&self->timer, g_source_remove);
    g_hash_table_unref(self->young);
    g_hash_table_unref(self->old);
    g_free(self);
}

static gboolean on_timer(gpointer user_data)
{
    PassingChanges *self = user_data;
    g_autoptr(GHashTable) due = g_steal_pointer(&self->old);
    GHashTableIter iter;
    gpointer interface;

    self->old = g_steal_pointer(&self->young);
    self->young = new_set();
    g_hash_table_iter_init(&iter, due);
    while (g_hash_table_iter_next(&iter, &interface, NULL))
        self->announce(self->user_data, interface);
    if (g_hash_table_size(self->old) > 0)
        return G_SOURCE_CONTINUE;
    self->timer = 0;
    return G_SOURCE_REMOVE;
}

void passing_changes_add(PassingChanges *self, GDBusInterfaceSkeleton *interface)
{
    if (!g_hash_table_contains(self->old, interface))
        g_hash_table_add(self->young, g_object_ref(interface));
    if (self->timer == 0)
        self->timer = g_timeout_add(PASSING_CHANGE_MS, on_timer, self);
}

void passing_changes_remove(PassingChanges *self, GDBusInterfaceSkeleton *interface)
{
    if (!g_hash_table_remove(self->young, interface))
        g_hash_table_remove(self->old, interface);
}
