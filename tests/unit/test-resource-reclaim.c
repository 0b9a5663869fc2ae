/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a daemon was doing about a resource when it ended, read back by its successor: every
 * operation is cut off after each of its I/Os, whose last one has reached the disk or never will.
 * What was unused is given back, and then another host gets it; what was in use stays so, and until
 * its holder lets go of it no other host gets it.
 */
#include <errno.h>
#include <string.h>

#include "lease/resource-recheck.h"
#include "lease/resource-step.h"
#include "support/cut-off-operation.h"

#define S USEC_PER_SECOND

/* As the engine does with what is written down before the first write of the operation. */
static void succeed(Fixture *f, Operation operation, const ResourceLease *before)
{
    ResourceLease *lease = &f->next.lease;

    f->next.host.now_us = f->me.host.now_us + S;
    f->third.host.now_us = f->other.host.now_us = f->next.host.now_us;
    f->next.host.random = 4711;
    if (is_in_use(operation)) {
        lease->leader = before->leader;
        lease->ballot = before->ballot;
        lease->ballot_written = true;
        lease->mode = before->mode;
        lease->held = true;
    }
    resource_reclaim_init(&f->reclaim, lease,
                          is_in_use(operation) ? RECLAIM_CONVERTING : RECLAIM_UNUSED);
}

static MachineStep reclaim(Fixture *f)
{
    return memory_host_run(&f->next.host, &f->reclaim, (MachineResume)resource_reclaim_resume);
}

/* --- what must be so, whatever happened ------------------------------------------------------- */

static bool is_still_held(WorldMember *member)
{
    ResourceRecheck recheck;

    resource_recheck_init(&recheck, &member->lease, true);
    MachineStep step =
        memory_host_run(&member->host, &recheck, (MachineResume)resource_recheck_resume);
    return step.kind == STEP_DONE;
}

static MachineStep try_to_get(Fixture *f, WorldMember *member, bool shared)
{
    MachineStep step;
    unsigned tries = 0;

    member->host.now_us = MAX(member->host.now_us, f->next.host.now_us);
    /* Who is outbid, or cannot tell who holds it, tries again a little later. */
    do {
        step = shared ? member_share(member) : member_acquire(member);
        if (step.kind == STEP_FAILED && member->lease.may_be_owner)
            must(member_release(member));
    } while (step.kind == STEP_FAILED && step.fault.kind == LEASE_BALLOT_LOST && ++tries < 8);
    return step;
}

/* The other host's ballot goes on; true when it ends with the resource. */
static bool other_gets_it(Fixture *f)
{
    if (!f->in_ballot)
        return f->other.lease.held && f->other.lease.mode == RESOURCE_EXCLUSIVE;
    while (!f->ballot.ended)
        memory_run_step(&f->ballot);
    f->in_ballot = false;
    if (f->ballot.step.kind == STEP_DONE)
        return true;
    if (f->other.lease.may_be_owner)
        must(member_release(&f->other));
    return false;
}

/* Nobody on our host uses it any more: it is the other's, or whoever wants it. */
static void assert_free(Fixture *f)
{
    bool others = other_gets_it(f);
    bool shared = f->other.lease.held && !others;
    MachineStep step = try_to_get(f, &f->third, shared);

    if (others) {
        g_assert_cmpint(step.kind, ==, STEP_FAILED);
        g_assert_true(is_still_held(&f->other));
        must(member_release(&f->other));
        step = try_to_get(f, &f->third, false);
    }
    assert_ok(&step);
    g_assert_true(is_still_held(&f->third));
    if (shared) {
        g_assert_true(is_still_held(&f->other));
        must(member_release(&f->other));
    }
    must(member_release(&f->third));
    step = try_to_get(f, &f->next, false);
    assert_ok(&step);
}

/* --- not in use: given back ------------------------------------------------------------------- */

static void give_back(Fixture *f, BallotRecord found)
{
    MachineStep step = reclaim(f);

    assert_ok(&step);
    g_assert_false(f->next.lease.held);
    g_assert_true(f->next.lease.may_be_owner);
    g_assert_cmpuint(memory_host_count_writes(&f->next.host), ==, 0);
    step = member_release(&f->next);
    assert_ok(&step);
    g_assert_false(f->next.lease.may_be_owner);
    /* No number, and no proposal of ours, is taken back from a ballot that others are in. */
    found.flags = BALLOT_FLAG_RELEASED;
    BallotRecord own = world_ballot(&f->world, ME);
    g_assert_cmpmem(&own, sizeof own, &found, sizeof found);
    g_assert_cmpuint(world_mode(&f->world, ME).flags, ==, 0);
}

