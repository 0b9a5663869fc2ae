/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Other hosts: the table of states, how slow reads are dated, bad records, generations.
 */
#include <string.h>

#include "lease/host-view.h"
#include "lease/lease-fault.h"
#include "lease/lease-timing.h"
#include "support/memory-lockspace.h"

#define SECOND USEC_PER_SECOND
#define T0 (1000 * SECOND)
#define OWN 1
#define HOST 2
#define N 10

typedef struct World {
    MemoryLockspace space;
    HostSlot *slots;
    HostTable table;
} World;

static void world_init(World *self)
{
    memory_lockspace_init(&self->space, 512, 0, N);
    self->slots = g_new0(HostSlot, self->space.layout.max_hosts);
    host_table_init(&self->table, self->slots, &self->space.layout, OWN, N);
}

static void world_clear(World *self)
{
    g_free(self->slots);
    memory_lockspace_clear(&self->space);
}

static unsigned world_read(World *self, uint64_t started_us, uint64_t ended_us)
{
    return host_table_observe(&self->table, self->space.disk.bytes + self->space.offset,
                              self->space.layout.align_size, MEMORY_LOCKSPACE_NAME, started_us,
                              ended_us);
}

static void world_put(World *self, uint64_t generation, uint64_t timestamp, uint32_t io_timeout)
{
    memory_lockspace_put(
        &self->space, HOST,
        memory_lockspace_held(&self->space, HOST, "other", generation, timestamp, io_timeout));
}

static HostState world_state(World *self)
{
    HostView view = host_table_view(&self->table, HOST);
    return host_view_state(&view, OWN);
}

static bool world_may_live(World *self, uint64_t generation)
{
    HostView view = host_table_view(&self->table, HOST);
    return host_view_may_live(&view, generation);
}

static void test_nothing_read(void)
{
    World world;
    world_init(&world);
    HostView view = host_table_view(&world.table, HOST);
    g_assert_cmpuint(view.host_id, ==, HOST);
    g_assert_cmpuint(view.first_check_us, ==, 0);
    g_assert_cmpint(host_view_state(&view, OWN), ==, HOST_UNKNOWN);
    g_assert_true(host_view_may_live(&view, 0));
    g_assert_true(host_view_may_live(&view, 5));
    g_assert_false(host_view_used(&view));
    g_assert_cmpuint(host_view_dead_at(&view), ==, TIME_NEVER);
    world_clear(&world);
}

static void test_out_of_range(void)
{
    World world;
    world_init(&world);
    world_read(&world, T0, T0);
    const uint64_t host_ids[] = { 0, 2001, UINT64_MAX };
    for (unsigned i = 0; i < G_N_ELEMENTS(host_ids); i++) {
        HostView view = host_table_view(&world.table, host_ids[i]);
        HostView zero = { .host_id = host_ids[i] };
        g_assert_cmpint(memcmp(&view, &zero, sizeof view), ==, 0);
        g_assert_true(host_view_may_live(&view, 1));
    }
    world_clear(&world);
}

static void test_never_used(void)
{
    World world;
    world_init(&world);
    g_assert_cmpuint(world_read(&world, T0, T0 + 1), ==, 0);
    HostSlot zero;
    memset(&zero, 0, sizeof zero);
    for (unsigned i = 0; i < world.space.layout.max_hosts; i++)
        g_assert_cmpint(memcmp(&world.slots[i], &zero, sizeof zero), ==, 0);
    HostView view = host_table_view(&world.table, HOST);
    g_assert_false(host_view_used(&view));
    g_assert_cmpint(host_view_state(&view, OWN), ==, HOST_FREE);
    g_assert_cmpuint(view.last_live_us, ==, 0);
    g_assert_cmpuint(view.io_timeout, ==, N);
    world_clear(&world);
}

