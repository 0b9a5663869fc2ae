/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The evidence about other hosts, and the judgement by it.
 *
 * Two records are the same to an observer when owner, generation and time stamp are: that is what a
 * renewal, a join and a release change. Times on disk are of other hosts' clocks and are compared
 * for equality only.
 */
#include "lease/host-view.h"

#include <string.h>

#include "lease/lease-timing.h"
#include "ondisk/leader-record.h"

const char *host_state_name(HostState state)
{
    switch (state) {
    case HOST_UNKNOWN:
        return "unknown";
    case HOST_FREE:
        return "free";
    case HOST_LIVE:
        return "live";
    case HOST_FAIL:
        return "fail";
    case HOST_DEAD:
        return "dead";
    }
    return "unknown";
}

void host_table_init(HostTable *self, HostSlot *slots, const Layout *layout, uint64_t own_host_id,
                     uint32_t own_io_timeout)
{
    *self = (HostTable){ .slots = slots,
                         .layout = *layout,
                         .own_io_timeout = own_io_timeout,
                         .own_host_id = own_host_id };
}

/* Only these two make a record bad here: the checksum of a sector that is being written while the
 * area is read may be wrong, and a sign of life must not be missed. */
static bool record_is_bad(const LeaderRecord *record, const char *lockspace_name, size_t length)
{
    return record->magic != HOST_LEASE_MAGIC ||
           memcmp(record->lockspace_name, lockspace_name, length) != 0;
}

/* As many bytes as must be the same for fixed_name_equal(), counted once for 2000 records. */
static size_t compared_length(const char *lockspace_name)
{
    size_t length = strnlen(lockspace_name, FIXED_NAME_SIZE);

    return length < FIXED_NAME_SIZE ? length + 1 : length;
}

/* Returns whether the host changed. A slot that was never used equals its zeroed memory and never
 * changes; any other changes with the first read, which tells when the watching began. */
static bool slot_observe(HostSlot *slot, const LeaderRecord *record, bool bad)
{
    if (slot->bad == bad && slot->raw_owner_id == record->owner_id &&
        slot->raw_generation == record->owner_generation && slot->timestamp == record->timestamp)
        return false;

    slot->bad = bad;
    slot->raw_owner_id = record->owner_id;
    slot->raw_generation = record->owner_generation;
    slot->timestamp = record->timestamp;
    if (!bad) {
        slot->owner_id = record->owner_id;
        slot->generation = record->owner_generation;
        slot->io_timeout = record->io_timeout;
        fixed_name_load(slot->host_name, record->name);
    }
    return true;
}

static bool is_touched(const HostTable *self, uint32_t slot)
{
    return (self->touched[slot / 64] >> (slot % 64)) & 1;
}

/* What a slot looks like of which nothing was ever seen: see slot_observe(). */
static bool is_like_unused(const LeaderRecord *record, bool bad)
{
    return !bad && record->owner_id == 0 && record->owner_generation == 0 && record->timestamp == 0;
}

unsigned host_table_observe(HostTable *self, const uint8_t *area, uint32_t length,
                            const char *lockspace_name, uint64_t read_started_us,
                            uint64_t read_ended_us)
{
    bool first = self->first_check_us == 0;
    unsigned changed = 0;
    size_t name_length = compared_length(lockspace_name);

    /* An older read that comes late shows nothing newer than what is known: its "changes" would be
     * the past. */
    if (length != self->layout.align_size || read_started_us < self->last_check_us)
        return 0;
    for (uint32_t i = 0; i < self->layout.max_hosts; i++) {
        HostSlot *slot = &self->slots[i];
        LeaderRecord record;
        leader_record_decode(&record, area + layout_host_lease(&self->layout, 0, i + 1));
        bool bad = record_is_bad(&record, lockspace_name, name_length);
        if (!is_touched(self, i) && is_like_unused(&record, bad))
            continue;
        self->touched[i / 64] |= UINT64_C(1) << (i % 64);
        if (!slot_observe(slot, &record, bad))
            continue;
        slot->last_live_us = read_ended_us;
        slot->seen_to_change = !first;
        changed++;
    }
    if (first)
        self->first_check_us = read_ended_us;
    self->last_check_us = read_started_us;
    return changed;
}

uint64_t host_table_next(const HostTable *self, uint64_t after_id)
{
    /* Slot i is host i + 1. */
    for (uint64_t i = after_id; i < self->layout.max_hosts; i++) {
        uint64_t rest = self->touched[i / 64] >> (i % 64);
        if (rest & 1)
            return i + 1;
        if (rest == 0)
            i |= 63; /* nobody in the rest of this word */
    }
    return 0;
}

HostView host_table_view(const HostTable *self, uint64_t host_id)
{
    HostView view = { .host_id = host_id };

    if (host_id < 1 || host_id > self->layout.max_hosts || self->first_check_us == 0)
        return view;
    const HostSlot *slot = &self->slots[host_id - 1];
    view.owner_id = slot->owner_id;
    view.generation = slot->generation;
    view.timestamp = slot->timestamp;
    view.io_timeout = io_timeout_sane(slot->io_timeout, self->own_io_timeout);
    view.first_check_us = self->first_check_us;
    view.last_check_us = self->last_check_us;
    view.last_live_us = slot->last_live_us;
    view.seen_to_change = slot->seen_to_change;
    view.bad = slot->bad;
    for (unsigned i = 0; i < sizeof view.host_name; i++)
        view.host_name[i] = slot->host_name[i];
    return view;
}

/* What the silence of this host is counted from: the end of the read that first showed its record
 * as it is. The host wrote it before that. 0: nothing was read. */
static uint64_t view_silent_since(const HostView *view)
{
    return view->last_live_us != 0 ? view->last_live_us : view->first_check_us;
}

/* How long the record is known to have stayed the same: to the start of the latest good read. Time
 * that passed since then, or while that read was under way, is no evidence. */
static uint64_t view_silence(const HostView *view)
{
    return time_since(view->last_check_us, view_silent_since(view));
}

static bool view_is_free(const HostView *view)
{
    return view->timestamp == 0 && !view->bad;
}

HostState host_view_state(const HostView *view, uint64_t own_host_id)
{
    if (view->first_check_us == 0)
        return HOST_UNKNOWN;
    if (view_is_free(view))
        return HOST_FREE;
    if (view->host_id == own_host_id)
        return HOST_LIVE;
    uint64_t silence = view_silence(view);
    if (silence > timing_free(view->io_timeout))
        return HOST_DEAD;
    if (silence > timing_fail(view->io_timeout))
        return HOST_FAIL;
    return view->seen_to_change ? HOST_LIVE : HOST_UNKNOWN;
}

bool host_view_used(const HostView *view)
{
    return view->owner_id != 0 || view->generation != 0 || view->timestamp != 0;
}

bool host_view_may_live(const HostView *view, uint64_t generation)
{
    if (view->first_check_us == 0)
        return true;
    /* Newer than all that was seen: its host joined, and perhaps took leases, after our last read,
     * which may be long ago if the storage of the lockspace is slow. */
    if (generation > view->generation)
        return true;
    /* Older: a host id gets a new generation only when the holder of the old one is gone. */
    if (generation < view->generation || view_is_free(view))
        return false;
    return view_silence(view) <= timing_free(view->io_timeout);
}

uint64_t host_view_dead_at(const HostView *view)
{
    if (view->first_check_us == 0)
        return TIME_NEVER;
    return time_add(view_silent_since(view), timing_free(view->io_timeout));
}
