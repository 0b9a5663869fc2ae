/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Joining: every case of the first look, faults at every I/O, a stop at every moment.
 */
#include <errno.h>
#include <string.h>

#include "lease/host-lease-join.h"
#include "lease/lease-timing.h"
#include "support/memory-lockspace.h"

#define SECOND USEC_PER_SECOND
#define T0 (1000 * SECOND)
#define HOST 2

typedef struct World {
    MemoryLockspace space;
    MemoryHost host;
    HostLease lease;
    HostLeaseJoin join;
} World;

static void world_host(World *self, uint64_t host_id, const char *host_name, uint32_t io_timeout)
{
    HostLeaseWish wish = { MEMORY_LOCKSPACE_NAME, host_name, self->space.offset, host_id,
                           io_timeout };
    memory_host_init(&self->host, &self->space.disk, NULL, T0);
    host_lease_init(&self->lease, &wish);
    host_lease_join_init(&self->join, &self->lease);
}

static void world_init(World *self, uint32_t on_disk, uint32_t io_timeout)
{
    memory_lockspace_init(&self->space, 512, 0, on_disk);
    world_host(self, HOST, "me", io_timeout);
}

static void world_clear(World *self)
{
    memory_host_clear(&self->host);
    memory_lockspace_clear(&self->space);
}

static MachineStep world_join(World *self)
{
    memory_lockspace_remember(&self->space);
    MachineStep step =
        memory_host_run(&self->host, &self->join, (MachineResume)host_lease_join_resume);
    memory_lockspace_assert_only_changed(&self->space, self->lease.host_id);
    return step;
}

/* What a successful join must have left on disk and in the lease. */
static void assert_joined(const World *self, uint64_t generation)
{
    LeaderRecord record = memory_lockspace_record(&self->space, self->lease.host_id);
    const uint8_t *sector = memory_lockspace_sector(&self->space, self->lease.host_id);

    g_assert_true(leader_record_equal(&record, &self->lease.last));
    g_assert_cmpint(host_lease_record_check(&record, MEMORY_LOCKSPACE_NAME, NULL), ==, RECORD_OK);
    g_assert_cmpuint(record.owner_id, ==, self->lease.host_id);
    g_assert_cmpuint(record.owner_generation, ==, generation);
    g_assert_true(fixed_name_equal(record.name, self->lease.host_name));
    g_assert_cmpuint(record.io_timeout, ==, self->lease.io_timeout);
    g_assert_cmpuint(record.timestamp, ==, self->lease.last_renewal_us / SECOND);
    g_assert_false(self->lease.write_uncertain);
    g_assert_false(self->lease.lost);
    g_assert_true(layout_equal(&self->lease.layout, &self->space.layout));
    for (unsigned i = LEADER_RECORD_SIZE; i < self->space.layout.sector_size; i++)
        g_assert_cmpuint(sector[i], ==, 0);
}

/* One row: what is in the sector, what somebody else writes there and when, how it ends. */
typedef struct Case {
    const char *name;
    const char *holder; /* NULL: never used */
    uint64_t generation, timestamp;
    uint32_t on_disk, own; /* io timeouts */
    /* At second `at`: another time stamp, event, io timeout or generation. */
    unsigned at;
    enum { NOTHING, RENEW, EVENT, TIMEOUT, RELEASE, TAKE, RELEASE_20 } change;
    LeaseFaultKind fault;
    unsigned seconds; /* how long it takes */
    uint64_t new_generation;
    unsigned writes;
} Case;

