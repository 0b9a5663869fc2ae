/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The look at what is held: what is as it was, what is taken, and what says nothing.
 */
#include <errno.h>
#include <string.h>

#include "lease/resource-recheck.h"
#include "lease/resource-share.h"
#include "support/resource-world.h"

typedef struct Fixture {
    ResourceWorld world;
    WorldMember me, other;
    ResourceRecheck recheck;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    world_init(&f->world, 512, 0, 8);
    member_init(&f->me, &f->world, 3, 4);
    member_init(&f->other, &f->world, 5, 1);
    MachineStep step = member_acquire(&f->me);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    /* Not the first version, so that there are earlier ones. */
    step = member_release(&f->me);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    step = member_acquire(&f->me);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
}

static void teardown(Fixture *f, gconstpointer data)
{
    member_clear(&f->me);
    member_clear(&f->other);
    world_clear(&f->world);
}

static MachineStep recheck(Fixture *f, bool thorough)
{
    memory_host_forget_log(&f->me.host);
    f->me.host.io_count = 0;
    resource_recheck_init(&f->recheck, &f->me.lease, thorough);
    return memory_host_run(&f->me.host, &f->recheck, (MachineResume)resource_recheck_resume);
}

static void assert_held(Fixture *f, bool thorough, const char *trace)
{
    MachineStep step = recheck(f, thorough);
    g_autofree char *got = member_trace(&f->me);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    g_assert_cmpstr(got, ==, trace);
}

static void assert_taken(Fixture *f, bool thorough, uint64_t host_id, uint64_t version)
{
    MachineStep step = recheck(f, thorough);
    assert_failed(&step, LEASE_NOT_OURS);
    g_assert_cmpuint(step.fault.host_id, ==, host_id);
    g_assert_cmpuint(step.fault.version, ==, version);
}

static void test_as_held(Fixture *f, gconstpointer data)
{
    assert_held(f, false, "R0");
    assert_held(f, true, "R0+16");
    /* Committed a second time, by a host that saw our ballot. */
    LeaderRecord leader = world_leader(&f->world);
    leader.write_id = 5;
    leader.write_generation = 1;
    leader.write_timestamp += 3;
    world_set_leader(&f->world, leader);
    assert_held(f, false, "R0");
    assert_held(f, true, "R0+16");
    /* Who wants it and does not get it leaves nothing. */
    world_set_live(&f->world, 3, 4);
    MachineStep step = member_acquire(&f->other);
    g_assert_cmpint(step.kind, ==, STEP_FAILED);
    assert_held(f, true, "R0+16");
}

static void test_taken(Fixture *f, gconstpointer data)
{
    /* By the whole protocol: our host id has a later incarnation, so the hold is void. */
    world_set_host_lease(&f->world, 3, 5, 2000);
    MachineStep step = member_acquire(&f->other);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    assert_taken(f, false, 5, 3);
    assert_taken(f, true, 5, 3);
    step = member_release(&f->other);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    assert_taken(f, false, 5, 3);
}

static void test_given_out_again(Fixture *f, gconstpointer data)
{
    LeaderRecord ours = world_leader(&f->world);
    for (unsigned i = 0; i < 4; i++) {
        LeaderRecord leader = ours;
        leader.owner_id = i == 0 ? 5 : leader.owner_id;
        leader.owner_generation += i == 1;
        leader.timestamp = i == 2 ? 0 : leader.timestamp + (i == 3);
        world_set_leader(&f->world, leader);
        assert_taken(f, false, leader.owner_id, 2);
    }
    world_set_leader(&f->world, ours);
    assert_held(f, false, "R0");
}

/* Our commit came late: somebody holds the next version, and has our name written over it. */
static void test_commit_over_another(Fixture *f, gconstpointer data)
{
    world_set_ballot(
        &f->world, 5,
        (BallotRecord){ .mbal = 2005, .bal = 2005, .inp = 5, .inp2 = 1, .inp3 = 9, .lver = 3 });
    assert_held(f, false, "R0");
    assert_taken(f, true, 5, 3);
    /* A record that is damaged says nothing. */
    world_host_sector(&f->world, 5)[3] ^= 1;
    assert_held(f, true, "R0+16");
}