/* `get_at`: who else wants it comes before us (0), after we have read it back (1), or not at all.
 */
static unsigned test_unused_at(Operation operation, Past past, unsigned n, bool landed,
                               unsigned get_at)
{
    Fixture f;
    bool third_has = false;

    setup(&f, NULL);
    make_past(&f, past);
    if (!prepare(&f, operation) || !cut_off(&f, operation, n, landed)) {
        teardown(&f, NULL);
        return 0;
    }
    succeed(&f, operation, NULL);
    BallotRecord found = world_ballot(&f.world, ME);
    if (get_at == 0)
        third_has = try_to_get(&f, &f.third, false).kind == STEP_DONE;
    if (get_at == 1) {
        MachineStep step = reclaim(&f);
        assert_ok(&step);
        third_has = try_to_get(&f, &f.third, false).kind == STEP_DONE;
        resource_reclaim_init(&f.reclaim, &f.next.lease, RECLAIM_UNUSED);
        memory_host_forget_log(&f.next.host);
    }
    give_back(&f, found);
    if (third_has) {
        /* Ours was given back beside a hold of theirs, which stands. */
        g_assert_false(other_gets_it(&f));
        g_assert_true(is_still_held(&f.third));
        MachineStep step = try_to_get(&f, &f.other, false);
        g_assert_cmpint(step.kind, ==, STEP_FAILED);
        must(member_release(&f.third));
    }
    assert_free(&f);
    teardown(&f, NULL);
    return 1;
}

static unsigned test_operation(Operation operation,
                               unsigned (*test_at)(Operation operation, Past past, unsigned n,
                                                   bool landed, unsigned get_at))
{
    unsigned cases = 0;

    for (unsigned past = 0; past < N_PASTS; past++) {
        for (unsigned n = 1; n < 40; n++) {
            unsigned before = cases;

            for (unsigned i = 0; i < 6; i++)
                cases += test_at(operation, past, n, i % 2 == 0, i / 2);
            if (cases == before)
                break;
            g_assert_cmpuint(n, <, 39);
        }
    }
    return cases;
}

static void test_acquire(void)
{
    g_assert_cmpuint(test_operation(CUT_ACQUIRE, test_unused_at), >, 150);
}

static void test_share(void)
{
    g_assert_cmpuint(test_operation(CUT_SHARE, test_unused_at), >, 150);
}

static void test_release(void)
{
    g_assert_cmpuint(test_operation(CUT_RELEASE, test_unused_at), >, 60);
    g_assert_cmpuint(test_operation(CUT_RELEASE_SHARED, test_unused_at), >=, 36);
}

/* Another host's ballot goes on while ours is read back and given back, in any order. */
static unsigned test_beside_ballot(Operation operation, unsigned n, bool landed, unsigned order)
{
    Fixture f;
    MemoryRun run;

    setup(&f, NULL);
    make_past(&f, PAST_BALLOT);
    if (!cut_off(&f, operation, n, landed)) {
        teardown(&f, NULL);
        return 0;
    }
    succeed(&f, operation, NULL);
    memory_run_start(&run, &f.next.host, &f.reclaim, (MachineResume)resource_reclaim_resume,
                     TIME_NEVER);
    for (unsigned part = 0, i = 0; part < 2; part++) {
        while (!run.ended)
            memory_run_step((order >> (i++ % 6) & 1) == 0 && !f.ballot.ended ? &f.ballot : &run);
        assert_ok(&run.step);
        resource_release_init(&f.next.release, &f.next.lease);
        if (part == 0)
            memory_run_start(&run, &f.next.host, &f.next.release,
                             (MachineResume)resource_release_resume, TIME_NEVER);
    }
    assert_free(&f);
    teardown(&f, NULL);
    return 1;
}

static void test_interleaved(void)
{
    static const Operation operations[] = { CUT_ACQUIRE, CUT_SHARE };
    unsigned cases = 0;

    for (unsigned o = 0; o < G_N_ELEMENTS(operations); o++)
        for (unsigned n = 1; n < 12; n++)
            for (unsigned order = 1; order < 64; order++)
                for (unsigned landed = 0; landed < 2; landed++)
                    cases += test_beside_ballot(operations[o], n, landed, order);
    g_assert_cmpuint(cases, >, 1000);
}

/* --- in use: kept ----------------------------------------------------------------------------- */

static void assert_nobody_else(Fixture *f)
{
    MachineStep step = try_to_get(f, &f->third, false);

    g_assert_cmpint(step.kind, ==, STEP_FAILED);
    if ((world_mode(&f->world, ME).flags & MODE_FLAG_SHARED) == 0) {
        step = try_to_get(f, &f->third, true);
        g_assert_cmpint(step.kind, ==, STEP_FAILED);
    }
}

