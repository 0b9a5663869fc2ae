/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The acquire machine, part C: another host is named as owner. Look at what is known of it, read
 * its host lease, and if somebody else wrote the leader last, the RELEASED flag in its sector of
 * the resource; then try, give up, or (a patient machine) wait a second and look again.
 *
 * The flag counts only beside a leader record that its owner did not write, and it must be read
 * after that leader was: the area read, which has both, may have sampled the sector first.
 */
#include "lease/resource-acquire-parts.h"

#include <string.h>

#include "lease/lease-timing.h"

/* Between two looks at an owner that may be dead: a release shows within it. Sanlock's, too; but
 * the first ones come after as long as some reads take on this storage now, and then twice as long
 * each time. Where a resource changes hands all the time nobody is seen to be alive for long. */
#define OWNER_POLL_US USEC_PER_SECOND
#define OWNER_POLL_MIN_US 2000u
#define OWNER_POLL_READS 4u
#define OWNER_POLL_DOUBLINGS_MAX 9u

static MachineStep look(ResourceAcquire *self)
{
    self->state = ACQUIRE_OWNER_LOOK;
    return step_look(self->found.owner_id);
}

MachineStep acquire_owner_begin(ResourceAcquire *self)
{
    owner_evidence_begin(&self->owner, self->found.owner_id);
    self->owner_polls = 0;
    return look(self);
}

static MachineStep on_look(ResourceAcquire *self, const MachineInput *input)
{
    const ResourceLease *lease = self->lease;
    self->owner_view = input->host;
    self->state = ACQUIRE_OWNER_LEASE;
    return step_read(
        TARGET_LOCKSPACE,
        layout_host_lease(&lease->layout, lease->lockspace_offset, self->found.owner_id),
        lease->layout.sector_size, timing_io(lease->io_timeout));
}

/* What is done about the owner before a ballot stays true: a dead or replaced incarnation does not
 * come back, and who said RELEASED must win a ballot to hold again. */
static MachineStep try_it(ResourceAcquire *self)
{
    self->may_try = true;
    return acquire_read_area(self);
}

static uint64_t next_poll(ResourceAcquire *self, const MachineInput *input)
{
    uint64_t read_us = time_since(input->now_us, input->io_started_us);
    uint64_t window_us = OWNER_POLL_READS * read_us;

    if (window_us < OWNER_POLL_MIN_US)
        window_us = OWNER_POLL_MIN_US;
    if (window_us < OWNER_POLL_US)
        window_us <<= self->owner_polls;
    if (window_us > OWNER_POLL_US)
        window_us = OWNER_POLL_US;
    if (self->owner_polls < OWNER_POLL_DOUBLINGS_MAX)
        self->owner_polls++;
    return window_us;
}

static MachineStep owner_in_the_way(ResourceAcquire *self, const MachineInput *input)
{
    LeaseFault fault = { .kind = LEASE_HELD,
                         .host_id = self->found.owner_id,
                         .generation = self->found.owner_generation,
                         .version = self->found.version_of_lease };
    memcpy(fault.host_name, self->owner_name, sizeof fault.host_name);
    if (self->owner_verdict == OWNER_LIVE)
        return acquire_fail_held(self, input, fault);
    if (self->patient) {
        self->state = ACQUIRE_OWNER_WAIT;
        return step_wait(time_add(input->now_us, next_poll(self, input)));
    }
    fault.kind = LEASE_HELD_UNCERTAIN;
    fault.free_at_us = owner_evidence_dead_at(&self->owner);
    return acquire_fail(self, fault);
}

static MachineStep on_host_lease(ResourceAcquire *self, const MachineInput *input)
{
    const ResourceLease *lease = self->lease;
    LeaderRecord record;
    leader_record_decode(&record, input->data);
    RecordFault fault = host_lease_record_check(&record, lease->lockspace_name, NULL);
    if (fault != RECORD_OK)
        return acquire_fail(self, resource_bad_record(fault, self->found.owner_id));

    fixed_name_load(self->owner_name, record.name);
    self->owner_verdict =
        owner_evidence_add(&self->owner, &record, &self->owner_view, self->found.owner_generation,
                           lease->io_timeout, input->io_started_us, input->now_us);
    if (self->owner_verdict == OWNER_GONE || self->owner_verdict == OWNER_DEAD)
        return try_it(self);
    if (self->found.write_id == self->found.owner_id)
        return owner_in_the_way(self, input);
    self->state = ACQUIRE_OWNER_FLAG;
    return resource_step_read(
        lease, layout_host_sector(&lease->layout, lease->resource_offset, self->found.owner_id),
        lease->layout.sector_size);
}

static MachineStep on_flag(ResourceAcquire *self, const MachineInput *input)
{
    BallotRecord ballot;
    ballot_record_decode(&ballot, input->data);
    if (ballot_shows_let_go(&ballot, self->found.version_of_lease))
        return try_it(self);
    return owner_in_the_way(self, input);
}

static MachineStep on_leader(ResourceAcquire *self, const MachineInput *input)
{
    LeaderRecord leader;
    LeaseFault fault = resource_leader_load(self->lease, input->data, &leader);
    if (fault.kind != LEASE_OK)
        return acquire_fail(self, fault);
    if (!leader_record_equal(&leader, &self->found))
        return acquire_read_area_afresh(self);
    return look(self);
}

MachineStep acquire_owner_resume(ResourceAcquire *self, const MachineInput *input)
{
    switch ((AcquireState)self->state) {
    case ACQUIRE_OWNER_LOOK:
        return on_look(self, input);
    case ACQUIRE_OWNER_LEASE:
        return on_host_lease(self, input);
    case ACQUIRE_OWNER_FLAG:
        return on_flag(self, input);
    case ACQUIRE_OWNER_WAIT:
        self->state = ACQUIRE_OWNER_LEADER;
        return resource_step_read(self->lease, self->lease->resource_offset,
                                  self->lease->layout.sector_size);
    default:
        return on_leader(self, input);
    }
}
