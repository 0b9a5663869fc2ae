/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether this host has stood still, and its clock with it: by the clocks of the others.
 *
 * A hypervisor that stops a virtual host and continues it later stops all its clocks, too. To such
 * a host no time has passed: it goes on renewing, and believes in resource leases that others took
 * when it was silent for too long. Nothing on the host itself tells. But the time stamps in the
 * other host leases have moved on by more than its own clock has.
 *
 * What one time stamp t (whole seconds of that host's clock) says. It was taken before its write,
 * the write landed before the end of the read that shows it, and after the start of the read before
 * that, which did not:
 *
 *   read k: start s ........ end        read k+1: start ........ end e
 *              <------------- t lands in here ------------------->
 *
 * - Its clock has shown t by our time e: it is *at least* t - e ahead of ours. That is certain.
 * - It showed less than t + 1 when the stamp was taken: were that at the landing, it would be *at
 *   most* t + 1 - s ahead. The write may have taken long, so one stamp proves nothing of this kind.
 *   The highest of several does, unless every single one of them came as late.
 *
 * Our clock has lost as much as the certain lower bound of now exceeds the upper bound of before.
 * A host that stands still itself, or whose renewals hang, shows no excess when it goes on, however
 * long that was, since what is compared is the time between its stamps and that between our reads.
 *
 * What counts is the fail deadline, in the time of the others: our own clock's time since our last
 * renewal and the excess together are the time for which nobody has heard of us. Less than 8 N, and
 * nothing was lost, whatever made the clocks differ.
 *
 * Whom to believe. A host with a clock of its own mind must not be able to fail all the others, and
 * a damaged record must not, either; but two hosts that one hypervisor stopped together agree with
 * each other, and are wrong. So:
 *
 * - Only records in which everything is right, checksum included, and only of hosts that have
 *   renewed a few times before our eyes in one incarnation. A stamp or generation that goes back, a
 *   host that leaves, joins or boots: its history begins anew.
 * - Two or more hosts accuse us, and more do than deny: FROZEN_YES, with the first read that shows
 *   it.
 * - One host accuses us and goes on renewing from there, and no other denies it: FROZEN_YES, with
 *   its next renewal. A jump that was a mistake is not gone on from.
 * - Else FROZEN_SUSPECTED, for as long as others would need to take our leases: the leader records
 *   of what this host holds decide (resource-recheck.h). They show a real taker whatever the clocks
 *   are like.
 *
 * What is not seen: a standstill while this host is alone, or before others have been watched for
 * three renewals. The leader records are there for that, too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ondisk/layout.h"

typedef enum FrozenVerdict {
    FROZEN_NO,
    FROZEN_SUSPECTED,
    FROZEN_YES,
} FrozenVerdict;

typedef enum FrozenStance {
    STANCE_NONE,
    STANCE_MOVED,    /* renewed as expected, but perhaps before we stood still */
    STANCE_DENIES,   /* renewed as expected, after that */
    STANCE_ACCUSES,  /* its clock has moved on further than ours */
    STANCE_SUSTAINS, /* and went on from there */
} FrozenStance;

/* One other host. */
typedef struct FrozenPeer {
    uint64_t generation;
    uint64_t timestamp; /* as last seen */
    /* By how much its clock is ahead of ours at most, microseconds: the highest since the window
     * began, and of the window before. */
    int64_t ahead_us, ahead_before_us;
    int64_t accused_us;  /* what it is ahead at least, by the stamp that accuses us */
    uint64_t changed_us; /* end of the read that showed the stamp first */
    uint16_t changes;    /* renewals seen of this incarnation; saturates */
    uint8_t stance;      /* FrozenStance */
} FrozenPeer;

typedef struct FrozenWatch {
    FrozenPeer
        *peers; /* layout.max_hosts of them, zeroed, owned by the caller; peer i is host i+1 */
    Layout layout;
    uint64_t own_host_id;
    uint64_t highest;      /* host id of which there is a peer; of those above no slot is touched */
    uint32_t io_timeout;   /* seconds, of this host */
    uint64_t last_read_us; /* start of the latest good read; 0: none */
    uint64_t accused_at_us;   /* end of the read that first accused us; 0: nobody does */
    uint64_t accused_last_us; /* and of the last one that did */
    uint64_t standstill_us;   /* the longest excess that somebody shows */
    uint64_t unheard_of_us;   /* for so long nobody has heard of us, as far as is known */
} FrozenWatch;

void frozen_watch_init(FrozenWatch *self, FrozenPeer *peers, const Layout *layout,
                       uint64_t own_host_id, uint32_t io_timeout);

/* Feeds one whole lockspace area that was read well between the two times; `last_renewal_us`: the
 * start of our last good renewal. With any other verdict than FROZEN_NO, standstill_us and
 * unheard_of_us say how bad it is. */
FrozenVerdict frozen_watch_observe(FrozenWatch *self, const uint8_t *area, uint32_t length,
                                   const char *lockspace_name, uint64_t read_started_us,
                                   uint64_t read_ended_us, uint64_t last_renewal_us);
