/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared leases: how they come about, stand beside each other, keep everybody else out, and go; and
 * everything that may go wrong with one I/O of them.
 */
#include <string.h>

#include "lease/lease-timing.h"
#include "lease/resource-step.h"
#include "support/resource-world.h"

#define S USEC_PER_SECOND
#define SHARE_TRACE "R0+2048 W4 R0+16 W4 R0+16 W0 W4 R0 W0 R4"
#define SHARE_IOS 10u

typedef struct Fixture {
    ResourceWorld world;
    WorldMember me, other, third;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    world_init(&f->world, 512, 0, 8);
    member_init(&f->me, &f->world, 3, 4);
    member_init(&f->other, &f->world, 5, 1);
    member_init(&f->third, &f->world, 7, 9);
}

static void teardown(Fixture *f, gconstpointer data)
{
    member_clear(&f->me);
    member_clear(&f->other);
    member_clear(&f->third);
    world_clear(&f->world);
}

static void assert_trace(Fixture *f, const char *trace)
{
    g_autofree char *got = member_trace(&f->me);
    g_assert_cmpstr(got, ==, trace);
}

/* Held shared, on disk and in memory, and nothing owed. */
static void assert_shares(Fixture *f, const WorldMember *member)
{
    uint64_t id = member->lease.host_id;
    g_assert_true(member->lease.held);
    g_assert_cmpint(member->lease.mode, ==, RESOURCE_SHARED);
    g_assert_false(member->lease.may_be_owner);
    ModeRecord mode = world_mode(&f->world, id);
    g_assert_cmpuint(mode.flags, ==, MODE_FLAG_SHARED);
    g_assert_cmpuint(mode.generation, ==, member->lease.generation);
    BallotRecord ballot = world_ballot(&f->world, id);
    g_assert_cmpint(ballot_record_check(&ballot), ==, RECORD_OK);
    g_assert_cmpuint(ballot.flags, ==, BALLOT_FLAG_RELEASED);
    LeaderRecord leader = world_leader(&f->world);
    g_assert_false(resource_leader_is_owed(&member->lease, &leader));
}

static void share_ok(Fixture *f, WorldMember *member)
{
    MachineStep step = member_share(member);
    assert_done(&step);
    assert_shares(f, member);
    member_forget_log(member);
}

/* Somebody who wants it alone is told who shares it, and leaves nothing behind. */
static void assert_refused(WorldMember *wants, const WorldMember *sharer)
{
    wants->host.now_us = MAX(wants->host.now_us, sharer->host.now_us);
    MachineStep step = member_acquire(wants);
    for (unsigned i = 0; step.fault.kind == LEASE_BALLOT_LOST && i < 3; i++)
        step = member_acquire(wants); /* it has committed what somebody had taken back */
    assert_failed(&step, LEASE_HELD_SHARED);
    g_assert_cmpuint(step.fault.host_id, ==, sharer->lease.host_id);
    g_assert_cmpuint(step.fault.generation, ==, sharer->lease.generation);
    g_assert_false(wants->lease.held);
    step = member_release(wants);
    assert_done(&step);
    member_forget_log(wants);
}

/* Now, and for good: whatever is still on its way lands. */
static void assert_gets_it(Fixture *f, WorldMember *wants)
{
    wants->host.now_us = MAX(wants->host.now_us, f->me.host.now_us);
    MachineStep step = member_acquire(wants);
    for (unsigned i = 0; step.fault.kind == LEASE_BALLOT_LOST && i < 3; i++)
        step = member_acquire(wants);
    assert_done(&step);
    memory_disk_advance(&f->world.resource, wants->host.now_us + 1000 * S);
    LeaderRecord leader = world_leader(&f->world);
    g_assert_true(leader_record_equal(&leader, &wants->lease.leader));
}

/* Paths */

static void test_free(Fixture *f, gconstpointer data)
{
    MachineStep step = member_share(&f->me);
    assert_done(&step);
    assert_trace(f, SHARE_TRACE);
    assert_shares(f, &f->me);
    LeaderRecord leader;
    leader_record_decode(&leader, memory_host_logged(&f->me.host, 6)->data);
    g_assert_cmpuint(leader.flags & LEADER_FLAG_SHORT_HOLD, !=, 0);
    g_assert_cmpuint(leader.version_of_lease, ==, 1);
    leader = world_leader(&f->world);
    g_assert_cmpuint(leader.flags & LEADER_FLAG_SHORT_HOLD, ==, 0);
    g_assert_cmpuint(leader.timestamp, ==, 0);
    g_assert_cmpuint(leader.version_of_lease, ==, 1);
    g_assert_cmpuint(leader.write_id, ==, 3);
}

