/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ballots of the acquire machine against every other ballot record there may be: rivals,
 * proposals of others, what other hosts do between two of our I/Os, shared holders, old leaders,
 * and bytes that nobody should have written. We are host 3 of generation 4.
 */
#include <string.h>

#include "lease/lease-timing.h"
#include "support/resource-world.h"

typedef struct Fixture {
    ResourceWorld world;
    WorldMember me;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    world_init(&f->world, 512, 0, 8);
    member_init(&f->me, &f->world, 3, 4);
}

static void teardown(Fixture *f, gconstpointer data)
{
    member_clear(&f->me);
    world_clear(&f->world);
}

static void assert_trace(const Fixture *f, const char *expected)
{
    g_autofree char *trace = member_trace(&f->me);
    g_assert_cmpstr(trace, ==, expected);
}

static void assert_held(Fixture *f, const MachineStep *step, uint64_t version)
{
    LeaderRecord leader = world_leader(&f->world);
    g_assert_cmpstr(lease_fault_name(step->fault.kind), ==, lease_fault_name(LEASE_OK));
    g_assert_cmpint(step->kind, ==, STEP_DONE);
    g_assert_true(f->me.lease.held);
    g_assert_false(f->me.lease.may_be_owner);
    g_assert_true(leader_record_equal(&leader, &f->me.lease.leader));
    g_assert_cmpuint(leader.version_of_lease, ==, version);
    g_assert_cmpuint(leader.owner_id, ==, 3);
    g_assert_cmpuint(leader.owner_generation, ==, 4);
}

/* A phase 2 record of `host_id` that proposes `inp`. */
static BallotRecord proposal(uint64_t mbal, uint64_t inp, uint64_t inp2, uint64_t version)
{
    return (BallotRecord){
        .mbal = mbal, .bal = mbal, .inp = inp, .inp2 = inp2, .inp3 = 777, .lver = version
    };
}

/* At I/O number `at` (it is out) the sector of host 2 becomes `ballot`, or the leader `leader`. */
typedef struct Change {
    unsigned at;
    bool set_ballot, set_leader, zero_own, alter_own, corrupt;
    BallotRecord ballot;
    LeaderRecord leader;
    bool done;
} Change;

static void change_at(WorldMember *me, unsigned n_io, void *user_data)
{
    Change *change = user_data;
    if (n_io != change->at || change->done)
        return;
    change->done = true;
    if (change->set_ballot)
        world_set_ballot(me->world, 2, change->ballot);
    if (change->set_leader)
        world_set_leader(me->world, change->leader);
    if (change->zero_own)
        memset(world_host_sector(me->world, 3), 0, 512);
    if (change->alter_own)
        world_set_ballot(me->world, 3, proposal(9003, 3, 4, 1));
    if (change->corrupt)
        world_host_sector(me->world, 2)[0] ^= 1;
}

/* Rivals */

static void test_rival_before_phase1_read(Fixture *f, gconstpointer data)
{
    /* A higher number ends the ballot; the next one is above it, after a short pause. */
    Change change = { .at = 3, .set_ballot = true, .ballot = { .mbal = 4002, .lver = 1 } };
    MachineStep step = member_acquire_meddled(&f->me, false, change_at, &change);
    assert_held(f, &step, 1);
    assert_trace(f, "R0+2048 W4 R0+16 R0+2048 W4 R0+16 W4 R0+16 W0");
    g_assert_cmpuint(world_ballot(&f->world, 3).mbal, ==, 6003);
    uint64_t pause =
        memory_host_logged(&f->me.host, 4)->asked_us - memory_host_logged(&f->me.host, 3)->ended_us;
    g_assert_cmpuint(pause, <=, 2000); /* a round took two I/Os of 1 ms */
}

static void test_rival_before_phase2_read(Fixture *f, gconstpointer data)
{
    Change change = { .at = 5, .set_ballot = true, .ballot = { .mbal = 4002, .lver = 1 } };
    MachineStep step = member_acquire_meddled(&f->me, false, change_at, &change);
    assert_held(f, &step, 1);
    assert_trace(f, "R0+2048 W4 R0+16 W4 R0+16 R0+2048 W4 R0+16 W4 R0+16 W0");
    g_assert_cmpuint(world_ballot(&f->world, 3).mbal, ==, 6003);
}

