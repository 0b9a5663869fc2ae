/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The acquire machine: reads the leader and decides whether to try. See resource-acquire-parts.h
 * for the other parts.
 *
 * Why two hosts never hold one resource
 * -------------------------------------
 * 1. A version is won by Disk Paxos (resource-acquire-ballot.c): whoever commits version v commits
 *    the same owner.
 * 2. Version v+1 is fought for only when the owner at v is no more: it released (time stamp 0), it
 *    said RELEASED while somebody else's write was in the leader, or its host is dead, or has a
 *    newer incarnation (resource-acquire-owner.c). An owner that lives and holds stays named.
 * 3. We believe to hold only what we saw happen: our own commit ended well while our host lease was
 *    good, or somebody committed us after our ballot record, without the RELEASED flag, was on
 *    disk, and a ballot of our own has confirmed it (see below).
 * 4. A decision is always about one leader record. Every read of a ballot includes the leader, and
 *    a leader that differs from `found` in any byte ends the ballot: the area is read anew.
 *
 * Point 4 goes beyond sanlock, which reads the leader again only between ballots. It is needed for
 * the RELEASED flag. Take an acquisition of ours that failed half way and was taken back (record
 * kept, RELEASED set), and another host H that has adopted our proposal by then:
 *
 *   we (again)                        H                          a third host
 *   read area: version 4
 *                                     commits us at version 5
 *                                                                reads leader: we, written by H
 *                                                                reads our sector: RELEASED
 *                                                                so it may try version 6
 *   phase 1: clears RELEASED
 *   leader names us at version 5!                                wins version 6
 *
 * Taking version 5 now would make two owners. Our ballot record was not on disk, flag cleared,
 * while the leader still was at version 4, so we cannot know who saw the flag; we fight for version
 * 6 like anybody else. Only when a read that began after our record was written still showed the
 * old leader does a later leader that names us mean that we own it: whoever reads our sector
 * after having seen that leader finds no RELEASED.
 *
 * A leader record of the past
 * ---------------------------
 * Leader records are written without a comparison. A commit or a release that was decided in time
 * but took long on its way may land on a leader that is versions ahead of it. While the ballot
 * records of the version after it are there, they keep everybody right: the next ballot decides
 * what had been decided. But when the hosts have gone on further, all of them are in ballots for
 * later versions than that leader allows, which ends every ballot, for ever (sanlock's hosts then
 * try without end).
 *
 * It shows as a ballot record that is more than one version ahead of the leader, twice: its host
 * had seen the leader before its version, so a read that began after that record was seen and still
 * shows the old leader proves that it is of the past. Then:
 *
 * - Of those later versions only the highest can be held: who entered its ballot knew that the one
 *   before was nobody's. Whoever holds it has his ballot record at it, without RELEASED, and is
 *   what the highest ballot for it proposes. If there is no such record the version after it is
 *   free to be fought for.
 * - Both reads of that ballot demand it again, so that a host that goes by the old leader cannot
 *   pass us: if he wins his ballot before our record of phase 1 is there, we see him proposed; if
 *   not, he sees us in a ballot for a later version; and each of the two gives up.
 * - Else somebody may hold it, unless his host is dead or gone, or has a later incarnation than the
 *   one that was proposed. (Where no proposal is left only a dead host will do.)
 * - Else it is LEASE_HELD_UNCERTAIN, and nobody knows until when.
 * - Who waits in here, or gives up, does not hold it. So it says RELEASED in its own record before
 *   it does either: by this attempt or an earlier one, or by an earlier incarnation, it may be the
 *   very one that the others wait for. For what is on disk that is an attempt taken back
 *   (resource-release.c), and whatever comes after it in here another attempt.
 *
 * The version after the leader's may be one that we have held and released ourselves, if its leader
 * record was overwritten so; or one that an attempt of ours was taken back from, and somebody is
 * about to commit it. In neither case is it ours by being decided for that old proposal: a version
 * is given out once, and the version after it is fought for.
 *
 * The same old leader is why a version that another host has committed for us is ours only after a
 * ballot of our own for it, which can but confirm it: then the decision stands in our own record,
 * and not only in that other host's, which (if it is sanlock's) forgets it with its next ballot.
 *
 * Starting without a read
 * -----------------------
 * When we were alone with the resource, and have just released it, we know the leader: it is our
 * own write, with time stamp 0. Then the ballot begins at once (ResourceRemains). That is the same
 * as having read the area when that write landed, and having been held up ever since, which a
 * machine must bear at any time: what decides is what the two reads of the ballot show.
 *
 * - The leader is judged on the read of phase 1, whole. Any other than ours: start over with a
 *   read, as if nothing had been known; nothing was proposed yet. Equal is the same: that record
 * was written once, by us, and the write has ended. So nobody has committed anything since, and
 * nobody has become a shared holder: those that our last ballot showed were seen to be gone.
 * - A number that is not above all others that this read shows: start over.
 * - The write of phase 1 promises, proposes nothing, and clears our RELEASED flag, as that of any
 *   ballot does; the flag is owed then, as always where the leader names us.
 *
 * A write into a place that we did not look at must not destroy what somebody has put there since.
 * So this is done within one io timeout of the release: for that long a write of ours could be on
 * its way anyway, and whoever makes something else of the place has to wait for it.
 */
