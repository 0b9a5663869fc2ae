/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Joining a lockspace whose bytes come from the fuzzer: from the probe of its sizes to the end of
 * the join, with trouble on the way. Input: sizes, host id, io timeout, when to stop, trouble, then
 * changes (area-patch.h) to a fresh lockspace of that size.
 *
 * The promise: nothing but our own sector is ever written, and that only over a record which was
 * read as good, of this lockspace, of these sizes, and free, ours, or silent for long enough.
 */
#include <string.h>

#include "area-patch.h"
#include "lease/host-lease-join.h"
#include "lease/lease-timing.h"
#include "machine-spy.h"
#include "ondisk/area-image.h"
#include "support/memory-lockspace.h"

#define T0 (1000 * USEC_PER_SECOND)
#define OWN_NAME "me"

typedef struct World {
    MemoryLockspace space;
    uint8_t *fresh;
} World;

typedef struct Attempt {
    World *world;
    MemoryHost host;
    HostLease lease;
    HostLeaseJoin join;
    LeaderRecord watched; /* our sector as first read */
    bool watching;
    uint64_t watched_us;
    LeaderRecord proposed;
    unsigned n_proposed;
    uint64_t written_us;
} Attempt;

static World *world_of(unsigned index)
{
    static World worlds[MEMORY_N_SIZES];
    World *world = &worlds[index];

    if (world->fresh == NULL) {
        memory_lockspace_init(&world->space, memory_sizes[index].sector_size,
                              memory_sizes[index].align_size, 10);
        world->fresh = g_memdup2(world->space.disk.bytes, world->space.disk.size);
    }
    memcpy(world->space.disk.bytes, world->fresh, world->space.disk.size);
    return world;
}

static uint64_t choose_host_id(unsigned byte, const Layout *layout)
{
    switch (byte) {
    case 251:
        return layout->max_hosts;
    case 252:
        return layout->max_hosts + 1;
    case 253:
        return LAYOUT_MAX_HOSTS;
    case 254:
        return LAYOUT_MAX_HOSTS + 1;
    case 255:
        return UINT64_MAX;
    default:
        return byte;
    }
}

static uint64_t own_sector(const Attempt *self)
{
    return layout_host_lease(&self->lease.layout, self->lease.lockspace_offset,
                             self->lease.host_id);
}

static void assert_layout_legal(const Layout *layout)
{
    Layout same;
    g_assert_cmpint(layout_from_sizes(&same, layout->sector_size, layout->align_size), ==,
                    RECORD_OK);
    g_assert_true(layout_equal(&same, layout));
}

static void on_read(MachineSpy *spy, const MachineStep *step, const MachineInput *input)
{
    Attempt *self = spy->user_data;
    /* The probe of the area's head comes before the layout is known. */
    if (self->watching || self->lease.layout.sector_size == 0)
        return;
    g_assert_cmpuint(step->offset, ==, own_sector(self));
    leader_record_decode(&self->watched, input->data);
    self->watched_us = input->now_us;
    self->watching = true;
}

/* The first write, of our name over what was there. */
static void check_proposal(Attempt *self, const LeaderRecord *before, const LeaderRecord *record,
                           const MachineInput *input)
{
    uint32_t io_timeout = io_timeout_sane(self->watched.io_timeout, self->lease.io_timeout);
    bool ours = fixed_name_equal(before->name, OWN_NAME);

    g_assert_true(before->owner_id == 0 || before->owner_id == self->lease.host_id);
    if (before->timestamp != 0 && !ours) {
        g_assert_true(leader_record_equal(before, &self->watched));
        g_assert_cmpuint(input->now_us, >=, self->watched_us + timing_free(io_timeout));
    }
    g_assert_cmpuint(record->owner_generation, ==, before->owner_generation + 1);
    g_assert_cmphex(record->flags, ==, before->flags);
    g_assert_cmphex(record->version, ==, before->version);
    g_assert_cmpuint(record->io_timeout, ==, self->lease.io_timeout);
    g_assert_true(fixed_name_equal(record->name, OWN_NAME));
    self->proposed = *record;
    self->written_us = input->now_us;
    g_assert_cmpuint(++self->n_proposed, ==, 1);
}

