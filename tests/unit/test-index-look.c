/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is there where an entry says that its resource is.
 */
#include "lease/index-look.h"

#include <string.h>

#include "ondisk/area-image.h"
#include "support/index-world.h"

static MachineStep look(IndexWorld *world, bool *ret_live)
{
    IndexLook machine;

    index_world_read(world);
    index_look_init(&machine, &world->index, 0);
    MachineStep step = index_world_run(world, &machine, (MachineResume)index_look_resume);
    g_autofree char *trace = index_world_trace(world);
    g_assert_cmpstr(trace, ==, "R3.0");
    index_world_assert_unchanged(world);
    *ret_live = machine.live;
    return step;
}

static void assert_live(IndexWorld *world, bool expected)
{
    bool live;

    index_world_remember(world);
    g_assert_cmpint(look(world, &live).kind, ==, STEP_DONE);
    g_assert_cmpint(live, ==, expected);
}

static void assert_bad(IndexWorld *world, RecordFault record)
{
    bool live;

    index_world_remember(world);
    MachineStep step = look(world, &live);
    g_assert_cmpint(step.kind, ==, STEP_FAILED);
    g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(LEASE_BAD_RECORD));
    g_assert_cmpstr(record_fault_name(step.fault.record), ==, record_fault_name(record));
    g_assert_cmpuint(step.fault.offset, ==, 3 * MEBIBYTE);
    g_assert_false(live);
}

static void test_look(void)
{
    IndexWorld world;

    index_world_init(&world, 512, 0, true);
    const Layout *layout = &world.index.place.layout;
    index_world_put(&world, 0, "thing");
    uint8_t *area = index_world_resource(&world, 0);
    assert_live(&world, true);
    resource_area_fill_cleared(area, layout, INDEX_WORLD_LOCKSPACE, "thing", 5);
    assert_live(&world, false);
    memset(area, 0, MEBIBYTE);
    assert_live(&world, false);
    index_world_put_resource(&world, 0, "other");
    assert_bad(&world, RECORD_OTHER_RESOURCE);
    resource_area_fill(area, layout, "OTHER", "thing", 0);
    assert_bad(&world, RECORD_OTHER_LOCKSPACE);
    index_world_put_resource(&world, 0, "thing");
    area[40]++;
    assert_bad(&world, RECORD_BAD_CHECKSUM);
    index_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/index-look/look", test_look);
    return g_test_run();
}
