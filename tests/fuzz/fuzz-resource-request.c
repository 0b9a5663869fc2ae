/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests, both sides, while the area holds whatever the fuzzer put there. Input: sizes, the
 * action, the version that is asked for (0: the next one), until when our host lease is good,
 * trouble, then changes (area-patch.h) to an area that host 2 holds at version 5.
 *
 * The promises: nothing but the request record is ever written, and only a whole one, for a version
 * that the lease as read has not reached. And no bytes make a holder act but a valid request for a
 * later version.
 */
#include <string.h>

#include "lease/resource-request.h"
#include "resource-bench.h"

#define ME 3u
#define GENERATION 4u
#define OWNER 2u

static uint8_t *record_of(const ResourceBench *bench)
{
    return bench->world->resource.bytes +
           layout_request(&bench->world->layout, bench->me.lease.resource_offset);
}

static void check_written(const ResourceBench *bench, const ResourceRequest *request)
{
    const uint8_t *sector = record_of(bench);
    RequestRecord record;

    request_record_decode(&record, sector);
    g_assert_cmpint(request_record_check(&record), ==, RECORD_OK);
    g_assert_cmpuint(record.force_mode, ==, request->action);
    g_assert_cmpuint(record.lver, ==, request->version);
    for (uint32_t i = 20; i < bench->world->layout.sector_size; i++)
        g_assert_cmpuint(sector[i], ==, 0);
    if (request->action == RESOURCE_REQUEST_NONE) {
        g_assert_cmpuint(request->owner_id, ==, 0);
        return;
    }
    const LeaderRecord *leader = &bench->me.lease.leader;
    g_assert_cmpuint(leader->timestamp, !=, 0);
    g_assert_cmpuint(leader->version_of_lease, <, request->version);
    g_assert_cmpuint(request->owner_id, ==, leader->owner_id);
    g_assert_cmpuint(request->owner_id, >=, 1);
    g_assert_cmpuint(request->owner_id, <=, bench->world->layout.max_hosts);
    g_assert_cmpint(resource_request_asks(&record, leader->version_of_lease), ==, request->action);
}

/* What is on disk now, as a holder of `version` reads it. */
static void examine(ResourceBench *bench, uint64_t version)
{
    ResourceExamine machine;

    memory_host_unplan(&bench->me.host);
    bench->me.host.valid_until_us = TIME_NEVER;
    resource_examine_init(&machine, &bench->me.lease);
    MachineStep step =
        memory_host_run(&bench->me.host, &machine, (MachineResume)resource_examine_resume);
    if (step.kind == STEP_FAILED) { /* the leader is none of this resource */
        g_assert_cmpint(step.fault.kind, ==, LEASE_BAD_RECORD);
        return;
    }
    const RequestRecord *record = &bench->me.lease.request;
    ResourceRequestAction asks = resource_request_asks(record, version);
    g_assert_cmpint(asks, >=, RESOURCE_REQUEST_NONE);
    g_assert_cmpint(asks, <=, RESOURCE_REQUEST_GRACEFUL);
    if (asks != RESOURCE_REQUEST_NONE) {
        g_assert_cmpuint(record->magic, ==, REQUEST_MAGIC);
        g_assert_cmpuint(record->version >> 16, ==, REQUEST_VERSION >> 16);
        g_assert_cmpuint(record->lver, >, version);
        g_assert_cmpuint(record->force_mode, ==, asks);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes input = { data, size };
    unsigned sizes = (unsigned)fuzz_number(&input, 1);
    ResourceRequestAction action = (ResourceRequestAction)(fuzz_number(&input, 1) % 3);
    uint64_t version = fuzz_number(&input, 8);
    uint64_t valid = fuzz_number(&input, 1);
    ResourceRequest request;
    ResourceBench bench;

    resource_bench_begin(&bench, sizes, ME, GENERATION, BENCH_ALL_LIVE);
    world_set_held(bench.world, 5, OWNER, BENCH_GENERATION, OWNER);
    if (valid != 0)
        bench.me.host.valid_until_us = WORLD_START_US + valid * USEC_PER_SECOND / 4;
    area_plan_trouble(&input, &bench.me.host);
    resource_bench_patch(&bench, &input);
    g_autofree uint8_t *before = g_memdup2(bench.world->resource.bytes, bench.world->resource.size);

    resource_request_init(&request, &bench.me.lease, action, version);
    MachineStep step =
        memory_host_run(&bench.me.host, &request, (MachineResume)resource_request_resume);
    area_disk_settle(&bench.world->resource);
    size_t at = (size_t)(record_of(&bench) - bench.world->resource.bytes);
    uint32_t sector_size = bench.world->layout.sector_size;
    if (bench.n_late == 0) {
        bool wrote = memcmp(before + at, record_of(&bench), sector_size) != 0;
        if (step.kind == STEP_DONE && (request.owner_id != 0 || action == RESOURCE_REQUEST_NONE))
            check_written(&bench, &request);
        else
            g_assert_true(!wrote || (step.kind == STEP_FAILED && step.fault.wrote));
        memcpy(before + at, record_of(&bench), sector_size);
        g_assert_cmpmem(before, bench.world->resource.size, bench.world->resource.bytes,
                        bench.world->resource.size);
    }
    examine(&bench, 5);
    examine(&bench, version);
    resource_bench_end(&bench);
    return 0;
}