static void on_write(MachineSpy *spy, const MachineStep *step, const MachineInput *input)
{
    Attempt *self = spy->user_data;
    LeaderRecord before, record;
    Layout layout;

    assert_layout_legal(&self->lease.layout);
    g_assert_cmpint(step->target, ==, TARGET_LOCKSPACE);
    g_assert_cmpuint(self->lease.host_id, >=, 1);
    g_assert_cmpuint(self->lease.host_id, <=, self->lease.layout.max_hosts);
    g_assert_cmpuint(step->offset, ==, own_sector(self));
    g_assert_cmpuint(step->length, ==, self->lease.layout.sector_size);

    leader_record_decode(&before, spy->seen[TARGET_LOCKSPACE] + step->offset);
    g_assert_cmpint(host_lease_record_check(&before, MEMORY_LOCKSPACE_NAME, &layout), ==,
                    RECORD_OK);
    g_assert_true(layout_equal(&layout, &self->lease.layout));

    leader_record_decode(&record, step->data);
    g_assert_cmpint(host_lease_record_check(&record, MEMORY_LOCKSPACE_NAME, &layout), ==,
                    RECORD_OK);
    g_assert_true(layout_equal(&layout, &self->lease.layout));
    g_assert_cmpuint(record.owner_id, ==, self->lease.host_id);
    if (record.timestamp != 0) {
        check_proposal(self, &before, &record, input);
        return;
    }
    /* Giving back: only what is still just as we wrote it. */
    g_assert_cmpuint(self->n_proposed, ==, 1);
    g_assert_true(leader_record_equal(&before, &self->proposed));
    g_assert_cmpuint(record.owner_generation, ==, before.owner_generation);
}

static void check_end(Attempt *self, const MachineSpy *spy, const MachineStep *step)
{
    LeaderRecord seen;

    if (step->kind != STEP_DONE) {
        g_assert_cmpint(step->fault.kind, !=, LEASE_OK);
        g_assert_cmpstr(lease_fault_name(step->fault.kind), !=, "unknown");
        g_assert_cmpuint(strnlen(step->fault.host_name, sizeof step->fault.host_name), <=,
                         FIXED_NAME_SIZE);
        return;
    }
    assert_layout_legal(&self->lease.layout);
    g_assert_cmpuint(self->n_proposed, ==, 1);
    g_assert_cmpuint(spy->n_writes, ==, 1);
    leader_record_decode(&seen, spy->seen[TARGET_LOCKSPACE] + own_sector(self));
    g_assert_true(leader_record_equal(&seen, &self->lease.last));
    g_assert_true(leader_record_equal(&seen, &self->proposed));
    g_assert_false(self->lease.lost || self->lease.write_uncertain);
    g_assert_cmpuint(self->lease.last_renewal_us, ==, self->written_us);
    uint32_t io_timeout = io_timeout_sane(self->watched.io_timeout, self->lease.io_timeout);
    g_assert_cmpuint(self->host.now_us, >=, self->written_us + timing_join_settle(io_timeout));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes input = { data, size };
    Attempt self = { .world = world_of((unsigned)fuzz_number(&input, 1) % MEMORY_N_SIZES) };
    MemoryLockspace *space = &self.world->space;
    uint64_t host_id = choose_host_id((unsigned)fuzz_number(&input, 1), &space->layout);
    uint32_t io_timeout = (uint32_t)fuzz_number(&input, 1);
    uint64_t stop = fuzz_number(&input, 1);
    HostLeaseWish wish = { MEMORY_LOCKSPACE_NAME, OWN_NAME, space->offset, host_id,
                           io_timeout != 0 ? io_timeout : 10 };
    MachineSpy spy;

    memory_host_init(&self.host, &space->disk, NULL, T0);
    area_plan_trouble(&input, &self.host);
    unsigned n_late =
        area_patch_disks(&input, &space->layout, &space->disk, space->offset, NULL, T0);
    memory_lockspace_remember(space);
    host_lease_init(&self.lease, &wish);
    host_lease_join_init(&self.join, &self.lease);
    machine_spy_init(&spy, &self.host);
    spy.on_read = on_read;
    spy.on_write = on_write;
    spy.user_data = &self;
    machine_spy_attach(&spy, &self.join, (MachineResume)host_lease_join_resume);

    MachineStep step = memory_host_run_until(&self.host, &spy, machine_spy_resume,
                                             stop == 0 ? TIME_NEVER : T0 + stop * USEC_PER_SECOND);
    check_end(&self, &spy, &step);
    area_disk_settle(&space->disk);
    if (n_late == 0 && spy.n_writes == 0)
        memory_lockspace_assert_only_changed(space, 0);

    machine_spy_clear(&spy);
    memory_host_clear(&self.host);
    return 0;
}
