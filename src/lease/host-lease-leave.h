/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leaving: write our record with time stamp 0 and an empty bitmap; everything else stays. One
 * write, no read before and no check after. To be run only when nothing uses a lease of this
 * lockspace any more, and only if the last renewal succeeded (!lease->write_uncertain) and nobody
 * else wrote our sector (!lease->lost): otherwise nothing is written and other hosts wait until we
 * are dead to them (LEASE_STOPPED without any I/O). The same with LEASE_EXPIRED after the fail
 * deadline.
 *
 * A stop does not keep it from its one write: leaving is what a host does that is told to stop.
 */
#pragma once

#include "lease/host-lease.h"

typedef struct HostLeaseLeave {
    HostLease *lease;
    int state;
    uint8_t sector[SECTOR_SIZE_MAX];
} HostLeaseLeave;

void host_lease_leave_init(HostLeaseLeave *self, HostLease *lease);
MachineStep host_lease_leave_resume(HostLeaseLeave *self, const MachineInput *input);
