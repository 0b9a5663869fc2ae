/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A line for each storage, which exists while somebody has a turn there.
 */
#include "engine/machine-turns.h"

#include "blockio/storage-key.h"

typedef struct TurnLine {
    StorageKey key;
    guint taken;
    GQueue waiting;
} TurnLine;

struct MachineTurns {
    GHashTable *lines; /* StorageKey → TurnLine, owned */
};

MachineTurns *machine_turns_new(void)
{
    MachineTurns *self = g_new0(MachineTurns, 1);

    self->lines = g_hash_table_new_full(storage_key_hash, storage_key_equal, NULL, g_free);
    return self;
}

void machine_turns_free(MachineTurns *self)
{
    g_hash_table_unref(self->lines);
    g_free(self);
}

static TurnLine *find_line(MachineTurns *self, const BlockDevice *device)
{
    StorageKey key = { block_device_get_key_major(device), block_device_get_key_minor(device) };
    TurnLine *line = g_hash_table_lookup(self->lines, &key);

    if (line == NULL) {
        line = g_new0(TurnLine, 1);
        line->key = key;
        g_queue_init(&line->waiting);
        g_hash_table_insert(self->lines, &line->key, line);
    }
    return line;
}

gboolean machine_turns_take(MachineTurns *self, const BlockDevice *device, gpointer waiter)
{
    TurnLine *line = find_line(self, device);

    if (line->taken >= MACHINE_TURNS_MAX) {
        g_queue_push_tail(&line->waiting, waiter);
        return FALSE;
    }
    line->taken++;
    return TRUE;
}

void machine_turns_take_at_once(MachineTurns *self, const BlockDevice *device, gpointer waiter)
{
    TurnLine *line = find_line(self, device);

    g_queue_remove(&line->waiting, waiter);
    line->taken++;
}

gpointer machine_turns_give(MachineTurns *self, const BlockDevice *device)
{
    TurnLine *line = find_line(self, device);
    gpointer next = NULL;

    line->taken--;
    if (line->taken < MACHINE_TURNS_MAX)
        next = g_queue_pop_head(&line->waiting);
    if (next != NULL)
        line->taken++;
    if (line->taken == 0)
        g_hash_table_remove(self->lines, &line->key);
    return next;
}
