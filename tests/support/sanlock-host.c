/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host that plays the resource lease as sanlock does; see the header. The letters are those of
 * section 5 of the lease-algorithms facts.
 */
#include "support/sanlock-host.h"

#include <glib.h>
#include <string.h>

#include "lease/lease-timing.h"
#include "ondisk/mode-record.h"

enum {
    S_START,
    S_AREA,
    S_LOOK,
    S_DELTA,
    S_RELEASED,
    S_RETRY,
    S_LEADER,
    S_PHASE1_WRITE,
    S_PHASE1_READ,
    S_PHASE2_WRITE,
    S_PHASE2_READ,
    S_COMMIT,
    S_SHARED_SECTOR,
    S_SHARED_LOOK,
    S_SHARED_ZERO,
    S_MODE,
    S_UNSHORT,
    S_UNMODE,
    S_GIVE_BACK_READ,
    S_GIVE_BACK,
    S_RELEASE_SECTOR,
    S_RELEASE_READ,
    S_RELEASE_LEADER,
};

void sanlock_host_init(SanlockHost *self, const char *lockspace_name, const char *resource_name,
                       const Layout *layout, uint64_t host_id, uint64_t generation,
                       uint32_t io_timeout)
{
    *self = (SanlockHost){ .lockspace_name = lockspace_name,
                           .resource_name = resource_name,
                           .layout = *layout,
                           .host_id = host_id,
                           .generation = generation,
                           .io_timeout = io_timeout };
}

void sanlock_acquire_init(SanlockHost *self, bool shared)
{
    self->want_shared = shared;
    self->held = false;
    self->converting = false;
    self->state = S_START;
    memset(self->shared, 0, sizeof self->shared);
}

void sanlock_convert_init(SanlockHost *self, bool shared)
{
    self->want_shared = shared;
    self->converting = !shared;
    self->state = S_START;
    memset(self->shared, 0, sizeof self->shared);
}

void sanlock_release_init(SanlockHost *self)
{
    self->state = S_START;
}

static MachineStep fail(SanlockHost *self, LeaseFaultKind kind)
{
    self->result = kind;
    return step_failed((LeaseFault){ .kind = kind });
}

static MachineStep read_at(SanlockHost *self, int state, uint64_t offset, uint32_t length)
{
    self->state = state;
    return step_read(TARGET_RESOURCE, offset, length, timing_io(self->io_timeout));
}

static MachineStep write_at(SanlockHost *self, int state, uint64_t offset)
{
    self->state = state;
    return (MachineStep){ .kind = STEP_WRITE,
                          .target = TARGET_RESOURCE,
                          .offset = offset,
                          .length = self->layout.sector_size,
                          .timeout_us = timing_io(self->io_timeout),
                          .data = self->sector,
                          .start_by_us = TIME_NEVER,
                          .fence_offset = offset,
                          .fence_length = self->layout.sector_size };
}

static MachineStep read_host(SanlockHost *self, int state, uint64_t host_id)
{
    return read_at(self, state, layout_host_sector(&self->layout, 0, host_id),
                   self->layout.sector_size);
}

static MachineStep read_leader(SanlockHost *self, int state)
{
    return read_at(self, state, 0, self->layout.sector_size);
}

static MachineStep read_area(SanlockHost *self)
{
    return read_at(self, S_AREA, 0, self->layout.align_size);
}

static MachineStep read_ballots(SanlockHost *self, int state)
{
    uint32_t sectors = 1;
    while (sectors < self->cur.num_hosts + 2)
        sectors *= 2;
    return read_at(self, state, 0, sectors * self->layout.sector_size);
}

static MachineStep write_own(SanlockHost *self, int state, uint32_t flags, bool shared)
{
    memset(self->sector, 0, sizeof self->sector);
    self->dblock.flags = flags;
    ballot_record_seal(&self->dblock);
    ballot_record_encode(&self->dblock, self->sector);
    if (shared)
        mode_record_encode(&(ModeRecord){ MODE_FLAG_SHARED, self->generation },
                           self->sector + MODE_RECORD_OFFSET);
    return write_at(self, state, layout_host_sector(&self->layout, 0, self->host_id));
}

static MachineStep write_leader(SanlockHost *self, int state, LeaderRecord *leader, uint64_t now_us)
{
    leader->write_id = self->host_id;
    leader->write_generation = self->generation;
    leader->write_timestamp = now_us / USEC_PER_SECOND;
    leader_record_seal(leader);
    memset(self->sector, 0, sizeof self->sector);
    leader_record_encode(leader, self->sector);
    return write_at(self, state, 0);
}

