/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * State that the workers of a lockspace share.
 */
#include "engine/lease-sight.h"

struct LeaseSight {
    gatomicrefcount references;
    GMutex mutex;
    char *lockspace_name;
    HostTable table;
    HostSlot *slots;
    guint64 valid_until_us;
    gint closed; /* atomic */
};

LeaseSight *lease_sight_new(const char *lockspace_name, const Layout *layout, guint64 own_host_id,
                            guint32 own_io_timeout)
{
    LeaseSight *self = g_new0(LeaseSight, 1);

    g_atomic_ref_count_init(&self->references);
    g_mutex_init(&self->mutex);
    self->lockspace_name = g_strdup(lockspace_name);
    /* Zeroed pages that nobody writes cost no memory: host ids never used stay free of charge. */
    self->slots = g_new0(HostSlot, layout->max_hosts);
    host_table_init(&self->table, self->slots, layout, own_host_id, own_io_timeout);
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
    g_free(self->slots);
    g_free(self);
}

void lease_sight_observe(LeaseSight *self, const guint8 *area, guint32 length,
                         guint64 read_started_us, guint64 read_ended_us)
{
    g_mutex_lock(&self->mutex);
    host_table_observe(&self->table, area, length, self->lockspace_name, read_started_us,
                       read_ended_us);
    g_mutex_unlock(&self->mutex);
}

HostView lease_sight_view(LeaseSight *self, guint64 host_id)
{
    HostView view;

    g_mutex_lock(&self->mutex);
    view = host_table_view(&self->table, host_id);
    g_mutex_unlock(&self->mutex);
    return view;
}

guint32 lease_sight_max_hosts(LeaseSight *self)
{
    return self->table.layout.max_hosts; /* never changes */
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
