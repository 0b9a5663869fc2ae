/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host that renews its lease in a lockspace on a memory disk.
 */
#pragma once

#include "lease/host-lease-renew.h"
#include "support/memory-lockspace.h"

#define SECOND USEC_PER_SECOND
#define T0 (1000 * SECOND + 250000)
#define HOST 2
#define N 10

typedef struct World {
    MemoryLockspace space;
    MemoryHost host;
    HostLease lease;
    HostLeaseRenew renew;
} World;

/* Renewed at T0, 30 s ago. */
static inline void world_lease(World *self, uint64_t host_id)
{
    memory_host_init(&self->host, &self->space.disk, NULL, T0 + 30 * SECOND);
    memory_lockspace_hold(&self->space, host_id, &self->lease, T0);
}

static inline void world_init(World *self)
{
    memory_lockspace_init(&self->space, 512, 0, N);
    world_lease(self, HOST);
}

static inline void world_clear(World *self)
{
    memory_host_clear(&self->host);
    memory_lockspace_clear(&self->space);
}

static inline LeaderRecord world_record(const World *self)
{
    return memory_lockspace_record(&self->space, self->lease.host_id);
}
