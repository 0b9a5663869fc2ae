/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When a record of our own is ours to trust; the argument is in the header.
 */
#include "lease/host-lease-past.h"

#include "lease/lease-timing.h"

HostLeasePast host_lease_past_joining(const HostLeasePast *before, uint64_t now_us)
{
    /* The sector may be free: then somebody else may take it at any moment of this join. While it
     * is still certain to be ours it stays so. */
    bool certain = before->doubt_from_us > now_us;
    return (HostLeasePast){ .doubt_from_us = certain ? before->doubt_from_us : 1 };
}

HostLeasePast host_lease_past_held(const HostLease *lease, const HostLeasePast *known)
{
    uint64_t doubt_from_us = time_add(lease->last_renewal_us, timing_free(lease->io_timeout));
    /* With three renewals unsaid a daemon that is started again has 2 N + 60 s left to be certain.
     */
    if (time_since(doubt_from_us, known->doubt_from_us) <= timing_late(lease->io_timeout))
        return *known;
    return (HostLeasePast){ .doubt_from_us = doubt_from_us };
}

HostLeasePast host_lease_past_ended(const HostLease *lease, const HostLeasePast *known,
                                    const HostLeasePast *before_join)
{
    bool joined = lease->last.owner_generation != 0;
    if (lease->write_uncertain || lease->write_overdue)
        return *known;
    /* A join that succeeded has watched away what was in doubt before it. */
    return joined ? (HostLeasePast){ 0 } : *before_join;
}