static void test_side_by_side(Fixture *f, gconstpointer data)
{
    share_ok(f, &f->me);
    share_ok(f, &f->other);
    assert_shares(f, &f->me);
    assert_refused(&f->third, &f->me);
    MachineStep step = member_release(&f->me);
    assert_done(&step);
    assert_refused(&f->third, &f->other);
    step = member_release(&f->other);
    assert_done(&step);
    step = member_acquire(&f->third);
    assert_done(&step);
    step = member_share(&f->me);
    assert_failed(&step, LEASE_HELD);
    g_assert_cmpuint(step.fault.host_id, ==, 7);
    g_assert_cmpuint(world_mode(&f->world, 3).flags, ==, 0);
}

static void test_release(Fixture *f, gconstpointer data)
{
    share_ok(f, &f->me);
    BallotRecord before = world_ballot(&f->world, 3);
    LeaderRecord leader_before = world_leader(&f->world);
    MachineStep step = member_release(&f->me);
    assert_done(&step);
    assert_trace(f, "W4"); /* the leader is not looked at */
    g_assert_false(f->me.lease.held);
    BallotRecord after = world_ballot(&f->world, 3);
    g_assert_cmpmem(&before, sizeof before, &after, sizeof after);
    g_assert_cmpuint(world_mode(&f->world, 3).flags, ==, 0);
    g_assert_cmpuint(world_mode(&f->world, 3).generation, ==, 0);
    LeaderRecord leader = world_leader(&f->world);
    g_assert_true(leader_record_equal(&leader, &leader_before));
}

static void test_from_exclusive(Fixture *f, gconstpointer data)
{
    member_acquire_ok(&f->me);
    MachineStep step = member_share_held(&f->me);
    assert_done(&step);
    assert_trace(f, "W4 R0 W0 R4");
    assert_shares(f, &f->me);
    g_assert_cmpuint(world_leader(&f->world).timestamp, ==, 0);
    share_ok(f, &f->other);
    assert_refused(&f->third, &f->me);
}

static void test_leader_by_other_hand(Fixture *f, gconstpointer data)
{
    /* Only the flag lets go of such a leader; both ways into a shared lease set it. */
    member_acquire_ok(&f->me);
    LeaderRecord leader = world_leader(&f->world);
    leader.write_id = 7;
    world_set_leader(&f->world, leader);
    MachineStep step = member_share_held(&f->me);
    assert_done(&step);
    assert_trace(f, "W4 R0 R4");
    assert_shares(f, &f->me);
    share_ok(f, &f->other);
    assert_refused(&f->third, &f->me);
}

static void test_short_hold(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 5, 1, 5);
    LeaderRecord leader = world_leader(&f->world);
    leader.flags |= LEADER_FLAG_SHORT_HOLD;
    world_set_leader(&f->world, leader);
    MachineStep step = member_share(&f->me);
    assert_failed(&step, LEASE_HELD);
    g_assert_cmpuint(f->me.host.log->len, ==, 2 * 9); /* once, and again eight times */
    g_assert_false(f->me.lease.may_be_owner);
}

static void lose_ballot(WorldMember *me, unsigned n_io, void *user_data)
{
    unsigned *state = user_data;
    if (n_io == 3 && *state == 0) { /* another host wins, who does not say SHORT_HOLD */
        world_set_held(me->world, 1, 5, 1, 7);
        *state = 1;
    } else if (me->acquire.short_hold_tries == 0 && *state == 1 && n_io > 4) {
        LeaderRecord leader = world_leader(me->world);
        leader.timestamp = 0;
        world_set_leader(me->world, leader);
        world_set_mode(me->world, 5, (ModeRecord){ MODE_FLAG_SHARED, 1 });
        *state = 2;
    }
}

static void test_lost_ballot_is_tried_again(Fixture *f, gconstpointer data)
{
    unsigned state = 0;
    resource_share_init(&f->me.share, &f->me.lease, false, 0);
    MachineStep step = member_run_meddled(
        &f->me, &f->me.share, (MachineResume)resource_share_resume, lose_ballot, &state);
    assert_done(&step);
    g_assert_cmpuint(state, ==, 2);
    assert_shares(f, &f->me);
    g_assert_cmpuint(world_leader(&f->world).version_of_lease, ==, 2);
}

/* Our own sector is read again at the end: zeroed by somebody to whom we were dead. */

