/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of the acquire machine and what they call in each other. Private to the layer.
 *
 *   resource-acquire.c          the machine: reads the leader, decides whether to try (A, B, E)
 *   resource-acquire-owner.c    somebody else is named as owner (C)
 *   resource-acquire-ballot.c   the ballot and the commit (D, F, G, H, I)
 *   resource-acquire-shared.c   won, but others may hold it shared (J)
 */
#pragma once

#include "lease/resource-acquire.h"
#include "lease/resource-ballot.h"
#include "lease/resource-step.h"

typedef enum AcquireState {
    ACQUIRE_START,
    ACQUIRE_AREA,        /* whole area read: A, and E */
    ACQUIRE_PAUSE,       /* H, then E */
    ACQUIRE_PAST_LOOK,   /* the leader is of the past, and somebody may hold a version after it */
    ACQUIRE_PAST_LET_GO, /* and we do not: our record is made to say so */
    ACQUIRE_OWNER_LOOK,
    ACQUIRE_OWNER_LEASE,
    ACQUIRE_OWNER_FLAG,
    ACQUIRE_OWNER_WAIT,
    ACQUIRE_OWNER_LEADER,
    ACQUIRE_PHASE1_WRITE,
    ACQUIRE_PHASE1_READ,
    ACQUIRE_PHASE2_WRITE,
    ACQUIRE_PHASE2_READ,
    ACQUIRE_COMMIT,
    ACQUIRE_SHARED_SECTOR,
    ACQUIRE_SHARED_LOOK,
    ACQUIRE_SHARED_ZERO,
    ACQUIRE_ENDED,
} AcquireState;

/* Reads the area again. `found` stays what a changed leader is compared with; _afresh: forget it.
 */
MachineStep acquire_read_area(ResourceAcquire *self);
MachineStep acquire_read_area_afresh(ResourceAcquire *self);
/* The same after a random part of `window_us`. */
MachineStep acquire_pause(ResourceAcquire *self, const MachineInput *input, uint64_t window_us);

MachineStep acquire_fail(ResourceAcquire *self, LeaseFault fault);
/* Fails with `fault`, about the owner of `found`. When that owner is only passing through (its
 * leader says SHORT_HOLD) the attempt starts anew instead, a few times; and when we want to pass
 * through ourselves it does so, too, after a ballot that was lost: the winner may be on its way to
 * share, though the host that committed it could not know. */
MachineStep acquire_fail_held(ResourceAcquire *self, const MachineInput *input, LeaseFault fault);
MachineStep acquire_done(ResourceAcquire *self);

/* The leader was decided by what we proposed in an earlier attempt. */
bool acquire_is_old_proposal(const ResourceAcquire *self, const LeaderRecord *leader);

/* Keeps lease->may_be_owner true while a leader that names us may appear. */
void acquire_expose(ResourceAcquire *self, uint64_t version);

/* C: starts, and goes on in ACQUIRE_OWNER_*. */
MachineStep acquire_owner_begin(ResourceAcquire *self);
MachineStep acquire_owner_resume(ResourceAcquire *self, const MachineInput *input);

/* D, F, G, H, I: starts with a number above `max_mbal`, and goes on in ACQUIRE_PHASE*, _COMMIT. */
MachineStep acquire_ballot_begin(ResourceAcquire *self, const MachineInput *input,
                                 uint64_t max_mbal);
MachineStep acquire_ballot_resume(ResourceAcquire *self, const MachineInput *input);
/* A write was not started. */
void acquire_ballot_write_undone(ResourceAcquire *self);
/* H: pause, then E. */
MachineStep acquire_ballot_lost(ResourceAcquire *self, const MachineInput *input);

/* Whether our own sector, in a read that has it, still says what we hold shared: true when we hold
 * nothing so. */
bool acquire_share_stands(const ResourceAcquire *self, const MachineInput *input);

/* J: starts, and goes on in ACQUIRE_SHARED_*. */
MachineStep acquire_shared_begin(ResourceAcquire *self);
MachineStep acquire_shared_resume(ResourceAcquire *self, const MachineInput *input);
