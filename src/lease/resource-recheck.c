/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The look at what is held; see the header.
 */
#include "lease/resource-recheck.h"

#include <string.h>

#include "lease/resource-ballot.h"
#include "lease/resource-step.h"

typedef enum RecheckState {
    RECHECK_START,
    RECHECK_LEADER,
    RECHECK_OWN,
    RECHECK_ENDED,
} RecheckState;

void resource_recheck_init(ResourceRecheck *self, const ResourceLease *lease, bool thorough)
{
    *self = (ResourceRecheck){ .lease = *lease, .thorough = thorough, .state = RECHECK_START };
}

static MachineStep recheck_end(ResourceRecheck *self, LeaseFault fault)
{
    self->state = RECHECK_ENDED;
    return fault.kind == LEASE_OK ? step_done() : step_failed(fault);
}

static MachineStep read_leader(ResourceRecheck *self)
{
    const ResourceLease *lease = &self->lease;
    uint32_t sectors =
        self->thorough ? ballot_read_sectors(&lease->layout, lease->leader.num_hosts) : 1;
    self->state = RECHECK_LEADER;
    return resource_step_read(lease, lease->resource_offset, lease->layout.sector_size * sectors);
}

static MachineStep read_own(ResourceRecheck *self)
{
    const ResourceLease *lease = &self->lease;
    self->state = RECHECK_OWN;
    return resource_step_read(
        lease, layout_host_sector(&lease->layout, lease->resource_offset, lease->host_id),
        lease->layout.sector_size);
}

static MachineStep taken(ResourceRecheck *self, uint64_t host_id, uint64_t version)
{
    return recheck_end(
        self, (LeaseFault){ .kind = LEASE_NOT_OURS, .host_id = host_id, .version = version });
}

static bool is_as_held(const ResourceLease *lease, const LeaderRecord *leader)
{
    return leader->version_of_lease == lease->leader.version_of_lease &&
           leader->timestamp == lease->leader.timestamp && resource_leader_is_ours(lease, leader);
}

/* A host in a ballot for a later version than ours; 0: none. Records that are damaged say nothing
 * here: nobody gets past them, either. Nor do those that say RELEASED: their host holds nothing (an
 * attempt that was taken back, perhaps for another resource that lay here before). */
static uint64_t find_ahead(const ResourceRecheck *self, const uint8_t *area, uint64_t *ret_version)
{
    const ResourceLease *lease = &self->lease;
    for (uint64_t host_id = 1; host_id <= lease->leader.num_hosts; host_id++) {
        BallotRecord record;
        ballot_record_decode(&record, ballot_sector(area, &lease->layout, host_id));
        *ret_version = record.lver;
        if (host_id != lease->host_id && record.lver > lease->leader.version_of_lease &&
            (record.flags & BALLOT_FLAG_RELEASED) == 0 && ballot_record_check(&record) == RECORD_OK)
            return host_id;
    }
    return 0;
}

static MachineStep on_leader(ResourceRecheck *self, const MachineInput *input)
{
    const ResourceLease *lease = &self->lease;
    uint64_t version;
    LeaseFault fault = resource_leader_load(lease, input->data, &self->leader);
    if (fault.kind != LEASE_OK)
        return recheck_end(self, fault);
    if (self->thorough) {
        uint64_t ahead = find_ahead(self, input->data, &version);
        if (ahead != 0)
            return taken(self, ahead, version);
    }
    if (is_as_held(lease, &self->leader))
        return recheck_end(self, resource_fault(LEASE_OK));
    if (self->leader.version_of_lease < lease->leader.version_of_lease)
        return read_own(self);
    return taken(self, self->leader.owner_id, self->leader.version_of_lease);
}

static MachineStep on_own(ResourceRecheck *self, const MachineInput *input)
{
    const ResourceLease *lease = &self->lease;
    BallotRecord own;
    ballot_record_decode(&own, input->data);
    if (lease->mode == RESOURCE_SHARED)
        return recheck_end(self, resource_fault(resource_own_says_shared(lease, input->data)
                                                    ? LEASE_OK
                                                    : LEASE_SHARE_LOST));
    if (memcmp(&own, &lease->ballot, sizeof own) == 0)
        return recheck_end(self, resource_fault(LEASE_OK));
    return taken(self, self->leader.owner_id, self->leader.version_of_lease);
}

MachineStep resource_recheck_resume(ResourceRecheck *self, const MachineInput *input)
{
    RecheckState state = (RecheckState)self->state;
    if (state == RECHECK_ENDED)
        return step_failed(resource_fault(LEASE_STOPPED));
    if (state == RECHECK_START && (input->stop || input->now_us >= input->valid_until_us))
        return recheck_end(self, resource_fault(LEASE_STOPPED));
    if (state == RECHECK_START)
        return self->lease.mode == RESOURCE_SHARED ? read_own(self) : read_leader(self);
    if (input->io != IO_OK)
        return recheck_end(self, resource_io_fault(input, false));
    return state == RECHECK_LEADER ? on_leader(self, input) : on_own(self, input);
}