/* The states over time, seconds after the first read; a read every second. */
static void test_states(void)
{
    const struct {
        uint64_t changes_until; /* the record changes at each read up to here */
        uint32_t io_timeout;
        uint64_t fail_at, dead_at; /* the first read that shows it */
        HostState first;
    } rows[] = {
        { 0, 10, 81, 141, HOST_UNKNOWN },     { 5, 10, 86, 146, HOST_LIVE },
        { 0, 1, 9, 69, HOST_UNKNOWN },        { 3, 1, 12, 72, HOST_LIVE },
        { 0, 255, 2041, 2101, HOST_UNKNOWN }, { 0, 0, 81, 141, HOST_UNKNOWN }, /* not sane: ours */
        { 0, 256, 81, 141, HOST_UNKNOWN },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        World world;
        world_init(&world);
        for (uint64_t at = 0; at < rows[i].dead_at + 10; at++) {
            world_put(&world, 3, 500 + MIN(at, rows[i].changes_until), rows[i].io_timeout);
            world_read(&world, T0 + at * SECOND, T0 + at * SECOND);
            HostState expected = at == 0                ? HOST_UNKNOWN
                                 : at < rows[i].fail_at ? rows[i].first
                                 : at < rows[i].dead_at ? HOST_FAIL
                                                        : HOST_DEAD;
            g_assert_cmpstr(host_state_name(world_state(&world)), ==, host_state_name(expected));
            g_assert_cmpint(world_may_live(&world, 3), ==, expected != HOST_DEAD);
        }
        HostView view = host_table_view(&world.table, HOST);
        g_assert_cmpuint(host_view_dead_at(&view), ==, T0 + (rows[i].dead_at - 1) * SECOND);
        /* Released: free at once. Held again: alive, since it changed. */
        world_put(&world, 3, 0, N);
        world_read(&world, T0 + 5000 * SECOND, T0 + 5000 * SECOND);
        g_assert_cmpint(world_state(&world), ==, HOST_FREE);
        world_put(&world, 4, 9, N);
        world_read(&world, T0 + 5001 * SECOND, T0 + 5001 * SECOND);
        g_assert_cmpint(world_state(&world), ==, HOST_LIVE);
        world_clear(&world);
    }
}

static void test_view(void)
{
    World world;
    world_init(&world);
    world_put(&world, 3, 500, 7);
    g_assert_cmpuint(world_read(&world, T0, T0 + SECOND), ==, 1);
    world_put(&world, 3, 501, 7);
    g_assert_cmpuint(world_read(&world, T0 + 20 * SECOND, T0 + 22 * SECOND), ==, 1);
    g_assert_cmpuint(world_read(&world, T0 + 40 * SECOND, T0 + 44 * SECOND), ==, 0);
    HostView view = host_table_view(&world.table, HOST);
    g_assert_cmpuint(view.owner_id, ==, HOST);
    g_assert_cmpuint(view.generation, ==, 3);
    g_assert_cmpuint(view.timestamp, ==, 501);
    g_assert_cmpuint(view.io_timeout, ==, 7);
    g_assert_cmpstr(view.host_name, ==, "other");
    g_assert_cmpuint(view.first_check_us, ==, T0 + SECOND);
    g_assert_cmpuint(view.last_check_us, ==, T0 + 40 * SECOND);
    g_assert_cmpuint(view.last_live_us, ==, T0 + 22 * SECOND);
    g_assert_true(view.seen_to_change);
    g_assert_true(host_view_used(&view));
    g_assert_cmpuint(host_view_dead_at(&view), ==, T0 + 22 * SECOND + 116 * SECOND);
    world_clear(&world);
}

/* A name of 48 bytes has no NUL on disk. */
static void test_long_name(void)
{
    World world;
    world_init(&world);
    LeaderRecord record = memory_lockspace_held(&world.space, HOST, "", 1, 1, N);
    memset(record.name, 'x', FIXED_NAME_SIZE);
    memory_lockspace_put(&world.space, HOST, record);
    world_read(&world, T0, T0);
    g_assert_cmpuint(strlen(host_table_view(&world.table, HOST).host_name), ==, FIXED_NAME_SIZE);
    world_clear(&world);
}

