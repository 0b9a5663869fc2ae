/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leaving: the one write, when it is not done at all, and what its faults leave behind.
 */
#include <errno.h>

#include "lease/host-lease-join.h"
#include "lease/host-lease-leave.h"
#include "lease/host-lease-renew.h"
#include "lease/lease-timing.h"
#include "ondisk/host-bitmap.h"
#include "support/memory-lockspace.h"

#define SECOND USEC_PER_SECOND
#define T0 (1000 * SECOND)
#define HOST 2
#define N 10

typedef struct World {
    MemoryLockspace space;
    MemoryHost host;
    HostLease lease;
    HostLeaseLeave leave;
    uint64_t held_us;
} World;

/* Joined and renewed once, with an event. */
static void world_init_sized(World *self, const MemorySizes *sizes)
{
    HostEventOut out = { 7, 8, 9, { 1 } };
    HostLeaseJoin join;
    HostLeaseRenew renew;

    memory_lockspace_init(&self->space, sizes->sector_size, sizes->align_size, N);
    HostLeaseWish wish = { MEMORY_LOCKSPACE_NAME, "me", self->space.offset, HOST, N };
    memory_host_init(&self->host, &self->space.disk, NULL, T0);
    host_lease_init(&self->lease, &wish);
    host_lease_join_init(&join, &self->lease);
    MachineStep step = memory_host_run(&self->host, &join, (MachineResume)host_lease_join_resume);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    host_lease_renew_init(&renew, &self->lease, &out);
    step = memory_host_run(&self->host, &renew, (MachineResume)host_lease_renew_resume);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    self->held_us = self->lease.last_renewal_us;
    self->host.io_count = 0;
    memory_host_forget_log(&self->host);
    host_lease_leave_init(&self->leave, &self->lease);
    memory_lockspace_remember(&self->space);
}

static void world_init(World *self)
{
    world_init_sized(self, &memory_sizes[0]);
}

static void world_clear(World *self)
{
    memory_host_clear(&self->host);
    memory_lockspace_clear(&self->space);
}

static MachineStep world_leave(World *self)
{
    return memory_host_run(&self->host, &self->leave, (MachineResume)host_lease_leave_resume);
}

static void assert_nothing_done(World *self)
{
    g_assert_cmpuint(self->host.io_count, ==, 0);
    memory_lockspace_assert_only_changed(&self->space, 0);
}

static void test_leave(gconstpointer data)
{
    World world;
    world_init_sized(&world, data);
    LeaderRecord before = memory_lockspace_record(&world.space, HOST);

    MemoryRun run;
    memory_run_start(&run, &world.host, &world.leave, (MachineResume)host_lease_leave_resume,
                     TIME_NEVER);
    g_assert_cmpint(run.step.kind, ==, STEP_WRITE);
    g_assert_cmpuint(run.step.offset, ==, world.space.offset + world.space.layout.sector_size);
    g_assert_cmpuint(run.step.length, ==, world.space.layout.sector_size);
    g_assert_cmpuint(run.step.fence_offset, ==, run.step.offset);
    g_assert_cmpuint(run.step.fence_length, ==, run.step.length);
    g_assert_cmpuint(run.step.timeout_us, ==, N * SECOND);
    g_assert_cmpuint(run.step.start_by_us, ==, world.held_us + 8 * N * SECOND);
    g_assert_false(memory_run_step(&run));
    g_assert_cmpint(run.step.kind, ==, STEP_DONE);

    memory_lockspace_assert_only_changed(&world.space, HOST);
    LeaderRecord after = memory_lockspace_record(&world.space, HOST);
    g_assert_cmpint(host_lease_record_check(&after, MEMORY_LOCKSPACE_NAME, NULL), ==, RECORD_OK);
    /* Only the time stamp went. */
    before.timestamp = 0;
    leader_record_seal(&before);
    g_assert_true(leader_record_equal(&before, &after));
    const uint8_t *sector = memory_lockspace_sector(&world.space, HOST);
    for (unsigned i = LEADER_RECORD_SIZE; i < world.space.layout.sector_size; i++)
        g_assert_cmpuint(sector[i], ==, 0);
    g_assert_cmpuint(world.lease.last_renewal_us, ==, 0);
    g_assert_false(world.lease.write_uncertain);

    /* Only once. */
    host_lease_leave_init(&world.leave, &world.lease);
    world.host.io_count = 0;
    g_assert_cmpint(world_leave(&world).fault.kind, ==, LEASE_STOPPED);
    g_assert_cmpuint(world.host.io_count, ==, 0);
    world_clear(&world);
}

