/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From shared to exclusive: whatever becomes of the attempt, the shared hold stands on disk without
 * a break until the exclusive one does, and what a failed attempt leaves is in nobody's way.
 */
#include <string.h>

#include "lease/lease-timing.h"
#include "lease/resource-step.h"
#include "support/resource-world.h"
#include "support/sanlock-host.h"

#define S USEC_PER_SECOND
#define CONVERT_IOS 7u /* alone */

typedef struct Fixture {
    ResourceWorld world;
    WorldMember me, other, third;
} Fixture;

static void share_ok(WorldMember *member)
{
    MachineStep step = member_share(member);
    assert_done(&step);
    member_forget_log(member);
}

static void setup(Fixture *f, gconstpointer data)
{
    world_init(&f->world, 512, 0, 8);
    member_init(&f->me, &f->world, 3, 4);
    member_init(&f->other, &f->world, 5, 1);
    member_init(&f->third, &f->world, 7, 9);
    share_ok(&f->me);
}

static void teardown(Fixture *f, gconstpointer data)
{
    member_clear(&f->me);
    member_clear(&f->other);
    member_clear(&f->third);
    world_clear(&f->world);
}

static bool says_shared(const WorldMember *me)
{
    return resource_own_says_shared(&me->lease, world_host_sector(me->world, me->lease.host_id));
}

/* At every moment of the attempt until it is exclusive. */
static void watch_mode(WorldMember *me, unsigned n_io, void *user_data)
{
    if (me->lease.mode == RESOURCE_SHARED && me->convert.state == 0)
        g_assert_true(says_shared(me));
}

static MachineStep convert_watched(Fixture *f)
{
    resource_convert_init(&f->me.convert, &f->me.lease);
    return member_run_meddled(&f->me, &f->me.convert, (MachineResume)resource_convert_resume,
                              watch_mode, NULL);
}

static void assert_still_shares(Fixture *f)
{
    g_assert_true(f->me.lease.held);
    g_assert_cmpint(f->me.lease.mode, ==, RESOURCE_SHARED);
}

/* What a failed attempt has left is taken away; then others can share beside us, with us alone in
 * the way of an exclusive lease. */
static void assert_settles(Fixture *f)
{
    for (unsigned i = 0; f->me.lease.may_be_owner; i++) {
        g_assert_cmpuint(i, <, 20);
        member_share_held(&f->me);
        assert_still_shares(f);
    }
    memory_disk_advance(&f->world.resource, f->me.host.now_us + 1000 * S);
    g_assert_true(says_shared(&f->me));
    LeaderRecord leader = world_leader(&f->world);
    g_assert_false(resource_leader_is_owed(&f->me.lease, &leader));
    if (resource_leader_is_ours(&f->me.lease, &leader) && leader.timestamp != 0)
        g_assert_cmpuint(world_ballot(&f->world, 3).flags, ==, BALLOT_FLAG_RELEASED);

    f->third.host.now_us = f->me.host.now_us;
    share_ok(&f->third);
    MachineStep step = member_release(&f->third);
    assert_done(&step);
    step = member_acquire(&f->third);
    assert_failed(&step, LEASE_HELD_SHARED);
    step = member_release(&f->third);
    assert_done(&step);
}

/* Paths */

static void test_alone(Fixture *f, gconstpointer data)
{
    MachineStep step = convert_watched(f);
    assert_done(&step);
    g_autofree char *trace = member_trace(&f->me);
    g_assert_cmpstr(trace, ==, "R0+2048 W4 R0+16 W4 R0+16 W0 W4");
    g_assert_true(f->me.lease.held);
    g_assert_cmpint(f->me.lease.mode, ==, RESOURCE_EXCLUSIVE);
    g_assert_false(f->me.lease.may_be_owner);
    LeaderRecord leader = world_leader(&f->world);
    g_assert_cmpuint(leader.version_of_lease, ==, 2);
    g_assert_cmpuint(leader.flags & LEADER_FLAG_SHORT_HOLD, ==, 0);
    g_assert_true(leader_record_equal(&leader, &f->me.lease.leader));
    g_assert_cmpuint(world_mode(&f->world, 3).flags, ==, 0);
    g_assert_cmpuint(world_ballot(&f->world, 3).flags, ==, 0);
    step = member_share(&f->other);
    assert_failed(&step, LEASE_HELD);
    step = member_release(&f->me);
    assert_done(&step);
    share_ok(&f->other);
}

static void test_other_shares(Fixture *f, gconstpointer data)
{
    share_ok(&f->other);
    MachineStep step = convert_watched(f);
    assert_failed(&step, LEASE_HELD_SHARED);
    g_assert_cmpuint(step.fault.host_id, ==, 5);
    g_assert_cmpstr(step.fault.host_name, ==, "host-5");
    assert_still_shares(f);
    g_assert_true(f->me.lease.may_be_owner);
    /* Until that is settled nobody gets past us, nor do we. */
    MachineStep try = member_share(&f->third);
    assert_failed(&try, LEASE_HELD);
    assert_settles(f);
    g_assert_cmpuint(world_ballot(&f->world, 3).flags, ==, BALLOT_FLAG_RELEASED);
    step = member_release(&f->other);
    assert_done(&step);
    step = convert_watched(f);
    assert_done(&step);
}