static unsigned test_in_use_at(Operation operation, Past past, unsigned n, bool landed,
                               unsigned get_at)
{
    Fixture f;

    setup(&f, NULL);
    make_past(&f, past);
    if (!prepare(&f, operation)) {
        teardown(&f, NULL);
        return 0;
    }
    ResourceLease before = f.me.lease;
    if (!cut_off(&f, operation, n, landed)) {
        teardown(&f, NULL);
        return 0;
    }
    succeed(&f, operation, &before);
    if (get_at == 0)
        assert_nobody_else(&f);
    MachineStep step = reclaim(&f);
    assert_ok(&step);
    g_assert_cmpuint(memory_host_count_writes(&f.next.host), ==, 0);
    g_assert_true(f.next.lease.held);
    if (get_at == 1)
        assert_nobody_else(&f);
    g_assert_false(other_gets_it(&f));
    bool shared = f.next.lease.mode == RESOURCE_SHARED;
    for (unsigned i = 0; f.next.lease.may_be_owner; i++) {
        g_assert_true(shared);
        g_assert_cmpuint(i, <, 3);
        must(member_share_held(&f.next));
        assert_nobody_else(&f);
    }
    g_assert_true(is_still_held(&f.next));
    g_assert_cmpuint(world_mode(&f.world, ME).flags & MODE_FLAG_SHARED, ==,
                     shared ? MODE_FLAG_SHARED : 0);
    if (shared) { /* others share it beside us */
        step = try_to_get(&f, &f.third, true);
        assert_ok(&step);
        must(member_release(&f.third));
        g_assert_true(is_still_held(&f.next));
    }
    must(member_release(&f.next));
    assert_free(&f);
    teardown(&f, NULL);
    return 1;
}

static void test_to_exclusive(void)
{
    g_assert_cmpuint(test_operation(CUT_TO_EXCLUSIVE, test_in_use_at), >, 120);
}

static void test_to_shared(void)
{
    g_assert_cmpuint(test_operation(CUT_TO_SHARED, test_in_use_at), >, 60);
}

/* In which mode, of a conversion alone. */
static void test_which_mode(void)
{
    /* R0+2048 W4 R0+16 W4 R0+16 W0 W4: shared until the last one is on disk. */
    for (unsigned n = 0; n <= 7; n++) {
        Fixture f;

        setup(&f, NULL);
        g_assert_true(prepare(&f, CUT_TO_EXCLUSIVE));
        ResourceLease before = f.me.lease;
        g_assert_true(cut_off(&f, CUT_TO_EXCLUSIVE, n, true));
        succeed(&f, CUT_TO_EXCLUSIVE, &before);
        must(reclaim(&f));
        g_assert_cmpint(f.next.lease.mode, ==, n == 7 ? RESOURCE_EXCLUSIVE : RESOURCE_SHARED);
        g_assert_cmpint(f.next.lease.may_be_owner, ==, n != 7);
        if (n == 7) {
            g_assert_cmpuint(f.next.lease.leader.version_of_lease, ==, 2);
            LeaderRecord leader = world_leader(&f.world);
            g_assert_true(leader_record_equal(&f.next.lease.leader, &leader));
        }
        teardown(&f, NULL);
    }
    /* W4 R0 W0 R4: shared once the first one is on disk. */
    for (unsigned n = 0; n <= 4; n++) {
        Fixture f;

        setup(&f, NULL);
        g_assert_true(prepare(&f, CUT_TO_SHARED));
        ResourceLease before = f.me.lease;
        g_assert_true(cut_off(&f, CUT_TO_SHARED, n, true));
        succeed(&f, CUT_TO_SHARED, &before);
        must(reclaim(&f));
        g_assert_cmpint(f.next.lease.mode, ==, n == 0 ? RESOURCE_EXCLUSIVE : RESOURCE_SHARED);
        g_assert_cmpint(f.next.lease.may_be_owner, ==, n != 0);
        teardown(&f, NULL);
    }
}

/* --- what is on disk is not what it should be ------------------------------------------------- */

/* Held exclusively at version 2, and a conversion of that was cut off before its first I/O. */
static void hold_second(Fixture *f)
{
    must(member_acquire(&f->me));
    must(member_release(&f->me));
    must(member_acquire(&f->me));
    ResourceLease before = f->me.lease;
    succeed(f, CUT_TO_SHARED, &before);
}