static bool load_leader(const SanlockHost *self, const MachineInput *input, LeaderRecord *ret)
{
    leader_record_decode(ret, input->data);
    return resource_record_check(ret, self->lockspace_name, self->resource_name, self->host_id,
                                 NULL) == RECORD_OK;
}

static const uint8_t *sector_of(const SanlockHost *self, const MachineInput *input, uint64_t host)
{
    return input->data + layout_host_sector(&self->layout, 0, host);
}

static bool is_shared(const uint8_t *sector, uint64_t *ret_generation)
{
    ModeRecord mode;
    mode_record_decode(&mode, sector + MODE_RECORD_OFFSET);
    *ret_generation = mode.generation;
    return (mode.flags & MODE_FLAG_SHARED) != 0;
}

/* A, B, C */

static MachineStep ballot(SanlockHost *self, bool fresh)
{
    self->fresh = fresh;
    self->next_lver = self->cur.version_of_lease + 1;
    self->mbal = self->max_mbal == 0 ? self->host_id
                                     : self->max_mbal - self->max_mbal % self->layout.max_hosts +
                                           self->layout.max_hosts + self->host_id;
    self->state = S_RETRY;
    return step_wait(0);
}

static MachineStep on_area(SanlockHost *self, const MachineInput *input)
{
    if (!load_leader(self, input, &self->cur))
        return fail(self, LEASE_BAD_RECORD);
    self->max_mbal = 0;
    for (uint64_t i = 1; i <= self->cur.num_hosts; i++) {
        BallotRecord record;
        ballot_record_decode(&record, sector_of(self, input, i));
        if (ballot_record_check(&record) != RECORD_OK)
            return fail(self, LEASE_BAD_RECORD);
        self->max_mbal = MAX(self->max_mbal, record.mbal);
    }
    if (self->cur.timestamp == 0 ||
        (self->cur.owner_id == self->host_id && self->cur.owner_generation <= self->generation))
        return ballot(self, true);
    self->state = S_LOOK;
    return step_look(self->cur.owner_id);
}

static MachineStep on_delta(SanlockHost *self, const MachineInput *input)
{
    LeaderRecord delta;
    const HostView *hs = &self->owner;
    leader_record_decode(&delta, input->data);
    if (host_lease_record_check(&delta, self->lockspace_name, NULL) != RECORD_OK)
        return fail(self, LEASE_BAD_RECORD);
    if (delta.timestamp == 0 || delta.owner_id != self->cur.owner_id ||
        delta.owner_generation > self->cur.owner_generation)
        return ballot(self, false);
    if (hs->last_live_us == 0 || hs->generation != self->cur.owner_generation)
        return fail(self, LEASE_HELD_UNCERTAIN);
    bool alive = delta.timestamp != hs->timestamp || hs->last_live_us >= hs->last_check_us;
    if (alive && self->cur.write_id != self->cur.owner_id)
        return read_host(self, S_RELEASED, self->cur.owner_id);
    if (alive)
        return fail(self, LEASE_HELD);
    if (time_since(input->now_us, hs->last_live_us) > timing_free(hs->io_timeout))
        return ballot(self, false);
    return fail(self, LEASE_HELD_UNCERTAIN);
}

static MachineStep on_released(SanlockHost *self, const MachineInput *input)
{
    BallotRecord record;
    ballot_record_decode(&record, input->data);
    if (record.flags & BALLOT_FLAG_RELEASED)
        return ballot(self, false);
    return fail(self, LEASE_HELD);
}

/* E, F, G, H, I */

static MachineStep phase1(SanlockHost *self)
{
    self->dblock = (BallotRecord){ .mbal = self->mbal, .lver = self->next_lver };
    return write_own(self, S_PHASE1_WRITE, 0, self->converting);
}

static MachineStep after_commit(SanlockHost *self);

static MachineStep on_leader(SanlockHost *self, const MachineInput *input)
{
    LeaderRecord t;
    if (!load_leader(self, input, &t))
        return fail(self, LEASE_BAD_RECORD);
    if (t.version_of_lease == self->next_lver) {
        self->leader = t;
        if (t.owner_id == self->host_id && t.owner_generation == self->generation)
            return after_commit(self);
        self->retract = false;
        return fail(self, LEASE_BALLOT_LOST);
    }
    if (!leader_record_equal(&t, &self->cur))
        return read_area(self);
    return phase1(self);
}

