/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which host id is chosen, and that hosts which choose at the same time come apart.
 */
#include <errno.h>
#include <string.h>

#include "lease/host-id-choice.h"
#include "lease/host-lease-join.h"
#include "lease/lease-timing.h"
#include "support/memory-lockspace.h"

#define SECOND USEC_PER_SECOND
#define T0 (1000 * SECOND)
#define ME "me"

typedef struct World {
    MemoryLockspace space;
    MemoryHost host;
    HostIdChoice choice;
} World;

static void world_init(World *self, uint32_t sector_size, uint64_t kept)
{
    memory_lockspace_init(&self->space, sector_size, 0, 10);
    memory_host_init(&self->host, &self->space.disk, NULL, T0);
    HostIdWish wish = { MEMORY_LOCKSPACE_NAME, ME, self->space.offset, 10, kept };
    host_id_choice_init(&self->choice, &wish);
}

static void world_clear(World *self)
{
    memory_host_clear(&self->host);
    memory_lockspace_clear(&self->space);
}

static MachineStep world_run(World *self)
{
    memory_lockspace_remember(&self->space);
    MachineStep step =
        memory_host_run(&self->host, &self->choice, (MachineResume)host_id_choice_resume);
    memory_lockspace_assert_only_changed(&self->space, 0);
    return step;
}

static uint64_t world_choose(World *self)
{
    g_assert_cmpint(world_run(self).kind, ==, STEP_DONE);
    return self->choice.host_id;
}

static void put(World *self, uint64_t host_id, const char *name, uint64_t timestamp)
{
    memory_lockspace_put(&self->space, host_id,
                         memory_lockspace_held(&self->space, host_id, name, 3, timestamp, 10));
}

typedef struct Slot {
    uint64_t host_id;
    const char *name;
    uint64_t timestamp;
} Slot;

typedef struct Case {
    const char *name;
    uint64_t kept;
    Slot slots[4];
    uint64_t expected;
} Case;

static const Case cases[] = {
    { "empty", 0, { { 0 } }, 1 },
    { "the lowest that was never used", 0, { { 1, "a", 500 }, { 2, "b", 0 }, { 4, "c", 500 } }, 3 },
    { "ours, which was not given back", 0, { { 1, "a", 500 }, { 1900, ME, 500 } }, 1900 },
    { "ours, which was given back", 0, { { 1, "a", 500 }, { 7, ME, 0 } }, 7 },
    { "what we hold before what we gave back", 0, { { 3, ME, 0 }, { 7, ME, 500 } }, 7 },
    { "what we hold before what was kept", 3, { { 3, ME, 0 }, { 7, ME, 500 } }, 7 },
    { "of several of ours the lowest", 0, { { 9, ME, 500 }, { 7, ME, 500 }, { 8, ME, 500 } }, 7 },
    { "of several of ours the kept one", 8, { { 9, ME, 500 }, { 7, ME, 500 }, { 8, ME, 500 } }, 8 },
    { "the kept one, never used", 8, { { 1, "a", 500 } }, 8 },
    { "the kept one, given back under another name", 8, { { 8, "old", 0 } }, 8 },
    { "the kept one, which another host has", 8, { { 8, "a", 500 } }, 1 },
    { "the kept one, which the lockspace does not have", 5000, { { 1, "a", 500 } }, 2 },
    { "a name that only begins like ours", 0, { { 5, "me2", 0 } }, 1 },
};

static void test_order(gconstpointer data)
{
    const Case *one = data;
    World world;

    world_init(&world, 512, one->kept);
    for (gsize i = 0; i < G_N_ELEMENTS(one->slots) && one->slots[i].host_id != 0; i++)
        put(&world, one->slots[i].host_id, one->slots[i].name, one->slots[i].timestamp);
    g_assert_cmpuint(world_choose(&world), ==, one->expected);
    world_clear(&world);
}

/* One that another host gave back only when there is none that was never used; one that another
 * host holds never. */
static void test_full(void)
{
    World world;

    world_init(&world, 4096, 0);
    for (uint64_t host_id = 1; host_id <= world.space.layout.max_hosts; host_id++)
        put(&world, host_id, "other", host_id == 77 || host_id == 99 ? 0 : 500);
    g_assert_cmpuint(world_choose(&world), ==, 77);
    host_id_choice_avoid(&world.choice, 77);
    g_assert_cmpuint(world_choose(&world), ==, 99);
    host_id_choice_avoid(&world.choice, 99);
    MachineStep step = world_run(&world);
    g_assert_cmpint(step.kind, ==, STEP_FAILED);
    g_assert_cmpint(step.fault.kind, ==, LEASE_NO_HOST_ID);
    g_assert_cmpuint(step.fault.limit, ==, world.space.layout.max_hosts);
    world_clear(&world);
}

