/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource out of fuzz bytes, and the promises of a release; see the header.
 */
#include "resource-bench.h"

#include <string.h>

#include "lease/lease-timing.h"

typedef struct BenchSizes {
    uint32_t sector_size, align_size, num_hosts;
} BenchSizes;

static const BenchSizes bench_sizes[] = { { 512, MEBIBYTE, BENCH_HOSTS },
                                          { 4096, MEBIBYTE, 0 },
                                          { 512, MEBIBYTE, 0 } };

typedef struct FreshWorld {
    ResourceWorld world;
    uint8_t *lockspace, *resource;
} FreshWorld;

static ResourceWorld *fresh_world(unsigned index)
{
    static FreshWorld worlds[G_N_ELEMENTS(bench_sizes)];
    FreshWorld *fresh = &worlds[index];
    ResourceWorld *world = &fresh->world;

    if (fresh->lockspace == NULL) {
        const BenchSizes *sizes = &bench_sizes[index];
        world_init(world, sizes->sector_size, sizes->align_size, sizes->num_hosts);
        for (uint64_t host_id = 1; host_id <= BENCH_HOSTS; host_id++)
            world_set_host_lease(world, host_id, BENCH_GENERATION, 990);
        fresh->lockspace = g_memdup2(world->lockspace.bytes, world->lockspace.size);
        fresh->resource = g_memdup2(world->resource.bytes, world->resource.size);
    }
    memcpy(world->lockspace.bytes, fresh->lockspace, world->lockspace.size);
    memcpy(world->resource.bytes, fresh->resource, world->resource.size);
    return world;
}

static void know(ResourceWorld *world, uint64_t host_id, BenchEvidence evidence)
{
    const uint64_t check_us = WORLD_START_US - USEC_PER_SECOND / 2;
    world->views[host_id] = (HostView){ .host_id = host_id };
    switch (evidence) {
    case BENCH_ALL_LIVE:
        world_know(world, host_id, WORLD_START_US - USEC_PER_SECOND, check_us, true);
        return;
    case BENCH_NOTHING:
        return;
    case BENCH_ALL_DEAD:
        world_know(world, host_id, check_us - timing_free(WORLD_IO_TIMEOUT) - 1, check_us, true);
        return;
    case BENCH_ALL_FAILING:
        world_know(world, host_id, check_us - timing_fail(WORLD_IO_TIMEOUT) - 1, check_us, true);
        return;
    }
}

void resource_bench_begin(ResourceBench *self, unsigned sizes, uint64_t host_id,
                          uint64_t generation, BenchEvidence evidence)
{
    *self = (ResourceBench){ .world = fresh_world(sizes % G_N_ELEMENTS(bench_sizes)) };
    for (uint64_t id = 1; id <= BENCH_HOSTS; id++)
        know(self->world, id, evidence);
    member_init(&self->me, self->world, host_id, generation);
    machine_spy_init(&self->spy, &self->me.host);
    self->spy.user_data = self;
}

void resource_bench_patch(ResourceBench *self, FuzzBytes *input)
{
    ResourceWorld *world = self->world;
    self->n_late = area_patch_disks(input, &world->layout, &world->resource, 0, &world->lockspace,
                                    WORLD_START_US);
    static uint8_t before[MEBIBYTE];
    g_assert_cmpuint(world->resource.size, ==, sizeof before);
    memcpy(before, world->resource.bytes, sizeof before);
    self->before = before;
}

void resource_bench_end(ResourceBench *self)
{
    area_disk_settle(&self->world->lockspace);
    area_disk_settle(&self->world->resource);
    machine_spy_clear(&self->spy);
    member_clear(&self->me);
}

LeaderRecord resource_bench_seen_leader(const ResourceBench *self)
{
    LeaderRecord leader;
    leader_record_decode(&leader, self->spy.seen[TARGET_RESOURCE]);
    return leader;
}

uint64_t resource_bench_written_host(const ResourceBench *self, const MachineStep *step)
{
    const Layout *layout = &self->world->layout;
    g_assert_cmpint(step->target, ==, TARGET_RESOURCE);
    g_assert_cmpuint(step->length, ==, layout->sector_size);
    g_assert_cmpuint(step->offset % layout->sector_size, ==, 0);
    uint64_t sector = step->offset / layout->sector_size;
    g_assert_cmpuint(sector, !=, 1); /* the request record */
    g_assert_cmpuint(sector, <=, layout->max_hosts + 1);
    g_assert_cmpuint(step->fence_offset, ==, 0);
    g_assert_cmpuint(step->fence_length, ==, layout->align_size);
    return sector == 0 ? 0 : sector - 1;
}