static void test_rival_with_our_number(Fixture *f, gconstpointer data)
{
    Change change = { .at = 3, .set_ballot = true, .ballot = { .mbal = 3, .lver = 1 } };
    MachineStep step = member_acquire_meddled(&f->me, false, change_at, &change);
    assert_held(f, &step, 1);
    g_assert_cmpuint(world_ballot(&f->world, 3).mbal, >, 2000);
}

static void test_rival_of_older_version(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 3, 1, 3);
    Change change = { .at = 3, .set_ballot = true, .ballot = { .mbal = 40002, .lver = 5 } };
    MachineStep step = member_acquire_meddled(&f->me, false, change_at, &change);
    assert_held(f, &step, 6);
    g_assert_cmpuint(f->me.host.log->len, ==, 6);
}

static void slow_after_io_1(WorldMember *me, unsigned n_io, void *user_data)
{
    world_set_ballot(me->world, 2, (BallotRecord){ .mbal = 2002 + 2000 * n_io, .lver = 1 });
    if (n_io >= 20)
        me->host.valid_until_us = me->host.now_us;
}

static void test_pause_follows_io_time(Fixture *f, gconstpointer data)
{
    /* On a store of 200 ms the window reaches its cap of a second, and never more. */
    f->me.host.other = memory_io_slow(200000);
    f->me.host.valid_until_us = WORLD_START_US + 100 * USEC_PER_SECOND;
    MachineStep step = member_acquire_meddled(&f->me, false, slow_after_io_1, NULL);
    assert_failed(&step, LEASE_EXPIRED);
    uint64_t longest = 0;
    for (unsigned n = 4; n <= 19; n += 3) {
        uint64_t pause = memory_host_logged(&f->me.host, n)->asked_us -
                         memory_host_logged(&f->me.host, n - 1)->ended_us;
        g_assert_cmpuint(pause, <=, USEC_PER_SECOND);
        longest = MAX(longest, pause);
    }
    g_assert_cmpuint(longest, >, 100000);
}

/* Proposals of others */

static void test_adopts(Fixture *f, gconstpointer data)
{
    /* The proposal of the highest ballot wins, whoever made it; we commit it and have lost. */
    world_set_live(&f->world, 5, 9);
    world_set_ballot(&f->world, 2, proposal(2002, 2, 1, 1));
    world_set_ballot(&f->world, 6, proposal(4006, 5, 9, 1));
    MachineStep step = member_acquire(&f->me);
    assert_failed(&step, LEASE_BALLOT_LOST);
    g_assert_cmpuint(step.fault.host_id, ==, 5);
    g_assert_cmpuint(step.fault.generation, ==, 9);
    g_assert_cmpuint(step.fault.version, ==, 1);
    g_assert_false(f->me.lease.may_be_owner);
    LeaderRecord leader = world_leader(&f->world);
    g_assert_cmpuint(leader.owner_id, ==, 5);
    g_assert_cmpuint(leader.owner_generation, ==, 9);
    g_assert_cmpuint(leader.timestamp, ==, 777);
    g_assert_cmpuint(leader.version_of_lease, ==, 1);
    g_assert_cmpuint(leader.write_id, ==, 3);
}

static void test_other_version_is_no_proposal(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 3, 1, 3);
    world_set_ballot(&f->world, 2, proposal(2002, 2, 1, 5));
    MachineStep step = member_acquire(&f->me);
    assert_held(f, &step, 6);
}

static void test_phase1_is_no_proposal(Fixture *f, gconstpointer data)
{
    BallotRecord ballot = proposal(2002, 2, 1, 1);
    ballot.bal = 0;
    world_set_ballot(&f->world, 2, ballot);
    MachineStep step = member_acquire(&f->me);
    assert_held(f, &step, 1);
}

