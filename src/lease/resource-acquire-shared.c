/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The acquire machine, part J: we own the resource, but hosts that held it shared before may do so
 * still. Each one that the ballot's reads showed is looked at again: does its mode record still say
 * so, and may its host be running? One that lives: the lease goes back (the caller's release) and
 * the answer is LEASE_HELD_SHARED. One that is dead: its sector is zeroed, so that nobody has to
 * ask again.
 *
 * That is the only write into a sector of another host, and what it may destroy was thought
 * through. While it is decided and under way the leader names us and we live: nobody gets past our
 * version, so no later incarnation of that host can have become a shared holder, and a ballot of it
 * for our version can only end with us as winner, since our own proposal stands in our own sector.
 * It stays so until the write is over: its start_by is the time until which we may act on our host
 * lease, a minute before others may take the resource; the release after a failure waits for it
 * (fence); and with our host goes its I/O.
 */
#include "lease/resource-acquire-parts.h"

#include <string.h>

#include "ondisk/mode-record.h"

static MachineStep next_holder(ResourceAcquire *self)
{
    const ResourceLease *lease = self->lease;
    while (self->shared_cursor < lease->layout.max_hosts) {
        uint64_t host_id = ++self->shared_cursor;
        /* Our own mode record says what we hold ourselves, or went with our first ballot write. */
        if (host_id == lease->host_id || !host_set_has(self->shared, host_id))
            continue;
        self->state = ACQUIRE_SHARED_SECTOR;
        return resource_step_read(
            lease, layout_host_sector(&lease->layout, lease->resource_offset, host_id),
            lease->layout.sector_size);
    }
    return acquire_done(self);
}

bool acquire_share_stands(const ResourceAcquire *self, const MachineInput *input)
{
    const ResourceLease *lease = self->lease;
    return lease->mode != RESOURCE_SHARED ||
           resource_own_says_shared(lease,
                                    ballot_sector(input->data, &lease->layout, lease->host_id));
}

MachineStep acquire_shared_begin(ResourceAcquire *self)
{
    if (self->wanted == RESOURCE_SHARED)
        return acquire_done(self);
    self->shared_cursor = 0;
    return next_holder(self);
}

static MachineStep on_sector(ResourceAcquire *self, const MachineInput *input)
{
    BallotRecord ballot;
    ModeRecord mode;
    ballot_record_decode(&ballot, input->data);
    RecordFault fault = ballot_record_check(&ballot);
    if (fault != RECORD_OK)
        return acquire_fail(self, resource_bad_record(fault, self->shared_cursor));
    mode_record_decode(&mode, input->data + MODE_RECORD_OFFSET);
    if ((mode.flags & MODE_FLAG_SHARED) == 0)
        return next_holder(self);
    self->shared_generation = mode.generation;
    self->state = ACQUIRE_SHARED_LOOK;
    return step_look(self->shared_cursor);
}

static MachineStep on_look(ResourceAcquire *self, const MachineInput *input)
{
    const ResourceLease *lease = self->lease;
    if (shared_holder_may_live(&input->host, self->shared_cursor, self->shared_generation)) {
        LeaseFault fault = { .kind = LEASE_HELD_SHARED,
                             .host_id = self->shared_cursor,
                             .generation = self->shared_generation };
        memcpy(fault.host_name, input->host.host_name, sizeof fault.host_name);
        fault.host_name[FIXED_NAME_SIZE] = '\0';
        return acquire_fail(self, fault);
    }
    /* No generation is 0. sanlock ignores such a record; to us its host had to be gone at least,
     * and what is in the sector is not ours to repair. */
    if (self->shared_generation == 0)
        return next_holder(self);
    memset(self->sector, 0, sizeof self->sector);
    self->state = ACQUIRE_SHARED_ZERO;
    return resource_step_write(
        lease, input,
        layout_host_sector(&lease->layout, lease->resource_offset, self->shared_cursor),
        self->sector);
}

MachineStep acquire_shared_resume(ResourceAcquire *self, const MachineInput *input)
{
    switch ((AcquireState)self->state) {
    case ACQUIRE_SHARED_SECTOR:
        return on_sector(self, input);
    case ACQUIRE_SHARED_LOOK:
        return on_look(self, input);
    default:
        return next_holder(self); /* the dead holder's sector is zero */
    }
}
