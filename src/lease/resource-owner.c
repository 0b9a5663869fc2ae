/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The owner in the way of an acquisition; see the header.
 */
#include "lease/resource-owner.h"

#include "lease/lease-timing.h"

void owner_evidence_begin(OwnerEvidence *self, uint64_t host_id)
{
    if (self->host_id != host_id)
        *self = (OwnerEvidence){ .host_id = host_id };
}

/* What the area reads know of the record's host: nothing, this very record, or an older one. */
static bool view_has_evidence(const HostView *view)
{
    return view->last_check_us != 0 && view->last_live_us != 0 && !view->bad;
}

static bool view_shows(const HostView *view, const LeaderRecord *record)
{
    return view->owner_id == record->owner_id && view->generation == record->owner_generation &&
           view->timestamp == record->timestamp;
}

static bool is_gone(const OwnerEvidence *self, const LeaderRecord *record, uint64_t generation)
{
    /* A host lease that names another owner is nothing that any host writes: it was copied or
     * misplaced, and the host that it belongs to may run on until it notices. sanlock takes the
     * resource at once; to us such a record is only one more that must stay silent until the free
     * deadline, by when that host has noticed. Owner 0: never used. */
    if (record->owner_id != self->host_id && record->owner_id != 0)
        return false;
    /* Free, by its own incarnation or a later one. A free record of an *older* one is a write that
     * landed late over the owner's: the owner may run on until its next renewal shows it. */
    if (record->timestamp == 0)
        return record->owner_id == 0 || record->owner_generation >= generation;
    /* A host id gets a new incarnation only after a clean release, after its free deadline, or by
     * the same host; so the older one's holds are void. */
    return record->owner_id == self->host_id && record->owner_generation > generation;
}

/* `view` and `record` are of the same host, the view is the older one. */
static void note_record(OwnerEvidence *self, const LeaderRecord *record, const HostView *view,
                        uint32_t own_io_timeout, uint64_t read_ended_us)
{
    uint32_t io_timeout = io_timeout_sane(record->io_timeout, own_io_timeout);
    bool same = self->seen && self->owner_id == record->owner_id &&
                self->generation == record->owner_generation &&
                self->timestamp == record->timestamp;
    if (!same) {
        bool known_before = self->seen || view_has_evidence(view);
        bool changed = known_before && (self->seen || !view_shows(view, record));
        self->owner_id = record->owner_id;
        self->generation = record->owner_generation;
        self->timestamp = record->timestamp;
        self->unchanged_from_us = read_ended_us;
        self->seen_to_change = self->seen_to_change || changed;
        self->io_timeout = io_timeout;
        self->seen = true;
    }
    /* The io timeout is outside the record's checksum: the longest one that this record was ever
     * seen with. */
    if (io_timeout > self->io_timeout)
        self->io_timeout = io_timeout;
    if (!view_has_evidence(view) || !view_shows(view, record))
        return;
    if (view->last_live_us < self->unchanged_from_us)
        self->unchanged_from_us = view->last_live_us;
    if (view->seen_to_change)
        self->seen_to_change = true;
    if (io_timeout_sane(view->io_timeout, own_io_timeout) > self->io_timeout)
        self->io_timeout = io_timeout_sane(view->io_timeout, own_io_timeout);
}

OwnerVerdict owner_evidence_add(OwnerEvidence *self, const LeaderRecord *host_lease,
                                const HostView *view, uint64_t generation, uint32_t own_io_timeout,
                                uint64_t read_started_us, uint64_t read_ended_us)
{
    if (is_gone(self, host_lease, generation))
        return OWNER_GONE;
    note_record(self, host_lease, view, own_io_timeout, read_ended_us);

    uint64_t silent_us = time_since(read_started_us, self->unchanged_from_us);
    if (silent_us > timing_free(self->io_timeout))
        return OWNER_DEAD;
    if (self->seen_to_change && silent_us <= timing_fail(self->io_timeout))
        return OWNER_LIVE;
    return OWNER_SILENT;
}

uint64_t owner_evidence_dead_at(const OwnerEvidence *self)
{
    /* Judged dead only when *longer* silent than the deadline. */
    return time_add(time_add(self->unchanged_from_us, timing_free(self->io_timeout)), 1);
}

bool shared_holder_may_live(const HostView *view, uint64_t host_id, uint64_t generation)
{
    /* A misplaced host lease proves nothing of this host. */
    if (view->owner_id != host_id && view->owner_id != 0)
        return true;
    /* Of an incarnation that joined since our last area read the view knows nothing, and is not
     * taken for evidence against it. (sanlock does.) */
    return host_view_may_live(view, generation != 0 ? generation : view->generation);
}