static void test_released_is_set_again(Fixture *f, gconstpointer data)
{
    /* A leader that names us by another's hand: only RELEASED lets go of it. A failed attempt has
     * cleared that. */
    LeaderRecord leader = world_leader(&f->world);
    leader.timestamp = f->me.lease.leader.timestamp;
    leader.write_id = 7;
    world_set_leader(&f->world, leader);
    f->me.host.valid_until_us = f->me.host.now_us + 60 * S;
    memory_host_plan(&f->me.host, 4, memory_io_error(5, false));
    MachineStep step = convert_watched(f);
    assert_failed(&step, LEASE_IO_ERROR);
    g_assert_cmpuint(world_ballot(&f->world, 3).flags, ==, 0);
    g_assert_true(f->me.lease.may_be_owner);
    SanlockHost sanlock;
    sanlock_host_init(&sanlock, WORLD_LOCKSPACE, WORLD_RESOURCE, &f->world.layout, 7, 9,
                      WORLD_IO_TIMEOUT);
    for (unsigned settled = 0; settled < 2; settled++) {
        if (settled)
            assert_settles(f);
        sanlock_acquire_init(&sanlock, true);
        step = memory_host_run(&f->third.host, &sanlock, (MachineResume)sanlock_acquire_resume);
        g_assert_cmpint(step.kind, ==, settled ? STEP_DONE : STEP_FAILED);
    }
}

static void test_held_meanwhile(Fixture *f, gconstpointer data)
{
    /* By somebody who is about to ask about us, and to be refused. */
    world_set_held(&f->world, 2, 5, 1, 5);
    MachineStep step = convert_watched(f);
    assert_failed(&step, LEASE_HELD);
    assert_still_shares(f);
    g_assert_false(f->me.lease.may_be_owner);
    g_assert_cmpuint(memory_host_count_writes(&f->me.host), ==, 0);
}

static void test_dead_sharer(Fixture *f, gconstpointer data)
{
    share_ok(&f->other);
    world_set_host_lease(&f->world, 5, 1, 0);
    world_know(&f->world, 5, WORLD_START_US, WORLD_START_US, true);
    MachineStep step = convert_watched(f);
    assert_done(&step);
    for (unsigned i = 0; i < 512; i++)
        g_assert_cmpuint(world_host_sector(&f->world, 5)[i], ==, 0);
}

static void test_two_at_once(void)
{
    /* Both share, both want it alone: whatever the order, neither gets it, and both still share. */
    for (unsigned order = 0; order < 256; order++) {
        Fixture f;
        setup(&f, NULL);
        share_ok(&f.other);
        MemoryRun a, b;
        resource_convert_init(&f.me.convert, &f.me.lease);
        resource_convert_init(&f.other.convert, &f.other.lease);
        f.other.host.random = 77;
        memory_run_start(&a, &f.me.host, &f.me.convert, (MachineResume)resource_convert_resume,
                         TIME_NEVER);
        memory_run_start(&b, &f.other.host, &f.other.convert,
                         (MachineResume)resource_convert_resume, TIME_NEVER);
        /* In that order for a while; then in the order of time, or two that are always in step
         * would outbid each other for ever. */
        for (unsigned i = 0; i < 24 && !a.ended && !b.ended; i++)
            memory_run_step((order >> (i % 8) & 1) != 0 ? &a : &b);
        memory_runs_finish((MemoryRun *[]){ &a, &b }, 2);
        g_assert_cmpint(a.step.kind, ==, STEP_FAILED);
        g_assert_cmpint(b.step.kind, ==, STEP_FAILED);
        assert_still_shares(&f);
        g_assert_true(says_shared(&f.me));
        g_assert_true(says_shared(&f.other));
        if (f.other.lease.may_be_owner) {
            MachineStep step = member_share_held(&f.other);
            assert_done(&step);
        }
        assert_settles(&f);
        teardown(&f, NULL);
    }
}

/* Our sector zeroed by somebody to whom we were dead */

static void zero_own(WorldMember *me, unsigned n_io, void *user_data)
{
    if (n_io == GPOINTER_TO_UINT(user_data))
        memset(world_host_sector(me->world, me->lease.host_id), 0, 512);
}

static void test_zeroed_before(Fixture *f, gconstpointer data)
{
    memset(world_host_sector(&f->world, 3), 0, 512);
    MachineStep step = member_convert(&f->me);
    assert_failed(&step, LEASE_SHARE_LOST);
    g_assert_false(f->me.lease.held);
    g_assert_cmpuint(memory_host_count_writes(&f->me.host), ==, 0);
    step = member_release(&f->me);
    assert_done(&step);
}

