/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Joining over whatever may lie on a disk: it ends, never in a crash, and no record that is damaged
 * or not of this lockspace is ever written over.
 */
#include <string.h>

#include "lease/host-lease-join.h"
#include "lease/lease-timing.h"
#include "ondisk/area-image.h"
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

/* Runs a join over whatever is there: it ends, and unless it joined nothing was touched. */
static MachineStep join_over(World *world, uint64_t host_id)
{
    HostLeaseWish wish = { MEMORY_LOCKSPACE_NAME, "me", world->space.offset, host_id, 10 };
    world->space.disk.now_us = 0;
    memory_host_init(&world->host, &world->space.disk, NULL, T0);
    host_lease_init(&world->lease, &wish);
    host_lease_join_init(&world->join, &world->lease);
    memory_lockspace_remember(&world->space);
    MachineStep step =
        memory_host_run(&world->host, &world->join, (MachineResume)host_lease_join_resume);
    memory_lockspace_assert_only_changed(&world->space, step.kind == STEP_DONE ? host_id : 0);
    memory_host_clear(&world->host);
    return step;
}

static void test_flipped_bytes(void)
{
    const uint64_t stamps[] = { 0, 500 };
    for (unsigned i = 0; i < G_N_ELEMENTS(stamps); i++) {
        World world;
        memory_lockspace_init(&world.space, 512, 0, 10);
        uint8_t *sector = memory_lockspace_sector(&world.space, HOST);
        for (unsigned at = 0; at < LEADER_RECORD_SIZE; at++) {
            for (unsigned bit = 0; bit < 9; bit++) {
                memory_lockspace_put(
                    &world.space, HOST,
                    memory_lockspace_held(&world.space, HOST, "other", 3, stamps[i], 10));
                sector[at] ^= bit == 8 ? 0xff : 1u << bit;
                MachineStep step = join_over(&world, HOST);
                bool covered = at < LEADER_CHECKSUM_COVERS + 4;
                g_assert_cmpint(step.kind, ==, covered ? STEP_FAILED : STEP_DONE);
                if (covered) {
                    g_assert_cmpint(step.fault.kind, ==, LEASE_BAD_RECORD);
                    g_assert_cmpint(step.fault.record, !=, RECORD_OK);
                    g_assert_cmpuint(step.fault.host_id, ==, HOST);
                }
            }
        }
        memory_lockspace_clear(&world.space);
    }
}

/* Host 1's record, which says the sizes, while host 2 joins: only its sizes matter to others. */
static void test_flipped_head(void)
{
    World world;
    memory_lockspace_init(&world.space, 512, 0, 10);
    uint8_t *head = memory_lockspace_sector(&world.space, 1);
    for (unsigned at = 0; at < LEADER_RECORD_SIZE; at++) {
        for (unsigned bit = 0; bit < 9; bit++) {
            memory_lockspace_put(&world.space, 1,
                                 memory_lockspace_held(&world.space, 1, "other", 3, 5, 10));
            memory_lockspace_put(&world.space, HOST,
                                 memory_lockspace_held(&world.space, HOST, "other", 3, 0, 10));
            head[at] ^= bit == 8 ? 0xff : 1u << bit;
            MachineStep step = join_over(&world, HOST);
            /* magic, major version, flags and sector size; the minor version is ignored, and no
             * align flag at all means the same sizes. */
            bool minor = at == 4 || at == 5;
            bool no_align_flag = at == 8 && bit == 4;
            bool kept = (at < 16) && !minor && !no_align_flag;
            g_assert_cmpint(step.kind, ==, kept ? STEP_FAILED : STEP_DONE);
            if (kept)
                g_assert_cmpint(step.fault.kind, ==, LEASE_BAD_RECORD);
            /* Host 1 itself cannot join over a record that is damaged. */
            if (at < LEADER_CHECKSUM_COVERS + 4)
                g_assert_cmpint(join_over(&world, 1).fault.kind, ==, LEASE_BAD_RECORD);
        }
    }
    memory_lockspace_clear(&world.space);
}

typedef void (*Alter)(LeaderRecord *record);

static void alter_magic(LeaderRecord *record)
{
    record->magic = RESOURCE_MAGIC;
}
static void alter_version(LeaderRecord *record)
{
    record->version = 0x00040000;
}
static void alter_flags(LeaderRecord *record)
{
    record->flags |= 0x100;
}
static void alter_sector_size(LeaderRecord *record)
{
    record->sector_size = 4096;
}
static void alter_align(LeaderRecord *record)
{
    record->flags = 0x20;
}
static void alter_lockspace(LeaderRecord *record)
{
    fixed_name_store(record->lockspace_name, "OTHER");
}
static void alter_owner(LeaderRecord *record)
{
    record->owner_id = 3;
}
static void alter_generation(LeaderRecord *record)
{
    record->owner_generation = UINT64_MAX;
}