/* Slow reads: change is dated by their end, constancy by their start. */
static void test_slow_reads(void)
{
    World world;
    world_init(&world);
    world_put(&world, 3, 500, N);
    world_read(&world, T0, T0 + 100 * SECOND);
    /* 140 s after the end of the first read, which showed it: started then, not ended. */
    world_read(&world, T0 + 240 * SECOND, T0 + 900 * SECOND);
    g_assert_cmpint(world_state(&world), ==, HOST_FAIL);
    g_assert_true(world_may_live(&world, 3));
    world_read(&world, T0 + 240 * SECOND + 1, T0 + 241 * SECOND);
    g_assert_cmpint(world_state(&world), ==, HOST_DEAD);
    g_assert_false(world_may_live(&world, 3));
    world_clear(&world);
}

/* While nothing is read nobody grows older, whatever time it is. */
static void test_no_reads_no_judgement(void)
{
    World world;
    world_init(&world);
    world_put(&world, 3, 500, N);
    world_read(&world, T0, T0);
    world_put(&world, 3, 501, N);
    world_read(&world, T0 + 10 * SECOND, T0 + 10 * SECOND);
    /* An hour later the first good read shows a change. */
    g_assert_cmpint(world_state(&world), ==, HOST_LIVE);
    world_put(&world, 3, 502, N);
    world_read(&world, T0 + 3600 * SECOND, T0 + 3601 * SECOND);
    g_assert_cmpint(world_state(&world), ==, HOST_LIVE);
    HostView view = host_table_view(&world.table, HOST);
    g_assert_cmpuint(host_view_dead_at(&view), ==, T0 + 3741 * SECOND);
    world_clear(&world);
}

/* A read that is older than what is known, and one that is no area. */
static void test_useless_reads(void)
{
    World world;
    world_init(&world);
    world_put(&world, 3, 500, N);
    world_read(&world, T0 + 50 * SECOND, T0 + 51 * SECOND);
    HostTable before = world.table;
    world_put(&world, 3, 400, N);
    g_assert_cmpuint(world_read(&world, T0 + 40 * SECOND, T0 + 60 * SECOND), ==, 0);
    uint8_t sector[512] = { 0 };
    g_assert_cmpuint(host_table_observe(&world.table, sector, sizeof sector, MEMORY_LOCKSPACE_NAME,
                                        T0 + 60 * SECOND, T0 + 61 * SECOND),
                     ==, 0);
    g_assert_cmpint(memcmp(&before, &world.table, sizeof before), ==, 0);
    g_assert_cmpuint(host_table_view(&world.table, HOST).timestamp, ==, 500);
    world_clear(&world);
}

static void test_own(void)
{
    World world;
    world_init(&world);
    memory_lockspace_put(&world.space, OWN,
                         memory_lockspace_held(&world.space, OWN, "me", 1, 77, N));
    for (unsigned at = 0; at < 300; at += 20)
        world_read(&world, T0 + at * SECOND, T0 + at * SECOND);
    HostView view = host_table_view(&world.table, OWN);
    g_assert_cmpint(host_view_state(&view, OWN), ==, HOST_LIVE);
    g_assert_cmpint(host_view_state(&view, HOST), ==, HOST_DEAD);
    memory_lockspace_put(&world.space, OWN,
                         memory_lockspace_held(&world.space, OWN, "me", 1, 0, N));
    world_read(&world, T0 + 400 * SECOND, T0 + 400 * SECOND);
    view = host_table_view(&world.table, OWN);
    g_assert_cmpint(host_view_state(&view, OWN), ==, HOST_FREE);
    world_clear(&world);
}

static void test_generations(void)
{
    World world;
    world_init(&world);
    world_put(&world, 3, 500, N);
    world_read(&world, T0, T0);
    g_assert_false(world_may_live(&world, 2));
    g_assert_true(world_may_live(&world, 3));
    /* Joined after our last read. */
    g_assert_true(world_may_live(&world, 4));
    world_put(&world, 3, 0, N);
    world_read(&world, T0 + SECOND, T0 + SECOND);
    g_assert_false(world_may_live(&world, 3));
    g_assert_true(world_may_live(&world, 4));
    world_clear(&world);
}

typedef void (*Spoil)(uint8_t *sector, unsigned pass);