static void test_leader_of_the_past(Fixture *f, gconstpointer data)
{
    BallotRecord own = world_ballot(&f->world, 3);
    world_set_held(&f->world, 1, 5, 1, 5);
    assert_held(f, false, "R0 R4");
    assert_held(f, true, "R0+16 R4");
    own.flags = BALLOT_FLAG_RELEASED;
    world_set_ballot(&f->world, 3, own);
    assert_taken(f, false, 5, 1);
    /* Formatted anew. */
    memset(world_host_sector(&f->world, 3), 0, 512);
    LeaderRecord leader = world_leader(&f->world);
    leader.version_of_lease = leader.owner_id = leader.owner_generation = leader.timestamp = 0;
    world_set_leader(&f->world, leader);
    assert_taken(f, false, 0, 0);
}

static void test_shared(Fixture *f, gconstpointer data)
{
    ResourceShare share;
    resource_share_of_held_init(&share, &f->me.lease);
    MachineStep step = memory_host_run(&f->me.host, &share, (MachineResume)resource_share_resume);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    assert_held(f, false, "R4");
    /* Whoever passes through the leader is nobody's business. */
    world_set_held(&f->world, 9, 5, 1, 5);
    assert_held(f, true, "R4");
    memset(world_host_sector(&f->world, 3) + MODE_RECORD_OFFSET, 0, MODE_RECORD_SIZE);
    step = recheck(f, false);
    assert_failed(&step, LEASE_SHARE_LOST);
}

static void test_says_nothing(Fixture *f, gconstpointer data)
{
    memory_host_plan(&f->me.host, 1, memory_io_lost());
    MachineStep step = recheck(f, false);
    assert_failed(&step, LEASE_IO_TIMEOUT);
    memory_host_plan(&f->me.host, 1, memory_io_error(EIO, false));
    step = recheck(f, true);
    assert_failed(&step, LEASE_IO_ERROR);
    memory_host_unplan(&f->me.host);

    /* An earlier version, and then our own record cannot be read. */
    LeaderRecord ours = world_leader(&f->world);
    world_set_held(&f->world, 1, 5, 1, 5);
    memory_host_plan(&f->me.host, 2, memory_io_lost());
    step = recheck(f, false);
    assert_failed(&step, LEASE_IO_TIMEOUT);
    memory_host_unplan(&f->me.host);
    world_set_leader(&f->world, ours);

    f->world.resource.bytes[70] ^= 1;
    step = recheck(f, false);
    assert_failed(&step, LEASE_BAD_RECORD);
    f->world.resource.bytes[70] ^= 1;

    /* Nobody acts on a lease that has run out: nothing is read any more. */
    f->me.host.valid_until_us = f->me.host.now_us;
    step = recheck(f, false);
    assert_failed(&step, LEASE_STOPPED);
    g_assert_cmpuint(f->me.host.io_count, ==, 0);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/resource-recheck/as-held", Fixture, NULL, setup, test_as_held, teardown);
    g_test_add("/resource-recheck/taken", Fixture, NULL, setup, test_taken, teardown);
    g_test_add("/resource-recheck/given-out-again", Fixture, NULL, setup, test_given_out_again,
               teardown);
    g_test_add("/resource-recheck/commit-over-another", Fixture, NULL, setup,
               test_commit_over_another, teardown);
    g_test_add("/resource-recheck/leader-of-the-past", Fixture, NULL, setup,
               test_leader_of_the_past, teardown);
    g_test_add("/resource-recheck/shared", Fixture, NULL, setup, test_shared, teardown);
    g_test_add("/resource-recheck/says-nothing", Fixture, NULL, setup, test_says_nothing, teardown);
    return g_test_run();
}