static void test_lost(Fixture *f, gconstpointer data)
{
    hold_second(f);
    LeaderRecord ours = world_leader(&f->world);
    for (unsigned i = 0; i < 4; i++) {
        LeaderRecord leader = ours;
        leader.owner_id = i == 0 ? 5 : leader.owner_id;
        leader.owner_generation += i == 1;
        leader.timestamp = i == 2 ? 0 : leader.timestamp;
        leader.version_of_lease -= i == 3; /* which we do not hold by any more */
        world_set_leader(&f->world, leader);
        ResourceLease kept = f->next.lease;
        MachineStep step = reclaim(f);
        assert_failed(&step, LEASE_SHARE_LOST);
        resource_reclaim_init(&f->reclaim, &f->next.lease, RECLAIM_CONVERTING);
        f->next.lease = kept;
    }
    /* The other way round: a sector of ours that says SHARED for another incarnation. */
    world_set_mode(&f->world, ME, (ModeRecord){ MODE_FLAG_SHARED, MY_GENERATION - 1 });
    MachineStep step = reclaim(f);
    assert_failed(&step, LEASE_SHARE_LOST);
    world_set_mode(&f->world, ME, (ModeRecord){ MODE_FLAG_SHARED, MY_GENERATION });
    resource_reclaim_init(&f->reclaim, &f->next.lease, RECLAIM_CONVERTING);
    must(reclaim(f));
    g_assert_cmpint(f->next.lease.mode, ==, RESOURCE_SHARED);
    g_assert_cmpuint(memory_host_count_writes(&f->next.host), ==, 0);
}

/* Nothing is learned, and nothing is written by what follows. */
static void test_says_nothing(Fixture *f, gconstpointer data)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        ResourceLease *lease = &f->next.lease;

        if (kind == 0)
            must(member_acquire(&f->me));
        succeed(f, CUT_ACQUIRE, NULL);
        for (unsigned n = 1; n <= 2; n++) {
            resource_reclaim_init(&f->reclaim, lease, (ReclaimKind)kind);
            f->next.host.io_count = 0;
            memory_host_plan(&f->next.host, n, memory_io_lost());
            MachineStep step = reclaim(f);
            assert_failed(&step, LEASE_IO_TIMEOUT);
            f->next.host.io_count = 0;
            memory_host_plan(&f->next.host, n, memory_io_error(EIO, false));
            resource_reclaim_init(&f->reclaim, lease, (ReclaimKind)kind);
            step = reclaim(f);
            assert_failed(&step, LEASE_IO_ERROR);
            g_assert_cmpint(step.fault.io_errno, ==, EIO);
            memory_host_unplan(&f->next.host);

            uint8_t *damaged = n == 1 ? world_host_sector(&f->world, ME) : f->world.resource.bytes;
            damaged[12] ^= 1;
            resource_reclaim_init(&f->reclaim, lease, (ReclaimKind)kind);
            step = reclaim(f);
            assert_failed(&step, LEASE_BAD_RECORD);
            damaged[12] ^= 1;
            g_assert_false(lease->may_be_owner);
            /* Nor does it go on by itself. */
            step = reclaim(f);
            assert_failed(&step, LEASE_STOPPED);
        }
        f->next.host.io_count = 0;
        resource_reclaim_init(&f->reclaim, lease, (ReclaimKind)kind);
        MachineStep step = memory_host_run_until(&f->next.host, &f->reclaim,
                                                 (MachineResume)resource_reclaim_resume, 0);
        assert_failed(&step, LEASE_STOPPED);
        f->next.host.valid_until_us = f->next.host.now_us;
        resource_reclaim_init(&f->reclaim, lease, (ReclaimKind)kind);
        step = reclaim(f);
        assert_failed(&step, LEASE_STOPPED);
        g_assert_cmpuint(f->next.host.io_count, ==, 0);
        f->next.host.valid_until_us = TIME_NEVER;
    }
    g_assert_cmpuint(memory_host_count_writes(&f->next.host), ==, 0);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/resource-reclaim/acquire", test_acquire);
    g_test_add_func("/resource-reclaim/share", test_share);
    g_test_add_func("/resource-reclaim/release", test_release);
    g_test_add_func("/resource-reclaim/beside-a-ballot", test_interleaved);
    g_test_add_func("/resource-reclaim/to-exclusive", test_to_exclusive);
    g_test_add_func("/resource-reclaim/to-shared", test_to_shared);
    g_test_add_func("/resource-reclaim/which-mode", test_which_mode);
    g_test_add("/resource-reclaim/lost", Fixture, NULL, setup, test_lost, teardown);
    g_test_add("/resource-reclaim/says-nothing", Fixture, NULL, setup, test_says_nothing, teardown);
    return g_test_run();
}
