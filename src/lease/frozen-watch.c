/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The clocks of others, and the judgement by them; see the header.
 */
#include "lease/frozen-watch.h"

#include <stddef.h>

#include "lease/lease-timing.h"
#include "ondisk/leader-record.h"

/* Renewals of one incarnation that were seen before its clock counts. All of them would have to
 * come equally late for a false accusation: a host whose every renewal comes so late fails. */
#define CHANGES_MIN 3u
/* Renewals in a window: clocks that drift are not compared with those of hours ago. */
#define WINDOW 8u
/* Past any clock that runs, and far from what microseconds in 64 bits can hold. */
#define TIMESTAMP_MAX (UINT64_C(1) << 40)
#define US_MAX (UINT64_C(1) << 60)
/* Two clocks that differ by more than a thousandth in speed are out of order. */
#define DRIFT_DIVISOR 1000u
#define AHEAD_UNKNOWN INT64_MIN

void frozen_watch_init(FrozenWatch *self, FrozenPeer *peers, const Layout *layout,
                       uint64_t own_host_id, uint32_t io_timeout)
{
    *self = (FrozenWatch){
        .peers = peers, .layout = *layout, .own_host_id = own_host_id, .io_timeout = io_timeout
    };
}

/* Evidence */

/* Only a held record of that host, with everything right, says what its clock shows. */
static bool is_evidence(const LeaderRecord *record, uint64_t host_id, const char *lockspace_name)
{
    return record->owner_id == host_id && record->timestamp != 0 &&
           record->timestamp <= TIMESTAMP_MAX &&
           host_lease_record_check(record, lockspace_name, NULL) == RECORD_OK;
}

static void begin_anew(FrozenPeer *peer, const LeaderRecord *record)
{
    *peer = (FrozenPeer){ .generation = record->owner_generation,
                          .timestamp = record->timestamp,
                          .ahead_us = AHEAD_UNKNOWN,
                          .ahead_before_us = AHEAD_UNKNOWN };
}

static int64_t known_ahead(const FrozenPeer *peer)
{
    return peer->ahead_us > peer->ahead_before_us ? peer->ahead_us : peer->ahead_before_us;
}

static void note_upper(FrozenPeer *peer, int64_t upper_us)
{
    if (peer->changes % WINDOW == 0) {
        peer->ahead_before_us = peer->ahead_us;
        peer->ahead_us = AHEAD_UNKNOWN;
    }
    if (upper_us > peer->ahead_us)
        peer->ahead_us = upper_us;
    /* Never back to few. */
    peer->changes = peer->changes == 4 * WINDOW ? 3 * WINDOW + 1 : (uint16_t)(peer->changes + 1);
}

/* Stances */

static void open_accusation(FrozenWatch *self, uint64_t read_ended_us)
{
    if (self->accused_at_us != 0)
        return;
    self->accused_at_us = read_ended_us;
    self->standstill_us = self->unheard_of_us = 0;
}

/* One more renewal of a host whose clock counts. `excess_us`: what our clock has lost by it. */
static FrozenStance judge(FrozenWatch *self, const FrozenPeer *peer, int64_t excess_us,
                          int64_t upper_us, uint64_t read_ended_us, uint64_t last_renewal_us)
{
    uint64_t own_us = time_since(read_ended_us, last_renewal_us);
    if (excess_us > 0 && own_us + (uint64_t)excess_us >= timing_fail(self->io_timeout)) {
        open_accusation(self, read_ended_us);
        self->accused_last_us = read_ended_us;
        if ((uint64_t)excess_us > self->standstill_us)
            self->standstill_us = (uint64_t)excess_us;
        if (own_us + (uint64_t)excess_us > self->unheard_of_us)
            self->unheard_of_us = own_us + (uint64_t)excess_us;
        return STANCE_ACCUSES;
    }
    /* A stamp that landed between the two reads that the accusation comes from may be older than
     * the standstill; one that landed later is not. */
    if (self->accused_at_us == 0 || self->accused_at_us == read_ended_us)
        return STANCE_MOVED;
    if (peer->stance == STANCE_ACCUSES || peer->stance == STANCE_SUSTAINS)
        return upper_us >= peer->accused_us ? STANCE_SUSTAINS : STANCE_DENIES;
    return upper_us - known_ahead(peer) < (int64_t)(self->standstill_us / 2) ? STANCE_DENIES
                                                                             : STANCE_NONE;
}

