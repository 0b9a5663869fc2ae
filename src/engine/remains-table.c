/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What releases have left behind. Each is taken once: whatever becomes of the acquisition, it is no
 * longer true.
 */
#include "engine/remains-table.h"

#include "blockio/storage-key.h"
#include "engine/area-reader.h"

/* They are good for seconds only, so it does not matter which are kept. */
#define REMAINS_MAX 4096u

struct RemainsTable {
    GHashTable *entries; /* resource name → Entry */
};

typedef struct Entry {
    StorageKey storage;
    guint64 offset;
    gint epoch; /* of area_reader_forget_all() */
    ResourceRemains remains;
} Entry;

RemainsTable *remains_table_new(void)
{
    RemainsTable *self = g_new(RemainsTable, 1);

    self->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return self;
}

void remains_table_free(RemainsTable *self)
{
    g_hash_table_unref(self->entries);
    g_free(self);
}

static Entry entry_of(const BlockDevice *device, guint64 offset)
{
    return (Entry){ .storage = { block_device_get_key_major(device),
                                 block_device_get_key_minor(device) },
                    .offset = offset,
                    .epoch = area_reader_get_epoch() };
}

void remains_table_put(RemainsTable *self, const char *resource, const BlockDevice *device,
                       guint64 offset, const ResourceRemains *remains)
{
    Entry entry = entry_of(device, offset);

    entry.remains = *remains;
    if (!remains->good)
        g_hash_table_remove(self->entries, resource);
    else if (g_hash_table_size(self->entries) < REMAINS_MAX)
        g_hash_table_replace(self->entries, g_strdup(resource), g_memdup2(&entry, sizeof entry));
    else
        g_hash_table_remove_all(self->entries);
}

ResourceRemains remains_table_take(RemainsTable *self, const char *resource,
                                   const BlockDevice *device, guint64 offset)
{
    const Entry wanted = entry_of(device, offset);
    const Entry *entry = g_hash_table_lookup(self->entries, resource);
    ResourceRemains remains = { .good = false };

    if (entry == NULL)
        return remains;
    if (storage_key_equal(&entry->storage, &wanted.storage) && entry->offset == offset &&
        entry->epoch == wanted.epoch)
        remains = entry->remains;
    g_hash_table_remove(self->entries, resource);
    return remains;
}