static MachineStep lost(SanlockHost *self, const MachineInput *input)
{
    self->mbal += self->layout.max_hosts;
    self->state = S_RETRY;
    return step_wait(input->now_us + ((uint64_t)input->random * USEC_PER_SECOND >> 32));
}

static MachineStep on_ballots(SanlockHost *self, const MachineInput *input, bool first)
{
    uint64_t best = 0;
    self->inp = first ? self->host_id : self->inp;
    self->inp2 = first ? self->generation : self->inp2;
    self->inp3 = first ? MAX(input->now_us / USEC_PER_SECOND, UINT64_C(1)) : self->inp3;
    for (uint64_t i = 1; i <= self->cur.num_hosts; i++) {
        BallotRecord record;
        uint64_t generation;
        const uint8_t *sector = sector_of(self, input, i);
        ballot_record_decode(&record, sector);
        if (ballot_record_check(&record) != RECORD_OK)
            continue;
        if (first && is_shared(sector, &generation))
            self->shared[i] = 1;
        if (record.lver < self->next_lver)
            continue;
        if (record.lver > self->next_lver || record.mbal > self->mbal)
            return lost(self, input);
        if (first && record.inp != 0 && record.bal > best) {
            best = record.bal;
            self->inp = record.inp;
            self->inp2 = record.inp2;
            self->inp3 = record.inp3;
        }
    }
    if (first) {
        self->dblock.bal = self->mbal;
        self->dblock.inp = self->inp;
        self->dblock.inp2 = self->inp2;
        self->dblock.inp3 = self->inp3;
        self->retract = true;
        return write_own(self, S_PHASE2_WRITE, 0, self->converting);
    }
    self->leader = self->cur;
    self->leader.version_of_lease = self->next_lver;
    self->leader.owner_id = self->inp;
    self->leader.owner_generation = self->inp2;
    self->leader.timestamp = self->inp3;
    if (self->inp == self->host_id)
        self->leader.flags = (self->leader.flags & ~LEADER_FLAG_SHORT_HOLD) |
                             (self->want_shared ? LEADER_FLAG_SHORT_HOLD : 0);
    return write_leader(self, S_COMMIT, &self->leader, input->now_us);
}

/* J, and the shared mode */

static MachineStep done(SanlockHost *self)
{
    self->retract = false;
    self->held = true;
    return step_done();
}

static MachineStep next_shared(SanlockHost *self)
{
    while (self->cursor < self->layout.max_hosts) {
        uint64_t i = ++self->cursor;
        if (self->shared[i] && i != self->host_id)
            return read_host(self, S_SHARED_SECTOR, i);
    }
    return self->converting ? write_own(self, S_UNMODE, 0, false) : done(self);
}

static MachineStep after_commit(SanlockHost *self)
{
    self->cursor = 0;
    if (self->want_shared)
        return write_own(self, S_MODE, BALLOT_FLAG_RELEASED, true);
    return next_shared(self);
}

static MachineStep on_shared_look(SanlockHost *self, const MachineInput *input)
{
    const HostView *hs = &input->host;
    bool dead = hs->last_check_us != 0 &&
                (hs->timestamp == 0 || hs->generation > self->cursor_generation ||
                 time_since(input->now_us, hs->last_live_us) > timing_free(hs->io_timeout));
    if (!dead && self->converting)
        return read_leader(self, S_GIVE_BACK_READ);
    if (!dead) {
        self->retract = self->keep_values = true;
        return fail(self, LEASE_HELD_SHARED);
    }
    memset(self->sector, 0, sizeof self->sector);
    return write_at(self, S_SHARED_ZERO, layout_host_sector(&self->layout, 0, self->cursor));
}

static MachineStep release_leader(SanlockHost *self, const MachineInput *input, int state)
{
    self->leader.timestamp = 0;
    self->leader.flags &= ~LEADER_FLAG_SHORT_HOLD;
    return write_leader(self, state, &self->leader, input->now_us);
}