static void test_zeroed_meanwhile(void)
{
    for (unsigned n = 1; n <= 5; n += 2) { /* each of the reads is out */
        Fixture f;
        setup(&f, NULL);
        resource_convert_init(&f.me.convert, &f.me.lease);
        MachineStep step =
            member_run_meddled(&f.me, &f.me.convert, (MachineResume)resource_convert_resume,
                               zero_own, GUINT_TO_POINTER(n));
        assert_failed(&step, LEASE_SHARE_LOST);
        g_assert_false(f.me.lease.held);
        g_assert_true(f.me.lease.may_be_owner);
        step = member_release(&f.me);
        assert_done(&step);
        g_assert_false(says_shared(&f.me));
        teardown(&f, NULL);
    }
}

/* Trouble with one I/O */

static void test_trouble(void)
{
    unsigned n_troubles, failed = 0;
    const WorldTrouble *list = world_troubles(&n_troubles);
    for (unsigned shared = 0; shared < 2; shared++) {
        for (unsigned t = 0; t < n_troubles; t++) {
            for (unsigned n = 1; n <= CONVERT_IOS; n++) {
                Fixture f;
                setup(&f, NULL);
                if (shared)
                    share_ok(&f.other);
                memory_host_plan(&f.me.host, n, list[t].io);
                MachineStep step = convert_watched(&f);
                g_assert_cmpuint(f.me.host.io_count, >=, n);
                if (step.kind == STEP_DONE) {
                    g_assert_false(shared);
                    teardown(&f, NULL);
                    continue;
                }
                failed++;
                assert_still_shares(&f);
                if (n >= 3) /* RELEASED was cleared */
                    g_assert_true(f.me.lease.may_be_owner);
                /* Nobody gets it alone, before or after it is settled. */
                f.third.host.now_us = f.me.host.now_us;
                MachineStep try = member_acquire(&f.third);
                for (unsigned i = 0; try.fault.kind == LEASE_BALLOT_LOST && i < 3; i++)
                    try = member_acquire(&f.third);
                g_assert_true(try.fault.kind == LEASE_HELD || try.fault.kind == LEASE_HELD_SHARED);
                try = member_release(&f.third);
                assert_done(&try);
                assert_settles(&f);
                teardown(&f, NULL);
            }
        }
    }
    g_assert_cmpuint(failed, >, 50);
}

static void expire_at(WorldMember *me, unsigned n_io, void *user_data)
{
    if (n_io == GPOINTER_TO_UINT(user_data))
        me->host.valid_until_us = me->host.now_us + 500; /* in the middle of that I/O */
}

static void test_expires_at_each_io(void)
{
    for (unsigned n = 1; n <= CONVERT_IOS; n++) {
        Fixture f;
        setup(&f, NULL);
        resource_convert_init(&f.me.convert, &f.me.lease);
        MachineStep step =
            member_run_meddled(&f.me, &f.me.convert, (MachineResume)resource_convert_resume,
                               expire_at, GUINT_TO_POINTER(n));
        assert_failed(&step, LEASE_EXPIRED);
        g_assert_cmpint(f.me.lease.mode, ==, RESOURCE_SHARED);
        g_assert_cmpuint(f.me.host.log->len, ==, n);
        f.me.host.valid_until_us = TIME_NEVER;
        assert_settles(&f);
        teardown(&f, NULL);
    }
}

static void test_every_write_is_bounded(void)
{
    unsigned writes = 0;
    for (unsigned n = 1; n <= CONVERT_IOS; n++) {
        Fixture f;
        setup(&f, NULL);
        f.me.host.valid_until_us = f.me.host.now_us + 8 * S;
        memory_host_plan(&f.me.host, n, memory_io_held_up(8 * S));
        MachineStep step = member_convert(&f.me);
        const MemoryLogEntry *io = memory_host_logged(&f.me.host, n);
        if (io->kind == STEP_WRITE) {
            g_assert_cmpint(io->outcome, ==, IO_TOO_LATE);
            g_assert_false(io->submitted);
            writes++;
        }
        assert_failed(&step, LEASE_EXPIRED);
        teardown(&f, NULL);
    }
    g_assert_cmpuint(writes, ==, 4);
}

#define PATH(name, function)                                                                       \
    g_test_add("/resource-convert/" name, Fixture, NULL, setup, function, teardown)

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    PATH("alone", test_alone);
    PATH("other-shares", test_other_shares);
    PATH("released-is-set-again", test_released_is_set_again);
    PATH("held-meanwhile", test_held_meanwhile);
    PATH("dead-sharer", test_dead_sharer);
    g_test_add_func("/resource-convert/two-at-once", test_two_at_once);
    PATH("zeroed-before", test_zeroed_before);
    g_test_add_func("/resource-convert/zeroed-meanwhile", test_zeroed_meanwhile);
    g_test_add_func("/resource-convert/trouble", test_trouble);
    g_test_add_func("/resource-convert/expires-at-each-io", test_expires_at_each_io);
    g_test_add_func("/resource-convert/every-write-is-bounded", test_every_write_is_bounded);
    return g_test_run();
}