static void test_released_winner(Fixture *f, gconstpointer data)
{
    /* Adopted and committed, but it has let go: the version after it is ours. */
    BallotRecord ballot = proposal(2002, 2, 1, 1);
    ballot.flags = BALLOT_FLAG_RELEASED;
    world_set_live(&f->world, 2, 1);
    world_set_ballot(&f->world, 2, ballot);
    MachineStep step = member_acquire(&f->me);
    assert_held(f, &step, 2);
}

static void test_own_earlier_incarnation_wins(Fixture *f, gconstpointer data)
{
    world_set_ballot(&f->world, 2, proposal(2002, 3, 2, 1));
    MachineStep step = member_acquire(&f->me);
    assert_held(f, &step, 2);
}

static void test_keeps_own_proposal(Fixture *f, gconstpointer data)
{
    /* Our record may be the only one that says what was decided about version 1. */
    world_set_live(&f->world, 5, 9);
    world_set_ballot(&f->world, 3, proposal(2003, 5, 9, 1));
    MachineStep step = member_acquire(&f->me);
    assert_failed(&step, LEASE_BALLOT_LOST);
    g_assert_cmpuint(world_leader(&f->world).owner_id, ==, 5);
    BallotRecord phase1;
    ballot_record_decode(&phase1, memory_host_logged(&f->me.host, 2)->data);
    g_assert_cmpuint(phase1.mbal, ==, 4003);
    g_assert_cmpuint(phase1.bal, ==, 2003);
    g_assert_cmpuint(phase1.inp, ==, 5);
}

static void test_own_old_proposal_is_not_a_hold(Fixture *f, gconstpointer data)
{
    /* Held and released, or taken back: version 1 is not given out again. */
    BallotRecord ballot = proposal(2003, 3, 4, 1);
    ballot.flags = BALLOT_FLAG_RELEASED;
    world_set_ballot(&f->world, 3, ballot);
    MachineStep step = member_acquire(&f->me);
    assert_held(f, &step, 2);
}

/* The leader changes during the ballot */

static LeaderRecord named(Fixture *f, uint64_t version, uint64_t owner, uint64_t generation)
{
    LeaderRecord leader = world_leader(&f->world);
    leader.version_of_lease = version;
    leader.owner_id = owner;
    leader.owner_generation = generation;
    leader.timestamp = 888;
    leader.write_id = 2;
    return leader;
}

static void test_other_wins_meanwhile(Fixture *f, gconstpointer data)
{
    unsigned at = GPOINTER_TO_UINT(data);
    Change change = { .at = at, .set_leader = true, .leader = named(f, 1, 2, 7) };
    world_set_live(&f->world, 2, 7);
    MachineStep step = member_acquire_meddled(&f->me, false, change_at, &change);
    assert_failed(&step, LEASE_BALLOT_LOST);
    g_assert_cmpuint(step.fault.host_id, ==, 2);
    g_assert_cmpuint(step.fault.generation, ==, 7);
    g_assert_false(f->me.lease.may_be_owner); /* decided, and not for us */
    g_assert_cmpuint(f->me.lease.leader.owner_id, ==, 2);
    g_assert_cmpuint(world_leader(&f->world).write_id, ==, 2);
}

static void test_other_is_versions_ahead(Fixture *f, gconstpointer data)
{
    Change change = { .at = 5, .set_leader = true, .leader = named(f, 4, 2, 7) };
    world_set_live(&f->world, 2, 7);
    MachineStep step = member_acquire_meddled(&f->me, false, change_at, &change);
    assert_failed(&step, LEASE_HELD);
    g_assert_false(f->me.lease.may_be_owner);
}

static void test_any_byte_of_leader_restarts(Fixture *f, gconstpointer data)
{
    LeaderRecord leader = world_leader(&f->world);
    leader.write_timestamp = 1;
    Change change = { .at = 3, .set_leader = true, .leader = leader };
    MachineStep step = member_acquire_meddled(&f->me, false, change_at, &change);
    assert_held(f, &step, 1);
    assert_trace(f, "R0+2048 W4 R0+16 R0+2048 W4 R0+16 W4 R0+16 W0");
    g_assert_cmpuint(world_leader(&f->world).write_timestamp, !=, 1);
}