static void zero_own(WorldMember *me, unsigned n_io, void *user_data)
{
    if (n_io == GPOINTER_TO_UINT(user_data))
        memset(world_host_sector(me->world, me->lease.host_id), 0, 512);
}

static void test_sector_zeroed(void)
{
    for (unsigned held = 0; held < 2; held++) {
        Fixture f;
        setup(&f, NULL);
        if (held)
            member_acquire_ok(&f.me);
        if (held)
            resource_share_of_held_init(&f.me.share, &f.me.lease);
        else
            resource_share_init(&f.me.share, &f.me.lease, false, 0);
        unsigned n = held ? 2 : SHARE_IOS - 2;
        MachineStep step =
            member_run_meddled(&f.me, &f.me.share, (MachineResume)resource_share_resume, zero_own,
                               GUINT_TO_POINTER(n));
        assert_failed(&step, LEASE_SHARE_LOST);
        g_assert_false(f.me.lease.held);
        g_assert_true(f.me.lease.may_be_owner);
        step = member_release(&f.me);
        assert_done(&step);
        assert_gets_it(&f, &f.other);
        teardown(&f, NULL);
    }
}

static void test_other_generation_in_sector(Fixture *f, gconstpointer data)
{
    member_acquire_ok(&f->me);
    memory_host_plan(&f->me.host, 1, memory_io_slow(1000));
    MachineStep step = member_share_held(&f->me);
    assert_done(&step);
    world_set_mode(&f->world, 3, (ModeRecord){ MODE_FLAG_SHARED, 3 });
    g_assert_false(resource_own_says_shared(&f->me.lease, world_host_sector(&f->world, 3)));
}

/* A holder that died */

/* We stood still, our clock with us, before we said SHARED: somebody has it exclusively, and has
 * looked for those who share before that. */
static void test_taken_before_shared(Fixture *f, gconstpointer data)
{
    ResourceShare share;
    MachineStep step = member_acquire(&f->me);
    assert_done(&step);
    world_set_host_lease(&f->world, 3, 5, 2000);
    step = member_acquire(&f->other);
    assert_done(&step);
    resource_share_of_held_init(&share, &f->me.lease);
    step = memory_host_run(&f->me.host, &share, (MachineResume)resource_share_resume);
    assert_failed(&step, LEASE_SHARE_LOST);
    g_assert_false(f->me.lease.held);
    g_assert_true(f->me.lease.may_be_owner);
    step = member_release(&f->me);
    assert_done(&step);
    g_assert_cmpuint(world_leader(&f->world).owner_id, ==, 5);
    g_assert_cmpuint(world_mode(&f->world, 3).flags, ==, 0);
}

static void test_dead_sharer(Fixture *f, gconstpointer data)
{
    share_ok(f, &f->me);
    /* The last renewal was seen at `live`; nothing may be taken before 8 N + 60 s have passed. */
    uint64_t live = f->third.host.now_us;
    uint64_t dead = live + timing_free(WORLD_IO_TIMEOUT);
    world_know(&f->world, 3, live, dead, true);
    f->third.host.now_us = dead;
    assert_refused(&f->third, &f->me);
    g_assert_cmpuint(world_mode(&f->world, 3).flags, ==, MODE_FLAG_SHARED);
    world_know(&f->world, 3, live, dead + 1, true);
    f->third.host.now_us = dead + 1;
    assert_gets_it(f, &f->third);
    for (unsigned i = 0; i < 512; i++)
        g_assert_cmpuint(world_host_sector(&f->world, 3)[i], ==, 0);
}

/* Trouble with one I/O */

static void test_trouble_in_share(void)
{
    unsigned n_troubles, failed = 0;
    const WorldTrouble *list = world_troubles(&n_troubles);
    for (unsigned t = 0; t < n_troubles; t++) {
        for (unsigned n = 1; n <= SHARE_IOS; n++) {
            Fixture f;
            setup(&f, NULL);
            memory_host_plan(&f.me.host, n, list[t].io);
            MachineStep step = member_share(&f.me);
            g_assert_cmpuint(f.me.host.io_count, >=, n);
            if (step.kind == STEP_FAILED) {
                failed++;
                g_assert_false(f.me.lease.held);
                g_assert_cmpint(step.fault.wrote, ==,
                                memory_host_logged(&f.me.host, n)->kind == STEP_WRITE);
                g_assert_cmpint(f.me.lease.may_be_owner, ==, n >= 4);
                /* Our earlier writes are still out; what is taken back waits for them. */
            } else {
                assert_shares(&f, &f.me);
                assert_refused(&f.other, &f.me);
            }
            member_release_until_done(&f.me);
            assert_gets_it(&f, &f.other);
            g_assert_cmpuint(world_mode(&f.world, 3).flags, ==, 0);
            teardown(&f, NULL);
        }
    }
    g_assert_cmpuint(failed, >, 50);
}

