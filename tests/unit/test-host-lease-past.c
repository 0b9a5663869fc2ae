/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a write of unknown effect means for the next join: two machines with one host id.
 */
#include <errno.h>

#include "lease/host-lease-join.h"
#include "lease/host-lease-leave.h"
#include "lease/host-lease-past.h"
#include "lease/host-lease-renew.h"
#include "lease/lease-timing.h"
#include "support/memory-lockspace.h"

#define SECOND USEC_PER_SECOND
#define T0 (1000 * SECOND)
#define HOST 2
#define N 10
#define FREE_US timing_free(N)

typedef struct World {
    MemoryLockspace space;
    MemoryHost host;
    HostLease lease;
    HostLeasePast before, past;
} World;

static void world_init(World *self)
{
    memory_lockspace_init(&self->space, 512, 0, N);
    memory_host_init(&self->host, &self->space.disk, NULL, T0);
    self->past = (HostLeasePast){ 0 };
}

static void world_clear(World *self)
{
    memory_host_clear(&self->host);
    memory_lockspace_clear(&self->space);
}

/* One join as the engine does it: what is known is kept before and after. */
static MachineStep world_join(World *self)
{
    HostLeaseWish wish = { MEMORY_LOCKSPACE_NAME,   "me", self->space.offset, HOST, N,
                           self->past.doubt_from_us };
    HostLeaseJoin join;
    self->before = self->past;
    self->past = host_lease_past_joining(&self->before, self->host.now_us);
    host_lease_init(&self->lease, &wish);
    host_lease_join_init(&join, &self->lease);
    MachineStep step = memory_host_run(&self->host, &join, (MachineResume)host_lease_join_resume);
    self->past = step.kind == STEP_DONE
                     ? host_lease_past_held(&self->lease, &self->past)
                     : host_lease_past_ended(&self->lease, &self->past, &self->before);
    return step;
}

static void world_pass(World *self, uint64_t duration_us)
{
    self->host.now_us += duration_us;
    memory_disk_advance(&self->space.disk, self->host.now_us);
}

/* Joins, and says how long that took. */
static uint64_t world_join_time(World *self)
{
    uint64_t start_us = self->host.now_us;
    memory_host_unplan(&self->host);
    self->host.io_count = 0;
    g_assert_cmpint(world_join(self).kind, ==, STEP_DONE);
    g_assert_cmpuint(self->past.doubt_from_us, ==, self->lease.last_renewal_us + FREE_US);
    return self->host.now_us - start_us;
}

static void put_other(World *self, uint64_t at_us, uint64_t timestamp)
{
    memory_lockspace_put_at(&self->space, at_us, HOST,
                            memory_lockspace_held(&self->space, HOST, "other", 1, timestamp, N));
}

/* The write of the join is the third I/O. It hangs, another machine takes the sector, the write
 * lands on its record. */
static void test_late_write_of_a_join(void)
{
    World world;
    world_init(&world);
    memory_host_plan(&world.host, 3, memory_io_late(40 * SECOND, 41 * SECOND));
    MachineStep step = world_join(&world);
    g_assert_cmpint(step.fault.kind, ==, LEASE_IO_TIMEOUT);
    put_other(&world, T0 + 12 * SECOND, 500);
    world_pass(&world, 60 * SECOND);
    LeaderRecord record = memory_lockspace_record(&world.space, HOST);
    g_assert_true(fixed_name_equal(record.name, "me"));

    uint64_t took_us = world_join_time(&world);
    g_assert_cmpuint(took_us, >=, FREE_US + timing_join_settle(N));
    world_clear(&world);
}

/* The same, and it lands while the next join is watching: it has to watch for the whole time from
 * there. */
static void test_landing_during_the_watch(void)
{
    World world;
    world_init(&world);
    memory_host_plan(&world.host, 3, memory_io_late(100 * SECOND, 101 * SECOND));
    g_assert_cmpint(world_join(&world).fault.kind, ==, LEASE_IO_TIMEOUT);
    uint64_t took_us = world_join_time(&world);
    g_assert_cmpuint(took_us, >=, 2 * FREE_US + timing_join_settle(N));
    world_clear(&world);
}

