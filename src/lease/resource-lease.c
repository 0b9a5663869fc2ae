/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the resource machines have in common; see resource-lease.h and resource-step.h.
 */
#include "lease/resource-lease.h"

#include <string.h>

#include "lease/lease-timing.h"
#include "lease/resource-step.h"
#include "ondisk/mode-record.h"

static void copy_name(char ret[FIXED_NAME_SIZE + 1], const char *name)
{
    size_t length = strnlen(name, FIXED_NAME_SIZE);
    memset(ret, 0, FIXED_NAME_SIZE + 1);
    memcpy(ret, name, length);
}

void resource_lease_init(ResourceLease *self, const ResourceWish *wish)
{
    *self = (ResourceLease){ .resource_offset = wish->resource_offset,
                             .lockspace_offset = wish->lockspace_offset,
                             .layout = wish->lockspace_layout,
                             .host_id = wish->host_id,
                             .generation = wish->generation,
                             .io_timeout = wish->io_timeout };
    copy_name(self->lockspace_name, wish->lockspace_name);
    copy_name(self->resource_name, wish->resource_name);
}

MachineStep resource_step_read(const ResourceLease *lease, uint64_t offset, uint32_t length)
{
    return step_read(TARGET_RESOURCE, offset, length, timing_io(lease->io_timeout));
}

MachineStep resource_step_read_area(const ResourceLease *lease, uint32_t length)
{
    MachineStep step = resource_step_read(lease, lease->resource_offset, length);
    step.area = true;
    return step;
}

MachineStep resource_step_write(const ResourceLease *lease, const MachineInput *input,
                                uint64_t offset, const uint8_t *sector)
{
    return (MachineStep){ .kind = STEP_WRITE,
                          .target = TARGET_RESOURCE,
                          .offset = offset,
                          .length = lease->layout.sector_size,
                          .timeout_us = timing_io(lease->io_timeout),
                          .data = sector,
                          .start_by_us = input->valid_until_us,
                          .fence_offset = lease->resource_offset,
                          .fence_length = lease->layout.align_size };
}

MachineStep resource_step_write_own(ResourceLease *lease, const MachineInput *input,
                                    ResourceMode mode, uint8_t *sector)
{
    memset(sector, 0, lease->layout.sector_size);
    ballot_record_encode(&lease->ballot, sector);
    if (mode == RESOURCE_SHARED)
        mode_record_encode(&(ModeRecord){ MODE_FLAG_SHARED, lease->generation },
                           sector + MODE_RECORD_OFFSET);
    lease->ballot_written = true;
    return resource_step_write(
        lease, input, layout_host_sector(&lease->layout, lease->resource_offset, lease->host_id),
        sector);
}

MachineStep resource_step_free_leader(const ResourceLease *lease, const MachineInput *input,
                                      LeaderRecord *leader, uint8_t *sector)
{
    leader->timestamp = 0;
    leader->flags &= ~LEADER_FLAG_SHORT_HOLD;
    resource_leader_sign(lease, leader, input->now_us);
    memset(sector, 0, lease->layout.sector_size);
    leader_record_encode(leader, sector);
    return resource_step_write(lease, input, lease->resource_offset, sector);
}

LeaseFault resource_io_fault(const MachineInput *input, bool wrote)
{
    switch (input->io) {
    case IO_TIMED_OUT:
        return (LeaseFault){ .kind = LEASE_IO_TIMEOUT, .wrote = wrote };
    case IO_SHORT:
        return (LeaseFault){ .kind = LEASE_IO_SHORT, .wrote = wrote };
    case IO_TOO_LATE:
        return resource_fault(LEASE_EXPIRED);
    case IO_OK:
    case IO_FAILED:
        break;
    }
    return (LeaseFault){ .kind = LEASE_IO_ERROR, .io_errno = input->io_errno, .wrote = wrote };
}

LeaseFault resource_bad_record(RecordFault record, uint64_t host_id)
{
    return (LeaseFault){ .kind = LEASE_BAD_RECORD, .record = record, .host_id = host_id };
}

LeaseFault resource_leader_load(const ResourceLease *lease, const uint8_t *area, LeaderRecord *ret)
{
    LeaderRecord leader;
    Layout layout;
    leader_record_decode(&leader, area);
    RecordFault fault = resource_record_check(&leader, lease->lockspace_name, lease->resource_name,
                                              lease->host_id, &layout);
    if (fault != RECORD_OK)
        return resource_bad_record(fault, 0);
    /* Other sizes than the lockspace's: our sector would be another host's, or its request record
     * would be taken for a ballot. sanlock reads it first and adapts then. */
    if (layout.sector_size != lease->layout.sector_size)
        return resource_bad_record(RECORD_BAD_SECTOR_SIZE, 0);
    if (!layout_equal(&layout, &lease->layout))
        return resource_bad_record(RECORD_BAD_ALIGN_SIZE, 0);
    /* An owner outside 1..max_hosts has no host lease that could be asked; a version that cannot
     * grow can never be taken over. Neither is ever written by a host that keeps to the format. */
    if (leader.timestamp != 0 &&
        (leader.owner_id == 0 || leader.owner_id > lease->layout.max_hosts))
        return resource_bad_record(RECORD_BAD_FIELD, 0);
    if (leader.version_of_lease == UINT64_MAX)
        return resource_bad_record(RECORD_BAD_FIELD, 0);
    *ret = leader;
    return resource_fault(LEASE_OK);
}

void resource_note_request(ResourceLease *lease, const uint8_t *area)
{
    request_record_decode(&lease->request, area + layout_request(&lease->layout, 0));
}

bool resource_leader_is_ours(const ResourceLease *lease, const LeaderRecord *leader)
{
    return leader->owner_id == lease->host_id && leader->owner_generation == lease->generation;
}

bool resource_leader_is_owed(const ResourceLease *lease, const LeaderRecord *leader)
{
    return leader->write_id == lease->host_id && leader->timestamp != 0 &&
           resource_leader_is_ours(lease, leader);
}

bool resource_own_says_shared(const ResourceLease *lease, const uint8_t *sector)
{
    ModeRecord mode;
    mode_record_decode(&mode, sector + MODE_RECORD_OFFSET);
    return (mode.flags & MODE_FLAG_SHARED) != 0 && mode.generation == lease->generation;
}

void resource_leader_sign(const ResourceLease *lease, LeaderRecord *leader, uint64_t now_us)
{
    leader->write_id = lease->host_id;
    leader->write_generation = lease->generation;
    leader->write_timestamp = resource_seconds(now_us);
    leader_record_seal(leader);
}

uint64_t resource_seconds(uint64_t now_us)
{
    uint64_t seconds = now_us / USEC_PER_SECOND;
    return seconds > 0 ? seconds : 1;
}