/* What was taken by another is not chosen again, and the choice grows with each attempt. */
static void test_avoid(void)
{
    World world;

    world_init(&world, 512, 0);
    g_assert_cmpuint(world_choose(&world), ==, 1);
    host_id_choice_avoid(&world.choice, 1);
    host_id_choice_avoid(&world.choice, 1);
    host_id_choice_avoid(&world.choice, 0);
    host_id_choice_avoid(&world.choice, 1000000);
    gboolean seen[4] = { FALSE };
    for (unsigned i = 0; i < 200; i++) {
        uint64_t chosen = world_choose(&world);
        g_assert_cmpuint(chosen, >=, 2);
        g_assert_cmpuint(chosen, <=, 3);
        seen[chosen] = TRUE;
    }
    g_assert_true(seen[2] && seen[3]);
    /* Ours is nobody else's: no chance in it. */
    put(&world, 40, ME, 0);
    put(&world, 41, ME, 0);
    for (unsigned i = 0; i < 20; i++)
        g_assert_cmpuint(world_choose(&world), ==, 40);
    world_clear(&world);
}

/* Damaged sectors, those of another lockspace, and those that were copied from elsewhere. */
static void test_hostile_slots(void)
{
    World world;
    LeaderRecord record;

    world_init(&world, 512, 1);
    memory_lockspace_sector(&world.space, 1)[100] ^= 1; /* damage, also of the head */
    record = memory_lockspace_held(&world.space, 2, ME, 3, 500, 10);
    record.owner_id = 3;
    memory_lockspace_put(&world.space, 2, record);
    record = memory_lockspace_held(&world.space, 3, ME, 3, 500, 10);
    fixed_name_store(record.lockspace_name, "elsewhere");
    memory_lockspace_put(&world.space, 3, record);
    record = memory_lockspace_held(&world.space, 4, ME, 3, 500, 10);
    record.owner_generation = UINT64_MAX;
    memory_lockspace_put(&world.space, 4, record);
    memset(memory_lockspace_sector(&world.space, 5), 0, 512);
    g_assert_cmpuint(world_choose(&world), ==, 6);
    world_clear(&world);
}

static void test_no_lockspace(void)
{
    World world;

    world_init(&world, 512, 0);
    memset(memory_lockspace_sector(&world.space, 1), 0, 512);
    MachineStep step = world_run(&world);
    g_assert_cmpint(step.fault.kind, ==, LEASE_BAD_RECORD);
    g_assert_cmpint(step.fault.record, ==, RECORD_BAD_MAGIC);
    world_clear(&world);
}

static void test_faults(void)
{
    for (unsigned number = 1; number <= 2; number++) {
        World world;
        MachineStep step;

        world_init(&world, 512, 0);
        memory_host_plan(&world.host, number, memory_io_error(EIO, FALSE));
        step = world_run(&world);
        g_assert_cmpint(step.fault.kind, ==, LEASE_IO_ERROR);
        g_assert_cmpint(step.fault.io_errno, ==, EIO);
        world.host.io_count = 0;
        memory_host_unplan(&world.host);
        memory_host_plan(&world.host, number, memory_io_short());
        g_assert_cmpint(world_run(&world).fault.kind, ==, LEASE_IO_SHORT);
        world.host.io_count = 0;
        memory_host_unplan(&world.host);
        memory_host_plan(&world.host, number, memory_io_lost());
        g_assert_cmpint(world_run(&world).fault.kind, ==, LEASE_IO_TIMEOUT);
        /* After whatever failed it can be asked again. */
        memory_host_unplan(&world.host);
        g_assert_cmpuint(world_choose(&world), ==, 1);
        world_clear(&world);
    }
}

static void test_stop(void)
{
    World world;

    world_init(&world, 512, 0);
    MachineStep step =
        memory_host_run_until(&world.host, &world.choice, (MachineResume)host_id_choice_resume, T0);
    g_assert_cmpint(step.fault.kind, ==, LEASE_STOPPED);
    world_clear(&world);
}

/* --- several at once ---------------------------------------------------------------------------
 */

#define N_HOSTS 6

typedef struct Contender {
    char name[8];
    MemoryHost host;
    HostIdChoice choice;
    HostLease lease;
    HostLeaseJoin join;
    MemoryRun run;
    gboolean joining, joined;
} Contender;

static void contender_choose(Contender *self)
{
    self->joining = FALSE;
    memory_run_start(&self->run, &self->host, &self->choice, (MachineResume)host_id_choice_resume,
                     TIME_NEVER);
}

