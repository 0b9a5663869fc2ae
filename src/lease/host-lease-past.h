/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this host knows of its earlier writes into its own host sector, kept from one lockspace
 * object to the next and, in the runtime directory, from one daemon to the next.
 *
 * A record with our own name, or a free one, is normally ours to take at once. Not when a write of
 * ours may have landed on it late. Two machines are configured with one host id, say:
 *
 *   we                                   the other machine
 *   join: write our name; it hangs
 *   the join has failed
 *                                        reads "free", writes its name, is alone, holds leases
 *                                        . . .
 *   our write lands
 *   join again: our own name             finds out with its next renewal; what it runs may go on
 *                                        until its reset deadline
 *
 * An earlier incarnation of ours would be gone, since we are here; the other machine is not. So a
 * write whose effect is not known leaves a doubt behind, and who joins in doubt watches the sector
 * for the host-dead time first, whatever it says. There is no doubt while nobody else can have
 * taken the sector: until the host-dead time has passed since our last good renewal. (sanlock does
 * not remember.)
 *
 * The time to watch follows from the io timeout on disk and from our own: that of the record which
 * was destroyed is lost. All hosts of a lockspace should use the same.
 *
 * What a reset takes away is not known after it: a host whose join write hung, and landed before
 * the reset, trusts its own name again. No single host id for two machines, no such case.
 */
#pragma once

#include "lease/host-lease.h"

/* All zero: nothing is in doubt. */
typedef struct HostLeasePast {
    /* From this point in time on (CLOCK_BOOTTIME, microseconds) the host sector may hold something
     * that a write of ours has left over another host's record. 0: no doubt. */
    uint64_t doubt_from_us;
} HostLeasePast;

/* A join begins: to be kept before its first I/O. `before`: what was known until now. */
HostLeasePast host_lease_past_joining(const HostLeasePast *before, uint64_t now_us);

/* The lease is held, as of its last good renewal. `known`: what was answered before. It need not be
 * written down with each renewal: what stays is earlier, which is only more careful. */
HostLeasePast host_lease_past_held(const HostLease *lease, const HostLeasePast *known);

/* No machine runs any more, and the lease is not held: the join has failed, or it was given back,
 * or lost. `known`: the latest of what the two functions above answered; `before_join`: what was
 * known before that join. */
HostLeasePast host_lease_past_ended(const HostLease *lease, const HostLeasePast *known,
                                    const HostLeasePast *before_join);
