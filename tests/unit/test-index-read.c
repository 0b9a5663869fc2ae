/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading an index: every header is hostile.
 */
#include "lease/index-read.h"

#include <errno.h>
#include <string.h>

#include "support/index-world.h"
#include "support/memory-lockspace.h"

static MachineStep read_index(IndexWorld *world)
{
    IndexRead read;

    index_read_init(&read, &world->index);
    return index_world_run(world, &read, (MachineResume)index_read_resume);
}

static void test_sizes(void)
{
    for (unsigned i = 0; i < MEMORY_N_SIZES; i++) {
        IndexWorld world;

        index_world_init(&world, memory_sizes[i].sector_size, memory_sizes[i].align_size, true);
        world.index.place.count = 0;
        g_assert_cmpint(read_index(&world).kind, ==, STEP_DONE);
        g_autofree char *trace = index_world_trace(&world);
        g_assert_cmpstr(trace, ==, "R1");
        g_assert_cmpuint(world.index.place.count, ==, INDEX_COUNT_DEFAULT);
        g_assert_cmpmem(world.index.area, index_world_align(&world),
                        index_world_at(&world, world.index.place.offset),
                        index_world_align(&world));
        index_world_clear(&world);
    }
}

static void assert_refused(IndexWorld *world, RecordFault record)
{
    g_autofree uint8_t *before = g_memdup2(world->index.area, index_world_align(world));
    MachineStep step = read_index(world);

    g_assert_cmpint(step.kind, ==, STEP_FAILED);
    g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(LEASE_BAD_RECORD));
    g_assert_cmpstr(record_fault_name(step.fault.record), ==, record_fault_name(record));
    g_assert_cmpuint(step.fault.offset, ==, world->index.place.offset);
    g_assert_cmpmem(world->index.area, index_world_align(world), before, index_world_align(world));
}

static void test_refused(void)
{
    IndexWorld world;
    IndexHeader header, changed;

    index_world_init(&world, 4096, 1 * MEBIBYTE, true);
    uint8_t *bytes = index_world_at(&world, world.index.place.offset);
    index_header_decode(&header, bytes);

    changed = header;
    changed.magic = 0;
    index_header_encode(&changed, bytes);
    assert_refused(&world, RECORD_BAD_MAGIC);
    changed = header;
    changed.lockspace_name[2] = 'X';
    index_header_encode(&changed, bytes);
    assert_refused(&world, RECORD_OTHER_LOCKSPACE);
    changed = header;
    changed.max_resources = 16001;
    index_header_encode(&changed, bytes);
    assert_refused(&world, RECORD_BAD_FIELD);
    changed = header;
    changed.index_offset = 0;
    index_header_encode(&changed, bytes);
    assert_refused(&world, RECORD_BAD_FIELD);
    /* Good in itself, but not with this lockspace's sizes. */
    changed = header;
    changed.sector_size = 512;
    index_header_encode(&changed, bytes);
    assert_refused(&world, RECORD_BAD_SECTOR_SIZE);
    index_header_encode(&header, bytes);
    g_assert_cmpint(read_index(&world).kind, ==, STEP_DONE);
    index_world_clear(&world);
}

static void test_other_area_size(void)
{
    IndexWorld world;
    IndexHeader header;

    index_world_init(&world, 4096, 2 * MEBIBYTE, true);
    uint8_t *bytes = index_world_at(&world, world.index.place.offset);
    index_header_decode(&header, bytes);
    header.flags = 1;
    index_header_encode(&header, bytes);
    assert_refused(&world, RECORD_BAD_ALIGN_SIZE);
    index_world_clear(&world);
}

static void test_trouble(void)
{
    const struct {
        MemoryIo io;
        LeaseFaultKind kind;
    } troubles[] = {
        { memory_io_lost(), LEASE_IO_TIMEOUT },
        { memory_io_error(EIO, false), LEASE_IO_ERROR },
        { memory_io_short(), LEASE_IO_SHORT },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(troubles); i++) {
        IndexWorld world;

        index_world_init(&world, 512, 0, true);
        memory_host_plan(&world.host, 1, troubles[i].io);
        MachineStep step = read_index(&world);
        g_assert_cmpint(step.kind, ==, STEP_FAILED);
        g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(troubles[i].kind));
        index_world_clear(&world);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/index-read/sizes", test_sizes);
    g_test_add_func("/index-read/refused", test_refused);
    g_test_add_func("/index-read/other-area-size", test_other_area_size);
    g_test_add_func("/index-read/trouble", test_trouble);
    return g_test_run();
}
