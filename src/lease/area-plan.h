/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of a resource's area has to be read, when a machine asks for the area.
 *
 * The area is 1 to 8 MiB, for 250 to 2000 hosts, of which a handful exist. The bytes are what an
 * acquisition costs, so only leader, request record and those host sectors are fetched that may
 * have content; the others are handed to the machine as the zeroes that they are known to be. The
 * machine cannot tell, and need not: what it gets is what a read of the whole area could have
 * returned (rule 4 of machine-step.h).
 *
 * Why a sector that is not fetched is zero on disk at the moment when the read began:
 *
 * 1. A whole read of this very place, after we joined, showed it so. (Without that, nothing is
 *    known: a lockspace that was made anew has forgotten its hosts, but a resource that was not
 *    still has their ballots, and hosts that read everything go by them.)
 * 2. Since then only its own host can have put anything there. Other hosts write nothing but zeroes
 *    into it (a dead shared holder is cleaned up; a format).
 * 3. That host had not joined when the lockspace was last read, nor ever before, and has not had
 *    the time to since: see hosts-ever.h. The read must have begun within that time.
 *
 * It is never enough that a host is dead, or has left. Who died in the middle of a ballot, or left
 * after a failed one, leaves its number and its proposal for the version in play. Hosts of
 * sanlock's read and adopt them; if we chose a number below it they would overrule what we had
 * decided. So every sector that ever had content, and that of every host id that was ever used, is
 * read for ever.
 *
 * What is known of a place (AreaMemory) ends with the host lease: another incarnation of this host
 * starts with a whole read. A read that contradicts it (content where none could be; a leader of
 * the past or of something else) ends it, too.
 *
 * Assumed, as everywhere: nobody restores an old copy of a resource, or makes a lockspace anew,
 * under hosts that use it; and this host's clock does not stand still while others' go on (a
 * virtual host that was stopped believes in its leases just so).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lease/host-set.h"
#include "lease/hosts-ever.h"

/* What is known of one place: a device and an offset. All zero: nothing. */
typedef struct AreaMemory {
    bool read_whole;             /* `used` is of a whole read, and of all reads since */
    uint8_t used[HOST_SET_SIZE]; /* whose sector had content in any of them */
    uint64_t version;            /* of the newest leader that was seen */
} AreaMemory;

/* In more parts than that a read of the whole area costs less. */
#define AREA_PARTS_MAX 8u

typedef struct AreaPart {
    uint32_t offset; /* bytes from the start of the area */
    uint32_t length;
} AreaPart;

typedef struct AreaPlan {
    uint32_t length; /* what the machine asked for, from the start of the area */
    bool whole;      /* parts[0] is all of that */
    unsigned n_parts;
    AreaPart parts[AREA_PARTS_MAX]; /* ascending; the first begins with the leader */
    /* Unless whole: the read must have begun by then, and of these hosts only may have content. */
    uint64_t good_until_us;
    uint8_t may_have[HOST_SET_SIZE];
} AreaPlan;

/* Plans a read of the first `length` bytes of the area, to be begun at `now_us`. `memory` NULL:
 * whole. */
void area_plan_make(AreaPlan *ret, const AreaMemory *memory, const HostsEver *ever,
                    const Layout *layout, uint64_t own_host_id, uint32_t length, uint64_t now_us);

/* A plan for all of it. */
void area_plan_make_whole(AreaPlan *ret, uint32_t length);

/* The read is over: `area` has `plan->length` bytes, the parts as read and zeroes between them;
 * `started_us` is when the first part was begun. True: it stands for a read of the whole. False:
 * it was begun too late, or contradicts what was known; then nothing is known any more, and all has
 * to be read. Fills `occupied` with the hosts whose sectors have content, and learns. `memory` may
 * be NULL with a whole plan. */
bool area_plan_accept(const AreaPlan *plan, AreaMemory *memory, const Layout *layout,
                      const uint8_t *area, uint64_t started_us, uint8_t occupied[HOST_SET_SIZE]);
