/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sharing a resource whose area, and whose lockspace, hold whatever the fuzzer put there; making it
 * exclusive; making it shared again; giving it back. Input: sizes, what is known of the others,
 * until when our host lease is good, which I/O has trouble (counted through all of them), then
 * changes (area-patch.h) to a resource that is free.
 *
 * The promises: writes go to the leader, to our own sector, or as zeroes over a dead shared holder;
 * none is wanted when our host lease is over; as long as the lease is a shared one every write of
 * our sector says so; who is done has on disk what it says; and whatever happened can be given
 * back.
 */
#include <string.h>

#include "lease/resource-owner.h"
#include "lease/resource-step.h"
#include "resource-bench.h"

#define STOP_AFTER_US (90 * USEC_PER_SECOND)

static void check_own_write(ResourceBench *self, const MachineStep *step)
{
    const ResourceLease *lease = &self->me.lease;
    bool last = self->spy.machine == &self->me.convert && self->me.convert.state != 0;
    BallotRecord written;

    ballot_record_decode(&written, step->data);
    g_assert_cmpint(ballot_record_check(&written), ==, RECORD_OK);
    g_assert_cmpuint(written.flags & ~BALLOT_FLAG_RELEASED, ==, 0);
    g_assert_cmpint(resource_own_says_shared(lease, step->data), ==,
                    lease->mode == RESOURCE_SHARED && !last);
    /* Whoever shares has let go of the leader, and only who wants it has not. */
    if (self->spy.machine == &self->me.share && lease->mode == RESOURCE_SHARED)
        g_assert_cmpuint(written.flags, ==, BALLOT_FLAG_RELEASED);
    if (self->spy.machine == &self->me.convert)
        g_assert_cmpuint(written.flags, ==, 0);
    self->n_ballots++;
}

static void on_write(MachineSpy *spy, const MachineStep *step, const MachineInput *input)
{
    ResourceBench *self = spy->user_data;
    uint64_t host_id = resource_bench_written_host(self, step);

    g_assert_cmpuint(input->now_us, <, input->valid_until_us);
    g_assert_cmpuint(step->start_by_us, <=, input->valid_until_us);
    if (host_id == 0) {
        LeaderRecord leader;
        leader_record_decode(&leader, step->data);
        g_assert_cmpint(resource_record_check(&leader, WORLD_LOCKSPACE, WORLD_RESOURCE,
                                              self->me.lease.host_id, NULL),
                        ==, RECORD_OK);
        g_assert_cmpuint(leader.write_id, ==, self->me.lease.host_id);
        self->n_leaders++;
    } else if (host_id == self->me.lease.host_id) {
        check_own_write(self, step);
    } else {
        ModeRecord mode;
        mode_record_decode(&mode, spy->seen[TARGET_RESOURCE] +
                                      layout_host_sector(&self->world->layout, 0, host_id) +
                                      MODE_RECORD_OFFSET);
        g_assert_true(spy->machine == &self->me.convert);
        g_assert_false(
            shared_holder_may_live(&self->world->views[host_id], host_id, mode.generation));
        resource_bench_assert_zero(self, step->data, 0);
    }
}

static MachineStep run(ResourceBench *self, void *machine, MachineResume resume)
{
    self->spy.on_write = on_write;
    machine_spy_attach(&self->spy, machine, resume);
    return memory_host_run_until(&self->me.host, &self->spy, machine_spy_resume,
                                 self->me.host.now_us + STOP_AFTER_US);
}

static void check_held(ResourceBench *self, ResourceMode mode)
{
    const ResourceLease *lease = &self->me.lease;
    LeaderRecord leader = world_leader(self->world);

    g_assert_true(lease->held);
    g_assert_cmpint(lease->mode, ==, mode);
    g_assert_false(lease->may_be_owner);
    if (self->n_late != 0)
        return;
    g_assert_cmpint(resource_own_says_shared(lease, world_host_sector(self->world, lease->host_id)),
                    ==, mode == RESOURCE_SHARED);
    g_assert_cmpint(resource_leader_is_owed(lease, &leader), ==,
                    mode == RESOURCE_EXCLUSIVE && leader.write_id == lease->host_id);
}

static void use(ResourceBench *self)
{
    WorldMember *me = &self->me;

    resource_share_init(&me->share, &me->lease, false, 0);
    MachineStep step = run(self, &me->share, (MachineResume)resource_share_resume);
    g_assert_cmpint(me->lease.held, ==, step.kind == STEP_DONE);
    if (step.kind != STEP_DONE)
        return;
    check_held(self, RESOURCE_SHARED);
    resource_convert_init(&me->convert, &me->lease);
    step = run(self, &me->convert, (MachineResume)resource_convert_resume);
    if (step.kind == STEP_DONE)
        check_held(self, RESOURCE_EXCLUSIVE);
    else
        g_assert_cmpint(me->lease.held, ==, step.fault.kind != LEASE_SHARE_LOST);
    if (!me->lease.held)
        return;
    resource_share_of_held_init(&me->share, &me->lease);
    step = run(self, &me->share, (MachineResume)resource_share_resume);
    if (step.kind == STEP_DONE)
        check_held(self, RESOURCE_SHARED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes input = { data, size };
    ResourceBench bench;
    unsigned sizes = (unsigned)fuzz_number(&input, 1);
    BenchEvidence evidence = (BenchEvidence)(fuzz_number(&input, 1) & 3);
    uint64_t valid = fuzz_number(&input, 1);

    resource_bench_begin(&bench, sizes, 3, 4, evidence);
    if (valid != 0)
        bench.me.host.valid_until_us = WORLD_START_US + valid * USEC_PER_SECOND / 4;
    area_plan_trouble(&input, &bench.me.host);
    resource_bench_patch(&bench, &input);
    use(&bench);
    memory_host_unplan(&bench.me.host);
    resource_bench_release(&bench);
    resource_bench_end(&bench);
    return 0;
}
