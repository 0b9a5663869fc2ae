/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Renewing: what is written, faults at each I/O, writes that land late,
 * reads that are adopted, a host that is stopped between check and write, and what observers may
 * conclude.
 */
#include <errno.h>
#include <string.h>

#include "lease/lease-timing.h"
#include "support/renew-world.h"

static MachineStep world_renew_with(World *self, const HostEventOut *out)
{
    self->host.io_count = 0;
    memory_host_forget_log(&self->host);
    host_lease_renew_init(&self->renew, &self->lease, out);
    return memory_host_run(&self->host, &self->renew, (MachineResume)host_lease_renew_resume);
}

static MachineStep world_renew(World *self)
{
    MachineStep step = world_renew_with(self, NULL);
    memory_host_unplan(&self->host);
    return step;
}

static void assert_renewed(World *self, const MachineStep *step, uint64_t at_us)
{
    LeaderRecord record = world_record(self);
    g_assert_cmpint(step->kind, ==, STEP_DONE);
    g_assert_true(leader_record_equal(&record, &self->lease.last));
    g_assert_cmpint(host_lease_record_check(&record, MEMORY_LOCKSPACE_NAME, NULL), ==, RECORD_OK);
    g_assert_cmpuint(self->lease.last_renewal_us, ==, at_us);
    g_assert_cmpuint(record.timestamp, ==, at_us / SECOND);
    g_assert_cmpuint(record.owner_generation, ==, 4);
    g_assert_false(self->lease.write_uncertain);
}

static void test_conversation(void)
{
    World world;
    world_init(&world);
    world.host.other = memory_io_slow(2 * SECOND);
    memory_lockspace_remember(&world.space);
    host_lease_renew_init(&world.renew, &world.lease, NULL);
    uint64_t start = world.host.now_us;

    MemoryRun run;
    memory_run_start(&run, &world.host, &world.renew, (MachineResume)host_lease_renew_resume,
                     TIME_NEVER);
    g_assert_cmpint(run.step.kind, ==, STEP_READ);
    g_assert_cmpuint(run.step.offset, ==, world.space.offset);
    g_assert_cmpuint(run.step.length, ==, world.space.layout.align_size);
    g_assert_cmpuint(run.step.timeout_us, ==, N * SECOND);
    g_assert_true(run.step.adopt_overdue);
    memory_run_step(&run);
    g_assert_cmpint(run.step.kind, ==, STEP_WRITE);
    g_assert_cmpuint(run.step.offset, ==, world.space.offset + 512);
    g_assert_cmpuint(run.step.length, ==, 512);
    g_assert_cmpuint(run.step.fence_offset, ==, world.space.offset + 512);
    g_assert_cmpuint(run.step.fence_length, ==, 512);
    g_assert_cmpuint(run.step.timeout_us, ==, (8 * N + 60) * SECOND);
    g_assert_cmpuint(run.step.start_by_us, ==, start + N * SECOND);
    /* While it is out nobody may take the record for certain. */
    g_assert_true(world.lease.write_uncertain);
    g_assert_false(memory_run_step(&run));

    /* As old as the moment before the write. */
    assert_renewed(&world, &run.step, start + 2 * SECOND);
    LeaderRecord record = world_record(&world);
    g_assert_cmpuint(record.write_id, ==, 21);
    g_assert_cmpuint(record.write_generation, ==, 22);
    g_assert_cmpuint(record.write_timestamp, ==, 23);
    g_assert_cmpuint(world.renew.read_started_us, ==, start);
    g_assert_cmpuint(world.renew.read_us, ==, 2 * SECOND);
    g_assert_cmpuint(world.renew.write_started_us, ==, start + 2 * SECOND);
    g_assert_cmpuint(world.renew.write_us, ==, 2 * SECOND);
    memory_lockspace_assert_only_changed(&world.space, HOST);
    world_clear(&world);
}