#include "lease/resource-acquire.h"

#include <string.h>

#include "lease/lease-timing.h"
#include "lease/resource-acquire-parts.h"

/* How often an attempt starts anew because the owner's leader says SHORT_HOLD; sanlock's number,
 * as is the second within which it does. */
#define SHORT_HOLD_TRIES 8u
#define SHORT_HOLD_PAUSE_US USEC_PER_SECOND

/* How often a host that is ahead of the leader is given time to explain itself. */
#define AHEAD_TRIES 4u

void resource_acquire_init(ResourceAcquire *self, ResourceLease *lease, bool patient,
                           uint64_t required_version)
{
    *self = (ResourceAcquire){ .lease = lease,
                               .patient = patient,
                               .required_version = required_version,
                               .state = ACQUIRE_START,
                               .owed_before = lease->may_be_owner };
    lease->held = false;
    lease->remains.good = false;
}

/* Ends and restarts */

MachineStep acquire_read_area(ResourceAcquire *self)
{
    self->remembered = false;
    self->state = ACQUIRE_AREA;
    return resource_step_read_area(self->lease, self->lease->layout.align_size);
}

MachineStep acquire_read_area_afresh(ResourceAcquire *self)
{
    self->based = false;
    return acquire_read_area(self);
}

MachineStep acquire_pause(ResourceAcquire *self, const MachineInput *input, uint64_t window_us)
{
    /* window_us is at most a few seconds: the product fits. */
    uint64_t pause_us = (window_us * input->random) >> 32;
    self->state = ACQUIRE_PAUSE;
    return step_wait(time_add(input->now_us, pause_us));
}

static bool is_exposed(const ResourceAcquire *self)
{
    if (self->committed)
        return true;
    return self->exposed_version > self->found.version_of_lease;
}

static void update_owed(ResourceAcquire *self)
{
    self->lease->may_be_owner = self->owed_before || is_exposed(self);
}

void acquire_expose(ResourceAcquire *self, uint64_t version)
{
    if (version > self->exposed_version)
        self->exposed_version = version;
    update_owed(self);
}

MachineStep acquire_fail(ResourceAcquire *self, LeaseFault fault)
{
    update_owed(self);
    if (self->based && !self->committed)
        self->lease->leader = self->found;
    self->state = ACQUIRE_ENDED;
    return step_failed(fault);
}

MachineStep acquire_fail_held(ResourceAcquire *self, const MachineInput *input, LeaseFault fault)
{
    bool passing = (self->found.flags & LEADER_FLAG_SHORT_HOLD) != 0 ||
                   (self->wanted == RESOURCE_SHARED && fault.kind == LEASE_BALLOT_LOST);
    if (passing && self->short_hold_tries < SHORT_HOLD_TRIES) {
        self->short_hold_tries++;
        /* What we proposed before was decided against with this leader, or is still open: in either
         * case the new basis says so. */
        self->based = false;
        return acquire_pause(self, input, SHORT_HOLD_PAUSE_US);
    }
    return acquire_fail(self, fault);
}

MachineStep acquire_done(ResourceAcquire *self)
{
    self->lease->held = true;
    self->lease->may_be_owner = false;
    self->state = ACQUIRE_ENDED;
    return step_done();
}

/* A, B, E */