static void test_committed_by_other(Fixture *f, gconstpointer data)
{
    /* Seen after a read that still showed the old leader beside our record: ours, once confirmed.
     */
    Change change = { .at = 5, .set_leader = true, .leader = named(f, 1, 3, 4) };
    MachineStep step = member_acquire_meddled(&f->me, false, change_at, &change);
    assert_held(f, &step, 1);
    assert_trace(f, "R0+2048 W4 R0+16 W4 R0+16 R0+2048 W4 R0+16 W4 R0+16");
    g_assert_cmpuint(world_leader(&f->world).write_id, ==, 2);
    BallotRecord own = world_ballot(&f->world, 3);
    g_assert_cmpuint(own.bal, ==, own.mbal);
    g_assert_cmpuint(own.inp, ==, 3);
    /* The release leaves that leader alone. */
    step = member_release(&f->me);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    g_assert_cmpuint(world_leader(&f->world).timestamp, !=, 0);
    g_assert_cmpuint(world_ballot(&f->world, 3).flags, ==, BALLOT_FLAG_RELEASED);
}

static void test_committed_before_flag_was_clear(Fixture *f, gconstpointer data)
{
    /* Somebody may have seen our RELEASED beside that leader, and be at version 2: so must we. */
    BallotRecord ballot = proposal(2003, 3, 4, 1);
    ballot.flags = BALLOT_FLAG_RELEASED;
    ballot.inp3 = 887;
    world_set_ballot(&f->world, 3, ballot);
    Change change = { .at = 3, .set_leader = true, .leader = named(f, 1, 3, 4) };
    MachineStep step = member_acquire_meddled(&f->me, false, change_at, &change);
    assert_held(f, &step, 2);
}

static void test_own_sector_zeroed(Fixture *f, gconstpointer data)
{
    Change change = { .at = GPOINTER_TO_UINT(data), .zero_own = true };
    MachineStep step = member_acquire_meddled(&f->me, false, change_at, &change);
    assert_held(f, &step, 1);
    g_assert_cmpuint(world_ballot(&f->world, 3).mbal, ==, 2003);
}

static void test_own_sector_altered(Fixture *f, gconstpointer data)
{
    Change change = { .at = 5, .alter_own = true };
    MachineStep step = member_acquire_meddled(&f->me, false, change_at, &change);
    assert_failed(&step, LEASE_BAD_RECORD);
    g_assert_cmpuint(step.fault.host_id, ==, 3);
    g_assert_true(f->me.lease.may_be_owner);
}

/* Leaders of the past */

static void set_free_leader(Fixture *f, uint64_t version)
{
    LeaderRecord leader = world_leader(&f->world);
    leader.version_of_lease = version;
    leader.owner_id = 5;
    leader.owner_generation = 1;
    world_set_leader(&f->world, leader);
}

static void test_leader_of_the_past(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *what;
        BallotRecord two, six;
        uint64_t version; /* 0: somebody may hold it */
    } cases[] = {
        { "released", { 2002, 2002, 2, 1, 9, 7, 0, 1 }, { 6, 6, 6, 1, 9, 6, 0, 0 }, 8 },
        { "holder", { 2002, 2002, 2, 1, 9, 7, 0, 0 }, { 6, 6, 6, 1, 9, 6, 0, 1 }, 0 },
        { "holder by another's hand",
          { 2002, 0, 0, 0, 0, 7, 0, 0 },
          { 4006, 4006, 2, 1, 9, 7, 0, 0 },
          0 },
        { "loser beside released",
          { 2002, 2002, 2, 1, 9, 7, 0, 1 },
          { 4006, 0, 0, 0, 0, 7, 0, 0 },
          8 },
        { "only phase 1", { 2002, 0, 0, 0, 0, 7, 0, 0 }, { 6, 6, 6, 1, 9, 6, 0, 1 }, 0 },
        { "next version: an ordinary rival", { 2002, 0, 0, 0, 0, 5, 0, 0 }, { 0 }, 5 },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture g;
        g_test_message("%s", cases[i].what);
        setup(&g, NULL);
        set_free_leader(&g, 4);
        world_set_ballot(&g.world, 2, cases[i].two);
        world_set_ballot(&g.world, 6, cases[i].six);
        MachineStep step = member_acquire(&g.me);
        if (cases[i].version != 0) {
            assert_held(&g, &step, cases[i].version);
        } else {
            assert_failed(&step, LEASE_HELD_UNCERTAIN);
            g_assert_cmpuint(step.fault.host_id, ==, 2);
            g_assert_cmpuint(step.fault.free_at_us, ==, 0);
            g_assert_cmpuint(memory_host_count_writes(&g.me.host), ==, 0);
        }
        teardown(&g, NULL);
    }
}

