/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The acquire machine, parts D, F, G, H, I: a ballot, and the commit of what it decided.
 *
 * Disk Paxos on one disk. A host's sector holds the highest ballot number it has entered (mbal) and
 * the proposal it made last (bal, inp). Phase 1: write mbal, read all; take the proposal of the
 * highest ballot that is there, else propose ourselves. Phase 2: write bal and the
 * proposal, read all again. In both, anybody's higher number ends the ballot. What survives phase 2
 * is decided, since any later ballot must have written its number after our second read, and so
 * reads our proposal after our second write.
 *
 * - A proposal is never carried over from another version.
 * - Our own last proposal for this version stays in our record, with the number of its ballot,
 *   until we make another one: Disk Paxos by the book. sanlock starts phase 1 with none, reasoning
 *   that a ballot which its host did not finish has decided nothing. But the host may have finished
 *   it: when its commit, or that of another host, is overwritten by an old leader record that was
 *   long on its way, the version is fought for again, and the record of the host that decided it
 *   may be the only one that says for whom.
 * - Our promise must be on disk: a read that does not show our own sector exactly as written ends
 *   the ballot. The one honest cause is another host that cleans up after an earlier incarnation of
 *   ours that died holding the resource shared (it zeroes our sector).
 * - The leader must be `found` in each read, see resource-acquire.c.
 * - The commit of another host's proposal cannot be left out: that host may have died between its
 *   phase 2 and its own commit, and this version will never be anybody else's.
 */
#include "lease/resource-acquire-parts.h"

#include <string.h>

/* The pause after a lost ballot, as a random part of a window: some rounds as they take on this
 * storage now, more with each loss. sanlock takes up to a second always, which on a fast device is
 * hundreds of rounds; with more than that we would gain nothing. The floor keeps hosts apart where
 * a round takes no time at all. */
#define PAUSE_MIN_US 1000u
#define PAUSE_MAX_US USEC_PER_SECOND
#define PAUSE_DOUBLINGS_MAX 4u

/* Writing our sector */

static MachineStep write_ballot(ResourceAcquire *self, const MachineInput *input,
                                const BallotRecord *record)
{
    ResourceLease *lease = self->lease;
    self->ballot_before = lease->ballot;
    self->ballot_written_before = lease->ballot_written;
    lease->ballot = *record;
    ballot_record_seal(&lease->ballot);
    /* What this host holds shared it goes on holding, and says so. Where it holds nothing so, the
     * mode record becomes zero, whatever an earlier incarnation did. */
    return resource_step_write_own(lease, input, lease->mode, self->sector);
}

void acquire_ballot_write_undone(ResourceAcquire *self)
{
    if (self->state != ACQUIRE_PHASE1_WRITE && self->state != ACQUIRE_PHASE2_WRITE)
        return; /* a commit that was not written leaves us exposed by phase 2 */
    self->exposed_version = self->exposed_before;
    self->lease->ballot = self->ballot_before;
    self->lease->ballot_written = self->ballot_written_before;
}

static MachineStep read_ballots(ResourceAcquire *self, AcquireState state)
{
    const ResourceLease *lease = self->lease;
    self->state = state;
    return resource_step_read_area(lease,
                                   lease->layout.sector_size *
                                       ballot_read_sectors(&lease->layout, self->found.num_hosts));
}

/* D, F1 */

