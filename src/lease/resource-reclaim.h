/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource that a daemon of this host had in hand when it ended, read back by its successor in
 * the same incarnation (the same generation of the host lease).
 *
 * What a daemon holds and does nothing about is known to its successor as it was (the saved
 * state), and needs only a look whether that is still so: resource-recheck.h. This is for the rest:
 *
 *   RECLAIM_UNUSED      it was being acquired or released, and nobody uses it. What of that is on
 *                       disk is not known: a ballot of ours that other hosts may yet commit, a
 *                       leader that names us. So it is given back.
 *   RECLAIM_CONVERTING  it was being converted, and its holder uses it, shared at least.
 *
 * Only reads. All writes of the predecessor into the resource must have ended: on disk is then all
 * that there will ever be of them.
 */
#pragma once

#include "lease/resource-lease.h"

typedef enum ReclaimKind {
    RECLAIM_UNUSED,
    RECLAIM_CONVERTING,
} ReclaimKind;

typedef struct ResourceReclaim {
    ResourceLease *lease; /* not owned */
    ReclaimKind kind;
    int state;
    bool says_shared; /* our sector */
} ResourceReclaim;

/* `lease`: from resource_lease_init(); for RECLAIM_CONVERTING with the leader as it was held last.
 */
void resource_reclaim_init(ResourceReclaim *self, ResourceLease *lease, ReclaimKind kind);

/* STEP_DONE, RECLAIM_UNUSED: lease->may_be_owner; a release (resource-release.h) has to follow.
 * STEP_DONE, RECLAIM_CONVERTING: lease->held in lease->mode; shared with lease->may_be_owner: what
 * the conversion may have left in the leader has to be given back (resource-share.h).
 * STEP_FAILED with LEASE_SHARE_LOST: held in neither mode. Any other fault: nothing was learned. */
MachineStep resource_reclaim_resume(ResourceReclaim *self, const MachineInput *input);
