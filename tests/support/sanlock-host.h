/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host that plays the resource lease as sanlock 3.8.5 does, for the simulations: written from the
 * lease-algorithms facts, sections 5 to 7, with its habits. It judges the leader only between
 * ballots, skips corrupt records inside a ballot, sleeps up to a second after a lost one, takes
 * back with a zeroed record, and does not hold a write back for one that is still out. It can also
 * acquire shared, and convert both ways; a conversion to exclusive that fails leaves RELEASED out.
 */
#pragma once

#include "lease/machine-step.h"
#include "ondisk/ballot-record.h"
#include "ondisk/leader-record.h"

typedef struct SanlockHost {
    const char *lockspace_name;
    const char *resource_name;
    Layout layout;
    uint64_t host_id;
    uint64_t generation;
    uint32_t io_timeout;

    bool want_shared;
    bool converting;  /* shared -> exclusive: every ballot write repeats the mode record */
    bool held;        /* after STEP_DONE of an acquire; shared when want_shared */
    bool retract;     /* a failed acquire left something behind: release it */
    bool keep_values; /* ... as a release does, not by zeroing */
    BallotRecord dblock;
    LeaderRecord leader;

    int state;
    LeaderRecord cur;
    bool fresh;
    uint64_t next_lver;
    uint64_t mbal;
    uint64_t max_mbal;
    HostView owner;
    uint64_t inp, inp2, inp3;
    uint8_t shared[LAYOUT_MAX_HOSTS + 1];
    uint64_t cursor;
    uint64_t cursor_generation;
    LeaseFaultKind result;
    uint8_t sector[SECTOR_SIZE_MAX];
} SanlockHost;

void sanlock_host_init(SanlockHost *self, const char *lockspace_name, const char *resource_name,
                       const Layout *layout, uint64_t host_id, uint64_t generation,
                       uint32_t io_timeout);
/* Makes it ready for an acquire or a release, to be run with the resume functions below. */
void sanlock_acquire_init(SanlockHost *self, bool shared);
void sanlock_release_init(SanlockHost *self);
/* Of what is held; a failed conversion to exclusive leaves it shared. */
void sanlock_convert_init(SanlockHost *self, bool shared);
MachineStep sanlock_acquire_resume(SanlockHost *self, const MachineInput *input);
MachineStep sanlock_convert_resume(SanlockHost *self, const MachineInput *input);
MachineStep sanlock_release_resume(SanlockHost *self, const MachineInput *input);
