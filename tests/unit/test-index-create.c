/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Creating a resource: the order of the writes, what it refuses to write over, and any one I/O that
 * goes wrong: an entry never leads to a resource that is not there.
 */
#include "lease/index-create.h"

#include <errno.h>
#include <string.h>

#include "ondisk/area-image.h"
#include "ondisk/leader-record.h"
#include "support/index-world.h"
#include "support/memory-lockspace.h"

#define S USEC_PER_SECOND

static MachineStep create(IndexWorld *world, uint32_t number, const char *name, uint32_t num_hosts)
{
    IndexCreate create;

    index_create_init(&create, &world->index, number, name, num_hosts, world->resource_area);
    return index_world_run(world, &create, (MachineResume)index_create_resume);
}

static void test_sizes(void)
{
    for (unsigned i = 0; i < MEMORY_N_SIZES; i++) {
        IndexWorld world;
        g_autofree uint8_t *fresh = g_malloc(memory_sizes[i].align_size);

        index_world_init(&world, memory_sizes[i].sector_size, memory_sizes[i].align_size, true);
        index_world_put(&world, 0, "one");
        index_world_read(&world);
        g_assert_cmpint(create(&world, 1, "two", 0).kind, ==, STEP_DONE);
        g_autofree char *trace = index_world_trace(&world);
        g_assert_cmpstr(trace, ==, "R4 W4 W1.1");
        index_world_assert_names(&world, 0, "one", "one");
        index_world_assert_names(&world, 1, "two", "two");
        resource_area_fill(fresh, &world.index.place.layout, INDEX_WORLD_LOCKSPACE, "two", 0);
        g_assert_cmpmem(index_world_resource(&world, 1), memory_sizes[i].align_size, fresh,
                        memory_sizes[i].align_size);
        index_world_clear(&world);
    }
}

/* The sector of the entry, not the first one, and nothing else of the index. */
static void test_far_entry(void)
{
    IndexWorld world;

    index_world_init(&world, 512, 0, true);
    index_world_put_entry(&world, 8, "neighbour");
    index_world_read(&world);
    /* Entry 9 is in the third sector; its area is behind the device here: only look at the step. */
    IndexCreate machine;
    MachineInput input = { .now_us = 1, .valid_until_us = TIME_NEVER };
    index_create_init(&machine, &world.index, 9, "far", 0, world.resource_area);
    index_create_resume(&machine, &input);
    g_autofree uint8_t *blank = g_malloc0(MEBIBYTE);
    input.data = blank;
    index_create_resume(&machine, &input);
    MachineStep step = index_create_resume(&machine, &input);
    g_assert_cmpint(step.kind, ==, STEP_WRITE);
    g_assert_cmpuint(step.offset, ==, MEBIBYTE + 2 * 512);
    g_assert_cmpuint(step.length, ==, 512);
    g_assert_cmpuint(step.fence_offset, ==, MEBIBYTE);
    g_assert_cmpuint(step.fence_length, ==, MEBIBYTE);
    g_assert_cmpstr((const char *)step.data + 16, ==, "neighbour");
    g_assert_cmpstr((const char *)step.data + 64 + 16, ==, "far");
    index_world_clear(&world);
}

static void test_num_hosts(void)
{
    IndexWorld world;
    LeaderRecord leader;

    index_world_init(&world, 512, 0, true);
    index_world_read(&world);
    g_assert_cmpint(create(&world, 0, "few", 7).kind, ==, STEP_DONE);
    leader_record_decode(&leader, index_world_resource(&world, 0));
    g_assert_cmpuint(leader.num_hosts, ==, 7);
    index_world_clear(&world);
}

/* As it is after a delete, by us or by sanlock. */
static void test_cleared(void)
{
    IndexWorld world;

    index_world_init(&world, 512, 0, true);
    resource_area_fill_cleared(index_world_resource(&world, 0), &world.index.place.layout,
                               INDEX_WORLD_LOCKSPACE, "old", 500);
    index_world_read(&world);
    g_assert_cmpint(create(&world, 0, "new", 0).kind, ==, STEP_DONE);
    index_world_assert_names(&world, 0, "new", "new");
    index_world_clear(&world);
}

static void assert_occupied(IndexWorld *world, AreaContent content, const char *name)
{
    index_world_remember(world);
    index_world_read(world);
    MachineStep step = create(world, 0, "new", 0);
    g_assert_cmpint(step.kind, ==, STEP_FAILED);
    g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(LEASE_AREA_OCCUPIED));
    g_assert_cmpint(step.fault.content, ==, content);
    g_assert_cmpstr(step.fault.name, ==, name);
    g_assert_cmpuint(step.fault.offset, ==, index_resource_offset(&world->index.place, 0));
    index_world_assert_unchanged(world);
}