static const Case cases[] = {
    { "never used", NULL, 0, 0, 10, 10, 0, NOTHING, LEASE_OK, 20, 1, 1 },
    { "delays come from the disk", NULL, 0, 0, 5, 1, 0, NOTHING, LEASE_OK, 10, 1, 1 },
    { "io timeout 0 on disk is ours", NULL, 0, 0, 0, 7, 0, NOTHING, LEASE_OK, 14, 1, 1 },
    { "io timeout 300 on disk is ours", NULL, 0, 0, 300, 7, 0, NOTHING, LEASE_OK, 14, 1, 1 },
    { "released", "other", 7, 0, 10, 10, 0, NOTHING, LEASE_OK, 20, 8, 1 },
    { "released by us", "me", 7, 0, 10, 10, 0, NOTHING, LEASE_OK, 20, 8, 1 },
    { "ours from before", "me", 3, 500, 10, 10, 0, NOTHING, LEASE_OK, 20, 4, 1 },
    { "expired", "other", 3, 500, 10, 10, 0, NOTHING, LEASE_OK, 160, 4, 1 },
    { "expired, short", "other", 3, 500, 1, 10, 0, NOTHING, LEASE_OK, 70, 4, 1 },
    { "a longer name is another one", "me2", 3, 500, 1, 10, 0, NOTHING, LEASE_OK, 70, 4, 1 },
    { "live", "other", 3, 500, 10, 10, 50, RENEW, LEASE_HOST_ID_BUSY, 140, 0, 0 },
    { "live at the last moment", "other", 3, 500, 10, 10, 139, RENEW, LEASE_HOST_ID_BUSY, 140, 0,
      0 },
    { "its event changes", "other", 3, 500, 10, 10, 50, EVENT, LEASE_HOST_ID_BUSY, 140, 0, 0 },
    { "its io timeout changes", "other", 3, 500, 10, 10, 50, TIMEOUT, LEASE_HOST_ID_BUSY, 140, 0,
      0 },
    { "released during the watch", "other", 3, 500, 10, 10, 50, RELEASE, LEASE_OK, 160, 4, 1 },
    { "held with 20 and released", "other", 3, 500, 10, 10, 50, RELEASE_20, LEASE_OK, 180, 4, 1 },
    { "taken during the watch", "other", 3, 500, 10, 10, 50, TAKE, LEASE_HOST_ID_BUSY, 140, 0, 0 },
    { "taken while settling", NULL, 0, 0, 10, 10, 10, TAKE, LEASE_HOST_ID_LOST, 20, 0, 1 },
    { "released while settling", NULL, 0, 0, 10, 10, 10, RELEASE, LEASE_HOST_ID_LOST, 20, 0, 1 },
    { "altered while settling", NULL, 0, 0, 10, 10, 10, EVENT, LEASE_HOST_ID_LOST, 20, 0, 1 },
};

static void case_put(World *world, const Case *row, LeaderRecord *ret)
{
    *ret = memory_lockspace_record(&world->space, HOST);
    if (row->holder != NULL)
        *ret = memory_lockspace_held(&world->space, HOST, row->holder, row->generation,
                                     row->timestamp, row->on_disk);
    ret->write_id = 11;
    ret->write_generation = 12;
    ret->write_timestamp = 13;
    memory_lockspace_put(&world->space, HOST, *ret);
}

static void case_plan_change(World *world, const Case *row, LeaderRecord record)
{
    if (row->holder == NULL)
        record = memory_lockspace_held(&world->space, HOST, "me", 1, T0 / SECOND, row->own);
    switch (row->change) {
    case NOTHING:
        return;
    case RENEW:
        record.timestamp++;
        break;
    case EVENT:
        record.write_timestamp ^= 1u << 8;
        break;
    case TIMEOUT:
        record.io_timeout++;
        break;
    case RELEASE_20:
        record.io_timeout = 20;
        record.timestamp = 0;
        break;
    case RELEASE:
        record.timestamp = 0;
        break;
    case TAKE:
        fixed_name_store(record.name, "third");
        record.owner_generation++;
        break;
    }
    memory_lockspace_put_at(&world->space, T0 + row->at * SECOND, HOST, record);
}