static void take_basis(ResourceAcquire *self, const LeaderRecord *leader)
{
    self->found = *leader;
    self->based = true;
    self->may_try = false;
    self->base_version = leader->version_of_lease;
    self->next_version = leader->version_of_lease + 1;
    self->ballot_on_disk = false;
    self->ballot_before_decision = false;
    self->ahead_tries = 0;
    self->losses = 0;
    self->past_host = 0;
    memset(self->gone, 0, sizeof self->gone);
    self->confirming = false;
    self->lease->alone = leader->write_id == self->lease->host_id &&
                         leader->write_generation == self->lease->generation;
    /* It names us, whoever wrote it, and we have cleared our flag: not to be left like that. */
    if (self->mbal != 0 && resource_leader_is_ours(self->lease, leader))
        acquire_expose(self, self->next_version);
}

bool acquire_is_old_proposal(const ResourceAcquire *self, const LeaderRecord *leader)
{
    const BallotRecord *old = &self->old;
    return old->bal != 0 && old->lver == leader->version_of_lease && old->inp == leader->owner_id &&
           old->inp2 == leader->owner_generation && old->inp3 == leader->timestamp;
}

static MachineStep lost_to(ResourceAcquire *self, const MachineInput *input,
                           const LeaderRecord *leader)
{
    take_basis(self, leader);
    LeaseFault fault = { .kind = LEASE_BALLOT_LOST,
                         .host_id = leader->owner_id,
                         .generation = leader->owner_generation,
                         .version = leader->version_of_lease };
    return acquire_fail_held(self, input, fault);
}

static void note_own_ballot(ResourceAcquire *self, const BallotRecord *own)
{
    self->own_version = own->lver;
    self->kept = own->lver == self->next_version ? *own : (BallotRecord){ 0 };
    if (own->lver == self->next_version && self->ballot_version != self->next_version)
        self->old = *own;
}

/* E: the leader is not `found` any more. True: *ret is what to do; false: start over with it. */
static bool explain_change(ResourceAcquire *self, const MachineInput *input,
                           const LeaderRecord *leader, const BallotScan *scan, MachineStep *ret)
{
    ResourceLease *lease = self->lease;
    if (leader->version_of_lease != self->next_version || leader->timestamp == 0)
        return false;
    if (leader->owner_id != lease->host_id) {
        *ret = lost_to(self, input, leader);
        return true;
    }
    /* Committed by another host. Somebody who is in a ballot for the version after it does not take
     * us for the holder: then we do not, either. */
    if (leader->owner_generation != lease->generation || !self->ballot_before_decision ||
        acquire_is_old_proposal(self, leader) || scan->ahead_host != 0 || scan->between_host != 0)
        return false;
    lease->leader = *leader;
    self->committed = true;
    self->found = *leader;
    self->confirming = true;
    note_own_ballot(self, &scan->own);
    *ret = acquire_ballot_begin(self, input, scan->max_mbal);
    return true;
}

/* B: nobody else is named. */
static bool may_try_at_once(const ResourceLease *lease, const LeaderRecord *leader)
{
    if (leader->timestamp == 0)
        return true;
    /* Ours from before: of this incarnation (committed by another host after we gave up, or a
     * release that never came through) or of an earlier one, whose users are gone since this host
     * has joined again. A *later* incarnation of our own host id is not: somebody else has joined
     * under it, or the lockspace was made anew. */
    return leader->owner_id == lease->host_id && leader->owner_generation <= lease->generation;
}

static MachineStep decide(ResourceAcquire *self, const MachineInput *input, uint64_t max_mbal)
{
    if (self->may_try)
        return acquire_ballot_begin(self, input, max_mbal);
    if (self->required_version != 0 && self->found.version_of_lease != self->required_version)
        return acquire_fail(self, (LeaseFault){ .kind = LEASE_VERSION_DIFFERS,
                                                .version = self->found.version_of_lease });
    if (!may_try_at_once(self->lease, &self->found))
        return acquire_owner_begin(self);
    self->may_try = true;
    return acquire_ballot_begin(self, input, max_mbal);
}

/* The look at the host in the way is over, whatever it showed: wait, or give up. */
static MachineStep wait_for_past(ResourceAcquire *self, const MachineInput *input)
{
    uint64_t obstacle = self->past_host;
    self->past_host = 0; /* to be looked at anew */
    if (self->patient) {
        self->ahead_tries = 1;
        return acquire_pause(self, input, USEC_PER_SECOND);
    }
    return acquire_fail(self, (LeaseFault){ .kind = LEASE_HELD_UNCERTAIN, .host_id = obstacle });
}