static void test_event(void)
{
    World world;
    world_init(&world);
    HostEventOut out = { .generation = 7, .event = 8, .data = 9 };
    host_bitmap_set(out.bitmap, 1);
    host_bitmap_set(out.bitmap, HOST);
    host_bitmap_set(out.bitmap, 2000);
    g_assert_cmpint(world_renew_with(&world, &out).kind, ==, STEP_DONE);
    const uint8_t *sector = memory_lockspace_sector(&world.space, HOST);
    LeaderRecord record = world_record(&world);
    g_assert_cmpuint(record.write_id, ==, 7);
    g_assert_cmpuint(record.write_generation, ==, 8);
    g_assert_cmpuint(record.write_timestamp, ==, 9);
    g_assert_true(host_bitmap_test(sector + HOST_BITMAP_OFFSET, 1));
    g_assert_false(host_bitmap_test(sector + HOST_BITMAP_OFFSET, HOST));
    g_assert_true(host_bitmap_test(sector + HOST_BITMAP_OFFSET, 2000));

    /* Nothing more to say: the bits go, the event stays. */
    world.host.now_us += 20 * SECOND;
    g_assert_cmpint(world_renew(&world).kind, ==, STEP_DONE);
    record = world_record(&world);
    g_assert_cmpuint(record.write_generation, ==, 8);
    for (unsigned i = LEADER_RECORD_SIZE; i < 512; i++)
        g_assert_cmpuint(sector[i], ==, 0);
    world_clear(&world);
}

static void test_geometries(void)
{
    for (unsigned i = 0; i < MEMORY_N_SIZES; i++) {
        World world;
        memory_lockspace_init(&world.space, memory_sizes[i].sector_size, memory_sizes[i].align_size,
                              N);
        if (i == 0 || i == 4)
            memory_lockspace_make_old(&world.space);
        const uint64_t host_ids[] = { 1, 2, world.space.layout.max_hosts };
        for (unsigned j = 0; j < G_N_ELEMENTS(host_ids); j++) {
            world_lease(&world, host_ids[j]);
            memory_lockspace_remember(&world.space);
            uint64_t start = world.host.now_us;
            MachineStep step = world_renew(&world);
            assert_renewed(&world, &step, start + 1000);
            memory_lockspace_assert_only_changed(&world.space, host_ids[j]);
            if (i == 0 || i == 4) {
                g_assert_cmphex(world.lease.last.version, ==, 0x00030003);
                g_assert_cmphex(world.lease.last.flags, ==, 0);
            }
            memory_host_clear(&world.host);
        }
        memory_lockspace_clear(&world.space);
    }
}

/* I/O faults */

/* After any fault of the write the next attempt must find its way, whatever reached the disk. */
static void test_write_faults(void)
{
    const MemoryIo troubles[] = {
        memory_io_error(EIO, false),
        memory_io_error(EIO, true),
        memory_io_short(),
        memory_io_late(TIME_NEVER, 200 * SECOND),
        memory_io_late(1000, 200 * SECOND),
        memory_io_late(150 * SECOND, 200 * SECOND),
        memory_io_held_up(N * SECOND),
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(troubles); i++) {
        World world;
        world_init(&world);
        uint64_t start = world.host.now_us;
        memory_host_plan(&world.host, 2, troubles[i]);
        memory_lockspace_remember(&world.space);
        MachineStep step = world_renew(&world);
        memory_lockspace_assert_only_changed(&world.space, HOST);
        g_assert_cmpint(step.kind, ==, STEP_FAILED);
        g_assert_false(renew_fault_is_fatal(&step.fault));
        bool started = troubles[i].held_up_us == 0;
        g_assert_cmpint(step.fault.wrote, ==, started);
        g_assert_cmpint(world.lease.write_uncertain, ==, started);
        g_assert_cmpuint(world.lease.last_renewal_us, ==, T0);
        if (i < 2)
            g_assert_cmpint(step.fault.kind, ==, LEASE_IO_ERROR);
        else if (i == 2)
            g_assert_cmpint(step.fault.kind, ==, LEASE_IO_SHORT);
        else
            g_assert_cmpint(step.fault.kind, ==, LEASE_IO_TIMEOUT);
        /* The timeout of a write is 8 N + 60. */
        if (i >= 3 && i <= 5)
            g_assert_cmpuint(world.host.now_us, ==, start + 1000 + 140 * SECOND);

        /* What lands must have landed: until the end is seen nothing is written. */
        for (unsigned tries = 0; tries < 20; tries++) {
            world.host.now_us += SECOND / 2;
            step = world_renew(&world);
            if (step.kind == STEP_DONE)
                break;
            g_assert_cmpint(step.fault.kind, ==, LEASE_IO_TIMEOUT);
            g_assert_false(step.fault.wrote);
            g_assert_cmpint(world.lease.write_uncertain, ==, started);
        }
        assert_renewed(&world, &step, world.renew.proposed_us);
        /* And from now on all bytes count again. */
        LeaderRecord record = world_record(&world);
        record.write_id++;
        memory_lockspace_put(&world.space, HOST, record);
        world.host.now_us += 20 * SECOND;
        g_assert_cmpint(world_renew(&world).fault.kind, ==, LEASE_ALTERED);
        world_clear(&world);
    }
}

