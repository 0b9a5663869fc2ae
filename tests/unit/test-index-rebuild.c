/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rebuilding an index from the resources that are there.
 */
#include "lease/index-rebuild.h"

#include <errno.h>
#include <string.h>

#include "ondisk/area-image.h"
#include "support/index-world.h"
#include "support/memory-lockspace.h"

#define S USEC_PER_SECOND

static MachineStep rebuild(IndexWorld *world, uint32_t *ret_found)
{
    IndexRebuild machine;

    index_world_read(world);
    index_rebuild_init(&machine, &world->index);
    MachineStep step = index_world_run(world, &machine, (MachineResume)index_rebuild_resume);
    if (ret_found != NULL)
        *ret_found = machine.found;
    return step;
}

static void assert_entries(IndexWorld *world, const char *const expected[INDEX_WORLD_PLACES])
{
    for (uint32_t i = 0; i < INDEX_WORLD_PLACES; i++) {
        g_autofree char *name = index_world_entry_name(world, i);

        g_assert_cmpstr(name, ==, expected[i]);
    }
}

static void test_sizes(void)
{
    for (unsigned i = 0; i < MEMORY_N_SIZES; i++) {
        const char *const expected[] = { "one", "", "two", "two", "" };
        IndexWorld world;
        uint32_t found;

        index_world_init(&world, memory_sizes[i].sector_size, memory_sizes[i].align_size, true);
        index_world_put_resource(&world, 0, "one");
        index_world_put_entry(&world, 1, "wrong");
        index_world_put_entry(&world, 4095, "far behind");
        index_world_put(&world, 2, "two");
        index_world_put_resource(&world, 3, "two");
        g_assert_cmpint(rebuild(&world, &found).kind, ==, STEP_DONE);
        g_autofree char *trace = index_world_trace(&world);
        g_assert_cmpstr(trace, ==, "R3.0 R4.0 R5.0 R6.0 R7.0 W1");
        g_assert_cmpuint(found, ==, 3);
        assert_entries(&world, expected);
        g_autofree char *last = index_world_entry_name(&world, 4095);
        g_assert_cmpstr(last, ==, "");
        index_world_assert_only_changed(&world,
                                        world.index.place.offset + memory_sizes[i].sector_size,
                                        memory_sizes[i].align_size - memory_sizes[i].sector_size);
        index_world_clear(&world);
    }
}

/* What is no good resource of this lockspace with its sizes gets no entry, and is not touched. */
static void test_left_out(void)
{
    const char *const expected[] = { "", "", "", "", "" };
    IndexWorld world;
    Layout small;

    index_world_init(&world, 4096, 2 * MEBIBYTE, true);
    const Layout *layout = &world.index.place.layout;
    index_world_put(&world, 0, "damaged");
    index_world_resource(&world, 0)[100]++;
    resource_area_fill(index_world_resource(&world, 1), layout, "OTHER", "theirs", 0);
    resource_area_fill_cleared(index_world_resource(&world, 2), layout, INDEX_WORLD_LOCKSPACE,
                               "gone", 5);
    g_assert_cmpint(layout_from_sizes(&small, 512, 0), ==, RECORD_OK);
    resource_area_fill(index_world_resource(&world, 3), &small, INDEX_WORLD_LOCKSPACE, "small", 0);
    resource_area_fill(index_world_resource(&world, 4), layout, INDEX_WORLD_LOCKSPACE, "", 0);
    index_world_remember(&world);
    g_assert_cmpint(rebuild(&world, NULL).kind, ==, STEP_DONE);
    assert_entries(&world, expected);
    index_world_assert_only_changed(&world, world.index.place.offset, layout->align_size);
    index_world_clear(&world);
}

/* No further than the index goes. */
static void test_small_index(void)
{
    IndexWorld world;

    index_world_init(&world, 512, 0, false);
    world.index.place.count = 2;
    index_area_fill(index_world_at(&world, MEBIBYTE), &world.index.place, INDEX_WORLD_LOCKSPACE);
    index_world_put_resource(&world, 1, "inside");
    index_world_put_resource(&world, 2, "outside");
    g_assert_cmpint(rebuild(&world, NULL).kind, ==, STEP_DONE);
    g_autofree char *trace = index_world_trace(&world);
    g_assert_cmpstr(trace, ==, "R3.0 R4.0 W1");
    g_autofree char *inside = index_world_entry_name(&world, 1);
    g_autofree char *outside = index_world_entry_name(&world, 2);
    g_assert_cmpstr(inside, ==, "inside");
    g_assert_cmpstr(outside, ==, "");
    index_world_clear(&world);
}

/* Any read that fails, and the index is as it was. */
static void test_trouble(void)
{
    const MemoryIo troubles[] = {
        memory_io_lost(),
        memory_io_error(EIO, false),
        memory_io_slow(10 * S),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(troubles); i++) {
        for (unsigned number = 1; number <= 5; number++) {
            IndexWorld world;
            IndexRebuild machine;

            index_world_init(&world, 512, 0, true);
            index_world_put_resource(&world, 3, "one");
            index_world_put_entry(&world, 1, "wrong");
            index_world_read(&world);
            world.host.valid_until_us = world.host.now_us + 8 * S;
            memory_host_plan(&world.host, number, troubles[i]);
            index_rebuild_init(&machine, &world.index);
            MachineStep step =
                index_world_run(&world, &machine, (MachineResume)index_rebuild_resume);
            g_assert_cmpint(step.kind, ==, STEP_FAILED);
            g_assert_cmpuint(world.host.io_count, ==, number);
            index_world_assert_unchanged(&world);
            index_world_clear(&world);
        }
    }
}

static void test_expired(void)
{
    IndexWorld world;

    index_world_init(&world, 512, 0, true);
    index_world_put_entry(&world, 1, "wrong");
    world.host.valid_until_us = world.host.now_us + 8 * S;
    world.host.other = memory_io_slow(900 * 1000);
    index_world_read(&world);
    world.host.valid_until_us = world.host.now_us + 2 * S;
    IndexRebuild machine;
    index_rebuild_init(&machine, &world.index);
    MachineStep step = index_world_run(&world, &machine, (MachineResume)index_rebuild_resume);
    g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(LEASE_EXPIRED));
    index_world_assert_unchanged(&world);
    index_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/index-rebuild/sizes", test_sizes);
    g_test_add_func("/index-rebuild/left-out", test_left_out);
    g_test_add_func("/index-rebuild/small-index", test_small_index);
    g_test_add_func("/index-rebuild/trouble", test_trouble);
    g_test_add_func("/index-rebuild/expired", test_expired);
    return g_test_run();
}
