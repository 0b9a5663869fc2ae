/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making a new index.
 */
#include "lease/index-format.h"

#include <errno.h>
#include <string.h>

#include "lease/index-read.h"
#include "ondisk/area-image.h"
#include "support/index-world.h"
#include "support/memory-lockspace.h"

#define S USEC_PER_SECOND

static MachineStep format(IndexWorld *world, bool overwrite)
{
    IndexFormat machine;

    index_format_init(&machine, &world->index, overwrite);
    return index_world_run(world, &machine, (MachineResume)index_format_resume);
}

static void test_sizes(void)
{
    for (unsigned i = 0; i < MEMORY_N_SIZES; i++) {
        IndexWorld world, reference;
        uint32_t align_size = memory_sizes[i].align_size;

        index_world_init(&world, memory_sizes[i].sector_size, align_size, false);
        index_world_init(&reference, memory_sizes[i].sector_size, align_size, true);
        g_assert_cmpint(format(&world, false).kind, ==, STEP_DONE);
        g_autofree char *trace = index_world_trace(&world);
        g_assert_cmpstr(trace, ==, "R1 R2 W1 W2 W1.0");
        g_assert_cmpmem(world.disk.bytes, world.disk.size, reference.disk.bytes,
                        reference.disk.size);
        index_world_clear(&world);
        index_world_clear(&reference);
    }
}

static void assert_occupied(IndexWorld *world, uint64_t offset, AreaContent content)
{
    index_world_remember(world);
    MachineStep step = format(world, false);
    g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(LEASE_AREA_OCCUPIED));
    g_assert_cmpuint(step.fault.offset, ==, offset);
    g_assert_cmpint(step.fault.content, ==, content);
    index_world_assert_unchanged(world);
}

static void test_occupied(void)
{
    IndexWorld world;

    index_world_init(&world, 512, 0, true);
    assert_occupied(&world, MEBIBYTE, AREA_INDEX);
    memset(index_world_at(&world, MEBIBYTE), 0, MEBIBYTE);
    assert_occupied(&world, 2 * MEBIBYTE, AREA_RESOURCE);
    memset(index_world_at(&world, 2 * MEBIBYTE), 0, MEBIBYTE);
    *index_world_at(&world, 3 * MEBIBYTE - 1) = 1;
    assert_occupied(&world, 2 * MEBIBYTE, AREA_OTHER);
    g_assert_cmpint(format(&world, true).kind, ==, STEP_DONE);
    index_world_assert_only_changed(&world, MEBIBYTE, 2 * MEBIBYTE);
    index_world_clear(&world);
}

/* Whatever goes wrong: what can be read as an index is a whole one, with its lease. */
static void test_trouble(void)
{
    const MemoryIo troubles[] = {
        memory_io_lost(),
        memory_io_error(EIO, false),
        memory_io_error(EIO, true),
        memory_io_late(100 * S, 200 * S),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(troubles); i++) {
        for (unsigned number = 1; number <= 5; number++) {
            IndexWorld world, reference;

            index_world_init(&reference, 512, 0, true);
            index_world_init(&world, 512, 0, true);
            index_world_put_entry(&world, 2, "old");
            memory_host_plan(&world.host, number, troubles[i]);
            g_assert_cmpint(format(&world, true).kind, ==, STEP_FAILED);
            index_world_settle(&world);
            /* 1, 2: reads; 3: hides it; 5 shows it again. */
            IndexRead read;
            memory_host_unplan(&world.host);
            index_read_init(&read, &world.index);
            bool readable =
                memory_host_run(&world.host, &read, (MachineResume)index_read_resume).kind ==
                STEP_DONE;
            if (number <= 2)
                index_world_assert_unchanged(&world);
            else if (number == 4)
                g_assert_false(readable);
            if (readable && number > 3)
                g_assert_cmpmem(world.disk.bytes, world.disk.size, reference.disk.bytes,
                                reference.disk.size);
            index_world_clear(&world);
            index_world_clear(&reference);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/index-format/sizes", test_sizes);
    g_test_add_func("/index-format/occupied", test_occupied);
    g_test_add_func("/index-format/trouble", test_trouble);
    return g_test_run();
}
