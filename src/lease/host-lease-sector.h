/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the three machines of a host lease have in common: our sector, read, judged and written.
 * Private to the host-lease-*.c files.
 */
#pragma once

#include "lease/host-lease.h"

/* The fault of an I/O that did not end with IO_OK. */
LeaseFault host_lease_io_fault(const MachineInput *input, bool wrote);

/* A record of `host_id`'s sector that is not what it must be. */
LeaseFault host_lease_bad_record(const HostLease *lease, RecordFault record);

/* `kind` with who the record names; the record has passed host_lease_check_sector(). */
LeaseFault host_lease_named_fault(LeaseFaultKind kind, const LeaderRecord *record);

/* Decodes our sector, as read from disk, and checks that it is a host lease of this lockspace, with
 * the lockspace's sizes. */
RecordFault host_lease_check_sector(const HostLease *lease, const uint8_t *sector,
                                    LeaderRecord *ret);

/* What to write as time stamp at `now_us`. */
uint64_t host_lease_timestamp(uint64_t now_us);

/* A write of ours into our sector, or of our giving it back, has ended well at `now_us`: notes
 * whether that was too late to be sure whose record it has replaced. */
void host_lease_note_write_end(HostLease *lease, uint64_t now_us);

MachineStep host_lease_read_sector(const HostLease *lease);

/* Fills `sector` (SECTOR_SIZE_MAX bytes) with the sealed `record` and the bitmap (NULL: none), and
 * makes the step that writes it. */
MachineStep host_lease_write_sector(const HostLease *lease, const LeaderRecord *record,
                                    const uint8_t *bitmap, uint8_t *sector, uint64_t timeout_us,
                                    uint64_t start_by_us);
