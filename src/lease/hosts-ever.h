/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which host ids of a lockspace were ever used, and for how long none of the others can have begun
 * to write into resources.
 *
 * A host writes into a resource only under a host id that it has joined with, and it has joined
 * only 2 x the io timeout that was stored in its slot after its own record there was on disk
 * (lease-algorithms facts, section 3.2, steps 2 and 6; host-lease-join.c likewise counts from the
 * end of that write). So a slot that an area read shows as never used says about its host:
 *
 *   T                  our read of the lockspace begins
 *   S >= T             the slot is sampled: never used, io timeout No
 *   J > S              at the earliest now a first record of this host id reaches the disk
 *   J + 2 No           its host believes it: at the earliest now it writes into a resource
 *
 * and until T + 2 No nothing of that host id is in any resource but what an older lockspace in this
 * place has left there. `good_until_us` is that, for the shortest No of all such slots, less a
 * hundredth for clocks that run at different speed (of quartz a thousandth would do).
 *
 * A host id that was used once counts as used for ever, whatever its slot says later. A slot that
 * is damaged, or no host lease of this lockspace, counts as used.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lease/host-set.h"

typedef struct HostsEver {
    uint8_t used[HOST_SET_SIZE];
    /* Our own clock. 0: nothing is known, every host id may have been used. */
    uint64_t good_until_us;
    uint64_t window_us; /* how long the latest read was good for, from its start */
} HostsEver;

/* Feeds one whole lockspace area, whose read began at `read_started_us`. Reads may come in any
 * order. `length` as in host_table_observe(). */
void hosts_ever_observe(HostsEver *self, const uint8_t *area, uint32_t length, const Layout *layout,
                        const char *lockspace_name, uint64_t read_started_us);
