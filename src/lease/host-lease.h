/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * This host's own lease in a lockspace: what must be remembered between its machines (join, renew,
 * leave). Source: lease-algorithms facts, section 3.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lease/frozen-watch.h"
#include "lease/machine-step.h"
#include "ondisk/host-bitmap.h"
#include "ondisk/leader-record.h"

/* What is wanted. The caller has checked names (base/fixed-name.h), host_id >= 1, io_timeout
 * 1..255; the strings are copied. */
typedef struct HostLeaseWish {
    const char *lockspace_name;
    const char *host_name; /* unique to this host, stable across restarts; <= 47 bytes */
    uint64_t lockspace_offset;
    uint64_t host_id;
    uint32_t io_timeout; /* seconds */
    /* From host-lease-past.h; 0: nothing is in doubt. */
    uint64_t doubt_from_us;
    /* Another host id would do as well: another host's is not watched until it is dead. */
    bool any_host_id;
} HostLeaseWish;

typedef struct HostLease {
    char lockspace_name[FIXED_NAME_SIZE + 1];
    char host_name[FIXED_NAME_SIZE + 1];
    uint64_t lockspace_offset;
    uint64_t host_id;
    uint32_t io_timeout;    /* seconds */
    uint64_t doubt_from_us; /* see the wish */
    bool any_host_id;       /* see the wish */
    Layout layout;          /* known once join has read the area's head */

    LeaderRecord last; /* the record that we last knew to be on disk as ours */
    /* A write was issued after `last` and its effect is not known: the disk may hold either. */
    bool write_uncertain;
    /* A write ended only when others could have taken our sector, and it may have landed on their
     * record; for good. */
    bool write_overdue;
    /* The start of the last good renewal (or of the join's write): every deadline counts from it.
     * CLOCK_BOOTTIME microseconds; 0 before the join. */
    uint64_t last_renewal_us;
    /* Somebody else wrote our sector (LEASE_TAKEN, LEASE_ALTERED, LEASE_BAD_RECORD of a renewal):
     * it is not ours to write any more, whatever it may hold later. */
    bool lost;
    /* Judges each area that a renewal reads; not owned; NULL: nobody does. */
    FrozenWatch *watch;
} HostLease;

void host_lease_init(HostLease *self, const HostLeaseWish *wish);

/* A lease that an earlier daemon of this host held, as it wrote it down: `last` is the record that
 * it knew to be on disk, `last_renewal_us` its time. What a renewal that was under way has left
 * there is not known: the first renewal takes the record for ours if host id, generation and name
 * are (write_uncertain). False when `last` cannot be a lease that `wish` describes, or was not
 * written at that time with that io timeout: others would count other deadlines than we do. */
bool host_lease_restore(HostLease *self, const HostLeaseWish *wish, const LeaderRecord *last,
                        uint64_t last_renewal_us);