static void spoil_magic(uint8_t *sector, unsigned pass)
{
    sector[0] ^= 1;
}
static void spoil_lockspace(uint8_t *sector, unsigned pass)
{
    sector[56] ^= 1;
}
static void spoil_zero(uint8_t *sector, unsigned pass)
{
    memset(sector, 0, 512);
}
static void spoil_noise(uint8_t *sector, unsigned pass)
{
    memset(sector, 0xff, 512);
}
static void spoil_changing(uint8_t *sector, unsigned pass)
{
    memset(sector, (int)(pass % 7 + 1), 512);
}

/* A sector that is destroyed is neither a release nor a new generation; it ages like any other, and
 * while it changes its host is alive. */
static void test_bad_records(void)
{
    const struct {
        Spoil spoil;
        bool changes;
        bool changed_once;
    } rows[] = {
        { spoil_magic, false, true }, { spoil_lockspace, false, true }, { spoil_zero, false, true },
        { spoil_noise, false, true }, { spoil_changing, true, true },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (unsigned from_start = 0; from_start < 2; from_start++) {
            World world;
            world_init(&world);
            if (!from_start) {
                world_put(&world, 3, 500, 5);
                world_read(&world, T0, T0);
            }
            for (uint64_t at = 10; at < 300; at += 10) {
                world_put(&world, 3, 500, 5);
                rows[i].spoil(memory_lockspace_sector(&world.space, HOST), (unsigned)(at / 10));
                world_read(&world, T0 + at * SECOND, T0 + at * SECOND);
                HostView view = host_table_view(&world.table, HOST);
                g_assert_true(view.bad);
                g_assert_cmpint(host_view_state(&view, OWN), !=, HOST_FREE);
                g_assert_cmpuint(view.generation, ==, from_start ? 0 : 3);
                g_assert_cmpuint(view.io_timeout, ==, from_start ? N : 5);
                bool may_live = host_view_may_live(&view, 3);
                if (rows[i].changes || at <= 110)
                    g_assert_true(may_live);
                if (rows[i].changes && at > 10)
                    g_assert_cmpint(host_view_state(&view, OWN), ==, HOST_LIVE);
                if (!rows[i].changes && at >= 10 + 150)
                    g_assert_cmpint(host_view_state(&view, OWN), ==, HOST_DEAD);
            }
            /* Good again: a sign of life. */
            world_put(&world, 4, 501, 5);
            world_read(&world, T0 + 400 * SECOND, T0 + 400 * SECOND);
            g_assert_cmpint(world_state(&world), ==, HOST_LIVE);
            g_assert_cmpuint(host_table_view(&world.table, HOST).generation, ==, 4);
            world_clear(&world);
        }
    }
}

/* A wrong checksum may be a sector that is being written while the area is read. */
static void test_checksum_does_not_matter(void)
{
    World world;
    world_init(&world);
    world_put(&world, 3, 500, N);
    world_read(&world, T0, T0);
    memory_lockspace_sector(&world.space, HOST)[152] ^= 2;
    world_read(&world, T0 + SECOND, T0 + SECOND);
    g_assert_cmpint(world_state(&world), ==, HOST_LIVE);
    g_assert_false(host_table_view(&world.table, HOST).bad);
    world_clear(&world);
}

/* Changes that are none: events and io timeouts come with a new time stamp or not at all. */
static void test_what_is_no_change(void)
{
    World world;
    world_init(&world);
    world_put(&world, 3, 500, N);
    world_read(&world, T0, T0);
    LeaderRecord record = memory_lockspace_record(&world.space, HOST);
    record.write_id = 5;
    record.io_timeout = 200;
    memory_lockspace_put(&world.space, HOST, record);
    g_assert_cmpuint(world_read(&world, T0 + SECOND, T0 + SECOND), ==, 0);
    g_assert_cmpuint(host_table_view(&world.table, HOST).io_timeout, ==, N);
    /* Clocks of other hosts may go backwards. */
    world_put(&world, 3, 2, N);
    g_assert_cmpuint(world_read(&world, T0 + 2 * SECOND, T0 + 2 * SECOND), ==, 1);
    g_assert_cmpint(world_state(&world), ==, HOST_LIVE);
    world_clear(&world);
}

