/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hold a resource shared; see the header.
 *
 * Why a shared holder and an exclusive one never meet
 * ---------------------------------------------------
 * 1. SHARED is written only while the resource is ours: by the leader, at a version v that we have
 *    won, of which nobody else takes us for gone before that write is on disk. So at that moment
 *    there is no exclusive holder, and nobody is past version v.
 * 2. One write says both, RELEASED and SHARED. RELEASED lets go of a leader record that another
 *    host wrote, time stamp 0 of one that we wrote; neither is to be seen before SHARED is.
 * 3. Whoever then wins a later version has read our sector twice since he saw v let go, so he has
 *    seen SHARED, and asks about us before he believes that he holds exclusively
 *    (resource-acquire-shared.c). Who wants to share does not ask, and need not.
 * 4. A leader record of the past changes nothing about that: our sector speaks for itself, at
 *    whatever version its reader is.
 * 5. SHARED goes only with our own release, with our own conversion to exclusive after the leader
 *    is ours again, or by the hand of a host to which we were dead for 8 N + 60 s, which is later
 *    than we act by our host lease.
 *
 * The last point has a hole that no clock of ours shows: a host that stood still as a whole (a
 * virtual one that was frozen), or a zero meant for our former incarnation that was long on its
 * way, as sanlock does not hold its writes back for one another. So the sector is read again at the
 * end. What it shows then was not zeroed by anybody who acted before that read began: the hold
 * begins no earlier than that, and no stall up to then matters. And a stall before our SHARED was
 * on disk shows in the leader: nobody goes past one that we wrote ourselves before we give it back,
 * unless we are dead to him. If it is at a later version and held there may be an exclusive holder
 * who never saw SHARED. (Another host may have written the same decision once more, after us; then
 * RELEASED lets others pass, who see SHARED with it. Those who share pass through, and who wants it
 * exclusively gives it back: only one who is seen in between is taken for a holder.)
 *
 * The leader that is given back is judged as an acquisition that is taken back is: any record by
 * our hand that names us is a hold of nobody, now that what we hold is in our sector. One by
 * another's hand stays; RELEASED is for that.
 *
 * Our ballot record keeps its values as after any release (resource-release.c).
 */
#include "lease/resource-share.h"

#include <string.h>

#include "lease/resource-step.h"

typedef enum ShareState {
    SHARE_ACQUIRE,
    SHARE_START,
    SHARE_SECTOR,
    SHARE_LEADER_READ,
    SHARE_LEADER_WRITE,
    SHARE_CHECK,
    SHARE_ENDED,
} ShareState;

void resource_share_init(ResourceShare *self, ResourceLease *lease, bool patient,
                         uint64_t required_version)
{
    *self = (ResourceShare){ .lease = lease, .state = SHARE_ACQUIRE };
    resource_acquire_init(&self->acquire, lease, patient, required_version);
    self->acquire.wanted = RESOURCE_SHARED;
}

void resource_share_of_held_init(ResourceShare *self, ResourceLease *lease)
{
    *self = (ResourceShare){ .lease = lease, .state = SHARE_START };
}

static MachineStep share_fail(ResourceShare *self, LeaseFault fault)
{
    self->state = SHARE_ENDED;
    return step_failed(fault);
}

static MachineStep share_done(ResourceShare *self)
{
    self->lease->held = true;
    self->lease->may_be_owner = false;
    self->state = SHARE_ENDED;
    return step_done();
}

static MachineStep write_own(ResourceShare *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    self->nobody_passes =
        lease->mode == RESOURCE_EXCLUSIVE && lease->leader.write_id == lease->host_id;
    lease->mode = RESOURCE_SHARED;
    lease->may_be_owner = true;
    lease->ballot.flags |= BALLOT_FLAG_RELEASED;
    self->state = SHARE_SECTOR;
    return resource_step_write_own(lease, input, RESOURCE_SHARED, self->sector);
}

static MachineStep read_leader(ResourceShare *self)
{
    self->state = SHARE_LEADER_READ;
    return resource_step_read(self->lease, self->lease->resource_offset,
                              self->lease->layout.sector_size);
}

static MachineStep read_own(ResourceShare *self)
{
    const ResourceLease *lease = self->lease;
    self->state = SHARE_CHECK;
    return resource_step_read(
        lease, layout_host_sector(&lease->layout, lease->resource_offset, lease->host_id),
        lease->layout.sector_size);
}

static MachineStep on_leader(ResourceShare *self, const MachineInput *input)
{
    LeaderRecord leader;
    LeaseFault fault = resource_leader_load(self->lease, input->data, &leader);
    if (fault.kind != LEASE_OK)
        return share_fail(self, fault);
    bool is_held = leader.timestamp != 0 && (leader.flags & LEADER_FLAG_SHORT_HOLD) == 0;
    if (self->nobody_passes && is_held &&
        leader.version_of_lease > self->lease->leader.version_of_lease) {
        self->lease->held = false;
        return share_fail(self, resource_fault(LEASE_SHARE_LOST));
    }
    if (!resource_leader_is_owed(self->lease, &leader))
        return read_own(self);
    self->state = SHARE_LEADER_WRITE;
    return resource_step_free_leader(self->lease, input, &leader, self->sector);
}

static MachineStep on_own(ResourceShare *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    uint8_t written[BALLOT_RECORD_SIZE];
    ballot_record_encode(&lease->ballot, written);
    if (memcmp(input->data, written, sizeof written) == 0 &&
        resource_own_says_shared(lease, input->data))
        return share_done(self);
    lease->held = false;
    return share_fail(self, resource_fault(LEASE_SHARE_LOST));
}

static MachineStep resume_acquire(ResourceShare *self, const MachineInput *input)
{
    MachineStep step = resource_acquire_resume(&self->acquire, input);
    if (step.kind == STEP_FAILED)
        self->state = SHARE_ENDED;
    if (step.kind != STEP_DONE)
        return step;
    self->lease->held = false; /* only on the way to what was wanted */
    return write_own(self, input);
}

/* After the acquisition `stop` is not looked at: there is no wait, and the end is near. */
MachineStep resource_share_resume(ResourceShare *self, const MachineInput *input)
{
    ShareState state = (ShareState)self->state;
    if (state == SHARE_ACQUIRE)
        return resume_acquire(self, input);
    if (state == SHARE_ENDED)
        return step_failed(resource_fault(LEASE_STOPPED));
    if (input->now_us >= input->valid_until_us)
        return share_fail(self, resource_fault(LEASE_EXPIRED));
    if (state != SHARE_START && input->io != IO_OK)
        return share_fail(
            self, resource_io_fault(input, state == SHARE_SECTOR || state == SHARE_LEADER_WRITE));
    switch (state) {
    case SHARE_START:
        return write_own(self, input);
    case SHARE_SECTOR:
        return read_leader(self);
    case SHARE_LEADER_READ:
        return on_leader(self, input);
    case SHARE_LEADER_WRITE:
        return read_own(self);
    default:
        return on_own(self, input);
    }
}