/* Our write was lost for ever with its end unseen: no other write is started beside it. */
static void test_lost_write(void)
{
    World world;
    world_init(&world);
    memory_host_plan(&world.host, 2, memory_io_lost());
    g_assert_cmpint(world_renew(&world).fault.kind, ==, LEASE_IO_TIMEOUT);
    for (unsigned i = 0; i < 3; i++) {
        MachineStep step = world_renew(&world);
        g_assert_cmpint(step.fault.kind, ==, LEASE_IO_TIMEOUT);
        g_assert_cmpuint(memory_host_count_writes(&world.host), ==, 0);
        g_assert_true(world.lease.write_uncertain);
    }
    world_clear(&world);
}

static void test_read_faults(void)
{
    const MemoryIo troubles[] = {
        memory_io_error(EIO, false),
        memory_io_short(),
        memory_io_lost(),
    };
    const LeaseFaultKind kinds[] = { LEASE_IO_ERROR, LEASE_IO_SHORT, LEASE_IO_TIMEOUT };
    for (unsigned i = 0; i < G_N_ELEMENTS(troubles); i++) {
        World world;
        world_init(&world);
        memory_host_plan(&world.host, 1, troubles[i]);
        memory_lockspace_remember(&world.space);
        MachineStep step = world_renew(&world);
        memory_lockspace_assert_only_changed(&world.space, 0);
        g_assert_cmpint(step.fault.kind, ==, kinds[i]);
        g_assert_false(step.fault.wrote);
        g_assert_false(renew_fault_is_fatal(&step.fault));
        g_assert_false(world.lease.write_uncertain);
        g_assert_cmpuint(world.lease.last_renewal_us, ==, T0);
        world_clear(&world);
    }
}

/* An area read that takes 15 s: the first attempt gives up, the second is answered by that read,
 * and looks at our own sector afresh before it writes. */
static void test_adopted_read(void)
{
    World world;
    world_init(&world);
    uint64_t start = world.host.now_us;
    memory_host_plan(&world.host, 1, memory_io_slow(15 * SECOND));
    MachineStep step = world_renew(&world);
    g_assert_cmpint(step.fault.kind, ==, LEASE_IO_TIMEOUT);
    g_assert_cmpuint(world.host.now_us, ==, start + 10 * SECOND);

    world.host.now_us += SECOND / 2;
    step = world_renew(&world);
    assert_renewed(&world, &step, start + 15 * SECOND + 1000);
    g_assert_true(memory_host_logged(&world.host, 1)->adopted);
    const MemoryLogEntry *second = memory_host_logged(&world.host, 2);
    g_assert_cmpint(second->kind, ==, STEP_READ);
    g_assert_cmpuint(second->length, ==, 512);
    g_assert_cmpuint(second->offset, ==, world.space.offset + 512);
    g_assert_cmpuint(second->timeout_us, ==, N * SECOND);
    g_assert_cmpuint(world.renew.read_started_us, ==, start);
    g_assert_cmpuint(world.renew.read_us, ==, 15 * SECOND);
    world_clear(&world);
}

/* The same, but a successor came while the area was being read: the old read does not show it. */
static void test_adopted_read_misses_successor(void)
{
    World world;
    world_init(&world);
    uint64_t start = world.host.now_us;
    MemoryIo io = memory_io_slow(15 * SECOND);
    io.sample_at_start = true;
    memory_host_plan(&world.host, 1, io);
    world_renew(&world);
    memory_lockspace_put_at(&world.space, start + 12 * SECOND, HOST,
                            memory_lockspace_held(&world.space, HOST, "thief", 5, 77, N));
    g_assert_cmpint(world_renew(&world).fault.kind, ==, LEASE_TAKEN);
    g_assert_true(fixed_name_equal(world_record(&world).name, "thief"));
    world_clear(&world);
}

/* A fault of the second look. */
static void test_second_look_faults(void)
{
    World world;
    world_init(&world);
    memory_host_plan(&world.host, 1, memory_io_slow(15 * SECOND));
    world_renew(&world);
    memory_host_plan(&world.host, 2, memory_io_error(EIO, false));
    memory_lockspace_remember(&world.space);
    MachineStep step = world_renew(&world);
    g_assert_cmpint(step.fault.kind, ==, LEASE_IO_ERROR);
    g_assert_false(step.fault.wrote);
    memory_lockspace_assert_only_changed(&world.space, 0);
    world_clear(&world);
}