static void test_goes_by_old_leader_beside_us(Fixture *f, gconstpointer data)
{
    /* While we fight for version 8, a host that goes by the old leader enters version 5 and takes
     * away the only record that says 7. What it may win must not be passed. */
    unsigned at = GPOINTER_TO_UINT(data);
    set_free_leader(f, 4);
    world_set_ballot(&f->world, 2, (BallotRecord){ 2002, 2002, 2, 1, 9, 7, 0, 1 });
    Change change = { .at = at, .set_ballot = true, .ballot = proposal(4002, 2, 1, 5) };
    MachineStep step = member_acquire_meddled(&f->me, false, change_at, &change);
    assert_failed(&step, LEASE_HELD_UNCERTAIN);
    g_assert_cmpuint(world_leader(&f->world).version_of_lease, ==, 4);
    g_assert_true(f->me.lease.may_be_owner);
    step = member_release(&f->me);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
}

/* Shared holders */

static void test_shared_live(Fixture *f, gconstpointer data)
{
    world_set_live(&f->world, 6, 2);
    world_set_mode(&f->world, 6, (ModeRecord){ MODE_FLAG_SHARED, 2 });
    MachineStep step = member_acquire(&f->me);
    assert_failed(&step, LEASE_HELD_SHARED);
    g_assert_cmpuint(step.fault.host_id, ==, 6);
    g_assert_cmpuint(step.fault.generation, ==, 2);
    g_assert_cmpstr(step.fault.host_name, ==, "host-6");
    g_assert_true(f->me.lease.may_be_owner);
    assert_trace(f, "R0+2048 W4 R0+16 W4 R0+16 W0 R7");
    step = member_release(&f->me);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    g_assert_cmpuint(world_leader(&f->world).timestamp, ==, 0);
    g_assert_cmpuint(world_leader(&f->world).version_of_lease, ==, 1);
    g_assert_cmpuint(world_host_sector(&f->world, 6)[MODE_RECORD_OFFSET], ==, 1);
}

static void test_shared_dead(Fixture *f, gconstpointer data)
{
    world_set_host_lease(&f->world, 6, 2, 900);
    world_know(&f->world, 6, WORLD_START_US - 100 * USEC_PER_SECOND, WORLD_START_US, true);
    world_set_mode(&f->world, 6, (ModeRecord){ MODE_FLAG_SHARED, 2 });
    f->me.host.valid_until_us = WORLD_START_US + 5 * USEC_PER_SECOND;
    MachineStep step = member_acquire(&f->me);
    assert_held(f, &step, 1);
    assert_trace(f, "R0+2048 W4 R0+16 W4 R0+16 W0 R7 W7");
    static const uint8_t zeroes[512];
    g_assert_cmpmem(world_host_sector(&f->world, 6), 512, zeroes, 512);
}