/* Well sealed, yet not to be written to. */
static void test_sealed_but_wrong(void)
{
    const struct {
        Alter alter;
        RecordFault fault;
    } rows[] = {
        { alter_magic, RECORD_BAD_MAGIC },      { alter_version, RECORD_BAD_VERSION },
        { alter_flags, RECORD_BAD_FLAGS },      { alter_sector_size, RECORD_BAD_SECTOR_SIZE },
        { alter_align, RECORD_BAD_ALIGN_SIZE }, { alter_lockspace, RECORD_OTHER_LOCKSPACE },
        { alter_owner, RECORD_BAD_FIELD },      { alter_generation, RECORD_BAD_FIELD },
    };
    const uint64_t stamps[] = { 0, 500 };
    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(rows); i++) {
        World world;
        memory_lockspace_init(&world.space, 512, 0, 10);
        LeaderRecord record = memory_lockspace_held(&world.space, HOST, "me", 3, stamps[i % 2], 10);
        rows[i / 2].alter(&record);
        memory_lockspace_put(&world.space, HOST, record);
        MachineStep step = join_over(&world, HOST);
        g_assert_cmpint(step.fault.kind, ==, LEASE_BAD_RECORD);
        g_assert_cmpstr(record_fault_name(step.fault.record), ==,
                        record_fault_name(rows[i / 2].fault));
        memory_lockspace_clear(&world.space);
    }
}

/* Good by itself, but of an area of another size than the first record says. */
static void test_other_layout(void)
{
    World world;
    memory_lockspace_init(&world.space, 4096, 8 * MEBIBYTE, 10);
    LeaderRecord record = memory_lockspace_held(&world.space, HOST, "me", 3, 0, 10);
    record.flags = 0x40;
    memory_lockspace_put(&world.space, HOST, record);
    MachineStep step = join_over(&world, HOST);
    g_assert_cmpint(step.fault.kind, ==, LEASE_BAD_RECORD);
    g_assert_cmpint(step.fault.record, ==, RECORD_BAD_ALIGN_SIZE);
    memory_lockspace_clear(&world.space);
}

static void test_random_records(void)
{
    World world;
    memory_lockspace_init(&world.space, 512, 0, 10);
    GRand *rand = g_rand_new_with_seed(1);
    for (unsigned i = 0; i < 5000; i++) {
        LeaderRecord record = memory_lockspace_held(&world.space, HOST, "other", 3, i % 2, 10);
        uint8_t *bytes = (uint8_t *)&record;
        for (int n = g_rand_int_range(rand, 0, 4); n > 0; n--)
            bytes[g_rand_int_range(rand, 0, sizeof record)] ^= (uint8_t)g_rand_int(rand);
        memory_lockspace_put(&world.space, HOST, record);
        join_over(&world, HOST);
    }
    g_rand_free(rand);
    memory_lockspace_clear(&world.space);
}

/* A half written format, an empty device, a device that ends. */
static void test_no_lockspace(void)
{
    World world;
    memory_lockspace_init(&world.space, 512, 0, 10);
    area_hide_magic(world.space.disk.bytes + world.space.offset);
    MachineStep step = join_over(&world, HOST);
    g_assert_cmpint(step.fault.record, ==, RECORD_BAD_MAGIC);
    memory_lockspace_clear(&world.space);

    memory_lockspace_init(&world.space, 512, 0, 10);
    world.space.disk.size = world.space.offset + 512;
    g_assert_cmpint(join_over(&world, HOST).fault.kind, ==, LEASE_IO_SHORT);
    memory_lockspace_clear(&world.space);

    /* 4096-byte sectors at an offset that is no multiple of it. */
    memory_lockspace_init(&world.space, 4096, 0, 10);
    memmove(world.space.disk.bytes + world.space.offset + 512,
            world.space.disk.bytes + world.space.offset, 65536);
    world.space.offset += 512;
    g_assert_cmpint(join_over(&world, HOST).fault.kind, ==, LEASE_BAD_RECORD);
    memory_lockspace_clear(&world.space);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-lease-join-hostile/flipped-bytes", test_flipped_bytes);
    g_test_add_func("/host-lease-join-hostile/flipped-head", test_flipped_head);
    g_test_add_func("/host-lease-join-hostile/sealed-but-wrong", test_sealed_but_wrong);
    g_test_add_func("/host-lease-join-hostile/other-layout", test_other_layout);
    g_test_add_func("/host-lease-join-hostile/random-records", test_random_records);
    g_test_add_func("/host-lease-join-hostile/no-lockspace", test_no_lockspace);
    return g_test_run();
}