/* A host that is stopped between check and write, for hours, while another took the sector. */
static void test_suspended(void)
{
    const struct {
        uint64_t held_up_us;
        bool written;
    } rows[] = {
        { N * SECOND - 2000, true },
        { N * SECOND, false },
        { 7200 * SECOND, false },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        World world;
        world_init(&world);
        uint64_t start = world.host.now_us;
        memory_host_plan(&world.host, 2, memory_io_held_up(rows[i].held_up_us));
        if (!rows[i].written)
            memory_lockspace_put_at(&world.space, start + 5 * SECOND, HOST,
                                    memory_lockspace_held(&world.space, HOST, "thief", 5, 77, N));
        MachineStep step = world_renew(&world);
        if (rows[i].written) {
            /* The lease ages from before the stop. */
            assert_renewed(&world, &step, start + 1000);
        } else {
            g_assert_cmpint(step.fault.kind, ==, LEASE_IO_TIMEOUT);
            g_assert_false(step.fault.wrote);
            g_assert_false(world.lease.write_uncertain);
            g_assert_cmpint(memory_host_logged(&world.host, 2)->outcome, ==, IO_TOO_LATE);
            g_assert_true(fixed_name_equal(world_record(&world).name, "thief"));
            g_assert_cmpint(world_renew(&world).fault.kind, ==, LEASE_TAKEN);
        }
        world_clear(&world);
    }
}

/* A second renewal in the same second must be seen to be one. */
static void test_same_second(void)
{
    World world;
    world_init(&world);
    uint64_t start = world.host.now_us; /* a quarter second past */
    MachineStep step = world_renew(&world);
    assert_renewed(&world, &step, start + 1000);
    uint64_t stamp = world_record(&world).timestamp;
    step = world_renew(&world);
    assert_renewed(&world, &step, (stamp + 1) * SECOND + 1000);
    g_assert_cmpuint(memory_host_logged(&world.host, 2)->length, ==, 512);

    /* A write that was reported as failed and landed all the same, and the attempt after it. */
    world.host.now_us += SECOND / 4;
    uint64_t failed_at = world.host.now_us;
    memory_host_plan(&world.host, 3, memory_io_error(EIO, true));
    g_assert_cmpint(world_renew(&world).fault.kind, ==, LEASE_IO_ERROR);
    LeaderRecord landed = world_record(&world);
    step = world_renew(&world);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    LeaderRecord record = world_record(&world);
    g_assert_cmpuint(record.timestamp, >, landed.timestamp);
    g_assert_cmpuint(world.lease.last_renewal_us, >, failed_at);
    g_assert_cmpuint(world.lease.last_renewal_us / SECOND, ==, record.timestamp);
    world_clear(&world);
}

/* In the first second after boot the stamp is 1, never 0. */
static void test_first_second(void)
{
    World world;
    world_init(&world);
    world.host.now_us = SECOND / 2;
    g_assert_cmpint(world_renew(&world).kind, ==, STEP_DONE);
    g_assert_cmpuint(world_record(&world).timestamp, ==, 1);
    g_assert_cmpuint(world.lease.last_renewal_us, ==, SECOND / 2 + 1000);
    world.host.now_us = SECOND + SECOND / 4;
    g_assert_cmpint(world_renew(&world).kind, ==, STEP_DONE);
    g_assert_cmpuint(world_record(&world).timestamp, ==, 2);
    world_clear(&world);
}

static void test_stop(void)
{
    unsigned stopped = 0, done = 0;
    for (unsigned again = 0; again < 2; again++) {
        for (uint64_t at = 0; at < 8 * SECOND; at += SECOND / 4) {
            World world;
            world_init(&world);
            /* In the same second once more, so that it has to wait. */
            if (again)
                world_renew(&world);
            world.host.other = memory_io_slow(again ? SECOND / 4 : 2 * SECOND);
            memory_lockspace_remember(&world.space);
            host_lease_renew_init(&world.renew, &world.lease, NULL);
            LeaderRecord last = world.lease.last;
            MachineStep step = memory_host_run_until(&world.host, &world.renew,
                                                     (MachineResume)host_lease_renew_resume,
                                                     world.host.now_us + at);
            if (step.kind == STEP_DONE) {
                done++;
            } else {
                stopped++;
                g_assert_cmpint(step.fault.kind, ==, LEASE_STOPPED);
                g_assert_true(leader_record_equal(&last, &world.lease.last));
                memory_lockspace_assert_only_changed(&world.space, 0);
            }
            g_assert_false(world.lease.write_uncertain);
            world_clear(&world);
        }
    }
    g_assert_cmpuint(stopped, >, 5);
    g_assert_cmpuint(done, >, 5);
}