static void test_shared_cases(Fixture *f, gconstpointer data)
{
    /* The view is of generation 5, silent for as long as given. */
    static const struct {
        const char *what;
        uint64_t generation;
        uint64_t silent_seconds;
        uint64_t timestamp;
        bool held, zeroed;
    } cases[] = {
        { "live", 5, 1, 900, true, false },
        { "failing", 5, 60, 900, true, false },
        { "left", 5, 1, 0, false, true },
        { "earlier incarnation", 4, 1, 900, false, true },
        { "joined since the view of a dead one", 6, 100, 900, true, false },
        { "joined since the view of one that left", 6, 1, 0, true, false },
        { "no generation, live", 0, 1, 900, true, false },
        { "no generation, dead", 0, 100, 900, false, false },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture g;
        g_test_message("%s", cases[i].what);
        setup(&g, NULL);
        world_set_host_lease(&g.world, 6, 5, cases[i].timestamp);
        world_know(&g.world, 6, WORLD_START_US - cases[i].silent_seconds * USEC_PER_SECOND,
                   WORLD_START_US, true);
        world_set_mode(&g.world, 6, (ModeRecord){ MODE_FLAG_SHARED, cases[i].generation });
        MachineStep step = member_acquire(&g.me);
        if (cases[i].held)
            assert_failed(&step, LEASE_HELD_SHARED);
        else
            assert_held(&g, &step, 1);
        bool shared = world_host_sector(&g.world, 6)[MODE_RECORD_OFFSET] != 0;
        g_assert_true(shared != cases[i].zeroed);
        teardown(&g, NULL);
    }
}

static void unshare_at_io_7(WorldMember *me, unsigned n_io, void *user_data)
{
    if (n_io == 7)
        world_set_mode(me->world, 6, (ModeRecord){ 0 });
}

static void test_shared_gone_meanwhile(Fixture *f, gconstpointer data)
{
    world_set_live(&f->world, 6, 2);
    world_set_mode(&f->world, 6, (ModeRecord){ MODE_FLAG_SHARED, 2 });
    MachineStep step = member_acquire_meddled(&f->me, false, unshare_at_io_7, NULL);
    assert_held(f, &step, 1);
}

static void test_shared_beyond_num_hosts(Fixture *f, gconstpointer data)
{
    world_set_live(&f->world, 1999, 2);
    world_set_mode(&f->world, 1999, (ModeRecord){ MODE_FLAG_SHARED, 2 });
    MachineStep step = member_acquire(&f->me);
    assert_failed(&step, LEASE_HELD_SHARED);
    g_assert_cmpuint(step.fault.host_id, ==, 1999);
}

/* Corrupt bytes */

static void test_corrupt_in_ballot(Fixture *f, gconstpointer data)
{
    unsigned at = GPOINTER_TO_UINT(data);
    world_set_ballot(&f->world, 2, (BallotRecord){ .mbal = 2, .lver = 0 });
    Change change = { .at = at, .corrupt = true };
    MachineStep step = member_acquire_meddled(&f->me, false, change_at, &change);
    assert_failed(&step, LEASE_BAD_RECORD);
    g_assert_cmpint(step.fault.record, ==, RECORD_BAD_CHECKSUM);
    g_assert_cmpuint(step.fault.host_id, ==, 2);
    g_assert_cmpint(f->me.lease.may_be_owner, ==, at > 3);
    g_assert_cmpuint(world_leader(&f->world).version_of_lease, ==, 0);
}