MachineStep acquire_ballot_begin(ResourceAcquire *self, const MachineInput *input,
                                 uint64_t max_mbal)
{
    const ResourceLease *lease = self->lease;
    /* Ours may be missing on disk, see the top. */
    if (max_mbal < self->mbal)
        max_mbal = self->mbal;
    uint64_t mbal = ballot_number_above(max_mbal, &lease->layout, lease->host_id);
    /* A version that has no next one could not even be released. */
    if (mbal == 0 || self->next_version == UINT64_MAX)
        return acquire_fail(self, resource_bad_record(RECORD_BAD_FIELD, 0));
    self->mbal = mbal;
    self->ballot_version = self->next_version;
    self->winner_released = false;

    /* This write clears a RELEASED flag that somebody may have to rely on yet: when the leader
     * names us (or did until we released), or when an earlier attempt of ours at this version was
     * taken back. If this attempt fails the flag has to be set again. */
    self->exposed_before = self->exposed_version;
    if (resource_leader_is_ours(lease, &self->found) ||
        self->own_version > self->found.version_of_lease)
        acquire_expose(self, self->next_version);

    self->state = ACQUIRE_PHASE1_WRITE;
    BallotRecord record = { .mbal = mbal,
                            .bal = self->kept.bal,
                            .inp = self->kept.inp,
                            .inp2 = self->kept.inp2,
                            .inp3 = self->kept.inp3,
                            .lver = self->next_version };
    return write_ballot(self, input, &record);
}

/* F2, G2: what both reads have in common. False: *ret is what to do. */
static bool ballot_stands(ResourceAcquire *self, const MachineInput *input, BallotScan *scan,
                          MachineStep *ret)
{
    const ResourceLease *lease = self->lease;
    LeaderRecord leader;
    LeaseFault fault = resource_leader_load(lease, input->data, &leader);
    if (fault.kind != LEASE_OK) {
        *ret = acquire_fail(self, fault);
        return false;
    }
    if (!leader_record_equal(&leader, &self->found)) {
        *ret = self->remembered ? acquire_read_area_afresh(self) : acquire_read_area(self);
        return false;
    }
    resource_note_request(self->lease, input->data);
    BallotTerms terms = { .layout = &lease->layout,
                          .num_hosts = leader.num_hosts,
                          .host_id = lease->host_id,
                          .decided = self->base_version,
                          .version = self->next_version,
                          .mbal = self->mbal,
                          .gone = self->gone,
                          .occupied = input->occupied };
    ballot_scan(scan, input->data, &terms, self->shared);
    if (scan->fault != RECORD_OK) {
        *ret = acquire_fail(self, resource_bad_record(scan->fault, scan->fault_host));
        return false;
    }
    bool own_gone = ballot_record_is_empty(&scan->own);
    if (!acquire_share_stands(self, input)) {
        *ret = acquire_fail(self, resource_fault(LEASE_SHARE_LOST));
        return false;
    }
    if (!own_gone && memcmp(&scan->own, &lease->ballot, sizeof scan->own) != 0) {
        *ret = acquire_fail(self, resource_bad_record(RECORD_BAD_FIELD, lease->host_id));
        return false;
    }
    if (own_gone || scan->ahead_host != 0 || scan->between_host != 0 || scan->outbid) {
        *ret = acquire_ballot_lost(self, input);
        return false;
    }
    self->ballot_before_decision = true;
    return true;
}

static MachineStep on_phase1_read(ResourceAcquire *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    BallotScan scan;
    MachineStep step;
    if (!ballot_stands(self, input, &scan, &step))
        return step;
    if (self->remembered && scan.max_mbal > self->mbal)
        return acquire_read_area_afresh(self);
    self->remembered = false;
    if (scan.best_bal != 0) {
        self->inp = scan.best_inp;
        self->inp2 = scan.best_inp2;
        self->inp3 = scan.best_inp3;
    } else {
        self->inp = lease->host_id;
        self->inp2 = lease->generation;
        self->inp3 = self->confirming ? self->found.timestamp : resource_seconds(input->now_us);
        /* To be told apart from what an earlier attempt at this version proposed. */
        if (self->old.lver == self->next_version && self->inp3 == self->old.inp3)
            self->inp3++;
    }
    /* From here on others may commit us, whatever becomes of this write. */
    self->exposed_before = self->exposed_version;
    acquire_expose(self, self->next_version);
    self->state = ACQUIRE_PHASE2_WRITE;
    BallotRecord record = { .mbal = self->mbal,
                            .bal = self->mbal,
                            .inp = self->inp,
                            .inp2 = self->inp2,
                            .inp3 = self->inp3,
                            .lver = self->next_version };
    return write_ballot(self, input, &record);
}

