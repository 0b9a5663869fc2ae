/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Releasing a resource that we hold, or may have come to own, while its area holds whatever the
 * fuzzer put there. Input: sizes, what we believe (bit 0 held, bit 1 may be owner), until when our
 * host lease is good, trouble, then changes (area-patch.h) to an area that we hold at version 5.
 */
#include <string.h>

#include "resource-bench.h"

#define ME 3u
#define GENERATION 4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes input = { data, size };
    unsigned sizes = (unsigned)fuzz_number(&input, 1);
    unsigned belief = (unsigned)fuzz_number(&input, 1);
    uint64_t valid = fuzz_number(&input, 1);
    ResourceBench bench;
    ResourceLease *lease = &bench.me.lease;

    resource_bench_begin(&bench, sizes, ME, GENERATION, BENCH_ALL_LIVE);
    world_set_held(bench.world, 5, ME, GENERATION, ME);
    lease->leader = world_leader(bench.world);
    lease->ballot = world_ballot(bench.world, ME);
    lease->ballot_written = true;
    lease->held = belief & 1;
    lease->may_be_owner = belief & 2;
    if (valid != 0)
        bench.me.host.valid_until_us = WORLD_START_US + valid * USEC_PER_SECOND / 4;
    area_plan_trouble(&input, &bench.me.host);
    resource_bench_patch(&bench, &input);

    MachineStep step = resource_bench_release(&bench);
    area_disk_settle(&bench.world->resource);
    if (step.kind == STEP_FAILED && bench.n_late == 0 && bench.n_leaders == 0)
        g_assert_cmpmem(bench.world->resource.bytes, bench.world->layout.sector_size, bench.before,
                        bench.world->layout.sector_size);
    resource_bench_end(&bench);
    return 0;
}
