/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Joining: acquire this host's lease. Reads the area's head (sizes), our sector, then
 *   free, or ours from before (same host name): write our name at once, unless an earlier write of
 *   ours leaves a doubt about whose it is (host-lease-past.h): then as
 *   somebody else's: watch it for its host-dead time (8 No + 60 s, interruptible), take it only if
 *   all 200 bytes stayed the same or it was released meanwhile, else LEASE_HOST_ID_BUSY;
 * (where any host id will do, a sector that another host holds is LEASE_HOST_ID_BUSY at once);
 * wait 2 No, read again: exactly what we wrote, or LEASE_HOST_ID_LOST.
 * No is the io timeout that the sector held before (of the format, or of the last holder).
 *
 * A stop during the watch leaves nothing behind; a stop after our write gives the sector back (time
 * stamp 0) first.
 */
#pragma once

#include "lease/host-lease.h"

typedef struct HostLeaseJoin {
    HostLease *lease; /* not owned; complete on STEP_DONE */
    int state;
    LeaderRecord watched;    /* the record as last read before our write */
    LeaderRecord proposed;   /* what we wrote */
    uint32_t old_io_timeout; /* No, seconds */
    uint64_t read_us;        /* start of the read that our next write is based on */
    bool in_doubt;           /* a write of ours may have destroyed the record of one that lives */
    uint64_t watch_until_us;
    uint64_t settle_until_us;
    uint64_t proposed_us;
    LeaseFault fault; /* why we give the sector back */
    uint8_t sector[SECTOR_SIZE_MAX];
} HostLeaseJoin;

void host_lease_join_init(HostLeaseJoin *self, HostLease *lease);
MachineStep host_lease_join_resume(HostLeaseJoin *self, const MachineInput *input);

/* When the join will be done if nothing goes wrong: a point in time, known from the first read of
 * our sector on; 0 before. For progress only. */
uint64_t host_lease_join_expected_us(const HostLeaseJoin *self);