static void test_impossible_ballots(Fixture *f, gconstpointer data)
{
    static const struct {
        BallotRecord ballot;
        bool refused;
    } cases[] = {
        { { .mbal = UINT64_MAX, .lver = 1 }, true },
        { { .mbal = UINT64_MAX - 2000, .lver = 0 }, true },
        { { .mbal = 2, .bal = 3, .inp = 2, .inp2 = 1, .inp3 = 1, .lver = 1 }, true },
        { { .mbal = 2, .bal = 2, .inp = 2001, .inp2 = 1, .inp3 = 1, .lver = 1 }, true },
        { { .mbal = 2, .bal = 2, .inp = UINT64_MAX, .inp2 = 1, .inp3 = 1, .lver = 1 }, true },
        { { .mbal = 2, .bal = 2, .inp = 2, .inp2 = 0, .inp3 = 1, .lver = 1 }, true },
        { { .mbal = 2, .bal = 2, .inp = 2, .inp2 = 1, .inp3 = 0, .lver = 1 }, true },
        { { .mbal = 2, .bal = 9, .inp = 9999, .lver = 0 }, false }, /* of no version that matters */
        { { .mbal = 2, .bal = 2, .inp = 0, .inp2 = 1, .inp3 = 0, .lver = 1 }, false },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture g;
        setup(&g, NULL);
        world_set_ballot(&g.world, 2, cases[i].ballot);
        MachineStep step = member_acquire(&g.me);
        if (cases[i].refused) {
            assert_failed(&step, LEASE_BAD_RECORD);
            g_assert_cmpint(step.fault.record, ==, RECORD_BAD_FIELD);
            g_assert_cmpuint(memory_host_count_writes(&g.me.host), ==, 0);
        } else {
            assert_held(&g, &step, 1);
        }
        teardown(&g, NULL);
    }
}

#define PATH(name, function, data)                                                                 \
    g_test_add("/resource-ballot/" name, Fixture, data, setup, function, teardown)

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    PATH("rival-before-phase1-read", test_rival_before_phase1_read, NULL);
    PATH("rival-before-phase2-read", test_rival_before_phase2_read, NULL);
    PATH("rival-with-our-number", test_rival_with_our_number, NULL);
    PATH("rival-of-older-version", test_rival_of_older_version, NULL);
    PATH("pause-follows-io-time", test_pause_follows_io_time, NULL);
    PATH("adopts", test_adopts, NULL);
    PATH("other-version-is-no-proposal", test_other_version_is_no_proposal, NULL);
    PATH("phase1-is-no-proposal", test_phase1_is_no_proposal, NULL);
    PATH("released-winner", test_released_winner, NULL);
    PATH("own-earlier-incarnation-wins", test_own_earlier_incarnation_wins, NULL);
    PATH("keeps-own-proposal", test_keeps_own_proposal, NULL);
    PATH("own-old-proposal-is-not-a-hold", test_own_old_proposal_is_not_a_hold, NULL);
    PATH("other-wins-before-phase1-read", test_other_wins_meanwhile, GUINT_TO_POINTER(3));
    PATH("other-wins-before-phase2-read", test_other_wins_meanwhile, GUINT_TO_POINTER(5));
    PATH("other-is-versions-ahead", test_other_is_versions_ahead, NULL);
    PATH("any-byte-of-leader-restarts", test_any_byte_of_leader_restarts, NULL);
    PATH("committed-by-other", test_committed_by_other, NULL);
    PATH("committed-before-flag-was-clear", test_committed_before_flag_was_clear, NULL);
    PATH("own-sector-zeroed-phase1", test_own_sector_zeroed, GUINT_TO_POINTER(3));
    PATH("own-sector-zeroed-phase2", test_own_sector_zeroed, GUINT_TO_POINTER(5));
    PATH("own-sector-altered", test_own_sector_altered, NULL);
    PATH("leader-of-the-past", test_leader_of_the_past, NULL);
    PATH("goes-by-old-leader-phase1", test_goes_by_old_leader_beside_us, GUINT_TO_POINTER(4));
    PATH("goes-by-old-leader-phase2", test_goes_by_old_leader_beside_us, GUINT_TO_POINTER(6));
    PATH("shared-live", test_shared_live, NULL);
    PATH("shared-dead", test_shared_dead, NULL);
    PATH("shared-cases", test_shared_cases, NULL);
    PATH("shared-gone-meanwhile", test_shared_gone_meanwhile, NULL);
    PATH("shared-beyond-num-hosts", test_shared_beyond_num_hosts, NULL);
    PATH("corrupt-phase1", test_corrupt_in_ballot, GUINT_TO_POINTER(3));
    PATH("corrupt-phase2", test_corrupt_in_ballot, GUINT_TO_POINTER(5));
    PATH("impossible-ballots", test_impossible_ballots, NULL);
    return g_test_run();
}