static void test_case(gconstpointer data)
{
    const Case *row = data;
    World world;
    LeaderRecord before;
    world_init(&world, row->on_disk, row->own);
    case_put(&world, row, &before);
    case_plan_change(&world, row, before);

    MachineStep step = world_join(&world);
    g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(row->fault));
    g_assert_cmpuint((world.host.now_us - T0) / SECOND, ==, row->seconds);
    g_assert_cmpuint(memory_host_count_writes(&world.host), ==, row->writes);
    if (row->fault == LEASE_OK) {
        assert_joined(&world, row->new_generation);
        LeaderRecord after = memory_lockspace_record(&world.space, HOST);
        g_assert_cmpuint(after.write_id, ==, 11);
        g_assert_cmpuint(after.write_generation, ==, 12);
        g_assert_cmpuint(after.write_timestamp, ==, 13);
        /* The lease is as old as the settling took. */
        g_assert_cmpuint(world.host.now_us - world.lease.last_renewal_us, >=,
                         timing_join_settle(world.join.old_io_timeout));
    } else {
        g_assert_cmpuint(world.lease.last_renewal_us, ==, 0);
        if (row->change == TAKE)
            g_assert_cmpstr(step.fault.host_name, ==, "third");
        else if (row->fault == LEASE_HOST_ID_BUSY)
            g_assert_cmpstr(step.fault.host_name, ==, "other");
    }
    world_clear(&world);
}

/* The steps of a join in detail: sizes, times, fence. */
static void test_conversation(void)
{
    World world;
    world_init(&world, 5, 8);
    world.host.other = memory_io_slow(2 * SECOND);
    LeaderRecord old = memory_lockspace_held(&world.space, HOST, "old", 3, 0, 5);
    memory_lockspace_put(&world.space, HOST, old);

    MemoryRun run;
    memory_run_start(&run, &world.host, &world.join, (MachineResume)host_lease_join_resume,
                     TIME_NEVER);
    g_assert_cmpint(run.step.kind, ==, STEP_READ);
    g_assert_cmpuint(run.step.offset, ==, world.space.offset);
    g_assert_cmpuint(run.step.length, ==, LAYOUT_PROBE_SIZE);
    g_assert_cmpuint(run.step.timeout_us, ==, 8 * SECOND);
    g_assert_cmpuint(host_lease_join_expected_us(&world.join), ==, 0);
    memory_run_step(&run);
    g_assert_cmpint(run.step.kind, ==, STEP_READ);
    g_assert_cmpuint(run.step.offset, ==, world.space.offset + 512);
    g_assert_cmpuint(run.step.length, ==, 512);
    g_assert_cmpuint(run.step.timeout_us, ==, 8 * SECOND);
    memory_run_step(&run);
    g_assert_cmpint(run.step.kind, ==, STEP_WRITE);
    g_assert_cmpuint(run.step.offset, ==, world.space.offset + 512);
    g_assert_cmpuint(run.step.length, ==, 512);
    g_assert_cmpuint(run.step.fence_offset, ==, run.step.offset);
    g_assert_cmpuint(run.step.fence_length, ==, 512);
    g_assert_cmpuint(run.step.timeout_us, ==, 8 * SECOND);
    /* The shorter of both io timeouts after the start of the second read. */
    g_assert_cmpuint(run.step.start_by_us, ==, T0 + 2 * SECOND + 5 * SECOND);
    g_assert_cmpuint(host_lease_join_expected_us(&world.join), ==, T0 + 14 * SECOND);
    memory_run_step(&run);
    g_assert_cmpint(run.step.kind, ==, STEP_WAIT);
    /* 2 No from the end of the write. */
    g_assert_cmpuint(run.step.until_us, ==, T0 + 6 * SECOND + 10 * SECOND);
    memory_run_step(&run);
    g_assert_cmpint(run.step.kind, ==, STEP_READ);
    g_assert_false(memory_run_step(&run));
    g_assert_cmpint(run.step.kind, ==, STEP_DONE);
    g_assert_cmpuint(world.lease.last_renewal_us, ==, T0 + 4 * SECOND);
    assert_joined(&world, 4);
    world_clear(&world);
}