/* H */

MachineStep acquire_ballot_lost(ResourceAcquire *self, const MachineInput *input)
{
    uint32_t doublings = self->losses < PAUSE_DOUBLINGS_MAX ? self->losses : PAUSE_DOUBLINGS_MAX;
    uint64_t window_us = time_since(input->now_us, self->round_started_us);
    self->losses++;
    self->lease->alone = false;
    if (window_us < PAUSE_MIN_US)
        window_us = PAUSE_MIN_US;
    if (window_us < PAUSE_MAX_US)
        window_us <<= doublings;
    if (window_us > PAUSE_MAX_US)
        window_us = PAUSE_MAX_US;
    return acquire_pause(self, input, window_us);
}

/* I */

static MachineStep lost_to_winner(ResourceAcquire *self, const MachineInput *input)
{
    return acquire_fail_held(self, input,
                             (LeaseFault){ .kind = LEASE_BALLOT_LOST,
                                           .host_id = self->inp,
                                           .generation = self->inp2,
                                           .version = self->next_version });
}

/* Committed by another host, and decided by us, too: the leader stays as it is. */
static MachineStep on_confirmed(ResourceAcquire *self, const MachineInput *input)
{
    if (self->inp == self->lease->host_id && self->inp2 == self->lease->generation)
        return acquire_shared_begin(self);
    return lost_to_winner(self, input);
}

static MachineStep on_phase2_read(ResourceAcquire *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    BallotScan scan;
    MachineStep step;
    if (!ballot_stands(self, input, &scan, &step))
        return step;
    lease->max_mbal = scan.max_mbal;

    if (self->confirming)
        return on_confirmed(self, input);
    if (self->inp <= self->found.num_hosts) {
        BallotRecord winner;
        ballot_record_decode(&winner, ballot_sector(input->data, &lease->layout, self->inp));
        self->winner_released = ballot_shows_let_go(&winner, self->next_version);
    }
    self->committing = self->found;
    self->committing.version_of_lease = self->next_version;
    self->committing.owner_id = self->inp;
    self->committing.owner_generation = self->inp2;
    self->committing.timestamp = self->inp3;
    if (self->inp == lease->host_id)
        self->committing.flags = (self->committing.flags & ~LEADER_FLAG_SHORT_HOLD) |
                                 (self->wanted == RESOURCE_SHARED ? LEADER_FLAG_SHORT_HOLD : 0);
    resource_leader_sign(lease, &self->committing, input->now_us);
    memset(self->sector, 0, sizeof self->sector);
    leader_record_encode(&self->committing, self->sector);
    self->state = ACQUIRE_COMMIT;
    return resource_step_write(lease, input, lease->resource_offset, self->sector);
}

static MachineStep on_commit(ResourceAcquire *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    bool ours = resource_leader_is_ours(lease, &self->committing);
    if (ours && acquire_is_old_proposal(self, &self->committing))
        return acquire_read_area_afresh(self);
    if (ours) {
        lease->leader = self->committing;
        self->committed = true;
        return acquire_shared_begin(self);
    }
    self->found = self->committing;
    /* The winner gave up meanwhile, or was an earlier incarnation of ours: nobody holds it. */
    if (self->winner_released || self->inp == lease->host_id)
        return acquire_read_area_afresh(self);
    return lost_to_winner(self, input);
}

MachineStep acquire_ballot_resume(ResourceAcquire *self, const MachineInput *input)
{
    switch ((AcquireState)self->state) {
    case ACQUIRE_PHASE1_WRITE:
        self->round_started_us = input->io_started_us;
        self->ballot_on_disk = true;
        return read_ballots(self, ACQUIRE_PHASE1_READ);
    case ACQUIRE_PHASE1_READ:
        return on_phase1_read(self, input);
    case ACQUIRE_PHASE2_WRITE:
        return read_ballots(self, ACQUIRE_PHASE2_READ);
    case ACQUIRE_PHASE2_READ:
        return on_phase2_read(self, input);
    default:
        return on_commit(self, input);
    }
}
