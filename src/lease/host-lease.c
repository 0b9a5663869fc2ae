/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host lease that join, renew and leave share, and its sector on disk.
 */
#include "lease/host-lease-sector.h"

#include <string.h>

#include "lease/lease-timing.h"

static void copy_name(char to[FIXED_NAME_SIZE + 1], const char *from)
{
    size_t length = strnlen(from, FIXED_NAME_SIZE);
    memcpy(to, from, length);
    to[length] = '\0';
}

void host_lease_init(HostLease *self, const HostLeaseWish *wish)
{
    *self = (HostLease){
        .lockspace_offset = wish->lockspace_offset,
        .host_id = wish->host_id,
        .io_timeout = wish->io_timeout,
        .doubt_from_us = wish->doubt_from_us,
        .any_host_id = wish->any_host_id,
    };
    copy_name(self->lockspace_name, wish->lockspace_name);
    copy_name(self->host_name, wish->host_name);
}

bool host_lease_restore(HostLease *self, const HostLeaseWish *wish, const LeaderRecord *last,
                        uint64_t last_renewal_us)
{
    host_lease_init(self, wish);
    if (host_lease_record_check(last, self->lockspace_name, &self->layout) != RECORD_OK ||
        !layout_offset_ok(&self->layout, self->lockspace_offset) ||
        last->owner_id != self->host_id || last->owner_generation == 0 ||
        !fixed_name_equal(last->name, self->host_name) || last->io_timeout != self->io_timeout ||
        last->timestamp != host_lease_timestamp(last_renewal_us))
        return false;
    self->last = *last;
    self->write_uncertain = true;
    self->last_renewal_us = last_renewal_us;
    return true;
}

LeaseFault host_lease_io_fault(const MachineInput *input, bool wrote)
{
    switch (input->io) {
    case IO_OK:
        break;
    case IO_TIMED_OUT:
        return (LeaseFault){ .kind = LEASE_IO_TIMEOUT, .wrote = wrote };
    case IO_FAILED:
        return (LeaseFault){ .kind = LEASE_IO_ERROR, .io_errno = input->io_errno, .wrote = wrote };
    case IO_SHORT:
        return (LeaseFault){ .kind = LEASE_IO_SHORT, .wrote = wrote };
    case IO_TOO_LATE:
        /* The one outcome of a write that leaves no doubt: it did not happen. */
        return (LeaseFault){ .kind = LEASE_IO_TIMEOUT };
    }
    return (LeaseFault){ .kind = LEASE_OK };
}

LeaseFault host_lease_bad_record(const HostLease *lease, RecordFault record)
{
    return (LeaseFault){ .kind = LEASE_BAD_RECORD, .record = record, .host_id = lease->host_id };
}

LeaseFault host_lease_named_fault(LeaseFaultKind kind, const LeaderRecord *record)
{
    LeaseFault fault = { .kind = kind,
                         .host_id = record->owner_id,
                         .generation = record->owner_generation };
    fixed_name_load(fault.host_name, record->name);
    return fault;
}

RecordFault host_lease_check_sector(const HostLease *lease, const uint8_t *sector,
                                    LeaderRecord *ret)
{
    Layout layout;
    leader_record_decode(ret, sector);
    RecordFault fault = host_lease_record_check(ret, lease->lockspace_name, &layout);
    if (fault != RECORD_OK)
        return fault;
    if (layout.sector_size != lease->layout.sector_size)
        return RECORD_BAD_SECTOR_SIZE;
    return layout_equal(&layout, &lease->layout) ? RECORD_OK : RECORD_BAD_ALIGN_SIZE;
}

uint64_t host_lease_timestamp(uint64_t now_us)
{
    /* 0 means free: a host in its first second writes 1. */
    uint64_t seconds = now_us / USEC_PER_SECOND;
    return seconds > 0 ? seconds : 1;
}

void host_lease_note_write_end(HostLease *lease, uint64_t now_us)
{
    uint64_t free_at = time_add(lease->last_renewal_us, timing_free(lease->io_timeout));
    if (now_us >= free_at)
        lease->write_overdue = true;
}

MachineStep host_lease_read_sector(const HostLease *lease)
{
    return step_read(TARGET_LOCKSPACE,
                     layout_host_lease(&lease->layout, lease->lockspace_offset, lease->host_id),
                     lease->layout.sector_size, timing_io(lease->io_timeout));
}

MachineStep host_lease_write_sector(const HostLease *lease, const LeaderRecord *record,
                                    const uint8_t *bitmap, uint8_t *sector, uint64_t timeout_us,
                                    uint64_t start_by_us)
{
    uint64_t offset = layout_host_lease(&lease->layout, lease->lockspace_offset, lease->host_id);
    memset(sector, 0, SECTOR_SIZE_MAX);
    leader_record_encode(record, sector);
    if (bitmap != NULL)
        memcpy(sector + HOST_BITMAP_OFFSET, bitmap, HOST_BITMAP_SIZE);
    /* The fence is the sector itself: two writes of ours in flight there could land in either
     * order, while a neighbour's sector is none of our business. */
    return (MachineStep){ .kind = STEP_WRITE,
                          .target = TARGET_LOCKSPACE,
                          .offset = offset,
                          .length = lease->layout.sector_size,
                          .timeout_us = timeout_us,
                          .data = sector,
                          .start_by_us = start_by_us,
                          .fence_offset = offset,
                          .fence_length = lease->layout.sector_size };
}