void resource_bench_assert_zero(const ResourceBench *self, const uint8_t *sector, uint32_t from)
{
    for (uint32_t i = from; i < self->world->layout.sector_size; i++)
        g_assert_cmphex(sector[i], ==, 0);
}

/* Release */

/* Our own record as we know it, with the flag. */
static void check_flag_write(ResourceBench *self, const MachineStep *step)
{
    BallotRecord written, expected = self->me.lease.ballot;
    expected.flags |= BALLOT_FLAG_RELEASED;
    ballot_record_decode(&written, step->data);
    g_assert_cmpmem(&written, sizeof written, &expected, sizeof expected);
    resource_bench_assert_zero(self, step->data, BALLOT_RECORD_SIZE);
}

/* The leader, which was just read: good, of our hand, naming us; all it loses is its holder. Held
 * exclusively it is the one that we know. Beside a shared lease it may be a later one: a conversion
 * that has failed, with the write of its leader under way, leaves that. */
static void check_leader_write(ResourceBench *self, const MachineStep *step)
{
    const ResourceLease *lease = &self->me.lease;
    LeaderRecord before = resource_bench_seen_leader(self), after;

    leader_record_decode(&after, step->data);
    g_assert_cmpint(
        resource_record_check(&before, WORLD_LOCKSPACE, WORLD_RESOURCE, lease->host_id, NULL), ==,
        RECORD_OK);
    g_assert_cmpint(
        resource_record_check(&after, WORLD_LOCKSPACE, WORLD_RESOURCE, lease->host_id, NULL), ==,
        RECORD_OK);
    g_assert_cmpuint(before.write_id, ==, lease->host_id);
    g_assert_cmpuint(before.owner_id, ==, lease->host_id);
    g_assert_cmpuint(before.owner_generation, ==, lease->generation);
    g_assert_cmpuint(after.timestamp, ==, 0);
    g_assert_cmpuint(after.version_of_lease, ==, before.version_of_lease);
    g_assert_cmpuint(after.num_hosts, ==, before.num_hosts);
    g_assert_cmpuint(after.owner_id, ==, before.owner_id);
    resource_bench_assert_zero(self, step->data, LEADER_RECORD_SIZE);
    if (lease->held && lease->mode == RESOURCE_EXCLUSIVE)
        g_assert_true(leader_record_equal(&before, &lease->leader));
}

static void on_release_write(MachineSpy *spy, const MachineStep *step, const MachineInput *input)
{
    ResourceBench *self = spy->user_data;

    g_assert_cmpuint(input->now_us, <, input->valid_until_us);
    g_assert_cmpuint(step->start_by_us, <=, input->valid_until_us);
    if (resource_bench_written_host(self, step) == 0) {
        self->n_leaders++;
        check_leader_write(self, step);
        return;
    }
    self->n_ballots++;
    g_assert_cmpuint(resource_bench_written_host(self, step), ==, self->me.lease.host_id);
    g_assert_cmpuint(self->n_leaders, ==, 0); /* the flag comes first */
    check_flag_write(self, step);
}

MachineStep resource_bench_release(ResourceBench *self)
{
    ResourceLease *lease = &self->me.lease;
    bool owed = lease->held || lease->may_be_owner;
    /* A shared lease is in our sector alone. */
    bool only_shared = lease->mode == RESOURCE_SHARED && !lease->may_be_owner;

    self->n_leaders = self->n_ballots = 0;
    self->spy.on_write = on_release_write;
    self->spy.on_read = NULL;
    resource_release_init(&self->me.release, lease);
    machine_spy_attach(&self->spy, &self->me.release, (MachineResume)resource_release_resume);
    MachineStep step = memory_host_run(&self->me.host, &self->spy, machine_spy_resume);

    g_assert_cmpuint(self->n_ballots, <=, 1);
    g_assert_cmpuint(self->n_leaders, <=, 1);
    if (!owed)
        g_assert_true(step.kind == STEP_DONE && self->spy.n_writes == 0);
    LeaderRecord seen = resource_bench_seen_leader(self);
    /* "Not ours" is said only of what our own hand wrote: another hand's leader is an end. */
    if (step.kind == STEP_FAILED && step.fault.kind == LEASE_NOT_OURS)
        g_assert_cmpuint(seen.write_id, ==, lease->host_id);
    if (step.kind != STEP_DONE)
        return step;
    g_assert_false(lease->held || lease->may_be_owner);
    /* Nobody has to wait for us: what was seen, or was written over it, is no hold by our hand. */
    if (only_shared)
        g_assert_cmpuint(self->n_leaders, ==, 0);
    else if (owed && self->n_leaders == 0)
        g_assert_true(seen.write_id != lease->host_id || seen.timestamp == 0 ||
                      seen.owner_id != lease->host_id ||
                      seen.owner_generation != lease->generation);
    return step;
}