/* Random renewals with random trouble on one side, random reads on the other: whoever is called
 * dead is dead by its own clock. This is the safety argument of lease-timing.h, played. */
static MemoryIo random_trouble(GRand *rand)
{
    uint64_t some = (uint64_t)g_rand_int_range(rand, 1, 40000) * 1000;
    switch (g_rand_int_range(rand, 0, 12)) {
    case 0:
        return memory_io_error(EIO, false);
    case 1:
        return memory_io_error(EIO, true);
    case 2:
        return memory_io_late(some, 4 * some);
    case 3:
        return memory_io_held_up(some);
    case 4:
        return memory_io_slow(some);
    case 5:
        return memory_io_late(5 * some, 20 * some);
    case 6: {
        MemoryIo io = memory_io_slow(some);
        io.sample_at_start = true;
        return io;
    }
    default:
        return memory_io_slow(some / 100);
    }
}

static void test_observed(void)
{
    GRand *rand = g_rand_new_with_seed(7);
    unsigned dead = 0, live = 0, renewed = 0;
    for (unsigned round = 0; round < 60; round++) {
        World world;
        world_init(&world);
        HostSlot *slots = g_new0(HostSlot, world.space.layout.max_hosts);
        HostTable table;
        host_table_init(&table, slots, &world.space.layout, 1, N);
        bool lost = false;
        while (world.host.now_us < T0 + 3000 * SECOND && !lost) {
            /* The observer reads at once, or its read takes a while. */
            uint64_t started = world.host.now_us;
            uint64_t ended = started + (uint64_t)g_rand_int_range(rand, 0, 5) * SECOND;
            world.host.now_us = ended;
            memory_disk_advance(&world.space.disk, ended);
            host_table_observe(&table, world.space.disk.bytes + world.space.offset,
                               world.space.layout.align_size, MEMORY_LOCKSPACE_NAME, started,
                               ended);
            HostView view = host_table_view(&table, HOST);
            HostState state = host_view_state(&view, 1);
            if (state == HOST_DEAD) {
                dead++;
                g_assert_cmpuint(started, >, world.lease.last_renewal_us + timing_free(N));
            }
            live += state == HOST_LIVE;

            memory_host_unplan(&world.host);
            for (unsigned n = 1; n < 4; n++)
                memory_host_plan(&world.host, n, random_trouble(rand));
            MachineStep step = world_renew_with(&world, NULL);
            g_assert_false(renew_fault_is_fatal(&step.fault));
            renewed += step.kind == STEP_DONE;
            world.host.now_us +=
                (uint64_t)(g_rand_int_range(rand, 0, 8) ? SECOND / 2 : 200 * SECOND);
        }
        g_free(slots);
        world_clear(&world);
    }
    g_test_message("dead %u live %u renewed %u", dead, live, renewed);
    g_assert_cmpuint(dead, >, 10);
    g_assert_cmpuint(live, >, 100);
    g_assert_cmpuint(renewed, >, 100);
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-lease-renew/conversation", test_conversation);
    g_test_add_func("/host-lease-renew/event", test_event);
    g_test_add_func("/host-lease-renew/geometries", test_geometries);
    g_test_add_func("/host-lease-renew/write-faults", test_write_faults);
    g_test_add_func("/host-lease-renew/lost-write", test_lost_write);
    g_test_add_func("/host-lease-renew/read-faults", test_read_faults);
    g_test_add_func("/host-lease-renew/adopted-read", test_adopted_read);
    g_test_add_func("/host-lease-renew/adopted-read-misses-successor",
                    test_adopted_read_misses_successor);
    g_test_add_func("/host-lease-renew/second-look-faults", test_second_look_faults);
    g_test_add_func("/host-lease-renew/suspended", test_suspended);
    g_test_add_func("/host-lease-renew/same-second", test_same_second);
    g_test_add_func("/host-lease-renew/first-second", test_first_second);
    g_test_add_func("/host-lease-renew/stop", test_stop);
    g_test_add_func("/host-lease-renew/observed", test_observed);
    return g_test_run();
}
