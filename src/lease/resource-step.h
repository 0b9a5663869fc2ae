/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the resource machines have in common: the steps they ask for, and what every leader record
 * must be before anything is done about it. Private to the layer.
 */
#pragma once

#include "lease/resource-lease.h"

/* Reads `length` bytes at `offset` of the resource's device. Never adopts an overdue read: a ballot
 * is won by what is on disk *after* our own write, and an older read knows nothing of that. */
MachineStep resource_step_read(const ResourceLease *lease, uint64_t offset, uint32_t length);

/* Reads the resource's area up to `length`: leader, request record, host sectors. */
MachineStep resource_step_read_area(const ResourceLease *lease, uint32_t length);

/* Writes one sector of the resource. The fence is the whole area: none of our writes into a
 * resource may overtake another, whichever sector they go to. */
MachineStep resource_step_write(const ResourceLease *lease, const MachineInput *input,
                                uint64_t offset, const uint8_t *sector);

/* Writes our own host sector: lease->ballot as it is, and the mode record of a shared holder, or
 * none. They share the sector, so whoever writes one says with it what becomes of the other.
 * `sector` is the machine's, SECTOR_SIZE_MAX bytes. */
MachineStep resource_step_write_own(ResourceLease *lease, const MachineInput *input,
                                    ResourceMode mode, uint8_t *sector);

/* Gives the leader back: time stamp 0, by our hand. `leader`: as it is on disk. */
MachineStep resource_step_free_leader(const ResourceLease *lease, const MachineInput *input,
                                      LeaderRecord *leader, uint8_t *sector);

/* The fault of an I/O that did not end with IO_OK. */
LeaseFault resource_io_fault(const MachineInput *input, bool wrote);

static inline LeaseFault resource_fault(LeaseFaultKind kind)
{
    return (LeaseFault){ .kind = kind };
}

LeaseFault resource_bad_record(RecordFault record, uint64_t host_id);

/* Decodes and checks the leader record at the start of `area`: it must be this resource's, of the
 * sizes of the lockspace, allow our host id, and have content that can be. LEASE_OK in `kind`, or
 * LEASE_BAD_RECORD; *ret is then not to be used. */
LeaseFault resource_leader_load(const ResourceLease *lease, const uint8_t *area, LeaderRecord *ret);

/* The request record lies beside the leader, and is read with it: who has acquired knows of a
 * request for a version to come without another I/O. `area`: two sectors of it at least. */
void resource_note_request(ResourceLease *lease, const uint8_t *area);

/* The leader names this very incarnation of this host as owner. */
bool resource_leader_is_ours(const ResourceLease *lease, const LeaderRecord *leader);

/* The leader is a write of ours that names us as owner. To a host that holds nothing by any leader
 * record (an attempt was taken back, or its hold is a shared one) this is a hold of nobody: of
 * which version, and by which of our writes, does not matter. */
bool resource_leader_is_owed(const ResourceLease *lease, const LeaderRecord *leader);

/* Whether `sector`, our own as read, says that this incarnation holds the resource shared. */
bool resource_own_says_shared(const ResourceLease *lease, const uint8_t *sector);

/* Marks who writes a leader record, and seals it. */
void resource_leader_sign(const ResourceLease *lease, LeaderRecord *leader, uint64_t now_us);

/* Whole seconds of our clock, as records hold them: never 0, which means free. */
uint64_t resource_seconds(uint64_t now_us);