static void test_progress_while_watching(void)
{
    World world;
    world_init(&world, 10, 10);
    memory_lockspace_put(&world.space, HOST,
                         memory_lockspace_held(&world.space, HOST, "other", 3, 500, 10));
    MemoryRun run;
    memory_run_start(&run, &world.host, &world.join, (MachineResume)host_lease_join_resume,
                     TIME_NEVER);
    g_assert_cmpuint(host_lease_join_expected_us(&world.join), ==, 0);
    while (run.step.kind != STEP_WAIT)
        memory_run_step(&run);
    g_assert_cmpuint(run.step.until_us, ==, world.host.now_us + 140 * SECOND);
    g_assert_cmpuint(host_lease_join_expected_us(&world.join), ==,
                     world.host.now_us + 160 * SECOND);
    /* The second look, and then the sector is ours to write. */
    memory_run_step(&run);
    g_assert_cmpint(run.step.kind, ==, STEP_READ);
    memory_run_step(&run);
    g_assert_cmpint(run.step.kind, ==, STEP_WRITE);
    while (memory_run_step(&run))
        continue;
    world_clear(&world);
}

/* A driver may wake a waiting machine early. */
static void test_early_wake(void)
{
    World world;
    world_init(&world, 10, 10);
    memory_lockspace_put(&world.space, HOST,
                         memory_lockspace_held(&world.space, HOST, "other", 3, 500, 10));
    MemoryRun run;
    memory_run_start(&run, &world.host, &world.join, (MachineResume)host_lease_join_resume,
                     TIME_NEVER);
    while (!run.ended) {
        if (run.step.kind == STEP_WAIT) {
            uint64_t until = run.step.until_us;
            MachineInput input = { .now_us = until - 1, .valid_until_us = TIME_NEVER };
            MachineStep again = host_lease_join_resume(&world.join, &input);
            g_assert_cmpint(again.kind, ==, STEP_WAIT);
            g_assert_cmpuint(again.until_us, ==, until);
        }
        memory_run_step(&run);
    }
    assert_joined(&world, 4);
    world_clear(&world);
}

static void test_geometries(void)
{
    for (unsigned i = 0; i < MEMORY_N_SIZES; i++) {
        for (unsigned old = 0; old < 2; old++) {
            World world;
            memory_lockspace_init(&world.space, memory_sizes[i].sector_size,
                                  memory_sizes[i].align_size, 10);
            uint32_t max_hosts = world.space.layout.max_hosts;
            /* Without a flag only the usual sizes can be meant. */
            if (old && (i == 1 || i == 2 || i == 3)) {
                memory_lockspace_clear(&world.space);
                continue;
            }
            if (old)
                memory_lockspace_make_old(&world.space);
            const uint64_t host_ids[] = { 1, 2, max_hosts, (uint64_t)max_hosts + 1, UINT64_MAX };
            for (unsigned j = 0; j < G_N_ELEMENTS(host_ids); j++) {
                world_host(&world, host_ids[j], "me", 10);
                memory_lockspace_remember(&world.space);
                MachineStep step = memory_host_run(&world.host, &world.join,
                                                   (MachineResume)host_lease_join_resume);
                if (host_ids[j] > max_hosts) {
                    g_assert_cmpint(step.fault.kind, ==, LEASE_BAD_HOST_ID);
                    g_assert_cmpuint(step.fault.limit, ==, max_hosts);
                    memory_lockspace_assert_only_changed(&world.space, 0);
                } else {
                    g_assert_cmpint(step.kind, ==, STEP_DONE);
                    memory_lockspace_assert_only_changed(&world.space, host_ids[j]);
                    assert_joined(&world, 1);
                    g_assert_cmphex(world.lease.last.version, ==, old ? 0x00030003 : 0x00030004);
                    g_assert_cmphex(world.lease.last.flags, ==,
                                    old ? 0 : layout_align_flag(&world.space.layout));
                }
                memory_host_clear(&world.host);
            }
            memory_lockspace_clear(&world.space);
        }
    }
}

