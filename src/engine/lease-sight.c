/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * State that the workers of a lockspace share.
 */
#include "engine/lease-sight.h"

#include <sys/mman.h>

#include "common/boottime.h"

struct LeaseSight {
    gatomicrefcount references;
    GMutex mutex;
    char *lockspace_name;
    HostTable table;
    HostSlot *slots;    /* and behind them inbox_slots and frozen_peers, in one piece of memory */
    gsize mapped_bytes; /* 0: from the heap */
    HostInbox inbox;
    HostInboxSlot *inbox_slots;
    FrozenPeer *frozen_peers;
    GArray *events; /* HostEventIn */
    gboolean examine_due;
    HostsEver ever;
    AreaReader *area_reader;
    RemainsTable *remains;
    guint64 valid_until_us;
    gint closed; /* atomic */
};

/* Zeroed pages that nobody writes cost no memory: host ids never used are free of charge. The heap
 * would give pages that were used before, and write zeroes to all of them. */
static void make_slots(LeaseSight *self, guint32 max_hosts)
{
    gsize bytes = max_hosts * (sizeof(HostSlot) + sizeof(HostInboxSlot) + sizeof(FrozenPeer));
    void *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    self->mapped_bytes = mapped != MAP_FAILED ? bytes : 0;
    self->slots = mapped != MAP_FAILED ? mapped : g_malloc0(bytes);
    self->inbox_slots = (HostInboxSlot *)(void *)(self->slots + max_hosts);
    self->frozen_peers = (FrozenPeer *)(void *)(self->inbox_slots + max_hosts);
}

static void free_slots(LeaseSight *self)
{
    if (self->mapped_bytes > 0)
        munmap(self->slots, self->mapped_bytes);
    else
        g_free(self->slots);
}

LeaseSight *lease_sight_new(const char *lockspace_name, const Layout *layout, guint64 own_host_id,
                            guint64 own_generation, guint32 own_io_timeout)
{
    LeaseSight *self = g_new0(LeaseSight, 1);

    g_atomic_ref_count_init(&self->references);
    g_mutex_init(&self->mutex);
    self->lockspace_name = g_strdup(lockspace_name);
    make_slots(self, layout->max_hosts);
    host_table_init(&self->table, self->slots, layout, own_host_id, own_io_timeout);
    host_inbox_init(&self->inbox, self->inbox_slots, own_host_id, own_generation);
    self->events = g_array_new(FALSE, FALSE, sizeof(HostEventIn));
    self->area_reader = area_reader_new(layout, own_host_id);
    self->remains = remains_table_new();
    return self;
}

LeaseSight *lease_sight_ref(LeaseSight *self)
{
    g_atomic_ref_count_inc(&self->references);
    return self;
}

void lease_sight_unref(LeaseSight *self)
{
    if (!g_atomic_ref_count_dec(&self->references))
        return;
    g_mutex_clear(&self->mutex);
    g_free(self->lockspace_name);
    free_slots(self);
    g_array_unref(self->events);
    area_reader_free(self->area_reader);
    remains_table_free(self->remains);
    g_free(self);
}

static void read_messages(LeaseSight *self, const guint8 *area)
{
    HostEventIn some[16];
    guint n;

    do {
        n = host_inbox_observe(&self->inbox, &self->table, area, self->lockspace_name, some,
                               G_N_ELEMENTS(some));
        g_array_append_vals(self->events, some, n);
    } while (n == G_N_ELEMENTS(some));
    if (host_inbox_examine_due(&self->inbox, &self->table, area, self->lockspace_name,
                               boottime_now()))
        self->examine_due = TRUE;
}

void lease_sight_observe(LeaseSight *self, const guint8 *area, guint32 length,
                         guint64 read_started_us, guint64 read_ended_us)
{
    g_mutex_lock(&self->mutex);
    host_table_observe(&self->table, area, length, self->lockspace_name, read_started_us,
                       read_ended_us);
    /* Not from an area that the table did not take: a late one shows the past. */
    if (length == self->table.layout.align_size && self->table.last_check_us == read_started_us)
        read_messages(self, area);
    hosts_ever_observe(&self->ever, area, length, &self->table.layout, self->lockspace_name,
                       read_started_us);
    g_mutex_unlock(&self->mutex);
}

GArray *lease_sight_take_events(LeaseSight *self)
{
    GArray *events;

    g_mutex_lock(&self->mutex);
    events = g_steal_pointer(&self->events);
    self->events = g_array_new(FALSE, FALSE, sizeof(HostEventIn));
    g_mutex_unlock(&self->mutex);
    return events;
}

gboolean lease_sight_take_examine_due(LeaseSight *self)
{
    gboolean due;

    g_mutex_lock(&self->mutex);
    due = self->examine_due;
    self->examine_due = FALSE;
    g_mutex_unlock(&self->mutex);
    return due;
}

HostView lease_sight_view(LeaseSight *self, guint64 host_id)
{
    HostView view;

    g_mutex_lock(&self->mutex);
    view = host_table_view(&self->table, host_id);
    g_mutex_unlock(&self->mutex);
    return view;
}

void lease_sight_hosts_ever(LeaseSight *self, HostsEver *ret)
{
    g_mutex_lock(&self->mutex);
    *ret = self->ever;
    g_mutex_unlock(&self->mutex);
}

AreaReader *lease_sight_get_area_reader(LeaseSight *self)
{
    return self->area_reader;
}

RemainsTable *lease_sight_get_remains(LeaseSight *self)
{
    return self->remains;
}

FrozenPeer *lease_sight_get_frozen_peers(LeaseSight *self)
{
    return self->frozen_peers;
}

gboolean lease_sight_next_host(LeaseSight *self, guint64 after_id, HostView *ret)
{
    guint64 host_id;

    g_mutex_lock(&self->mutex);
    host_id = host_table_next(&self->table, after_id);
    if (host_id != 0)
        *ret = host_table_view(&self->table, host_id);
    g_mutex_unlock(&self->mutex);
    return host_id != 0;
}

void lease_sight_set_valid_until(LeaseSight *self, guint64 valid_until_us)
{
    g_mutex_lock(&self->mutex);
    self->valid_until_us = valid_until_us;
    g_mutex_unlock(&self->mutex);
}

guint64 lease_sight_get_valid_until(LeaseSight *self)
{
    guint64 valid_until_us;

    g_mutex_lock(&self->mutex);
    valid_until_us = self->valid_until_us;
    g_mutex_unlock(&self->mutex);
    return valid_until_us;
}

void lease_sight_close(LeaseSight *self)
{
    g_atomic_int_set(&self->closed, TRUE);
}

gboolean lease_sight_is_closed(LeaseSight *self)
{
    return g_atomic_int_get(&self->closed);
}