static void observe_peer(FrozenWatch *self, FrozenPeer *peer, const LeaderRecord *record,
                         uint64_t read_ended_us, uint64_t last_renewal_us)
{
    if (peer->generation != record->owner_generation || record->timestamp < peer->timestamp) {
        begin_anew(peer, record);
        return;
    }
    int64_t stamp_us = (int64_t)time_from_seconds(record->timestamp);
    int64_t lower_us = stamp_us - (int64_t)read_ended_us;
    int64_t upper_us = stamp_us + (int64_t)USEC_PER_SECOND - (int64_t)self->last_read_us;
    if (peer->changes >= CHANGES_MIN) {
        uint64_t gap_us = time_since(read_ended_us, peer->changed_us);
        uint64_t allowance_us = USEC_PER_SECOND + gap_us / DRIFT_DIVISOR +
                                timing_io(io_timeout_sane(record->io_timeout, self->io_timeout));
        int64_t excess_us = lower_us - known_ahead(peer) - (int64_t)allowance_us;
        peer->stance =
            (uint8_t)judge(self, peer, excess_us, upper_us, read_ended_us, last_renewal_us);
        if (peer->stance == STANCE_ACCUSES)
            peer->accused_us = lower_us;
    }
    note_upper(peer, upper_us);
    peer->timestamp = record->timestamp;
    peer->changed_us = read_ended_us;
}

/* Verdict */

static void close_accusation(FrozenWatch *self)
{
    self->accused_at_us = 0;
    for (uint32_t i = 0; i < self->highest; i++) {
        if (self->peers[i].stance != STANCE_NONE)
            self->peers[i].stance = STANCE_NONE;
    }
}

static FrozenVerdict give_verdict(FrozenWatch *self, uint64_t read_ended_us)
{
    unsigned count[STANCE_SUSTAINS + 1] = { 0 };
    if (self->accused_at_us == 0)
        return FROZEN_NO;
    for (uint32_t i = 0; i < self->highest; i++)
        count[self->peers[i].stance]++;

    bool at_once = self->accused_at_us == read_ended_us;
    unsigned accusing = count[STANCE_ACCUSES] + count[STANCE_SUSTAINS];
    unsigned others = at_once ? count[STANCE_MOVED] : count[STANCE_DENIES];
    if ((accusing >= 2 && accusing > others) || (count[STANCE_SUSTAINS] > 0 && others == 0))
        return FROZEN_YES;
    if (time_since(read_ended_us, self->accused_last_us) <= timing_free(self->io_timeout))
        return FROZEN_SUSPECTED;
    close_accusation(self);
    return FROZEN_NO;
}

/* What was said about an earlier read is not said about this one. */
static void forget_moved(FrozenWatch *self)
{
    for (uint32_t i = 0; i < self->highest; i++) {
        if (self->peers[i].stance == STANCE_MOVED)
            self->peers[i].stance = STANCE_NONE;
    }
}

FrozenVerdict frozen_watch_observe(FrozenWatch *self, const uint8_t *area, uint32_t length,
                                   const char *lockspace_name, uint64_t read_started_us,
                                   uint64_t read_ended_us, uint64_t last_renewal_us)
{
    bool first = self->last_read_us == 0;
    /* An older read that comes late shows the past; no clock shows times past the limit. */
    if (length != self->layout.align_size || read_started_us < self->last_read_us ||
        read_ended_us < read_started_us || read_ended_us > US_MAX)
        return give_verdict(self, self->last_read_us);
    forget_moved(self);
    for (uint32_t i = 0; i < self->layout.max_hosts; i++) {
        FrozenPeer *peer = &self->peers[i];
        LeaderRecord record;
        leader_record_decode(&record, area + layout_host_lease(&self->layout, 0, i + 1));
        if (i + 1 == self->own_host_id || record.owner_id == 0 ||
            (i < self->highest && record.timestamp == peer->timestamp &&
             record.owner_generation == peer->generation) ||
            !is_evidence(&record, i + 1, lockspace_name))
            continue;
        if (i >= self->highest)
            self->highest = i + 1;
        if (first)
            begin_anew(peer, &record);
        else
            observe_peer(self, peer, &record, read_ended_us, last_renewal_us);
    }
    self->last_read_us = read_started_us;
    return give_verdict(self, read_ended_us);
}