/* Faults. `trouble`: what happens to one I/O; the same for I/O 1, 2, ... until a run has fewer. */
typedef struct Trouble {
    const char *name;
    MemoryIo io;
} Trouble;

static Trouble troubles[] = {
    { "error without effect",
      { .latency_us = 1000, .land_us = TIME_NEVER, .outcome = IO_FAILED, .io_errno = EIO } },
    { "error with effect",
      { .latency_us = 1000,
        .land_us = MEMORY_LAND_AT_END,
        .outcome = IO_FAILED,
        .io_errno = EIO } },
    { "short", { .latency_us = 1000, .land_us = TIME_NEVER, .outcome = IO_SHORT } },
    { "lost", { .latency_us = TIME_NEVER, .land_us = TIME_NEVER } },
    { "no answer, landed", { .latency_us = TIME_NEVER, .land_us = 1000 } },
    { "lands late", { .latency_us = 300 * SECOND, .land_us = 200 * SECOND } },
    { "slow", { .latency_us = 9 * SECOND, .land_us = MEMORY_LAND_AT_END } },
    { "suspended before",
      { .latency_us = 1000, .land_us = MEMORY_LAND_AT_END, .held_up_us = 11 * SECOND } },
    { "suspended for long",
      { .latency_us = 1000, .land_us = MEMORY_LAND_AT_END, .held_up_us = 4000 * SECOND } },
};

static void assert_fault_tells(const World *world, unsigned n, const MachineStep *step,
                               const Trouble *trouble)
{
    const MemoryLogEntry *entry = memory_host_logged(&world->host, n);
    if (step->kind == STEP_DONE) {
        g_assert_cmpint(entry->outcome, ==, IO_OK);
        assert_joined(world, world->lease.last.owner_generation);
        return;
    }
    g_assert_cmpuint(world->lease.last_renewal_us, ==, 0);
    g_assert_cmpint(entry->outcome, !=, IO_OK);
    g_assert_cmpint(step->fault.wrote, ==,
                    entry->kind == STEP_WRITE && entry->outcome != IO_TOO_LATE);
    switch (entry->outcome) {
    case IO_FAILED:
        g_assert_cmpint(step->fault.kind, ==, LEASE_IO_ERROR);
        g_assert_cmpint(step->fault.io_errno, ==, EIO);
        break;
    case IO_SHORT:
        g_assert_cmpint(step->fault.kind, ==, LEASE_IO_SHORT);
        break;
    default:
        g_assert_cmpint(step->fault.kind, ==, LEASE_IO_TIMEOUT);
    }
}