static void test_occupied(void)
{
    IndexWorld world;
    IndexPlace other;

    index_world_init(&world, 512, 0, true);
    uint8_t *area = index_world_resource(&world, 0);
    const Layout *layout = &world.index.place.layout;

    index_world_put_resource(&world, 0, "live");
    assert_occupied(&world, AREA_RESOURCE, "live");
    area[60]++; /* damaged: no less somebody's */
    assert_occupied(&world, AREA_RESOURCE, "live");
    resource_area_fill(area, layout, "OTHER", "theirs", 0);
    assert_occupied(&world, AREA_RESOURCE, "theirs");
    resource_area_fill_cleared(area, layout, "OTHER", "theirs", 500);
    assert_occupied(&world, AREA_RESOURCE_CLEARED, "theirs");
    lockspace_area_fill(area, layout, "LS2", 10);
    assert_occupied(&world, AREA_LOCKSPACE, "LS2");
    other = (IndexPlace){ .layout = *layout, .offset = 0, .count = 5 };
    index_area_fill(area, &other, "LS");
    assert_occupied(&world, AREA_INDEX, "");
    /* One byte, the last one. */
    memset(area, 0, MEBIBYTE);
    area[MEBIBYTE - 1] = 1;
    assert_occupied(&world, AREA_OTHER, "");
    index_world_clear(&world);
}

/* Any one I/O goes wrong in any way, and lands or not: nothing else is touched, and what the index
 * says is true. */
static void test_trouble(void)
{
    const MemoryIo troubles[] = {
        memory_io_lost(),           memory_io_error(EIO, false),
        memory_io_error(EIO, true), memory_io_late(100 * S, 200 * S),
        memory_io_held_up(30 * S),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(troubles); i++) {
        for (unsigned number = 1; number <= 3; number++) {
            IndexWorld world;

            index_world_init(&world, 512, 0, true);
            index_world_put(&world, 1, "one");
            index_world_read(&world);
            world.host.valid_until_us = world.host.now_us + 8 * S;
            memory_host_plan(&world.host, number, troubles[i]);
            MachineStep step = create(&world, 0, "new", 0);
            g_assert_cmpint(step.kind, ==, STEP_FAILED);
            g_assert_cmpuint(world.host.io_count, ==, number);
            index_world_settle(&world);
            index_world_assert_sound(&world);
            if (number == 1)
                index_world_assert_unchanged(&world);
            memset(index_world_resource(&world, 0), 0, MEBIBYTE);
            memcpy(world.before + index_resource_offset(&world.index.place, 0),
                   index_world_resource(&world, 0), MEBIBYTE);
            index_world_assert_only_changed(&world, MEBIBYTE + 512, 512);
            index_world_clear(&world);
        }
    }
}

/* No write is started once the host lease has run out, and none may be started later. */
static void test_expired(void)
{
    IndexWorld world;

    index_world_init(&world, 512, 0, true);
    index_world_read(&world);
    world.host.valid_until_us = world.host.now_us;
    MachineStep step = create(&world, 0, "new", 0);
    g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(LEASE_EXPIRED));
    g_assert_cmpuint(world.host.io_count, ==, 0);

    /* The area's write takes until then: no entry is written. */
    world.host.valid_until_us = world.host.now_us + 8 * S;
    memory_host_plan(&world.host, 2, memory_io_slow(9 * S));
    step = create(&world, 0, "new", 0);
    g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(LEASE_EXPIRED));
    index_world_assert_names(&world, 0, "", "new");

    /* The entry's write does: it counts. */
    memory_host_unplan(&world.host);
    world.host.io_count = 0;
    world.host.valid_until_us = world.host.now_us + 8 * S;
    memset(index_world_resource(&world, 0), 0, MEBIBYTE);
    memory_host_plan(&world.host, 2, memory_io_slow(7500 * 1000));
    memory_host_plan(&world.host, 3, memory_io_slow(900 * 1000));
    step = create(&world, 0, "new", 0);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    index_world_assert_names(&world, 0, "new", "new");
    index_world_clear(&world);
}

/* Told to stop before its first write it writes nothing; after it, it ends what it began. */
static void test_stop(void)
{
    for (unsigned number = 1; number <= 3; number++) {
        IndexWorld world;
        IndexCreate machine;

        index_world_init(&world, 512, 0, true);
        index_world_read(&world);
        index_world_remember(&world);
        memory_host_plan(&world.host, number, memory_io_slow(900 * 1000));
        index_create_init(&machine, &world.index, 0, "new", 0, world.resource_area);
        MachineStep step =
            memory_host_run_until(&world.host, &machine, (MachineResume)index_create_resume,
                                  world.host.now_us + 500 * 1000);
        if (number == 1) {
            g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(LEASE_STOPPED));
            index_world_assert_unchanged(&world);
        } else {
            g_assert_cmpint(step.kind, ==, STEP_DONE);
            index_world_assert_names(&world, 0, "new", "new");
        }
        index_world_clear(&world);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/index-create/sizes", test_sizes);
    g_test_add_func("/index-create/far-entry", test_far_entry);
    g_test_add_func("/index-create/num-hosts", test_num_hosts);
    g_test_add_func("/index-create/cleared", test_cleared);
    g_test_add_func("/index-create/occupied", test_occupied);
    g_test_add_func("/index-create/trouble", test_trouble);
    g_test_add_func("/index-create/expired", test_expired);
    g_test_add_func("/index-create/stop", test_stop);
    return g_test_run();
}
