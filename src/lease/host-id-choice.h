/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which host id to join with, when nobody has said which: reads the lockspace's area and chooses.
 *
 * It is a proposal and no more: nothing is written, and a host id that looks free may be taken by
 * the next moment. What makes it ours is the join that follows (host-lease-join.h), which reads the
 * sector again, and of several hosts that join one host id lets one succeed at most. Whoever lost
 * there says so here (host_id_choice_avoid()) and asks again.
 *
 * In this order:
 *   1. a host id whose lease names this host and was not given back: that of a former life of ours,
 *      and what others wait for is free as soon as we have it again,
 *   2. one that names this host and was given back,
 *   3. the one that was kept from before, if nobody has it: the lockspace may have been formatted
 *      anew, or this host may have another name now,
 *   4. one that was never used, the lowest first, since resources can be limited to low host ids,
 *   5. one that another host has given back, which will want it again if it comes back.
 * In 1 and 2 that which was kept goes before the others, then the lowest. A host id that another
 * host holds is never chosen, be that one alive or dead: a person may give it away. A sector that
 * is damaged, or no host lease of this lockspace, is nobody's to choose.
 *
 * Hosts that start together would choose the same again and again: from the second attempt on the
 * choice is at random, out of twice as many with each.
 */
#pragma once

#include "lease/host-set.h"
#include "lease/machine-step.h"

/* Strings are copied; the caller has checked them as for a HostLeaseWish. */
typedef struct HostIdWish {
    const char *lockspace_name;
    const char *host_name;
    uint64_t lockspace_offset;
    uint32_t io_timeout;   /* seconds */
    uint64_t kept_host_id; /* 0: none */
} HostIdWish;

typedef struct HostIdChoice {
    char lockspace_name[FIXED_NAME_SIZE + 1];
    char host_name[FIXED_NAME_SIZE + 1];
    uint64_t lockspace_offset;
    uint32_t io_timeout;
    uint64_t kept_host_id;
    uint8_t avoided[HOST_SET_SIZE];
    uint32_t n_avoided;
    int state;
    Layout layout;
    uint64_t host_id; /* on STEP_DONE: the choice */
} HostIdChoice;

void host_id_choice_init(HostIdChoice *self, const HostIdWish *wish);

/* That one was taken by another host just now. The machine may be run again. */
void host_id_choice_avoid(HostIdChoice *self, uint64_t host_id);

/* The machine: reads the area's head, then the area. LEASE_NO_HOST_ID when there is none to choose,
 * LEASE_BAD_RECORD when there is no such lockspace. Also when it has ended it may be started again.
 */
MachineStep host_id_choice_resume(HostIdChoice *self, const MachineInput *input);

/* The choice itself, for `area` as long as layout->align_size says; 0: there is none. */
uint64_t host_id_choose(const HostIdChoice *self, const uint8_t *area, const Layout *layout,
                        uint32_t random);