static void test_geometries(void)
{
    for (unsigned i = 0; i < MEMORY_N_SIZES; i++) {
        World world;
        memory_lockspace_init(&world.space, memory_sizes[i].sector_size, memory_sizes[i].align_size,
                              N);
        uint32_t max_hosts = world.space.layout.max_hosts;
        world.slots = g_new0(HostSlot, max_hosts);
        host_table_init(&world.table, world.slots, &world.space.layout, OWN, N);
        memory_lockspace_put(&world.space, max_hosts,
                             memory_lockspace_held(&world.space, max_hosts, "last", 3, 4, N));
        g_assert_cmpuint(world_read(&world, T0, T0), ==, 1);
        g_assert_cmpstr(host_table_view(&world.table, max_hosts).host_name, ==, "last");
        g_assert_false(host_table_view(&world.table, max_hosts + 1).first_check_us);
        world_clear(&world);
    }
}

static void test_next(void)
{
    const uint64_t used[] = { 1, 2, 64, 65, 128, 200, 1999, 2000 };
    World world;
    world_init(&world);
    world_read(&world, T0, T0);
    g_assert_cmpuint(host_table_next(&world.table, 0), ==, 0);

    for (unsigned i = 0; i < G_N_ELEMENTS(used); i++)
        memory_lockspace_put(&world.space, used[i],
                             memory_lockspace_held(&world.space, used[i], "host", 1, 5, N));
    g_assert_cmpuint(world_read(&world, T0 + 1, T0 + 1), ==, G_N_ELEMENTS(used));
    uint64_t id = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(used); i++) {
        id = host_table_next(&world.table, id);
        g_assert_cmpuint(id, ==, used[i]);
    }
    g_assert_cmpuint(host_table_next(&world.table, id), ==, 0);
    g_assert_cmpuint(host_table_next(&world.table, UINT64_MAX), ==, 0);

    /* One that becomes as good as never used stays known, and its change is seen. */
    memory_lockspace_put(&world.space, 64, memory_lockspace_held(&world.space, 0, "", 0, 0, N));
    g_assert_cmpuint(world_read(&world, T0 + 2, T0 + 2), ==, 1);
    g_assert_cmpuint(host_table_next(&world.table, 2), ==, 64);
    g_assert_cmpuint(host_table_view(&world.table, 64).timestamp, ==, 0);
    world_clear(&world);
}

static void test_names(void)
{
    g_assert_cmpstr(host_state_name(HOST_UNKNOWN), ==, "unknown");
    g_assert_cmpstr(host_state_name(HOST_FREE), ==, "free");
    g_assert_cmpstr(host_state_name(HOST_LIVE), ==, "live");
    g_assert_cmpstr(host_state_name(HOST_FAIL), ==, "fail");
    g_assert_cmpstr(host_state_name(HOST_DEAD), ==, "dead");
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (int kind = LEASE_OK; kind <= LEASE_BAD_REQUEST; kind++) {
        const char *name = lease_fault_name((LeaseFaultKind)kind);
        g_assert_cmpstr(name, !=, "unknown");
        g_assert_true(g_hash_table_add(seen, (gpointer)name));
    }
    g_assert_cmpstr(lease_fault_name((LeaseFaultKind)1000), ==, "unknown");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-view/nothing-read", test_nothing_read);
    g_test_add_func("/host-view/out-of-range", test_out_of_range);
    g_test_add_func("/host-view/never-used", test_never_used);
    g_test_add_func("/host-view/states", test_states);
    g_test_add_func("/host-view/view", test_view);
    g_test_add_func("/host-view/long-name", test_long_name);
    g_test_add_func("/host-view/slow-reads", test_slow_reads);
    g_test_add_func("/host-view/no-reads-no-judgement", test_no_reads_no_judgement);
    g_test_add_func("/host-view/useless-reads", test_useless_reads);
    g_test_add_func("/host-view/own", test_own);
    g_test_add_func("/host-view/generations", test_generations);
    g_test_add_func("/host-view/bad-records", test_bad_records);
    g_test_add_func("/host-view/checksum", test_checksum_does_not_matter);
    g_test_add_func("/host-view/no-change", test_what_is_no_change);
    g_test_add_func("/host-view/geometries", test_geometries);
    g_test_add_func("/host-view/next", test_next);
    g_test_add_func("/host-view/names", test_names);
    return g_test_run();
}
