/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading back what a daemon left behind; see the header.
 *
 *   OWN -> LEADER -> done
 *
 * Our own sector first: the release that follows writes our ballot record as it stands there, with
 * RELEASED, so that no number and no proposal of ours is taken back from a ballot that other hosts
 * are in (resource-release.c says why). A record that is damaged cannot be written as it stands:
 * the resource then stays as it is, which lets nobody in.
 *
 * A conversion ends with our sector: to exclusive it says SHARED until the leader is ours for
 * certain, to shared it says so before the leader is given back. So a sector that says SHARED is a
 * shared lease, whatever the leader says; and one that does not, with a leader that names us in the
 * version that was held or in a later one, is an exclusive one.
 */
#include "lease/resource-reclaim.h"

#include "lease/resource-step.h"

typedef enum ReclaimState {
    RECLAIM_START,
    RECLAIM_OWN,
    RECLAIM_LEADER,
    RECLAIM_ENDED,
} ReclaimState;

void resource_reclaim_init(ResourceReclaim *self, ResourceLease *lease, ReclaimKind kind)
{
    *self = (ResourceReclaim){ .lease = lease, .kind = kind, .state = RECLAIM_START };
}

static MachineStep reclaim_end(ResourceReclaim *self, LeaseFault fault)
{
    self->state = RECLAIM_ENDED;
    return fault.kind == LEASE_OK ? step_done() : step_failed(fault);
}

static MachineStep read_own(ResourceReclaim *self)
{
    const ResourceLease *lease = self->lease;

    self->state = RECLAIM_OWN;
    return resource_step_read(
        lease, layout_host_sector(&lease->layout, lease->resource_offset, lease->host_id),
        lease->layout.sector_size);
}

static MachineStep on_own(ResourceReclaim *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    BallotRecord own;

    ballot_record_decode(&own, input->data);
    RecordFault fault = ballot_record_check(&own);
    if (fault != RECORD_OK)
        return reclaim_end(self, resource_bad_record(fault, lease->host_id));
    lease->ballot = own;
    lease->ballot_written = true;
    self->says_shared = resource_own_says_shared(lease, input->data);
    self->state = RECLAIM_LEADER;
    return resource_step_read(lease, lease->resource_offset, lease->layout.sector_size);
}

static bool leader_is_held(const ResourceLease *lease, const LeaderRecord *leader)
{
    return leader->timestamp != 0 && resource_leader_is_ours(lease, leader) &&
           leader->version_of_lease >= lease->leader.version_of_lease;
}

static MachineStep on_leader(ResourceReclaim *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    LeaderRecord leader;
    LeaseFault fault = resource_leader_load(lease, input->data, &leader);

    if (fault.kind != LEASE_OK)
        return reclaim_end(self, fault);
    bool exclusive = leader_is_held(lease, &leader);
    lease->leader = leader;
    if (self->kind == RECLAIM_UNUSED) {
        lease->mode = RESOURCE_EXCLUSIVE;
        lease->held = false;
        lease->may_be_owner = true;
        return reclaim_end(self, resource_fault(LEASE_OK));
    }
    if (!self->says_shared && !exclusive)
        return reclaim_end(self, resource_fault(LEASE_SHARE_LOST));
    lease->mode = self->says_shared ? RESOURCE_SHARED : RESOURCE_EXCLUSIVE;
    lease->held = true;
    lease->may_be_owner = self->says_shared;
    return reclaim_end(self, resource_fault(LEASE_OK));
}

MachineStep resource_reclaim_resume(ResourceReclaim *self, const MachineInput *input)
{
    ReclaimState state = (ReclaimState)self->state;

    if (state == RECLAIM_ENDED)
        return step_failed(resource_fault(LEASE_STOPPED));
    if (state == RECLAIM_START && (input->stop || input->now_us >= input->valid_until_us))
        return reclaim_end(self, resource_fault(LEASE_STOPPED));
    if (state == RECLAIM_START)
        return read_own(self);
    if (input->io != IO_OK)
        return reclaim_end(self, resource_io_fault(input, false));
    return state == RECLAIM_OWN ? on_own(self, input) : on_leader(self, input);
}