/* In doubt a stranger's sign of life is what it always is. */
static void test_stranger_during_the_watch(void)
{
    World world;
    world_init(&world);
    memory_host_plan(&world.host, 3, memory_io_late(40 * SECOND, 41 * SECOND));
    g_assert_cmpint(world_join(&world).fault.kind, ==, LEASE_IO_TIMEOUT);
    world_pass(&world, 60 * SECOND);
    put_other(&world, world.host.now_us + 50 * SECOND, 600);
    memory_host_unplan(&world.host);
    MachineStep step = world_join(&world);
    g_assert_cmpint(step.fault.kind, ==, LEASE_HOST_ID_BUSY);
    g_assert_cmpstr(step.fault.host_name, ==, "other");
    /* Nothing was written this time, and the doubt is as it was. */
    g_assert_cmpuint(world.past.doubt_from_us, ==, 1);
    world_clear(&world);
}

/* A join that wrote nothing, or knows what became of it, leaves no doubt. */
static void test_failures_without_doubt(void)
{
    const MemoryIo faults[] = { memory_io_lost(), memory_io_error(EIO, false),
                                memory_io_held_up(60 * SECOND) };
    for (unsigned i = 0; i < G_N_ELEMENTS(faults); i++) {
        World world;
        world_init(&world);
        /* The reads before the write, and a write that was never started. */
        memory_host_plan(&world.host, i < 2 ? 2 : 3, faults[i]);
        g_assert_cmpint(world_join(&world).kind, ==, STEP_FAILED);
        g_assert_cmpuint(world.past.doubt_from_us, ==, 0);
        uint64_t took_us = world_join_time(&world);
        g_assert_cmpuint(took_us, <, FREE_US);
        world_clear(&world);
    }
}

/* A write that failed: the disk is asked. Nothing of ours there, or freed again: no doubt; when
 * the disk does not answer: doubt. */
static void test_failed_write(void)
{
    for (unsigned effect = 0; effect < 2; effect++) {
        for (unsigned silent = 0; silent < 2; silent++) {
            World world;
            world_init(&world);
            memory_host_plan(&world.host, 3, memory_io_error(EIO, effect));
            if (silent)
                memory_host_plan(&world.host, 4, memory_io_lost());
            g_assert_cmpint(world_join(&world).kind, ==, STEP_FAILED);
            g_assert_cmpuint(world.past.doubt_from_us, ==, silent);
            world_clear(&world);
        }
    }
}

/* The write ended well, but too late to know whose record it replaced; so did the one that gave the
 * sector back. */
static void test_slow_writes(void)
{
    World world;
    world_init(&world);
    memory_lockspace_put(&world.space, HOST,
                         memory_lockspace_held(&world.space, HOST, "gone", 1, 0, 1));
    memory_host_plan(&world.host, 3, memory_io_slow(3 * SECOND));
    g_assert_cmpint(world_join(&world).kind, ==, STEP_FAILED);
    g_assert_cmpuint(world.past.doubt_from_us, ==, 1);
    world_clear(&world);

    world_init(&world);
    memory_lockspace_put(&world.space, HOST,
                         memory_lockspace_held(&world.space, HOST, "gone", 1, 0, 1));
    memory_host_plan(&world.host, 3, memory_io_error(EIO, true));
    memory_host_plan(&world.host, 5, memory_io_slow(3 * SECOND));
    g_assert_cmpint(world_join(&world).kind, ==, STEP_FAILED);
    LeaderRecord record = memory_lockspace_record(&world.space, HOST);
    g_assert_cmpuint(record.timestamp, ==, 0);
    g_assert_cmpuint(world.past.doubt_from_us, ==, 1);
    world_clear(&world);
}

/* A renewal whose write has failed, with or without effect: our own name is certain only until
 * others may have taken the sector. */
static void test_lost_with_a_renewal_out(gconstpointer data)
{
    bool soon = GPOINTER_TO_INT(data);
    World world;
    world_init(&world);
    world_join_time(&world);
    uint64_t renewed_us = world.lease.last_renewal_us;
    world.host.io_count = 0;
    memory_host_plan(&world.host, 2, memory_io_error(EIO, false));
    HostLeaseRenew renew;
    host_lease_renew_init(&renew, &world.lease, NULL);
    MachineStep step = memory_host_run(&world.host, &renew, (MachineResume)host_lease_renew_resume);
    g_assert_cmpint(step.fault.kind, ==, LEASE_IO_ERROR);
    world.past = host_lease_past_ended(&world.lease, &world.past, &world.before);
    g_assert_cmpuint(world.past.doubt_from_us, ==, renewed_us + FREE_US);

    world.host.now_us = renewed_us + FREE_US + (soon ? -2 * SECOND : 2 * SECOND);
    uint64_t took_us = world_join_time(&world);
    if (soon)
        g_assert_cmpuint(took_us, <, FREE_US);
    else
        g_assert_cmpuint(took_us, >=, FREE_US);
    world_clear(&world);
}