static void test_uncertain(void)
{
    World world;
    world_init(&world);
    world.lease.write_uncertain = true;
    g_assert_cmpint(world_leave(&world).fault.kind, ==, LEASE_STOPPED);
    assert_nothing_done(&world);
    world_clear(&world);
}

static void test_lost(void)
{
    World world;
    world_init(&world);
    world.lease.lost = true;
    g_assert_cmpint(world_leave(&world).fault.kind, ==, LEASE_STOPPED);
    assert_nothing_done(&world);
    world_clear(&world);
}

static void test_never_joined(void)
{
    World world;
    world_init(&world);
    world.lease.last_renewal_us = 0;
    g_assert_cmpint(world_leave(&world).fault.kind, ==, LEASE_STOPPED);
    assert_nothing_done(&world);
    world_clear(&world);
}

/* Renewals failed by reads only, so the record is certain; but it may be another host's by now. */
static void test_expired(void)
{
    for (unsigned late = 0; late < 2; late++) {
        World world;
        world_init(&world);
        world.host.now_us = world.held_us + 8 * N * SECOND + late;
        MachineStep step = world_leave(&world);
        if (late) {
            g_assert_cmpint(step.fault.kind, ==, LEASE_EXPIRED);
            assert_nothing_done(&world);
        } else {
            g_assert_cmpint(step.kind, ==, STEP_DONE);
        }
        world_clear(&world);
    }
}

static void test_suspended(void)
{
    World world;
    world_init(&world);
    memory_host_plan(&world.host, 1, memory_io_held_up(3600 * SECOND));
    MachineStep step = world_leave(&world);
    g_assert_cmpint(step.fault.kind, ==, LEASE_EXPIRED);
    g_assert_cmpint(memory_host_logged(&world.host, 1)->outcome, ==, IO_TOO_LATE);
    g_assert_false(world.lease.write_uncertain);
    memory_lockspace_assert_only_changed(&world.space, 0);
    world_clear(&world);
}

static void test_stop_does_not_keep_it(void)
{
    World world;
    world_init(&world);
    MachineStep step =
        memory_host_run_until(&world.host, &world.leave, (MachineResume)host_lease_leave_resume, 1);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    g_assert_cmpuint(memory_lockspace_record(&world.space, HOST).timestamp, ==, 0);
    world_clear(&world);
}

static void test_faults(void)
{
    const struct {
        MemoryIo io;
        LeaseFaultKind kind;
    } rows[] = {
        { memory_io_error(EIO, false), LEASE_IO_ERROR },
        { memory_io_error(EIO, true), LEASE_IO_ERROR },
        { memory_io_short(), LEASE_IO_SHORT },
        { memory_io_lost(), LEASE_IO_TIMEOUT },
        { memory_io_late(1000, 100 * SECOND), LEASE_IO_TIMEOUT },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        World world;
        world_init(&world);
        memory_host_plan(&world.host, 1, rows[i].io);
        MachineStep step = world_leave(&world);
        memory_lockspace_assert_only_changed(&world.space, HOST);
        g_assert_cmpint(step.fault.kind, ==, rows[i].kind);
        g_assert_true(step.fault.wrote);
        /* It may be free or not: nobody writes there any more. */
        g_assert_true(world.lease.write_uncertain);
        host_lease_leave_init(&world.leave, &world.lease);
        g_assert_cmpint(world_leave(&world).fault.kind, ==, LEASE_STOPPED);
        g_assert_cmpuint(world.host.io_count, ==, 1);
        world_clear(&world);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < MEMORY_N_SIZES; i++) {
        g_autofree char *path =
            g_strdup_printf("/host-lease-leave/leave/%u-%u", memory_sizes[i].sector_size,
                            memory_sizes[i].align_size);
        g_test_add_data_func(path, &memory_sizes[i], test_leave);
    }
    g_test_add_func("/host-lease-leave/uncertain", test_uncertain);
    g_test_add_func("/host-lease-leave/lost", test_lost);
    g_test_add_func("/host-lease-leave/never-joined", test_never_joined);
    g_test_add_func("/host-lease-leave/expired", test_expired);
    g_test_add_func("/host-lease-leave/suspended", test_suspended);
    g_test_add_func("/host-lease-leave/stop", test_stop_does_not_keep_it);
    g_test_add_func("/host-lease-leave/faults", test_faults);
    return g_test_run();
}
