/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An acquisition that begins where our last release ended, without a read: what it saves, and what
 * sends it back to a read. We are host 3 of generation 4; the last one was version 1.
 */
#include <errno.h>

#include "lease/lease-timing.h"
#include "support/resource-world.h"

#define WITHOUT_A_READ "W4 R0+16 W4 R0+16 W0"
#define FROM_A_READ "R0+2048 " WITHOUT_A_READ

typedef struct Fixture {
    ResourceWorld world;
    WorldMember me;
    ResourceRemains remains;
} Fixture;

static void forget_trace(Fixture *f)
{
    memory_host_forget_log(&f->me.host);
    f->me.host.io_count = 0;
}

static void assert_trace(const Fixture *f, const char *expected)
{
    g_autofree char *trace = member_trace(&f->me);
    g_assert_cmpstr(trace, ==, expected);
}

/* Takes it with what is known, which is nothing the first time. */
static MachineStep take(Fixture *f)
{
    forget_trace(f);
    resource_acquire_init(&f->me.acquire, &f->me.lease, false, 0);
    f->me.acquire.remains = f->remains;
    return member_run_meddled(&f->me, &f->me.acquire, (MachineResume)resource_acquire_resume, NULL,
                              NULL);
}

static void assert_taken(Fixture *f, const MachineStep *step, uint64_t version, const char *trace)
{
    LeaderRecord leader = world_leader(&f->world);
    g_assert_cmpint(step->kind, ==, STEP_DONE);
    g_assert_true(f->me.lease.held);
    g_assert_true(leader_record_equal(&leader, &f->me.lease.leader));
    g_assert_cmpuint(leader.version_of_lease, ==, version);
    g_assert_cmpuint(leader.owner_id, ==, 3);
    assert_trace(f, trace);
}

static void give_back(Fixture *f)
{
    MachineStep step = member_release(&f->me);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    f->remains = f->me.lease.remains;
}

/* Taken and given back until a release has left something. */
static void setup(Fixture *f, gconstpointer data)
{
    world_init(&f->world, 512, 0, 8);
    member_init(&f->me, &f->world, 3, 4);
    for (unsigned i = 1; i <= 2; i++) {
        MachineStep step = take(f);
        assert_taken(f, &step, i, FROM_A_READ);
        give_back(f);
        /* The first time the leader that was found was not ours. */
        g_assert_cmpint(f->remains.good, ==, i == 2);
    }
}

static void teardown(Fixture *f, gconstpointer data)
{
    member_clear(&f->me);
    world_clear(&f->world);
}

static void test_without_a_read(Fixture *f, gconstpointer data)
{
    for (uint64_t version = 3; version < 6; version++) {
        MachineStep step = take(f);
        assert_taken(f, &step, version, WITHOUT_A_READ);
        give_back(f);
        g_assert_true(f->remains.good);
    }
}

static void test_good_for_one_io_timeout(Fixture *f, gconstpointer data)
{
    f->me.host.now_us = f->remains.left_us + timing_io(WORLD_IO_TIMEOUT) + 1;
    MachineStep step = take(f);
    assert_taken(f, &step, 3, FROM_A_READ);
}

static void test_another_incarnation(Fixture *f, gconstpointer data)
{
    f->me.lease.generation = 5;
    MachineStep step = take(f);
    assert_taken(f, &step, 3, FROM_A_READ);
}

static void test_required_version(Fixture *f, gconstpointer data)
{
    forget_trace(f);
    resource_acquire_init(&f->me.acquire, &f->me.lease, false, 2);
    f->me.acquire.remains = f->remains;
    MachineStep step = member_run_meddled(&f->me, &f->me.acquire,
                                          (MachineResume)resource_acquire_resume, NULL, NULL);
    assert_taken(f, &step, 3, FROM_A_READ);
}

/* Another host has it now, and lives: the answer is what a read gives. */
static void test_held_by_another(Fixture *f, gconstpointer data)
{
    world_set_live(&f->world, 2, 7);
    world_set_held(&f->world, 3, 2, 7, 2);
    MachineStep step = take(f);
    assert_failed(&step, LEASE_HELD);
    g_assert_false(f->me.lease.may_be_owner);
}

