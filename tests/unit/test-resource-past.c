/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After an old leader record landed on a newer one: who may hold a later version, and hosts that
 * would wait for each other.
 */
#include <string.h>

#include "lease/lease-timing.h"
#include "support/resource-world.h"

#define S USEC_PER_SECOND
#define OLD 4u /* the version that the leader shows */

typedef struct Fixture {
    ResourceWorld world;
    WorldMember me, other;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    world_init(&f->world, 512, 0, 8);
    member_init(&f->me, &f->world, 3, 4);
    member_init(&f->other, &f->world, 5, 1);
    LeaderRecord leader = world_leader(&f->world);
    leader.version_of_lease = OLD;
    leader.owner_id = 6;
    leader.owner_generation = 1;
    leader.timestamp = 0;
    world_set_leader(&f->world, leader);
    world_set_live(&f->world, 3, 4);
    world_set_live(&f->world, 5, 1);
}

static void teardown(Fixture *f, gconstpointer data)
{
    member_clear(&f->me);
    member_clear(&f->other);
    world_clear(&f->world);
}

static void assert_got(const MachineStep *step, const WorldMember *member, uint64_t version)
{
    g_assert_cmpstr(lease_fault_name(step->fault.kind), ==, lease_fault_name(LEASE_OK));
    g_assert_cmpint(step->kind, ==, STEP_DONE);
    g_assert_cmpuint(member->lease.leader.version_of_lease, ==, version);
}

/* Both have been in a ballot that they did not finish: in an earlier attempt, or before a reset. */
static void test_wait_for_each_other(Fixture *f, gconstpointer data)
{
    const BallotRecord mine = { .mbal = 4003, .lver = 7 };
    world_set_ballot(&f->world, 3, mine);
    world_set_ballot(&f->world, 5, (BallotRecord){ .mbal = 6005, .lver = 9 });
    MachineStep step = member_acquire(&f->me);
    assert_failed(&step, LEASE_HELD_UNCERTAIN);
    g_assert_cmpuint(step.fault.host_id, ==, 5);
    /* Ours says that it is nobody's, and what it said before. */
    BallotRecord now = world_ballot(&f->world, 3);
    g_assert_cmpuint(now.flags, ==, BALLOT_FLAG_RELEASED);
    g_assert_cmpuint(now.mbal, ==, mine.mbal);
    g_assert_cmpuint(now.lver, ==, mine.lver);
    step = member_acquire(&f->other);
    assert_got(&step, &f->other, 10);
    step = member_release(&f->other);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    step = member_acquire(&f->me);
    assert_got(&step, &f->me, 11);
}

/* Once is enough: who waits does not write all the time. */
static void test_says_it_once(Fixture *f, gconstpointer data)
{
    world_set_ballot(&f->world, 3, (BallotRecord){ .mbal = 4003, .lver = 7 });
    world_set_ballot(&f->world, 5, (BallotRecord){ .mbal = 6005, .lver = 9 });
    for (unsigned i = 0; i < 3; i++) {
        MachineStep step = member_acquire(&f->me);
        assert_failed(&step, LEASE_HELD_UNCERTAIN);
    }
    g_assert_cmpuint(memory_host_count_writes(&f->me.host), ==, 1);
}

/* A dead host holds nothing, nor does an incarnation that its host has left behind. */
static void test_who_may_hold_it(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *what;
        uint64_t proposed, generation, timestamp; /* of the record's host */
        uint64_t silent_s;
        bool known, got;
    } cases[] = {
        { "live", 1, 1, 900, 1, true, false },
        { "silent, but not for long enough", 1, 1, 900, 60, true, false },
        { "dead", 1, 1, 900, 80, true, true },
        { "free", 1, 1, 0, 1, true, true },
        { "nothing known", 1, 1, 900, 1, false, false },
        { "later incarnation", 1, 2, 900, 1, true, true },
        { "live, and nobody is proposed", 0, 2, 900, 1, true, false },
        { "dead, and nobody is proposed", 0, 2, 900, 80, true, true },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture g;
        g_test_message("%s", cases[i].what);
        setup(&g, NULL);
        BallotRecord record = { .mbal = 6005, .lver = 9 };
        if (cases[i].proposed != 0) {
            record.bal = record.mbal;
            record.inp = 5;
            record.inp2 = cases[i].proposed;
            record.inp3 = 77;
        }
        world_set_ballot(&g.world, 5, record);
        world_set_host_lease(&g.world, 5, cases[i].generation, cases[i].timestamp);
        memset(&g.world.views[5], 0, sizeof g.world.views[5]);
        if (cases[i].known)
            world_know(&g.world, 5, WORLD_START_US - cases[i].silent_s * S, WORLD_START_US, true);
        MachineStep step = member_acquire(&g.me);
        if (cases[i].got)
            assert_got(&step, &g.me, 10);
        else
            assert_failed(&step, LEASE_HELD_UNCERTAIN);
        teardown(&g, NULL);
    }
}

/* While we wait, what we once proposed is committed: by a host that has seen RELEASED, or has not.
 * Version 7 is nobody's, however our name stands there. */
typedef struct Commit {
    unsigned written; /* how many of our writes were seen */
    bool done;
} Commit;

static void commit_us(WorldMember *self, unsigned n_io, void *user_data)
{
    Commit *commit = user_data;
    BallotRecord own = world_ballot(self->world, 3);
    if (commit->done || (own.flags & BALLOT_FLAG_RELEASED) == 0)
        return;
    commit->done = true;
    LeaderRecord leader = world_leader(self->world);
    leader.version_of_lease = own.lver;
    leader.owner_id = own.inp;
    leader.owner_generation = own.inp2;
    leader.timestamp = own.inp3;
    leader.write_id = 5;
    world_set_leader(self->world, leader);
    world_set_ballot(self->world, 5, (BallotRecord){ .mbal = 2005, .lver = 5 });
}

static void test_committed_while_waiting(Fixture *f, gconstpointer data)
{
    Commit commit = { 0 };
    world_set_ballot(
        &f->world, 3,
        (BallotRecord){ .mbal = 4003, .bal = 4003, .inp = 3, .inp2 = 4, .inp3 = 88, .lver = 7 });
    world_set_ballot(&f->world, 5, (BallotRecord){ .mbal = 6005, .lver = 9 });
    MachineStep step = member_acquire_meddled(&f->me, true, commit_us, &commit);
    g_assert_true(commit.done);
    assert_got(&step, &f->me, 8);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/resource-past/wait-for-each-other", Fixture, NULL, setup, test_wait_for_each_other,
               teardown);
    g_test_add("/resource-past/says-it-once", Fixture, NULL, setup, test_says_it_once, teardown);
    g_test_add("/resource-past/who-may-hold-it", Fixture, NULL, setup, test_who_may_hold_it,
               teardown);
    g_test_add("/resource-past/committed-while-waiting", Fixture, NULL, setup,
               test_committed_while_waiting, teardown);
    return g_test_run();
}
