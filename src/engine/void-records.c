/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two sets of paths: of this second, and of the one before it, which go when this one is over.
 */
#include "engine/void-records.h"

#include <errno.h>
#include <glib/gstdio.h>

#include "common/log-message.h"
#include "common/runtime-file.h"
#include "engine/saved-resource.h"

#define INTERVAL_S 1u

struct VoidRecords {
    const char *runtime_dir;
    GHashTable *young;
    GHashTable *old;
    guint timer; /* 0: there are none */
};

static GHashTable *new_set(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

VoidRecords *void_records_new(const char *runtime_dir)
{
    VoidRecords *self = g_new0(VoidRecords, 1);

    self->runtime_dir = runtime_dir;
    self->young = new_set();
    self->old = new_set();
    return self;
}

static void remove_set(GHashTable *paths)
{
    GHashTableIter iter;
    gpointer path;

    g_hash_table_iter_init(&iter, paths);
    while (g_hash_table_iter_next(&iter, &path, NULL))
        if (g_unlink(path) != 0 && errno != ENOENT)
            log_message(MESSAGE_RECORD_FAILED, NULL, "%s could not be removed: %s",
                        (const char *)path, g_strerror(errno));
    g_hash_table_remove_all(paths);
}

static gboolean on_timer(gpointer user_data)
{
    VoidRecords *self = user_data;
    GHashTable *emptied = self->old;

    remove_set(self->old);
    self->old = self->young;
    self->young = emptied;
    if (g_hash_table_size(self->old) > 0)
        return G_SOURCE_CONTINUE;
    self->timer = 0;
    return G_SOURCE_REMOVE;
}

void void_records_remove_all(VoidRecords *self)
{
    g_clear_handle_id(&self->timer, g_source_remove);
    remove_set(self->young);
    remove_set(self->old);
}

void void_records_free(VoidRecords *self)
{
    void_records_remove_all(self);
    g_hash_table_unref(self->young);
    g_hash_table_unref(self->old);
    g_free(self);
}

void void_records_put(VoidRecords *self, const char *lockspace, const char *name)
{
    g_autofree char *path = saved_resource_path(self->runtime_dir, lockspace, name);

    if (g_hash_table_size(self->young) + g_hash_table_size(self->old) >= VOID_RECORDS_MAX ||
        !runtime_file_make_void(path)) {
        saved_resource_remove(self->runtime_dir, lockspace, name);
        return;
    }
    g_hash_table_add(self->young, g_steal_pointer(&path));
    if (self->timer == 0)
        self->timer = g_timeout_add_seconds(INTERVAL_S, on_timer, self);
}

void void_records_take(VoidRecords *self, const char *lockspace, const char *name)
{
    g_autofree char *path = NULL;

    if (self->timer == 0)
        return;
    path = saved_resource_path(self->runtime_dir, lockspace, name);
    if (!g_hash_table_remove(self->young, path))
        g_hash_table_remove(self->old, path);
}