/* A renewal that ended well, but when somebody else may have been there already. */
static void test_overdue_renewal(void)
{
    World world;
    world_init(&world);
    world_join_time(&world);
    world.host.io_count = 0;
    world.host.now_us = world.lease.last_renewal_us + timing_fail(N) - SECOND;
    memory_host_plan(&world.host, 2, memory_io_slow(FREE_US - timing_fail(N) + 2 * SECOND));
    HostLeaseRenew renew;
    host_lease_renew_init(&renew, &world.lease, NULL);
    MachineStep step = memory_host_run(&world.host, &renew, (MachineResume)host_lease_renew_resume);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    HostLeasePast known = { .doubt_from_us = 5 };
    g_assert_cmpuint(
        host_lease_past_ended(&world.lease, &known, &(HostLeasePast){ 0 }).doubt_from_us, ==, 5);
    world_clear(&world);
}

static void test_given_back(void)
{
    World world;
    world_init(&world);
    world_join_time(&world);
    HostLeaseLeave leave;
    host_lease_leave_init(&leave, &world.lease);
    MachineStep step = memory_host_run(&world.host, &leave, (MachineResume)host_lease_leave_resume);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    world.past = host_lease_past_ended(&world.lease, &world.past, &world.before);
    g_assert_cmpuint(world.past.doubt_from_us, ==, 0);
    world_clear(&world);
}

/* A join in doubt that came through has answered the question. */
static void test_doubt_ends_with_a_join(void)
{
    World world;
    world_init(&world);
    memory_host_plan(&world.host, 3, memory_io_lost());
    g_assert_cmpint(world_join(&world).kind, ==, STEP_FAILED);
    memory_host_clear(&world.host);
    memory_host_init(&world.host, &world.space.disk, NULL, T0 + 60 * SECOND);
    g_assert_cmpuint(world_join_time(&world), >=, FREE_US);
    world.past = host_lease_past_ended(&world.lease, &world.past, &world.before);
    g_assert_cmpuint(world.past.doubt_from_us, ==, 0);
    world_clear(&world);
}

/* Not every renewal is written down; what is, is never later than the truth, and never by much. */
static void test_written_down_now_and_then(void)
{
    HostLease lease = { .io_timeout = N, .last_renewal_us = T0 };
    HostLeasePast known = { .doubt_from_us = 1 };
    unsigned changes = 0;

    for (unsigned renewal = 0; renewal < 100; renewal++) {
        HostLeasePast next = host_lease_past_held(&lease, &known);
        changes += next.doubt_from_us != known.doubt_from_us;
        known = next;
        g_assert_cmpuint(known.doubt_from_us, <=, lease.last_renewal_us + FREE_US);
        g_assert_cmpuint(known.doubt_from_us + 6 * N * SECOND, >=, lease.last_renewal_us + FREE_US);
        lease.last_renewal_us += 2 * N * SECOND;
    }
    g_assert_cmpuint(changes, ==, 25);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-lease-past/late-write-of-a-join", test_late_write_of_a_join);
    g_test_add_func("/host-lease-past/landing-during-the-watch", test_landing_during_the_watch);
    g_test_add_func("/host-lease-past/stranger-during-the-watch", test_stranger_during_the_watch);
    g_test_add_func("/host-lease-past/failures-without-doubt", test_failures_without_doubt);
    g_test_add_func("/host-lease-past/failed-write", test_failed_write);
    g_test_add_func("/host-lease-past/slow-writes", test_slow_writes);
    g_test_add_data_func("/host-lease-past/renewal-out/soon", GINT_TO_POINTER(1),
                         test_lost_with_a_renewal_out);
    g_test_add_data_func("/host-lease-past/renewal-out/later", GINT_TO_POINTER(0),
                         test_lost_with_a_renewal_out);
    g_test_add_func("/host-lease-past/overdue-renewal", test_overdue_renewal);
    g_test_add_func("/host-lease-past/given-back", test_given_back);
    g_test_add_func("/host-lease-past/written-down-now-and-then", test_written_down_now_and_then);
    g_test_add_func("/host-lease-past/doubt-ends-with-a-join", test_doubt_ends_with_a_join);
    return g_test_run();
}