/* Our own record may be what others wait for. `own`: as on disk. */
static MachineStep let_go_of_past(ResourceAcquire *self, const MachineInput *input,
                                  const BallotRecord *own)
{
    ResourceLease *lease = self->lease;
    if (own->lver <= self->found.version_of_lease || (own->flags & BALLOT_FLAG_RELEASED) != 0)
        return wait_for_past(self, input);
    lease->ballot = *own;
    lease->ballot.flags |= BALLOT_FLAG_RELEASED;
    lease->ballot_written = true;
    /* From here on it is of an attempt that was taken back. */
    self->ballot_version = 0;
    self->ballot_on_disk = false;
    self->ballot_before_decision = false;
    self->state = ACQUIRE_PAST_LET_GO;
    return resource_step_write_own(lease, input, lease->mode, self->sector);
}

static MachineStep on_past_look(ResourceAcquire *self, const MachineInput *input)
{
    uint64_t generation =
        self->past_generation != 0 ? self->past_generation : input->host.generation;
    if (!host_view_may_live(&input->host, generation))
        host_set_add(self->gone, self->past_host);
    return acquire_read_area(self);
}

/* See the top. `scan` is what on_area() saw with `terms`. */
static MachineStep on_leader_of_the_past(ResourceAcquire *self, const MachineInput *input,
                                         BallotTerms *terms, BallotScan *scan)
{
    self->ahead_tries++;
    /* A record of this attempt would make others suspect us, should we give up. */
    if (self->mbal != 0 && scan->own.lver > self->found.version_of_lease)
        acquire_expose(self, scan->own.lver);
    if (self->ahead_tries > 1 && scan->max_version != UINT64_MAX) {
        if (scan->ahead_host != 0) {
            terms->version = scan->max_version + 1;
            ballot_scan(scan, input->data, terms, self->shared);
        }
        if (scan->between_host == 0) {
            self->next_version = terms->version;
            self->kept = (BallotRecord){ 0 }; /* of an older version */
            self->ballot_on_disk = false;
            self->ballot_before_decision = false;
            return decide(self, input, scan->max_mbal);
        }
        if (self->past_host != scan->between_host) {
            self->past_host = scan->between_host;
            self->past_generation = scan->between_generation;
            self->state = ACQUIRE_PAST_LOOK;
            return step_look(scan->between_host);
        }
    }
    if (self->ahead_tries <= AHEAD_TRIES) {
        self->round_started_us = input->io_started_us;
        return acquire_ballot_lost(self, input);
    }
    self->past_host = scan->ahead_host != 0 ? scan->ahead_host : scan->between_host;
    return let_go_of_past(self, input, &scan->own);
}

static MachineStep on_area(ResourceAcquire *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    LeaderRecord leader;
    LeaseFault fault = resource_leader_load(lease, input->data, &leader);
    if (fault.kind != LEASE_OK)
        return acquire_fail(self, fault);
    if (!acquire_share_stands(self, input))
        return acquire_fail(self, resource_fault(LEASE_SHARE_LOST));
    resource_note_request(lease, input->data);

    bool same = self->based && leader_record_equal(&leader, &self->found);
    /* The next version is looked at as we knew it when that has just been decided. */
    bool decided = self->based && !same && leader.version_of_lease == self->next_version;
    BallotTerms terms = { .layout = &lease->layout,
                          .num_hosts = leader.num_hosts,
                          .host_id = lease->host_id,
                          .decided = leader.version_of_lease,
                          .version = leader.version_of_lease + 1,
                          .gone = self->gone,
                          .occupied = input->occupied };
    if (same || decided) {
        terms.decided = self->base_version;
        terms.version = self->next_version;
    }
    BallotScan scan;
    ballot_scan(&scan, input->data, &terms, self->shared);
    if (scan.fault != RECORD_OK)
        return acquire_fail(self, resource_bad_record(scan.fault, scan.fault_host));
    /* Hosts beyond num_hosts cannot acquire any more, but those who share since before that number
     * was made smaller still do. */
    ballot_scan_outsiders(input->data, &terms, self->shared);

    MachineStep step;
    if (self->based && !same && explain_change(self, input, &leader, &scan, &step))
        return step;
    if (decided) { /* the new basis is a version further: the ballots must be judged as such */
        self->based = false;
        return on_area(self, input);
    }
    if (!same)
        take_basis(self, &leader);
    note_own_ballot(self, &scan.own);
    if (self->ballot_on_disk)
        self->ballot_before_decision = true;

    if (scan.ahead_host != 0 || scan.between_host != 0)
        return on_leader_of_the_past(self, input, &terms, &scan);
    return decide(self, input, scan.max_mbal);
}