static void test_trouble_of_held(void)
{
    unsigned n_troubles, failed = 0;
    const WorldTrouble *list = world_troubles(&n_troubles);
    for (unsigned t = 0; t < n_troubles; t++) {
        for (unsigned n = 1; n <= 4; n++) {
            Fixture f;
            setup(&f, NULL);
            member_acquire_ok(&f.me);
            memory_host_plan(&f.me.host, n, list[t].io);
            MachineStep step = member_share_held(&f.me);
            for (unsigned i = 0; step.kind == STEP_FAILED; i++) {
                failed++;
                g_assert_true(f.me.lease.held);
                g_assert_cmpint(f.me.lease.mode, ==, RESOURCE_SHARED);
                g_assert_true(f.me.lease.may_be_owner);
                /* However it stands, nobody has it alone. */
                f.third.host.now_us = f.me.host.now_us;
                MachineStep try = member_acquire(&f.third);
                g_assert_cmpint(try.kind, ==, STEP_FAILED);
                g_assert_true(try.fault.kind == LEASE_HELD || try.fault.kind == LEASE_HELD_SHARED);
                member_release_until_done(&f.third);
                g_assert_cmpuint(i, <, 20);
                step = member_share_held(&f.me);
            }
            memory_disk_advance(&f.world.resource, f.me.host.now_us + 1000 * S);
            assert_shares(&f, &f.me);
            share_ok(&f, &f.other);
            assert_refused(&f.third, &f.me);
            teardown(&f, NULL);
        }
    }
    g_assert_cmpuint(failed, >, 20);
}

static void test_trouble_in_release(void)
{
    unsigned n_troubles;
    const WorldTrouble *list = world_troubles(&n_troubles);
    for (unsigned owed = 0; owed < 2; owed++) {
        for (unsigned t = 0; t < n_troubles; t++) {
            for (unsigned n = 1; n <= (owed ? 3 : 1); n++) {
                Fixture f;
                setup(&f, NULL);
                member_acquire_ok(&f.me);
                /* Released before the leader was given back, or after. */
                if (owed)
                    memory_host_plan(&f.me.host, 2, memory_io_error(5, false));
                MachineStep step = member_share_held(&f.me);
                g_assert_cmpint(step.kind, ==, owed ? STEP_FAILED : STEP_DONE);
                member_forget_log(&f.me);
                memory_host_unplan(&f.me.host);
                memory_host_plan(&f.me.host, n, list[t].io);
                step = member_release(&f.me);
                g_assert_cmpint(f.me.lease.held, ==, step.kind == STEP_FAILED);
                member_release_until_done(&f.me);
                g_assert_cmpint(f.me.lease.mode, ==, RESOURCE_EXCLUSIVE);
                assert_gets_it(&f, &f.other);
                g_assert_cmpuint(world_mode(&f.world, 3).flags, ==, 0);
                teardown(&f, NULL);
            }
        }
    }
}

/* Expiry */

static void expire_at(WorldMember *me, unsigned n_io, void *user_data)
{
    if (n_io == GPOINTER_TO_UINT(user_data))
        me->host.valid_until_us = me->host.now_us + 500; /* in the middle of that I/O */
}

static void test_expires_at_each_io(void)
{
    for (unsigned n = 1; n <= SHARE_IOS; n++) {
        Fixture f;
        setup(&f, NULL);
        resource_share_init(&f.me.share, &f.me.lease, false, 0);
        MachineStep step =
            member_run_meddled(&f.me, &f.me.share, (MachineResume)resource_share_resume, expire_at,
                               GUINT_TO_POINTER(n));
        assert_failed(&step, LEASE_EXPIRED);
        g_assert_false(f.me.lease.held);
        g_assert_cmpuint(f.me.host.log->len, ==, n);
        g_assert_cmpint(f.me.lease.may_be_owner, ==, n >= 4);
        f.me.host.valid_until_us = TIME_NEVER;
        member_release_until_done(&f.me);
        assert_gets_it(&f, &f.other);
        teardown(&f, NULL);
    }
}

