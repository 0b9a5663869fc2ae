/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hold a resource shared. Source: lease-algorithms facts, section 6.
 *
 * From nothing: acquire it as if exclusively, saying in the leader that it is only to pass through
 * (SHORT_HOLD), then say SHARED in our own sector, then give the leader back. From an exclusive
 * lease, and from a conversion to exclusive that failed: the last two of these.
 *
 * STEP_DONE: lease->held in mode RESOURCE_SHARED, and nothing is owed. A shared lease has no
 * version of its own: the one that was won to pass through is nobody's.
 *
 * STEP_FAILED, from nothing: nothing is held; lease->may_be_owner says whether a release has to
 * follow, which takes everything back. STEP_FAILED, of a lease that was held: it is held as shared
 * from the first step on, whatever is on disk; run it again until it is done or the lockspace is
 * lost, since until then the others may still find this host the owner. LEASE_SHARE_LOST ends it:
 * nothing is held any more, and what used it must stop.
 */
#pragma once

#include "lease/resource-acquire.h"

typedef struct ResourceShare {
    ResourceLease *lease; /* not owned */
    int state;
    bool nobody_passes; /* the leader that is to be given back */
    ResourceAcquire acquire;
    uint8_t sector[SECTOR_SIZE_MAX];
} ResourceShare;

/* As resource_acquire_init(). Other shared holders are no obstacle. */
void resource_share_init(ResourceShare *self, ResourceLease *lease, bool patient,
                         uint64_t required_version);
/* Of a lease that is held, in either mode. */
void resource_share_of_held_init(ResourceShare *self, ResourceLease *lease);
MachineStep resource_share_resume(ResourceShare *self, const MachineInput *input);