/* See "Starting without a read". */
static bool can_begin_at_once(const ResourceAcquire *self, const MachineInput *input)
{
    const ResourceRemains *left = &self->remains;
    const ResourceLease *lease = self->lease;

    return left->good && self->wanted == RESOURCE_EXCLUSIVE && lease->mode == RESOURCE_EXCLUSIVE &&
           self->required_version == 0 && !self->owed_before && left->leader.timestamp == 0 &&
           left->leader.write_id == lease->host_id &&
           left->leader.write_generation == lease->generation &&
           resource_leader_is_ours(lease, &left->leader) &&
           time_since(input->now_us, left->left_us) <= timing_io(lease->io_timeout);
}

static MachineStep begin(ResourceAcquire *self, const MachineInput *input)
{
    if (!can_begin_at_once(self, input))
        return acquire_read_area(self);
    take_basis(self, &self->remains.leader);
    note_own_ballot(self, &self->remains.ballot);
    self->remembered = true;
    self->may_try = true;
    return acquire_ballot_begin(self, input, self->remains.max_mbal);
}

/* The machine */

static bool awaits_read(int state)
{
    switch (state) {
    case ACQUIRE_AREA:
    case ACQUIRE_OWNER_LEASE:
    case ACQUIRE_OWNER_FLAG:
    case ACQUIRE_OWNER_LEADER:
    case ACQUIRE_PHASE1_READ:
    case ACQUIRE_PHASE2_READ:
    case ACQUIRE_SHARED_SECTOR:
        return true;
    default:
        return false;
    }
}

static bool awaits_write(int state)
{
    switch (state) {
    case ACQUIRE_PHASE1_WRITE:
    case ACQUIRE_PHASE2_WRITE:
    case ACQUIRE_COMMIT:
    case ACQUIRE_SHARED_ZERO:
    case ACQUIRE_PAST_LET_GO:
        return true;
    default:
        return false;
    }
}

static MachineStep dispatch(ResourceAcquire *self, const MachineInput *input)
{
    switch ((AcquireState)self->state) {
    case ACQUIRE_START:
        return begin(self, input);
    case ACQUIRE_PAUSE:
        return acquire_read_area(self);
    case ACQUIRE_AREA:
        return on_area(self, input);
    case ACQUIRE_PAST_LOOK:
        return on_past_look(self, input);
    case ACQUIRE_PAST_LET_GO:
        return wait_for_past(self, input);
    case ACQUIRE_OWNER_LOOK:
    case ACQUIRE_OWNER_LEASE:
    case ACQUIRE_OWNER_FLAG:
    case ACQUIRE_OWNER_WAIT:
    case ACQUIRE_OWNER_LEADER:
        return acquire_owner_resume(self, input);
    case ACQUIRE_PHASE1_WRITE:
    case ACQUIRE_PHASE1_READ:
    case ACQUIRE_PHASE2_WRITE:
    case ACQUIRE_PHASE2_READ:
    case ACQUIRE_COMMIT:
        return acquire_ballot_resume(self, input);
    case ACQUIRE_SHARED_SECTOR:
    case ACQUIRE_SHARED_LOOK:
    case ACQUIRE_SHARED_ZERO:
        return acquire_shared_resume(self, input);
    case ACQUIRE_ENDED:
        break;
    }
    return step_failed(resource_fault(LEASE_STOPPED));
}

MachineStep resource_acquire_resume(ResourceAcquire *self, const MachineInput *input)
{
    if (self->state == ACQUIRE_ENDED)
        return step_failed(resource_fault(LEASE_STOPPED));
    bool wrote = awaits_write(self->state);
    if (wrote && input->io == IO_TOO_LATE)
        acquire_ballot_write_undone(self);
    /* Before anything else, even a write that has just ended well: what was committed after our
     * host lease had run out, or while it did, is not held. Others may not act for a minute yet,
     * but everything on this host that counts on the lease is already being stopped. */
    if (input->now_us >= input->valid_until_us)
        return acquire_fail(self, resource_fault(LEASE_EXPIRED));
    if (input->stop)
        return acquire_fail(self, resource_fault(LEASE_STOPPED));
    if ((wrote || awaits_read(self->state)) && input->io != IO_OK)
        return acquire_fail(self, resource_io_fault(input, wrote));
    return dispatch(self, input);
}