static void test_faults(gconstpointer data)
{
    const Trouble *trouble = data;
    const struct {
        const char *holder;
        uint64_t timestamp;
        unsigned n_io;
    } starts[] = { { "old", 0, 4 }, { "me", 500, 4 }, { "other", 500, 5 } };

    for (unsigned i = 0; i < G_N_ELEMENTS(starts); i++) {
        unsigned n = 1;
        for (;; n++) {
            World world;
            world_init(&world, 10, 10);
            LeaderRecord before = memory_lockspace_held(&world.space, HOST, starts[i].holder, 3,
                                                        starts[i].timestamp, 10);
            memory_lockspace_put(&world.space, HOST, before);
            before = memory_lockspace_record(&world.space, HOST);
            memory_host_plan(&world.host, n, trouble->io);
            MachineStep step = world_join(&world);
            if (world.host.io_count < n) {
                world_clear(&world);
                break;
            }
            assert_fault_tells(&world, n, &step, trouble);

            LeaderRecord after = memory_lockspace_record(&world.space, HOST);
            const MemoryLogEntry *entry = memory_host_logged(&world.host, n);
            /* Nothing was written when the fault came first; a failed or unconfirmed name is given
             * back when it is seen to be there. */
            if (step.kind == STEP_FAILED && n < starts[i].n_io - 1)
                g_assert_true(leader_record_equal(&before, &after));
            if (step.kind == STEP_FAILED && n == starts[i].n_io) {
                g_assert_cmpuint(after.timestamp, ==, 0);
                g_assert_cmpuint(after.owner_generation, ==, 4);
            }
            if (entry->kind == STEP_WRITE && entry->outcome == IO_FAILED)
                g_assert_cmpuint(after.timestamp, ==,
                                 trouble->io.land_us == TIME_NEVER ? before.timestamp : 0);

            /* Whatever it was: when all has landed, the host can join, as a new incarnation. */
            uint64_t generation = after.owner_generation;
            memory_disk_advance(&world.space.disk, world.host.now_us + 5000 * SECOND);
            after = memory_lockspace_record(&world.space, HOST);
            memory_host_clear(&world.host);
            world_host(&world, HOST, "me", 10);
            step = world_join(&world);
            g_assert_cmpint(step.kind, ==, STEP_DONE);
            g_assert_cmpuint(world.lease.last.owner_generation, ==, after.owner_generation + 1);
            g_assert_cmpuint(world.lease.last.owner_generation, >, generation);
            world_clear(&world);
        }
        g_assert_cmpuint(n, >, starts[i].n_io);
    }
}

/* A write that ended when a rival can already have looked again is not believed in, and not undone.
 */
static void test_write_slower_than_settle(void)
{
    World world;
    world_init(&world, 1, 10);
    memory_host_plan(&world.host, 3, memory_io_slow(2 * SECOND + 1000));
    MachineStep step = world_join(&world);
    g_assert_cmpint(step.fault.kind, ==, LEASE_IO_TIMEOUT);
    g_assert_true(step.fault.wrote);
    g_assert_cmpuint(world.host.io_count, ==, 3);
    g_assert_cmpuint(memory_lockspace_record(&world.space, HOST).timestamp, !=, 0);
    world_clear(&world);
}

/* What a record must never say after a join that ended with a stop: that we are there. */
static void assert_stopped(World *world, const MachineStep *step, const LeaderRecord *before)
{
    LeaderRecord after = memory_lockspace_record(&world->space, HOST);
    g_assert_cmpint(step->kind, ==, STEP_FAILED);
    g_assert_cmpint(step->fault.kind, ==, LEASE_STOPPED);
    if (leader_record_equal(&after, before))
        return;
    g_assert_cmpuint(after.timestamp, ==, 0);
    g_assert_cmpuint(after.owner_generation, ==, before->owner_generation + 1);
    g_assert_cmpint(host_lease_record_check(&after, MEMORY_LOCKSPACE_NAME, NULL), ==, RECORD_OK);
}

static void test_stop(void)
{
    const uint64_t stamps[] = { 0, 500 };
    for (unsigned i = 0; i < G_N_ELEMENTS(stamps); i++) {
        unsigned stopped = 0, done = 0;
        /* Each I/O takes 2 s and each wait many, so whole seconds meet them all at both ends. */
        for (unsigned at = 0; at < 180; at++) {
            World world;
            world_init(&world, 10, 10);
            world.host.other = memory_io_slow(2 * SECOND);
            memory_lockspace_put(
                &world.space, HOST,
                memory_lockspace_held(&world.space, HOST, "other", 3, stamps[i], 10));
            LeaderRecord before = memory_lockspace_record(&world.space, HOST);
            MachineStep step = memory_host_run_until(
                &world.host, &world.join, (MachineResume)host_lease_join_resume, T0 + at * SECOND);
            /* It ends soon: at most a write that is out, a look and a write back. */
            g_assert_cmpuint(world.host.now_us, <=, T0 + at * SECOND + 6 * SECOND);
            if (step.kind == STEP_DONE) {
                done++;
                assert_joined(&world, 4);
            } else {
                stopped++;
                assert_stopped(&world, &step, &before);
            }
            world_clear(&world);
        }
        g_assert_cmpuint(stopped, >, 20);
        g_assert_cmpuint(done, >, 0);
    }
}

