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
 *
 * A shared lease is only in our sector (resource-share.c): one write, RELEASED as it was and SHARED
 * taken out. The leader is looked at where a conversion has left something there; it is judged as
 * one of an acquisition that is taken back.
 *
 * A new name goes into the leader with the write that releases it, so that nobody sees the one
 * without the other. Where that write is not ours to make, because another host wrote the leader
 * last, the name cannot be changed: the lease is released all the same, and LEASE_NOT_RENAMED says
 * so. (sanlock says nothing.) A repeated release takes the new name on disk for its own work.
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
    LEADER_DONE,   /* it does not hold anybody up, and we write nothing */
    LEADER_OURS,   /* to be released */
    LEADER_ALTERED /* not what we held, and yet by our own hand */
} LeaderVerdict;

void resource_release_init(ResourceRelease *self, ResourceLease *lease)
{
    *self = (ResourceRelease){ .lease = lease,
                               .state = RELEASE_START,
                               .exclusive = lease->held && lease->mode == RESOURCE_EXCLUSIVE };
}

void resource_release_rename(ResourceRelease *self, const char *new_name)
{
    self->renames = true;
    fixed_name_store(self->new_name, new_name);
}

static MachineStep release_fail(ResourceRelease *self, LeaseFault fault)
{
    self->state = RELEASE_ENDED;
    return step_failed(fault);
}

static void let_go(ResourceRelease *self)
{
    self->lease->held = false;
    self->lease->mode = RESOURCE_EXCLUSIVE;
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
    self->state = RELEASE_FLAG;
    return resource_step_write_own(lease, input, RESOURCE_EXCLUSIVE, self->sector);
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

static LeaderVerdict judge(const ResourceRelease *self, const LeaderRecord *leader)
{
    if (self->exclusive)
        return judge_held(self->lease, leader);
    return resource_leader_is_owed(self->lease, leader) ? LEADER_OURS : LEADER_DONE;
}

/* An earlier attempt of this release has written the leader with its new name. */
static bool was_renamed(const ResourceRelease *self, const uint8_t *sector)
{
    ResourceLease renamed = *self->lease;
    LeaderRecord leader;
    memset(renamed.resource_name, 0, sizeof renamed.resource_name);
    memcpy(renamed.resource_name, self->new_name, FIXED_NAME_SIZE);
    return resource_leader_load(&renamed, sector, &leader).kind == LEASE_OK &&
           leader.write_id == renamed.host_id && leader.timestamp == 0 &&
           resource_leader_is_ours(&renamed, &leader) &&
           leader.version_of_lease == renamed.leader.version_of_lease;
}

static MachineStep not_renamed(ResourceRelease *self, const LeaderRecord *leader)
{
    let_go(self);
    return step_failed((LeaseFault){ .kind = LEASE_NOT_RENAMED, .host_id = leader->write_id });
}

static MachineStep on_leader(ResourceRelease *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    LeaderRecord leader;
    LeaseFault fault = resource_leader_load(lease, input->data, &leader);
    if (self->renames && fault.record == RECORD_OTHER_RESOURCE && was_renamed(self, input->data))
        return release_done(self);
    if (fault.kind != LEASE_OK)
        return release_fail(self, fault);

    LeaderVerdict verdict = judge(self, &leader);
    if (verdict == LEADER_DONE)
        return self->renames ? not_renamed(self, &leader) : release_done(self);
    if (verdict == LEADER_ALTERED) {
        let_go(self);
        return step_failed((LeaseFault){ .kind = LEASE_NOT_OURS,
                                         .host_id = leader.owner_id,
                                         .generation = leader.owner_generation,
                                         .version = leader.version_of_lease });
    }
    if (self->renames)
        memcpy(leader.name, self->new_name, sizeof leader.name);
    self->state = RELEASE_LEADER;
    MachineStep step = resource_step_free_leader(lease, input, &leader, self->sector);
    self->freed = leader;
    self->freed_us = input->now_us;
    return step;
}

/* Where nobody else was after it. What a conversion left in the leader, or a new name, is none of
 * it. */
static void leave_remains(ResourceRelease *self)
{
    ResourceLease *lease = self->lease;
    lease->remains = (ResourceRemains){
        .good = self->state == RELEASE_LEADER && self->exclusive && !self->renames && lease->alone,
        .left_us = self->freed_us,
        .leader = self->freed,
        .ballot = lease->ballot,
        .max_mbal = lease->max_mbal,
    };
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
    bool last = state == RELEASE_LEADER ||
                (state == RELEASE_FLAG && !self->exclusive && !self->lease->may_be_owner);
    if (last && input->io == IO_OK) {
        leave_remains(self);
        return release_done(self);
    }
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
