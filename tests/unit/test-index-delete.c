/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Deleting a resource: the entry first, then the resource, and only under its lease.
 */
#include "lease/index-delete.h"

#include <errno.h>
#include <string.h>

#include "ondisk/leader-record.h"
#include "support/index-world.h"
#include "support/memory-lockspace.h"

#define S USEC_PER_SECOND
#define HELD_UP 4

static void take_lease(IndexWorld *world, uint32_t number, const char *name, ResourceLease *ret)
{
    const ResourceWish wish = { .lockspace_name = INDEX_WORLD_LOCKSPACE,
                                .resource_name = name,
                                .resource_offset =
                                    index_resource_offset(&world->index.place, number),
                                .lockspace_layout = world->index.place.layout,
                                .host_id = 1,
                                .generation = 1,
                                .io_timeout = 1 };

    resource_lease_init(ret, &wish);
    ret->held = true;
}

static MachineStep delete (IndexWorld *world, uint32_t number, const ResourceLease *lease)
{
    IndexDelete machine;

    index_delete_init(&machine, &world->index, number, lease, world->resource_area);
    return index_world_run(world, &machine, (MachineResume)index_delete_resume);
}

static void test_sizes(void)
{
    for (unsigned i = 0; i < MEMORY_N_SIZES; i++) {
        IndexWorld world;
        ResourceLease lease;
        LeaderRecord leader;

        index_world_init(&world, memory_sizes[i].sector_size, memory_sizes[i].align_size, true);
        index_world_put(&world, 0, "one");
        index_world_put(&world, 1, "two");
        index_world_read(&world);
        take_lease(&world, 1, "two", &lease);
        g_assert_cmpint(delete (&world, 1, &lease).kind, ==, STEP_DONE);
        g_autofree char *trace = index_world_trace(&world);
        g_assert_cmpstr(trace, ==, "W1.1 W4");
        index_world_assert_names(&world, 0, "one", "one");
        index_world_assert_names(&world, 1, "", "cleared");
        leader_record_decode(&leader, index_world_resource(&world, 1));
        g_assert_true(fixed_name_equal(leader.lockspace_name, INDEX_WORLD_LOCKSPACE));
        g_assert_true(fixed_name_equal(leader.name, "two"));
        g_assert_cmpuint(leader.write_timestamp, >=, INDEX_WORLD_START_US / S);
        g_assert_cmpuint(leader.timestamp, ==, 0);
        index_world_clear(&world);
    }
}

/* Nothing there that is the entry's: what is there stays. */
static void test_entry_alone(void)
{
    IndexWorld world;

    index_world_init(&world, 512, 0, true);
    index_world_put_entry(&world, 0, "gone");
    index_world_put_resource(&world, 0, "another");
    index_world_read(&world);
    g_assert_cmpint(delete (&world, 0, NULL).kind, ==, STEP_DONE);
    index_world_assert_names(&world, 0, "", "another");
    index_world_assert_only_changed(&world, MEBIBYTE + 512, 64);
    index_world_clear(&world);
}

/* The lease that makes it safe is not there: nothing is written. */
static void test_without_lease(void)
{
    IndexWorld world;
    ResourceLease lease;

    index_world_init(&world, 512, 0, true);
    index_world_put(&world, 0, "one");
    index_world_put(&world, 1, "two");
    index_world_read(&world);
    take_lease(&world, 0, "one", &lease);
    lease.held = false;
    g_assert_cmpint(delete (&world, 0, &lease).kind, ==, STEP_FAILED);
    take_lease(&world, 1, "two", &lease);
    g_assert_cmpint(delete (&world, 0, &lease).kind, ==, STEP_FAILED);
    index_world_assert_unchanged(&world);
    index_world_clear(&world);
}

static void test_trouble(void)
{
    const MemoryIo troubles[] = {
        memory_io_lost(),
        memory_io_error(EIO, false),
        memory_io_error(EIO, true),
        memory_io_late(100 * S, 200 * S),
        [HELD_UP] = memory_io_held_up(30 * S),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(troubles); i++) {
        for (unsigned number = 1; number <= 2; number++) {
            IndexWorld world;
            ResourceLease lease;
            IndexDelete machine;

            index_world_init(&world, 512, 0, true);
            index_world_put(&world, 0, "one");
            index_world_put(&world, 1, "two");
            index_world_read(&world);
            take_lease(&world, 0, "one", &lease);
            world.host.valid_until_us = world.host.now_us + 8 * S;
            memory_host_plan(&world.host, number, troubles[i]);
            index_delete_init(&machine, &world.index, 0, &lease, world.resource_area);
            MachineStep step =
                index_world_run(&world, &machine, (MachineResume)index_delete_resume);
            g_assert_cmpint(step.kind, ==, STEP_FAILED);
            index_world_settle(&world);
            index_world_assert_sound(&world);
            if (number == 1)
                index_world_assert_names(&world, 1, "two", "two");
            g_autofree char *resource = index_world_resource_name(&world, 0);
            /* What was never started has certainly not happened. */
            g_assert_cmpint(machine.cleared, ==, number == 2 && i != HELD_UP);
            if (!machine.cleared)
                g_assert_cmpstr(resource, ==, "one");
            index_world_clear(&world);
        }
    }
}

/* The entry is cleared and the host lease has run out: somebody else may hold the resource soon. */
static void test_expired(void)
{
    IndexWorld world;
    ResourceLease lease;

    index_world_init(&world, 512, 0, true);
    index_world_put(&world, 0, "one");
    index_world_read(&world);
    take_lease(&world, 0, "one", &lease);
    world.host.valid_until_us = world.host.now_us + 500 * 1000;
    memory_host_plan(&world.host, 1, memory_io_slow(900 * 1000));
    MachineStep step = delete (&world, 0, &lease);
    g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(LEASE_EXPIRED));
    index_world_assert_names(&world, 0, "", "one");
    index_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/index-delete/sizes", test_sizes);
    g_test_add_func("/index-delete/entry-alone", test_entry_alone);
    g_test_add_func("/index-delete/without-lease", test_without_lease);
    g_test_add_func("/index-delete/trouble", test_trouble);
    g_test_add_func("/index-delete/expired", test_expired);
    return g_test_run();
}