/* Stopped while settling, but somebody else has written the sector since: not ours to free. */
static void test_stop_after_loss(void)
{
    World world;
    world_init(&world, 10, 10);
    memory_lockspace_put_at(&world.space, T0 + 5 * SECOND, HOST,
                            memory_lockspace_held(&world.space, HOST, "third", 1, 77, 10));
    MachineStep step = memory_host_run_until(
        &world.host, &world.join, (MachineResume)host_lease_join_resume, T0 + 6 * SECOND);
    g_assert_cmpint(step.fault.kind, ==, LEASE_STOPPED);
    g_assert_cmpuint(memory_host_count_writes(&world.host), ==, 1);
    LeaderRecord after = memory_lockspace_record(&world.space, HOST);
    g_assert_true(fixed_name_equal(after.name, "third"));
    g_assert_cmpuint(after.timestamp, ==, 77);
    world_clear(&world);
}

/* Giving back is bound like the first write: stopped between the look and the write, not written.
 */
static void test_give_back_too_late(void)
{
    World world;
    world_init(&world, 10, 10);
    memory_host_plan(&world.host, 5, memory_io_held_up(10 * SECOND));
    memory_lockspace_put_at(&world.space, T0 + 7 * SECOND, HOST,
                            memory_lockspace_held(&world.space, HOST, "third", 1, 77, 10));
    MachineStep step = memory_host_run_until(
        &world.host, &world.join, (MachineResume)host_lease_join_resume, T0 + 6 * SECOND);
    g_assert_cmpint(step.fault.kind, ==, LEASE_STOPPED);
    g_assert_cmpint(memory_host_logged(&world.host, 5)->outcome, ==, IO_TOO_LATE);
    g_assert_true(fixed_name_equal(memory_lockspace_record(&world.space, HOST).name, "third"));
    world_clear(&world);
}

/* Bad by the time of the second look. */
static void test_damaged_while_watched(void)
{
    World world;
    world_init(&world, 10, 10);
    memory_lockspace_put(&world.space, HOST,
                         memory_lockspace_held(&world.space, HOST, "other", 3, 500, 10));
    uint8_t zeros[512] = { 0 };
    memory_disk_write_at(&world.space.disk, T0 + 50 * SECOND, world.space.offset + 512, zeros, 512);
    MachineStep step = world_join(&world);
    g_assert_cmpint(step.fault.kind, ==, LEASE_BAD_RECORD);
    g_assert_cmpint(step.fault.record, ==, RECORD_BAD_MAGIC);
    g_assert_cmpuint(memory_host_count_writes(&world.host), ==, 0);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/host-lease-join/case/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/host-lease-join/conversation", test_conversation);
    g_test_add_func("/host-lease-join/progress", test_progress_while_watching);
    g_test_add_func("/host-lease-join/early-wake", test_early_wake);
    g_test_add_func("/host-lease-join/geometries", test_geometries);
    for (unsigned i = 0; i < G_N_ELEMENTS(troubles); i++) {
        g_autofree char *path = g_strdup_printf("/host-lease-join/fault/%s", troubles[i].name);
        g_test_add_data_func(path, &troubles[i], test_faults);
    }
    g_test_add_func("/host-lease-join/slow-write", test_write_slower_than_settle);
    g_test_add_func("/host-lease-join/stop", test_stop);
    g_test_add_func("/host-lease-join/stop-after-loss", test_stop_after_loss);
    g_test_add_func("/host-lease-join/give-back-too-late", test_give_back_too_late);
    g_test_add_func("/host-lease-join/damaged-while-watched", test_damaged_while_watched);
    return g_test_run();
}
