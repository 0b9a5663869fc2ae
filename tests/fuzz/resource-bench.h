/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource whose bytes come from the fuzzer, a host that wants it, and a witness of everything
 * which that host writes: what fuzz-resource-acquire and fuzz-resource-release share.
 *
 * We are host 3 of generation 4 unless the input says otherwise. Hosts 1 to 8 have host leases of
 * generation 7 in the lockspace.
 */
#pragma once

#include "area-patch.h"
#include "machine-spy.h"
#include "support/resource-world.h"

#define BENCH_HOSTS 8u
#define BENCH_GENERATION 7u

/* What is known of the other hosts from reads of the lockspace. */
typedef enum BenchEvidence {
    BENCH_ALL_LIVE,
    BENCH_NOTHING,
    BENCH_ALL_DEAD,
    BENCH_ALL_FAILING,
} BenchEvidence;

typedef struct ResourceBench {
    ResourceWorld *world;
    WorldMember me;
    MachineSpy spy;
    const uint8_t *before; /* the resource's area as it was when the first machine began */
    unsigned n_late;       /* somebody else's writes while the machines ran */
    unsigned n_leaders, n_ballots, n_zeroed; /* asked to be written */
} ResourceBench;

/* `host_id` may be one that the resource has no room for. */
void resource_bench_begin(ResourceBench *self, unsigned sizes, uint64_t host_id,
                          uint64_t generation, BenchEvidence evidence);
/* Lays the rest of the input over the areas. */
void resource_bench_patch(ResourceBench *self, FuzzBytes *input);
void resource_bench_end(ResourceBench *self);

/* The resource's leader as the machine last saw it. */
LeaderRecord resource_bench_seen_leader(const ResourceBench *self);

/* Where a write of the machine goes: 0 the leader, else a host id. Fails on any other place, and
 * when it is not one whole sector. */
uint64_t resource_bench_written_host(const ResourceBench *self, const MachineStep *step);

/* All is zero from `from` to the sector's end. */
void resource_bench_assert_zero(const ResourceBench *self, const uint8_t *sector, uint32_t from);

/* Runs the release machine to its end, and checks all that it writes and claims. */
MachineStep resource_bench_release(ResourceBench *self);
