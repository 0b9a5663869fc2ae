/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Acquiring a resource whose area, and whose lockspace, hold whatever the fuzzer put there; then
 * giving it back. Input: sizes, our host id, our generation, how (bit 0 patient, bit 1 reads are
 * copied, bits 2..3 what is known of the others), until when our host lease is good, which
 * version is wanted, trouble, then changes (area-patch.h) to a resource that is free.
 *
 * The promises: a sector is written only while the leader, and in ballots every host's record, is
 * as it must be; only our own sector and the leader, or the sector of a dead shared holder; and the
 * machine is done only if nobody who lives was in the way.
 */
#include <string.h>

#include "lease/resource-owner.h"
#include "lease/resource-ballot.h"
#include "lease/lease-timing.h"
#include "resource-bench.h"

#define STOP_AFTER_US (90 * USEC_PER_SECOND)

typedef struct Options {
    bool patient;
    uint64_t required_version;
    BenchEvidence evidence;
} Options;

static BallotRecord ballot_of(const ResourceBench *bench, const uint8_t *area, uint64_t host_id)
{
    BallotRecord ballot;
    ballot_record_decode(&ballot, ballot_sector(area, &bench->world->layout, host_id));
    return ballot;
}

static ModeRecord mode_of(const ResourceBench *bench, const uint8_t *area, uint64_t host_id)
{
    ModeRecord mode;
    mode_record_decode(&mode,
                       ballot_sector(area, &bench->world->layout, host_id) + MODE_RECORD_OFFSET);
    return mode;
}

static void check_ballot_write(ResourceBench *self, const MachineStep *step)
{
    const ResourceLease *lease = &self->me.lease;
    const uint8_t *seen = self->spy.seen[TARGET_RESOURCE];
    LeaderRecord leader = resource_bench_seen_leader(self);
    BallotRecord written;

    ballot_record_decode(&written, step->data);
    g_assert_false(ballot_record_is_empty(&written));
    g_assert_cmpint(ballot_record_check(&written), ==, RECORD_OK);
    g_assert_cmpuint(written.flags, ==, 0);
    g_assert_cmpuint(written.lver, >=, leader.version_of_lease);
    g_assert_cmpuint(written.bal, <=, written.mbal);
    g_assert_cmpuint((written.mbal - lease->host_id) % lease->layout.max_hosts, ==, 0);
    if (written.bal != 0 && written.inp != 0) {
        g_assert_cmpuint(written.inp, <=, lease->layout.max_hosts);
        g_assert_cmpuint(written.inp2, !=, 0);
        g_assert_cmpuint(written.inp3, !=, 0);
    }
    for (uint64_t host_id = 1; host_id <= leader.num_hosts; host_id++) {
        BallotRecord other = ballot_of(self, seen, host_id);
        g_assert_cmpint(ballot_record_check(&other), ==, RECORD_OK);
        if (self->n_late == 0 && host_id != lease->host_id)
            g_assert_cmpuint(other.mbal, <, written.mbal);
    }
    resource_bench_assert_zero(self, step->data, BALLOT_RECORD_SIZE);
}

static void check_commit(ResourceBench *self, const MachineStep *step)
{
    const ResourceLease *lease = &self->me.lease;
    LeaderRecord before = resource_bench_seen_leader(self), after;

    leader_record_decode(&after, step->data);
    g_assert_cmpint(
        resource_record_check(&after, WORLD_LOCKSPACE, WORLD_RESOURCE, lease->host_id, NULL), ==,
        RECORD_OK);
    g_assert_cmpuint(after.version_of_lease, >, before.version_of_lease);
    g_assert_cmpuint(after.num_hosts, ==, before.num_hosts);
    g_assert_cmpuint(after.timestamp, !=, 0);
    g_assert_cmpuint(after.write_id, ==, lease->host_id);
    g_assert_cmpuint(after.write_generation, ==, lease->generation);
    /* What is committed is what our own sector, as last read, proposes. */
    BallotRecord own = ballot_of(self, self->spy.seen[TARGET_RESOURCE], lease->host_id);
    g_assert_cmpuint(own.lver, ==, after.version_of_lease);
    g_assert_cmpuint(own.bal, ==, own.mbal);
    g_assert_cmpuint(own.inp, ==, after.owner_id);
    g_assert_cmpuint(own.inp2, ==, after.owner_generation);
    g_assert_cmpuint(own.inp3, ==, after.timestamp);
    resource_bench_assert_zero(self, step->data, LEADER_RECORD_SIZE);
}

static void on_write(MachineSpy *spy, const MachineStep *step, const MachineInput *input)
{
    ResourceBench *self = spy->user_data;
    const ResourceLease *lease = &self->me.lease;
    LeaderRecord leader = resource_bench_seen_leader(self);
    Layout layout;

    g_assert_cmpuint(input->now_us, <, input->valid_until_us);
    g_assert_cmpuint(step->start_by_us, <=, input->valid_until_us);
    g_assert_cmpint(
        resource_record_check(&leader, WORLD_LOCKSPACE, WORLD_RESOURCE, lease->host_id, &layout),
        ==, RECORD_OK);
    g_assert_true(layout_equal(&layout, &lease->layout));

    uint64_t host_id = resource_bench_written_host(self, step);
    if (host_id == 0) {
        self->n_leaders++;
        check_commit(self, step);
    } else if (host_id == lease->host_id) {
        self->n_ballots++;
        check_ballot_write(self, step);
    } else {
        /* Only after we were committed, and over what was just seen to be a shared hold. */
        ModeRecord mode = mode_of(self, spy->seen[TARGET_RESOURCE], host_id);
        g_assert_true((mode.flags & MODE_FLAG_SHARED) != 0 && mode.generation != 0);
        g_assert_false(
            shared_holder_may_live(&self->world->views[host_id], host_id, mode.generation));
        g_assert_cmpuint(self->n_ballots, >=, 2);
        resource_bench_assert_zero(self, step->data, 0);
        self->n_zeroed++;
    }
}

