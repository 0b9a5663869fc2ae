/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One attempt to renew this host's lease: read the whole lockspace area, check that our record is
 * still ours, write it again with a new time stamp. Every renewal changes the time stamp: one that
 * comes in the same second as the record on disk waits for the next second.
 *
 * The time stamp, and with it lease->last_renewal_us, is the machine's `now` before the write.
 * There is no read back: the next renewal's check is the check.
 *
 * Results: STEP_DONE; STEP_FAILED with an I/O fault (try again; the lease ages); LEASE_STOPPED when
 * asked to stop before the write; STEP_FAILED with
 * LEASE_TAKEN, LEASE_ALTERED or LEASE_BAD_RECORD: somebody else wrote our sector, the lockspace is
 * lost at once, and nothing more may be written to it (renew_fault_is_fatal()). LEASE_FROZEN is
 * fatal in the same way: by the clocks of others (frozen-watch.h) the fail deadline was over before
 * this renewal, which is not written.
 */
#pragma once

#include "lease/host-lease.h"
#include "lease/host-view.h"

/* What this host says to others with its next renewals; all zero: nothing. */
typedef struct HostEventOut {
    uint64_t generation; /* of the addressed host */
    uint64_t event;
    uint64_t data;
    uint8_t bitmap[HOST_BITMAP_SIZE];
} HostEventOut;

typedef struct HostLeaseRenew {
    HostLease *lease; /* not owned; updated on STEP_DONE, and write_uncertain also on failure */
    HostEventOut out;
    int state;
    bool keep_event;    /* nothing to say: the event triple on disk stays */
    bool was_uncertain; /* lease->write_uncertain before our write */
    bool checked_twice;
    bool suspects_frozen; /* what is held should be looked at (resource-recheck.h) */
    uint64_t checked_us; /* start of the read that our write is based on */
    LeaderRecord proposed;
    uint64_t proposed_us;
    uint64_t read_started_us, read_us;   /* statistics: start and duration of the read */
    uint64_t write_started_us, write_us; /* and of the write */
    uint8_t sector[SECTOR_SIZE_MAX];
} HostLeaseRenew;

/* `out` may be NULL: nothing to say; the event triple on disk stays (it survives on purpose). */
void host_lease_renew_init(HostLeaseRenew *self, HostLease *lease, const HostEventOut *out);

/* The driver must hand input->data of the area read also to host_table_observe(), whatever becomes
 * of this attempt: a host whose own write fails still judges others rightly. Not every read is one:
 * when the area took too long to read, our own sector is read again by itself (step.length tells).
 */
MachineStep host_lease_renew_resume(HostLeaseRenew *self, const MachineInput *input);

bool renew_fault_is_fatal(const LeaseFault *fault);
