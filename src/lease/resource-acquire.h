/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Acquire a resource exclusively: Disk Paxos on one disk, as sanlock plays it. Source:
 * lease-algorithms facts, section 5 (the letters in the .c file are that section's). Also the first
 * half of sharing (resource-share.h), and of making a shared lease exclusive (resource-convert.h).
 *
 * Ends with STEP_DONE (lease->held; lease->leader.version_of_lease is the version, the fencing
 * token), or STEP_FAILED; then lease->may_be_owner says whether a release has to follow.
 *
 * `patient`: wait for a silent owner until it is dead to us, instead of LEASE_HELD_UNCERTAIN.
 * Ballots that are lost to a higher number are tried again without limit (bounded by the caller's
 * stop and by the host lease), each after a short random pause.
 *
 * `remains`, of our last release in this incarnation: the first read is saved. The ballot begins at
 * once on what we know, and its first read shows whether that is still so; else it all starts over.
 *
 * No write is issued when input->valid_until_us has passed; every write's start_by_us is that time.
 */
#pragma once

#include "lease/resource-lease.h"
#include "lease/resource-owner.h"

typedef struct ResourceAcquire {
    ResourceLease *lease; /* not owned */
    bool patient;
    uint64_t required_version; /* 0: any. Compared with the version before the acquisition */
    /* Shared: the leader is wanted only to pass through, and says so (SHORT_HOLD); hosts that share
     * the resource are no obstacle. Set after init. */
    ResourceMode wanted;
    /* Where to begin; not good: with a read. Set after init. Good for one io timeout. */
    ResourceRemains remains;

    int state;
    LeaderRecord found;    /* "cur": the leader that this attempt is based on */
    bool remembered;       /* `found` is what we left behind, and was not read in this attempt */
    bool based;            /* `found` is set; a different leader has to be explained */
    bool may_try;          /* the owner of `found` is no obstacle (any more) */
    uint64_t base_version; /* the version that was decided when `next_version` was chosen */
    uint64_t next_version; /* the one to fight for */
    bool confirming; /* `found` is next_version already, and names us by somebody else's hand */
    /* The highest version at which a leader record that names us may yet appear, by somebody else's
     * hand or by a write of ours whose effect is unknown. It matters while it is not decided:
     * above found.version_of_lease. */
    uint64_t exposed_version;
    uint64_t exposed_before; /* the same, and the ballot, before the write that is out */
    BallotRecord ballot_before;
    bool ballot_written_before;
    bool owed_before; /* lease->may_be_owner when this attempt began */

    /* The owner in the way. */
    HostView owner_view;
    OwnerEvidence owner;
    OwnerVerdict owner_verdict;
    char owner_name[FIXED_NAME_SIZE + 1];
    uint32_t owner_polls; /* so far, of this leader */
    uint32_t short_hold_tries;

    uint64_t mbal;
    BallotRecord kept;       /* our record as the area read showed it, if it is for next_version */
    BallotRecord old;        /* the same, as this attempt found it; good for old.lver */
    uint64_t ballot_version; /* of this attempt's last ballot */
    uint64_t own_version;    /* of our ballot record as the area read showed it */
    /* Our ballot record (flags 0) was on disk while the leader was still `found`. */
    bool ballot_on_disk;
    bool ballot_before_decision;
    bool winner_released;
    uint64_t round_started_us; /* for the pause after a lost ballot */
    uint32_t losses;           /* of ballots for this version */
    /* Hosts that cannot hold any version after that of `found`, which is of the past. */
    uint8_t gone[LAYOUT_MAX_HOSTS / 8 + 1];
    uint64_t past_host, past_generation; /* who may, and which incarnation of it; 0: any */
    uint32_t ahead_tries; /* reads of `found` with a host in a ballot for a later version */
    /* The value to propose. */
    uint64_t inp, inp2, inp3;
    LeaderRecord committing;
    bool committed; /* a leader record that names us is on disk */

    /* Hosts seen with a shared mode record during the ballots: a bit each, host 1 = bit 0. */
    uint8_t shared[LAYOUT_MAX_HOSTS / 8 + 1];
    uint64_t shared_cursor;
    uint64_t shared_generation;
    uint8_t sector[SECTOR_SIZE_MAX];
} ResourceAcquire;

void resource_acquire_init(ResourceAcquire *self, ResourceLease *lease, bool patient,
                           uint64_t required_version);
MachineStep resource_acquire_resume(ResourceAcquire *self, const MachineInput *input);