static void contender_join(Contender *self, MemoryLockspace *space)
{
    HostLeaseWish wish = { .lockspace_name = MEMORY_LOCKSPACE_NAME,
                           .host_name = self->name,
                           .lockspace_offset = space->offset,
                           .host_id = self->choice.host_id,
                           .io_timeout = 10,
                           .any_host_id = TRUE };
    self->joining = TRUE;
    host_lease_init(&self->lease, &wish);
    host_lease_join_init(&self->join, &self->lease);
    memory_run_start(&self->run, &self->host, &self->join, (MachineResume)host_lease_join_resume,
                     TIME_NEVER);
}

/* A machine of `self` has ended: what the engine does then. */
static void contender_go_on(Contender *self, MemoryLockspace *space)
{
    if (!self->joining) {
        g_assert_cmpint(self->run.step.kind, ==, STEP_DONE);
        contender_join(self, space);
    } else if (self->run.step.kind == STEP_DONE) {
        self->joined = TRUE;
    } else {
        LeaseFaultKind kind = self->run.step.fault.kind;
        g_assert_true(kind == LEASE_HOST_ID_BUSY || kind == LEASE_HOST_ID_LOST);
        /* Who it was is named. */
        g_assert_cmpint(self->run.step.fault.host_name[0], ==, 'h');
        host_id_choice_avoid(&self->choice, self->choice.host_id);
        contender_choose(self);
    }
}

/* All start at the same moment and choose the same; each has one of its own in the end, and nobody
 * has watched another for its host-dead time. */
static void test_contention(void)
{
    static Contender hosts[N_HOSTS];
    MemoryLockspace space;
    unsigned n_joined = 0;

    memory_lockspace_init(&space, 512, 0, 10);
    for (unsigned i = 0; i < N_HOSTS; i++) {
        Contender *one = &hosts[i];
        g_snprintf(one->name, sizeof one->name, "h%u", i);
        HostIdWish wish = { MEMORY_LOCKSPACE_NAME, one->name, space.offset, 10, 0 };
        memory_host_init(&one->host, &space.disk, NULL, T0);
        one->host.random = i + 1;
        host_id_choice_init(&one->choice, &wish);
        contender_choose(one);
    }
    while (n_joined < N_HOSTS) {
        Contender *next = NULL;
        for (unsigned i = 0; i < N_HOSTS; i++)
            if (!hosts[i].joined && (next == NULL || hosts[i].run.event_us < next->run.event_us))
                next = &hosts[i];
        if (memory_run_step(&next->run))
            continue;
        contender_go_on(next, &space);
        n_joined += next->joined;
    }
    for (unsigned i = 0; i < N_HOSTS; i++) {
        LeaderRecord record = memory_lockspace_record(&space, hosts[i].lease.host_id);
        g_assert_true(fixed_name_equal(record.name, hosts[i].name));
        g_assert_cmpuint(record.owner_generation, ==, 1);
        g_assert_cmpuint(hosts[i].host.now_us, <, T0 + timing_free(10) + N_HOSTS * 20 * SECOND);
        memory_host_clear(&hosts[i].host);
    }
    memory_lockspace_clear(&space);
}

/* A join that would do with any host id does not watch another host, but what is in doubt it does.
 */
static void test_join_any(void)
{
    World world;
    HostLease lease;
    HostLeaseJoin join;
    HostLeaseWish wish = { MEMORY_LOCKSPACE_NAME, ME, 0, 2, 10, 0, TRUE };

    world_init(&world, 512, 0);
    wish.lockspace_offset = world.space.offset;
    put(&world, 2, "other", 500);
    host_lease_init(&lease, &wish);
    host_lease_join_init(&join, &lease);
    MachineStep step = memory_host_run(&world.host, &join, (MachineResume)host_lease_join_resume);
    g_assert_cmpint(step.fault.kind, ==, LEASE_HOST_ID_BUSY);
    g_assert_cmpstr(step.fault.host_name, ==, "other");
    g_assert_cmpuint(world.host.now_us, <, T0 + SECOND);
    g_assert_cmpuint(memory_host_count_writes(&world.host), ==, 0);

    put(&world, 2, ME, 500);
    wish.doubt_from_us = 1;
    host_lease_init(&lease, &wish);
    host_lease_join_init(&join, &lease);
    step = memory_host_run(&world.host, &join, (MachineResume)host_lease_join_resume);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    g_assert_cmpuint(world.host.now_us, >=, T0 + timing_free(10));
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/host-id-choice/order/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], test_order);
    }
    g_test_add_func("/host-id-choice/full", test_full);
    g_test_add_func("/host-id-choice/avoid", test_avoid);
    g_test_add_func("/host-id-choice/hostile-slots", test_hostile_slots);
    g_test_add_func("/host-id-choice/no-lockspace", test_no_lockspace);
    g_test_add_func("/host-id-choice/faults", test_faults);
    g_test_add_func("/host-id-choice/stop", test_stop);
    g_test_add_func("/host-id-choice/contention", test_contention);
    g_test_add_func("/host-id-choice/join-any", test_join_any);
    return g_test_run();
}