static void test_every_write_is_bounded(void)
{
    unsigned writes = 0;
    for (unsigned n = 1; n <= SHARE_IOS + 1; n++) {
        Fixture f;
        setup(&f, NULL);
        f.me.host.valid_until_us = WORLD_START_US + 8 * S;
        memory_host_plan(&f.me.host, n, memory_io_held_up(8 * S));
        MachineStep step = member_share(&f.me);
        if (step.kind == STEP_DONE)
            step = member_release(&f.me);
        const MemoryLogEntry *io = memory_host_logged(&f.me.host, n);
        if (io->kind == STEP_WRITE) {
            g_assert_cmpint(io->outcome, ==, IO_TOO_LATE);
            g_assert_false(io->submitted);
            writes++;
        }
        assert_failed(&step, LEASE_EXPIRED);
        teardown(&f, NULL);
    }
    g_assert_cmpuint(writes, ==, 6);
}

static void test_stops(Fixture *f, gconstpointer data)
{
    for (unsigned n = 0; n <= SHARE_IOS; n++) {
        Fixture g;
        setup(&g, NULL);
        resource_share_init(&g.me.share, &g.me.lease, false, 0);
        MachineStep step =
            memory_host_run_until(&g.me.host, &g.me.share, (MachineResume)resource_share_resume,
                                  WORLD_START_US + n * 1000);
        if (n <= 6) /* also the commit's end; then it goes through */
            assert_failed(&step, LEASE_STOPPED);
        else
            assert_done(&step);
        member_release_until_done(&g.me);
        assert_gets_it(&g, &g.other);
        teardown(&g, NULL);
    }
}

/* Another host writes the decision that we hold by once more: RELEASED lets others pass then, while
 * we are about to share. */
typedef struct Passing {
    Fixture *fixture;
    bool exclusively;
    bool done;
} Passing;

static void pass_by(WorldMember *me, unsigned n_io, void *data)
{
    Passing *passing = data;
    WorldMember *other = &passing->fixture->other;

    if (n_io != 2 || passing->done)
        return;
    passing->done = true;
    LeaderRecord leader = world_leader(me->world);
    leader.write_id = 7;
    world_set_leader(me->world, leader);
    memory_disk_advance(&me->world->resource, me->host.now_us + 2000);
    other->host.now_us = me->host.now_us + 3000;
    if (passing->exclusively) {
        g_assert_cmpint(member_acquire(other).kind, ==, STEP_FAILED);
        g_assert_cmpint(member_release(other).kind, ==, STEP_DONE);
    } else {
        g_assert_cmpint(member_share(other).kind, ==, STEP_DONE);
    }
}

static void test_passed_by_those_who_saw_it(gconstpointer data)
{
    Fixture fixture;
    setup(&fixture, NULL);
    member_acquire_ok(&fixture.me);
    Passing passing = { .fixture = &fixture, .exclusively = GPOINTER_TO_INT(data) };
    resource_share_of_held_init(&fixture.me.share, &fixture.me.lease);
    MachineStep step = member_run_meddled(&fixture.me, &fixture.me.share,
                                          (MachineResume)resource_share_resume, pass_by, &passing);
    g_assert_true(passing.done);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    g_assert_true(fixture.me.lease.held);
    teardown(&fixture, NULL);
}

#define PATH(name, function)                                                                       \
    g_test_add("/resource-share/" name, Fixture, NULL, setup, function, teardown)

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    PATH("free", test_free);
    PATH("side-by-side", test_side_by_side);
    PATH("release", test_release);
    PATH("from-exclusive", test_from_exclusive);
    PATH("leader-by-other-hand", test_leader_by_other_hand);
    PATH("short-hold", test_short_hold);
    PATH("lost-ballot-is-tried-again", test_lost_ballot_is_tried_again);
    g_test_add_func("/resource-share/sector-zeroed", test_sector_zeroed);
    PATH("other-generation-in-sector", test_other_generation_in_sector);
    PATH("taken-before-shared", test_taken_before_shared);
    PATH("dead-sharer", test_dead_sharer);
    g_test_add_func("/resource-share/trouble-in-share", test_trouble_in_share);
    g_test_add_func("/resource-share/trouble-of-held", test_trouble_of_held);
    g_test_add_func("/resource-share/trouble-in-release", test_trouble_in_release);
    g_test_add_func("/resource-share/expires-at-each-io", test_expires_at_each_io);
    g_test_add_func("/resource-share/every-write-is-bounded", test_every_write_is_bounded);
    PATH("stops", test_stops);
    g_test_add_data_func("/resource-share/passed-by/sharing", GINT_TO_POINTER(0),
                         test_passed_by_those_who_saw_it);
    g_test_add_data_func("/resource-share/passed-by/in-vain", GINT_TO_POINTER(1),
                         test_passed_by_those_who_saw_it);
    return g_test_run();
}
