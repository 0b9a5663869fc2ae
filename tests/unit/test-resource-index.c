/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding entries in an index that was read.
 */
#include "lease/resource-index.h"

#include <string.h>

#include "support/index-world.h"

static void setup(IndexWorld *world, gconstpointer data)
{
    index_world_init(world, 512, 0, true);
}

static void teardown(IndexWorld *world, gconstpointer data)
{
    index_world_clear(world);
}

static void assert_found(const IndexWorld *world, const char *name, uint64_t offset,
                         LeaseFaultKind kind, uint32_t expected)
{
    uint32_t number = 77;
    LeaseFault fault = resource_index_find(&world->index, name, offset, &number);

    g_assert_cmpstr(lease_fault_name(fault.kind), ==, lease_fault_name(kind));
    if (kind == LEASE_OK)
        g_assert_cmpuint(number, ==, expected);
}

static void test_find(IndexWorld *world, gconstpointer data)
{
    index_world_put_entry(world, 0, "one");
    index_world_put_entry(world, 3, "three");
    index_world_read(world);
    assert_found(world, "one", 0, LEASE_OK, 0);
    assert_found(world, "three", 0, LEASE_OK, 3);
    assert_found(world, "three", 6 * MEBIBYTE, LEASE_OK, 3);
    assert_found(world, "three", 5 * MEBIBYTE, LEASE_NAME_MISSING, 0);
    assert_found(world, "thre", 0, LEASE_NAME_MISSING, 0);
    assert_found(world, "threee", 0, LEASE_NAME_MISSING, 0);
    assert_found(world, "", 0, LEASE_NAME_MISSING, 0);
}

/* sanlock makes such: which one is meant has to be said. */
static void test_ambiguous(IndexWorld *world, gconstpointer data)
{
    index_world_put_entry(world, 1, "twin");
    index_world_put_entry(world, 4, "twin");
    index_world_read(world);
    assert_found(world, "twin", 0, LEASE_NAME_AMBIGUOUS, 0);
    assert_found(world, "twin", 4 * MEBIBYTE, LEASE_OK, 1);
    assert_found(world, "twin", 7 * MEBIBYTE, LEASE_OK, 4);
}

/* The very last entry, and nothing behind it: the rest of the area is no entry, whatever is there.
 */
static void test_bounds(IndexWorld *world, gconstpointer data)
{
    index_world_put_entry(world, 4095, "last");
    index_world_put_entry(world, 4096, "behind");
    index_world_read(world);
    assert_found(world, "last", 0, LEASE_OK, 4095);
    assert_found(world, "behind", 0, LEASE_NAME_MISSING, 0);
}

static void test_damaged(IndexWorld *world, gconstpointer data)
{
    IndexEntry entry;

    index_world_put_entry(world, 2, "hurt");
    index_world_put_entry(world, 3, "whole");
    index_world_read(world);
    resource_index_get(&world->index, 2, &entry);
    entry.resource_offset += MEBIBYTE;
    resource_index_put(&world->index, 2, &entry);
    assert_found(world, "hurt", 0, LEASE_BAD_RECORD, 0);
    assert_found(world, "whole", 0, LEASE_OK, 3);
}

static void assert_free(const IndexWorld *world, const char *name, LeaseFaultKind kind,
                        uint32_t expected)
{
    uint32_t number = 77;
    LeaseFault fault = resource_index_find_free(&world->index, name, &number);

    g_assert_cmpstr(lease_fault_name(fault.kind), ==, lease_fault_name(kind));
    if (kind == LEASE_OK)
        g_assert_cmpuint(number, ==, expected);
}

static void test_find_free(IndexWorld *world, gconstpointer data)
{
    index_world_read(world);
    assert_free(world, "new", LEASE_OK, 0);
    index_world_put_entry(world, 0, "one");
    index_world_put_entry(world, 2, "two");
    index_world_read(world);
    assert_free(world, "new", LEASE_OK, 1);
    assert_free(world, "one", LEASE_NAME_TAKEN, 0);
    /* The free entry before it does not hide it. */
    assert_free(world, "two", LEASE_NAME_TAKEN, 0);
}

/* An entry that is damaged is not free, and its name is taken. */
static void test_damaged_is_not_free(IndexWorld *world, gconstpointer data)
{
    static const IndexEntry damaged[] = {
        { .resource_offset = 12345 },
        { .name = "x" },
        { .flags = 1 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
        index_world_read(world);
        resource_index_put(&world->index, 0, &damaged[i]);
        assert_free(world, "new", LEASE_OK, 1);
    }
    resource_index_put(&world->index, 0, &damaged[1]);
    assert_free(world, "x", LEASE_NAME_TAKEN, 0);
}

/* Where the device ends the index does, too. */
static void test_end_of_device(IndexWorld *world, gconstpointer data)
{
    for (uint32_t i = 0; i < INDEX_WORLD_PLACES; i++) {
        g_autofree char *name = g_strdup_printf("thing%u", i);

        index_world_read(world);
        assert_free(world, name, LEASE_OK, i);
        index_world_put_entry(world, i, name);
    }
    index_world_read(world);
    assert_free(world, "new", LEASE_IO_SHORT, 0);
    world->index.device_size--;
    resource_index_put(&world->index, INDEX_WORLD_PLACES - 1, &(IndexEntry){ 0 });
    assert_free(world, "new", LEASE_IO_SHORT, 0);
    world->index.device_size = 0;
    assert_free(world, "new", LEASE_IO_SHORT, 0);
}

static void test_full(IndexWorld *world, gconstpointer data)
{
    index_world_read(world);
    world->index.place.count = 2;
    index_world_put_entry(world, 0, "one");
    index_world_put_entry(world, 1, "two");
    memcpy(world->index.area, index_world_at(world, world->index.place.offset), MEBIBYTE);
    uint32_t number;
    LeaseFault fault = resource_index_find_free(&world->index, "new", &number);
    g_assert_cmpstr(lease_fault_name(fault.kind), ==, lease_fault_name(LEASE_INDEX_FULL));
    g_assert_cmpuint(fault.limit, ==, 2);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*function)(IndexWorld *world, gconstpointer data);
    } tests[] = {
        { "/resource-index/find", test_find },
        { "/resource-index/ambiguous", test_ambiguous },
        { "/resource-index/bounds", test_bounds },
        { "/resource-index/damaged", test_damaged },
        { "/resource-index/find-free", test_find_free },
        { "/resource-index/damaged-is-not-free", test_damaged_is_not_free },
        { "/resource-index/end-of-device", test_end_of_device },
        { "/resource-index/full", test_full },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, IndexWorld, NULL, setup, tests[i].function, teardown);
    return g_test_run();
}
