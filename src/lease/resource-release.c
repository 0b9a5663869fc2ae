/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Release, and taking back an acquisition that failed half way.
 *
 * Two writes: RELEASED into our own sector, then time stamp 0 into the leader, if the leader is our
 * own write. Both are needed. The leader alone is not enough: a host that has adopted our proposal
 * may write it again, naming us, at any time; the flag is what makes that record mean "free". The
 * flag alone is not enough: it counts only beside a leader that somebody else wrote. And the flag
 * comes first: between the two writes we hold, to everybody else, what we no longer use.
 *
 * Our ballot record keeps its values, also when an acquisition is taken back. (sanlock zeroes it
 * then.) To a host in the middle of a ballot, ours or sanlock's, the flag is no part of the ballot:
 * it sees our number and our proposal exactly as before, and decides as if nothing had happened. So
 * taking back can hide neither a number that should end its ballot, nor a proposal that a third
 * host may have committed already. Who then commits us writes a leader whose writer is not its
 * owner, finds itself the loser, and looks at our flag before it believes that we hold anything:
 * free. The price is one version that nobody used. Should this host try again at the same version,
 * it does not take that old proposal for its own success (resource-acquire.c).
 *
 * A release that is repeated finds what its first attempt may have done: time stamp 0 by our own
 * hand is done.
 */
#include "lease/resource-release.h"

#include <string.h>

#include "lease/resource-step.h"

typedef enum ReleaseState {
    RELEASE_START,
    RELEASE_FLAG,
    RELEASE_READ,
    RELEASE_LEADER,
    RELEASE_ENDED,
} ReleaseState;

typedef enum LeaderVerdict {
    LEADER_DONE,   /* it does not hold anybody up */
    LEADER_OURS,   /* to be released */
    LEADER_ALTERED /* not what we held, and yet by our own hand */
} LeaderVerdict;

void resource_release_init(ResourceRelease *self, ResourceLease *lease)
{
    *self = (ResourceRelease){ .lease = lease, .state = RELEASE_START };
}

static MachineStep release_fail(ResourceRelease *self, LeaseFault fault)
{
    self->state = RELEASE_ENDED;
    return step_failed(fault);
}

static void let_go(ResourceRelease *self)
{
    self->lease->held = false;
    self->lease->may_be_owner = false;
    self->state = RELEASE_ENDED;
}

static MachineStep release_done(ResourceRelease *self)
{
    let_go(self);
    return step_done();
}

static MachineStep write_flag(ResourceRelease *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    lease->ballot.flags |= BALLOT_FLAG_RELEASED;
    memset(self->sector, 0, sizeof self->sector);
    ballot_record_encode(&lease->ballot, self->sector);
    self->state = RELEASE_FLAG;
    return resource_step_write(
        lease, input, layout_host_sector(&lease->layout, lease->resource_offset, lease->host_id),
        self->sector);
}

/* What we held: the leader must be just that. */
static LeaderVerdict judge_held(const ResourceLease *lease, const LeaderRecord *leader)
{
    if (leader->write_id != lease->host_id)
        return LEADER_DONE;
    if (leader_record_equal(leader, &lease->leader))
        return LEADER_OURS;
    /* An earlier attempt of this release. */
    if (leader->timestamp == 0 && resource_leader_is_ours(lease, leader) &&
        leader->version_of_lease == lease->leader.version_of_lease)
        return LEADER_DONE;
    return LEADER_ALTERED;
}

/* What we may have become: of which version, and by which of our writes, does not matter. Nothing
 * on this host holds the resource, so a leader that we wrote and that names us is a hold of nobody.
 */
static LeaderVerdict judge_taken_back(const ResourceLease *lease, const LeaderRecord *leader)
{
    if (leader->write_id != lease->host_id || leader->timestamp == 0 ||
        !resource_leader_is_ours(lease, leader))
        return LEADER_DONE;
    return LEADER_OURS;
}

static MachineStep on_leader(ResourceRelease *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    LeaderRecord leader;
    LeaseFault fault = resource_leader_load(lease, input->data, &leader);
    if (fault.kind != LEASE_OK)
        return release_fail(self, fault);

    LeaderVerdict verdict =
        lease->held ? judge_held(lease, &leader) : judge_taken_back(lease, &leader);
    if (verdict == LEADER_DONE)
        return release_done(self);
    if (verdict == LEADER_ALTERED) {
        let_go(self);
        return step_failed((LeaseFault){ .kind = LEASE_NOT_OURS,
                                         .host_id = leader.owner_id,
                                         .generation = leader.owner_generation,
                                         .version = leader.version_of_lease });
    }
    leader.timestamp = 0;
    leader.flags &= ~LEADER_FLAG_SHORT_HOLD;
    resource_leader_sign(lease, &leader, input->now_us);
    memset(self->sector, 0, sizeof self->sector);
    leader_record_encode(&leader, self->sector);
    self->state = RELEASE_LEADER;
    return resource_step_write(lease, input, lease->resource_offset, self->sector);
}

/* `stop` is not looked at: there is no wait in here, and a release half done helps nobody. */
MachineStep resource_release_resume(ResourceRelease *self, const MachineInput *input)
{
    ReleaseState state = (ReleaseState)self->state;
    if (state == RELEASE_ENDED)
        return step_failed(resource_fault(LEASE_STOPPED));
    if (state == RELEASE_START && !self->lease->held && !self->lease->may_be_owner)
        return release_done(self);
    /* What was written in time counts however late it is seen. */
    if (state == RELEASE_LEADER && input->io == IO_OK)
        return release_done(self);
    if (input->now_us >= input->valid_until_us)
        return release_fail(self, resource_fault(LEASE_EXPIRED));
    if (state != RELEASE_START && input->io != IO_OK)
        return release_fail(self, resource_io_fault(input, state != RELEASE_READ));

    switch (state) {
    case RELEASE_START:
        return write_flag(self, input);
    case RELEASE_FLAG:
        self->state = RELEASE_READ;
        return resource_step_read(self->lease, self->lease->resource_offset,
                                  self->lease->layout.sector_size);
    default:
        return on_leader(self, input);
    }
}