/* Nothing but us wrote: so the areas as they were at first say whether anybody was in the way. */
static void assert_nobody_in_the_way(const ResourceBench *self, const Options *options)
{
    const ResourceLease *lease = &self->me.lease;
    LeaderRecord first, host_lease;

    leader_record_decode(&first, self->before);
    for (uint64_t id = 1; id <= lease->layout.max_hosts; id++) {
        ModeRecord mode = mode_of(self, self->before, id);
        if (id != lease->host_id && (mode.flags & MODE_FLAG_SHARED) != 0)
            g_assert_false(shared_holder_may_live(&self->world->views[id], id, mode.generation));
    }
    if (first.timestamp == 0)
        return;
    /* Ourselves, but not a later incarnation: that is somebody else. */
    if (first.owner_id == lease->host_id && first.owner_generation <= lease->generation)
        return;
    BallotRecord ballot = ballot_of(self, self->before, first.owner_id);
    if (first.write_id != first.owner_id && ballot_shows_let_go(&ballot, first.version_of_lease))
        return;
    host_lease = world_host_lease(self->world, first.owner_id);
    g_assert_cmpint(host_lease_record_check(&host_lease, WORLD_LOCKSPACE, NULL), ==, RECORD_OK);
    if (host_lease.timestamp == 0 || (host_lease.owner_id == first.owner_id &&
                                      host_lease.owner_generation > first.owner_generation))
        return;
    /* Then it was dead: known to be, or it was silent before our eyes for long enough. */
    g_assert_true(options->evidence == BENCH_ALL_DEAD || options->evidence == BENCH_ALL_FAILING ||
                  self->me.host.now_us >
                      WORLD_START_US + timing_free(WORLD_IO_TIMEOUT) - 2 * USEC_PER_SECOND);
}

static void check_end(const ResourceBench *self, const MachineStep *step, const Options *options)
{
    const ResourceLease *lease = &self->me.lease;
    LeaderRecord leader = world_leader(self->world), first;

    leader_record_decode(&first, self->before);
    g_assert_cmpint(lease->held, ==, step->kind == STEP_DONE);
    if (step->kind == STEP_DONE) {
        g_assert_cmpuint(lease->host_id, <=, lease->layout.max_hosts);
        g_assert_cmpuint(lease->leader.owner_id, ==, lease->host_id);
        g_assert_cmpuint(lease->leader.owner_generation, ==, lease->generation);
        g_assert_cmpuint(lease->leader.timestamp, !=, 0);
        g_assert_false(lease->may_be_owner);
        g_assert_cmpuint(self->n_ballots, >=, 2);
    } else {
        g_assert_cmpstr(lease_fault_name(step->fault.kind), !=, "unknown");
        g_assert_cmpint(step->fault.kind, !=, LEASE_OK);
    }
    if (self->n_late != 0)
        return;
    if (step->kind == STEP_DONE) {
        g_assert_true(leader_record_equal(&leader, &lease->leader));
        g_assert_cmpuint(leader.version_of_lease, >, first.version_of_lease);
        if (options->required_version != 0)
            g_assert_cmpuint(first.version_of_lease, ==, options->required_version);
        assert_nobody_in_the_way(self, options);
    } else if (!lease->may_be_owner && leader.timestamp != 0 && leader.owner_id == lease->host_id &&
               leader.write_id == lease->host_id && leader.owner_generation == lease->generation) {
        /* It names us by our own hand, and nobody will release it: then it did so before. */
        g_assert_true(leader_record_equal(&leader, &first));
    }
    if (self->spy.n_writes == 0)
        g_assert_cmpmem(self->world->resource.bytes, self->world->resource.size, self->before,
                        self->world->resource.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes input = { data, size };
    ResourceBench bench;
    unsigned sizes = (unsigned)fuzz_number(&input, 1);
    uint64_t host_id = fuzz_number(&input, 1);
    uint64_t generation = fuzz_number(&input, 1);
    unsigned how = (unsigned)fuzz_number(&input, 1);
    uint64_t valid = fuzz_number(&input, 1);
    Options options = { .patient = how & 1,
                        .required_version = fuzz_number(&input, 1),
                        .evidence = (BenchEvidence)(how >> 2 & 3) };

    resource_bench_begin(&bench, sizes, host_id == 0 ? 3 : 1 + host_id % (BENCH_HOSTS + 1),
                         generation != 0 ? generation : 4, options.evidence);
    bench.me.host.share_reads = (how & 2) == 0; /* copies of whole areas take time */
    if (valid != 0)
        bench.me.host.valid_until_us = WORLD_START_US + valid * USEC_PER_SECOND;
    area_plan_trouble(&input, &bench.me.host);
    resource_bench_patch(&bench, &input);

    bench.spy.on_write = on_write;
    resource_acquire_init(&bench.me.acquire, &bench.me.lease, options.patient,
                          options.required_version);
    machine_spy_attach(&bench.spy, &bench.me.acquire, (MachineResume)resource_acquire_resume);
    MachineStep step = memory_host_run_until(&bench.me.host, &bench.spy, machine_spy_resume,
                                             WORLD_START_US + STOP_AFTER_US);
    check_end(&bench, &step, &options);
    resource_bench_release(&bench);
    resource_bench_end(&bench);
    return 0;
}