/* Had it, and gave it back: two versions on. */
static void test_used_by_another(Fixture *f, gconstpointer data)
{
    LeaderRecord leader = world_leader(&f->world);
    leader.version_of_lease = 4;
    leader.owner_id = leader.write_id = 2;
    leader.owner_generation = leader.write_generation = 7;
    world_set_leader(&f->world, leader);
    MachineStep step = take(f);
    assert_taken(f, &step, 5, "W4 R0+16 " FROM_A_READ);
    give_back(f);
    g_assert_false(f->remains.good);
}

/* Any byte of it: here only the writer's time, which is outside the checksum. */
static void test_leader_altered(Fixture *f, gconstpointer data)
{
    LeaderRecord leader = world_leader(&f->world);
    leader.write_timestamp++;
    world_set_leader(&f->world, leader);
    MachineStep step = take(f);
    assert_taken(f, &step, 3, "W4 R0+16 " FROM_A_READ);
}

/* Numbers that were entered since: for this version, and for one that is over. */
static void test_higher_number(Fixture *f, gconstpointer data)
{
    world_set_ballot(&f->world, 2, (BallotRecord){ .mbal = 40002, .lver = 3 });
    MachineStep step = take(f);
    assert_taken(f, &step, 3, "W4 R0+16 " FROM_A_READ);
    g_assert_cmpuint(world_ballot(&f->world, 3).mbal, >, 40002);
    give_back(f);
    g_assert_false(f->remains.good); /* we were not alone */
}

static void test_higher_number_of_the_past(Fixture *f, gconstpointer data)
{
    world_set_ballot(&f->world, 2, (BallotRecord){ .mbal = 40002, .lver = 2 });
    MachineStep step = take(f);
    assert_taken(f, &step, 3, "W4 R0+16 " FROM_A_READ);
    g_assert_cmpuint(world_ballot(&f->world, 3).mbal, >, 40002);
}

/* A lower one that proposes somebody: it is taken over, as in any ballot. */
static void test_proposal_of_another(Fixture *f, gconstpointer data)
{
    world_set_live(&f->world, 2, 7);
    world_set_ballot(
        &f->world, 2,
        (BallotRecord){ .mbal = 2, .bal = 2, .inp = 2, .inp2 = 7, .inp3 = 777, .lver = 3 });
    MachineStep step = take(f);
    assert_failed(&step, LEASE_BALLOT_LOST);
    g_assert_cmpuint(world_leader(&f->world).owner_id, ==, 2);
}

/* The flag was cleared; whatever becomes of the attempt, it is owed. */
static void test_flag_is_owed(Fixture *f, gconstpointer data)
{
    memory_host_plan(&f->me.host, 2, memory_io_error(EIO, false));
    MachineStep step = take(f);
    assert_failed(&step, LEASE_IO_ERROR);
    g_assert_cmpuint(world_ballot(&f->world, 3).flags & BALLOT_FLAG_RELEASED, ==, 0);
    g_assert_true(f->me.lease.may_be_owner);
    give_back(f);
    g_assert_cmpuint(world_ballot(&f->world, 3).flags & BALLOT_FLAG_RELEASED, !=, 0);
    g_assert_false(f->remains.good);
}

static void test_renamed(Fixture *f, gconstpointer data)
{
    MachineStep step = take(f);
    assert_taken(f, &step, 3, WITHOUT_A_READ);
    resource_release_init(&f->me.release, &f->me.lease);
    resource_release_rename(&f->me.release, "other");
    step = member_run_meddled(&f->me, &f->me.release, (MachineResume)resource_release_resume, NULL,
                              NULL);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    g_assert_false(f->me.lease.remains.good);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, test) g_test_add("/resource-remains/" path, Fixture, NULL, setup, test, teardown)
    ADD("without-a-read", test_without_a_read);
    ADD("good-for-one-io-timeout", test_good_for_one_io_timeout);
    ADD("another-incarnation", test_another_incarnation);
    ADD("required-version", test_required_version);
    ADD("held-by-another", test_held_by_another);
    ADD("used-by-another", test_used_by_another);
    ADD("leader-altered", test_leader_altered);
    ADD("higher-number", test_higher_number);
    ADD("higher-number-of-the-past", test_higher_number_of_the_past);
    ADD("proposal-of-another", test_proposal_of_another);
    ADD("flag-is-owed", test_flag_is_owed);
    ADD("renamed", test_renamed);
    return g_test_run();
}