/* The parts after the commit. */
static MachineStep resume_won(SanlockHost *self, const MachineInput *input)
{
    uint64_t generation;
    LeaderRecord t;
    switch (self->state) {
    case S_SHARED_SECTOR:
        if (!is_shared(input->data, &generation) || generation == 0)
            return next_shared(self);
        self->cursor_generation = generation;
        self->state = S_SHARED_LOOK;
        return step_look(self->cursor);
    case S_SHARED_LOOK:
        return on_shared_look(self, input);
    case S_SHARED_ZERO:
        return next_shared(self);
    case S_MODE:
        return read_leader(self, S_UNSHORT);
    case S_UNSHORT:
        if (!load_leader(self, input, &t))
            return fail(self, LEASE_BAD_RECORD);
        if (!leader_record_equal(&t, &self->leader) || t.write_id != self->host_id)
            return done(self);
        return release_leader(self, input, S_RELEASE_LEADER);
    case S_GIVE_BACK_READ:
        if (!load_leader(self, input, &t))
            return fail(self, LEASE_BAD_RECORD);
        if (!leader_record_equal(&t, &self->leader) || t.write_id != self->host_id)
            return fail(self, LEASE_HELD_SHARED);
        return release_leader(self, input, S_GIVE_BACK);
    case S_GIVE_BACK:
        return fail(self, LEASE_HELD_SHARED);
    default:
        return done(self);
    }
}

MachineStep sanlock_acquire_resume(SanlockHost *self, const MachineInput *input)
{
    if (self->state != S_START && self->state != S_LOOK && self->state != S_RETRY &&
        self->state != S_SHARED_LOOK && input->io != IO_OK)
        return fail(self, LEASE_IO_TIMEOUT);
    switch (self->state) {
    case S_START:
        self->retract = self->keep_values = false;
        return read_area(self);
    case S_AREA:
        return on_area(self, input);
    case S_LOOK:
        self->owner = input->host;
        self->state = S_DELTA;
        return step_read(TARGET_LOCKSPACE, layout_host_lease(&self->layout, 0, self->cur.owner_id),
                         self->layout.sector_size, timing_io(self->io_timeout));
    case S_DELTA:
        return on_delta(self, input);
    case S_RELEASED:
        return on_released(self, input);
    case S_RETRY:
        if (!self->fresh)
            return read_leader(self, S_LEADER);
        self->fresh = false;
        return phase1(self);
    case S_LEADER:
        return on_leader(self, input);
    case S_PHASE1_WRITE:
        return read_ballots(self, S_PHASE1_READ);
    case S_PHASE1_READ:
        return on_ballots(self, input, true);
    case S_PHASE2_WRITE:
        return read_ballots(self, S_PHASE2_READ);
    case S_PHASE2_READ:
        return on_ballots(self, input, false);
    case S_COMMIT:
        if (self->inp == self->host_id && self->inp2 == self->generation)
            return after_commit(self);
        self->retract = false;
        return fail(self, LEASE_BALLOT_LOST);
    default:
        return resume_won(self, input);
    }
}

MachineStep sanlock_convert_resume(SanlockHost *self, const MachineInput *input)
{
    if (self->state == S_START && self->want_shared)
        return write_own(self, S_MODE, BALLOT_FLAG_RELEASED, true);
    MachineStep step = sanlock_acquire_resume(self, input);
    if (step.kind != STEP_FAILED)
        return step;
    /* Still shared. */
    self->want_shared = true;
    self->retract = false;
    return step;
}

MachineStep sanlock_release_resume(SanlockHost *self, const MachineInput *input)
{
    LeaderRecord t;
    if (self->state != S_START && input->io != IO_OK)
        return fail(self, LEASE_IO_TIMEOUT);
    switch (self->state) {
    case S_START:
        if (!self->held && !self->retract)
            return step_done();
        if (!self->held && !self->keep_values) {
            self->dblock = (BallotRecord){ 0 };
            return write_own(self, S_RELEASE_SECTOR, BALLOT_FLAG_RELEASED, false);
        }
        return write_own(self, S_RELEASE_SECTOR, BALLOT_FLAG_RELEASED, false);
    case S_RELEASE_SECTOR:
        if (self->held && self->want_shared)
            break;
        return read_leader(self, S_RELEASE_READ);
    case S_RELEASE_READ:
        if (!load_leader(self, input, &t))
            return fail(self, LEASE_BAD_RECORD);
        if (t.write_id != self->host_id || t.owner_id != self->host_id ||
            t.owner_generation != self->generation || t.timestamp == 0 ||
            (self->held && !leader_record_equal(&t, &self->leader)))
            break;
        self->leader = t;
        return release_leader(self, input, S_RELEASE_LEADER);
    default:
        break;
    }
    self->held = self->retract = false;
    return step_done();
}
