/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lockspace and one resource in memory; see the header.
 */
#include "support/resource-world.h"

#include <errno.h>
#include <string.h>

#include "ondisk/area-image.h"

#define S USEC_PER_SECOND

void world_init(ResourceWorld *self, uint32_t sector_size, uint32_t align_size, uint32_t num_hosts)
{
    *self = (ResourceWorld){ 0 };
    g_assert_cmpint(layout_from_sizes(&self->layout, sector_size, align_size), ==, RECORD_OK);
    memory_disk_init(&self->lockspace, self->layout.align_size);
    memory_disk_init(&self->resource, self->layout.align_size);
    lockspace_area_fill(self->lockspace.bytes, &self->layout, WORLD_LOCKSPACE, WORLD_IO_TIMEOUT);
    resource_area_fill(self->resource.bytes, &self->layout, WORLD_LOCKSPACE, WORLD_RESOURCE,
                       num_hosts);
    self->views = g_new0(HostView, WORLD_VIEWS);
    for (unsigned i = 0; i < WORLD_VIEWS; i++)
        self->views[i].host_id = i;
}

void world_clear(ResourceWorld *self)
{
    memory_disk_clear(&self->lockspace);
    memory_disk_clear(&self->resource);
    g_free(self->views);
}

LeaderRecord world_leader(const ResourceWorld *self)
{
    LeaderRecord leader;
    leader_record_decode(&leader, self->resource.bytes);
    return leader;
}

void world_set_leader(ResourceWorld *self, LeaderRecord leader)
{
    leader_record_seal(&leader);
    leader_record_encode(&leader, self->resource.bytes);
}

uint8_t *world_host_sector(ResourceWorld *self, uint64_t host_id)
{
    return self->resource.bytes + layout_host_sector(&self->layout, 0, host_id);
}

BallotRecord world_ballot(const ResourceWorld *self, uint64_t host_id)
{
    BallotRecord ballot;
    ballot_record_decode(&ballot,
                         self->resource.bytes + layout_host_sector(&self->layout, 0, host_id));
    return ballot;
}

void world_set_ballot(ResourceWorld *self, uint64_t host_id, BallotRecord ballot)
{
    ballot_record_seal(&ballot);
    ballot_record_encode(&ballot, world_host_sector(self, host_id));
}

ModeRecord world_mode(const ResourceWorld *self, uint64_t host_id)
{
    ModeRecord mode;
    mode_record_decode(&mode, self->resource.bytes + layout_host_sector(&self->layout, 0, host_id) +
                                  MODE_RECORD_OFFSET);
    return mode;
}

void world_set_mode(ResourceWorld *self, uint64_t host_id, ModeRecord mode)
{
    mode_record_encode(&mode, world_host_sector(self, host_id) + MODE_RECORD_OFFSET);
}

LeaderRecord world_host_lease(const ResourceWorld *self, uint64_t host_id)
{
    LeaderRecord record;
    leader_record_decode(&record,
                         self->lockspace.bytes + layout_host_lease(&self->layout, 0, host_id));
    return record;
}

void world_set_host_lease(ResourceWorld *self, uint64_t host_id, uint64_t generation,
                          uint64_t timestamp)
{
    char *name = g_strdup_printf("host-%" G_GUINT64_FORMAT, host_id);
    LeaderRecord record = world_host_lease(self, host_id);
    record.owner_id = host_id;
    record.owner_generation = generation;
    record.timestamp = timestamp;
    fixed_name_store(record.name, name);
    leader_record_seal(&record);
    leader_record_encode(&record,
                         self->lockspace.bytes + layout_host_lease(&self->layout, 0, host_id));
    g_free(name);
}

void world_set_held(ResourceWorld *self, uint64_t version, uint64_t owner_id, uint64_t generation,
                    uint64_t write_id)
{
    LeaderRecord leader = world_leader(self);
    leader.version_of_lease = version;
    leader.owner_id = owner_id;
    leader.owner_generation = generation;
    leader.timestamp = 500;
    leader.write_id = write_id;
    leader.write_generation = 1;
    leader.write_timestamp = 501;
    world_set_leader(self, leader);
    world_set_ballot(self, owner_id,
                     (BallotRecord){ .mbal = owner_id,
                                     .bal = owner_id,
                                     .inp = owner_id,
                                     .inp2 = generation,
                                     .inp3 = 500,
                                     .lver = version });
}

void world_know(ResourceWorld *self, uint64_t host_id, uint64_t live_us, uint64_t check_us,
                bool seen_to_change)
{
    LeaderRecord record = world_host_lease(self, host_id);
    HostView *view = &self->views[host_id];
    view->owner_id = record.owner_id;
    view->generation = record.owner_generation;
    view->timestamp = record.timestamp;
    view->io_timeout = record.io_timeout;
    fixed_name_load(view->host_name, record.name);
    view->first_check_us = seen_to_change ? MIN(live_us, WORLD_START_US / 2) : live_us;
    view->last_live_us = live_us;
    view->last_check_us = check_us;
    view->seen_to_change = seen_to_change;
}

void world_set_live(ResourceWorld *self, uint64_t host_id, uint64_t generation)
{
    world_set_host_lease(self, host_id, generation, 990);
    world_know(self, host_id, WORLD_START_US - USEC_PER_SECOND, WORLD_START_US - 500000, true);
}

static HostView world_look(uint64_t host_id, void *user_data)
{
    ResourceWorld *world = user_data;
    g_assert_cmpuint(host_id, <, WORLD_VIEWS);
    return world->views[host_id];
}

void member_init(WorldMember *self, ResourceWorld *world, uint64_t host_id, uint64_t generation)
{
    *self = (WorldMember){ .world = world };
    memory_host_init(&self->host, &world->lockspace, &world->resource, WORLD_START_US);
    self->host.look = world_look;
    self->host.look_data = world;
    ResourceWish wish = { .lockspace_name = WORLD_LOCKSPACE,
                          .resource_name = WORLD_RESOURCE,
                          .lockspace_layout = world->layout,
                          .host_id = host_id,
                          .generation = generation,
                          .io_timeout = WORLD_IO_TIMEOUT };
    resource_lease_init(&self->lease, &wish);
    world_set_live(world, host_id, generation);
}

void member_clear(WorldMember *self)
{
    memory_host_clear(&self->host);
}

MachineStep member_run_meddled(WorldMember *self, void *machine, MachineResume resume,
                               Meddle meddle, void *user_data)
{
    MemoryRun run;
    memory_run_start(&run, &self->host, machine, resume, TIME_NEVER);
    while (!run.ended) {
        if (meddle != NULL)
            meddle(self, self->host.io_count, user_data);
        memory_run_step(&run);
    }
    return run.step;
}

MachineStep member_acquire_meddled(WorldMember *self, bool patient, Meddle meddle, void *user_data)
{
    resource_acquire_init(&self->acquire, &self->lease, patient, 0);
    return member_run_meddled(self, &self->acquire, (MachineResume)resource_acquire_resume, meddle,
                              user_data);
}

MachineStep member_acquire(WorldMember *self)
{
    return member_acquire_meddled(self, false, NULL, NULL);
}

MachineStep member_acquire_patient(WorldMember *self)
{
    return member_acquire_meddled(self, true, NULL, NULL);
}

MachineStep member_release(WorldMember *self)
{
    resource_release_init(&self->release, &self->lease);
    return memory_host_run(&self->host, &self->release, (MachineResume)resource_release_resume);
}

MachineStep member_share(WorldMember *self)
{
    resource_share_init(&self->share, &self->lease, false, 0);
    return memory_host_run(&self->host, &self->share, (MachineResume)resource_share_resume);
}

MachineStep member_share_held(WorldMember *self)
{
    resource_share_of_held_init(&self->share, &self->lease);
    return memory_host_run(&self->host, &self->share, (MachineResume)resource_share_resume);
}

MachineStep member_convert(WorldMember *self)
{
    resource_convert_init(&self->convert, &self->lease);
    return memory_host_run(&self->host, &self->convert, (MachineResume)resource_convert_resume);
}

char *member_trace(const WorldMember *self)
{
    GString *text = g_string_new(NULL);
    uint32_t sector_size = self->world->layout.sector_size;
    for (unsigned i = 0; i < self->host.log->len; i++) {
        const MemoryLogEntry *entry = &g_array_index(self->host.log, MemoryLogEntry, i);
        char kind = entry->target == TARGET_LOCKSPACE ? 'L' : entry->kind == STEP_READ ? 'R' : 'W';
        uint64_t first = entry->offset / sector_size + (kind == 'L');
        g_string_append_printf(text, "%s%c%" G_GUINT64_FORMAT, i > 0 ? " " : "", kind, first);
        if (entry->length > sector_size)
            g_string_append_printf(text, "+%u", entry->length / sector_size);
    }
    return g_string_free(text, FALSE);
}

void member_tell_writes(WorldMember *self)
{
    unsigned id = (unsigned)self->lease.host_id;
    for (unsigned i = 0; i < self->host.log->len; i++) {
        MemoryLogEntry *io = &g_array_index(self->host.log, MemoryLogEntry, i);
        if (io->kind != STEP_WRITE || io->data == NULL)
            continue;
        double at = (double)io->started_us / 1e6;
        BallotRecord ballot;
        LeaderRecord leader;
        ModeRecord mode;
        ballot_record_decode(&ballot, io->data);
        leader_record_decode(&leader, io->data);
        mode_record_decode(&mode, io->data + MODE_RECORD_OFFSET);
        if (io->offset == 0)
            g_test_message("%.6f   host %u leader v%u owner %u/%u %s", at, id,
                           (unsigned)leader.version_of_lease, (unsigned)leader.owner_id,
                           (unsigned)leader.owner_generation, leader.timestamp ? "" : "free");
        else
            g_test_message("%.6f   host %u sector %u v%u mbal %u bal %u inp %u/%u flags %u mode %u",
                           at, id, (unsigned)(io->offset / 512) - 1, (unsigned)ballot.lver,
                           (unsigned)ballot.mbal, (unsigned)ballot.bal, (unsigned)ballot.inp,
                           (unsigned)ballot.inp2, ballot.flags, mode.flags);
        g_clear_pointer(&io->data, g_free);
    }
}

const WorldTrouble *world_troubles(unsigned *ret_n)
{
    static WorldTrouble list[8];
    list[0] = (WorldTrouble){ "timeout, landed before", memory_io_late(500000, 5 * S) };
    list[1] = (WorldTrouble){ "timeout, lands later", memory_io_late(4 * S, 5 * S) };
    list[2] = (WorldTrouble){ "timeout, never lands", memory_io_late(TIME_NEVER, 5 * S) };
    list[3] = (WorldTrouble){ "error, but written", memory_io_error(EIO, true) };
    list[4] = (WorldTrouble){ "error, not written", memory_io_error(EIO, false) };
    list[5] = (WorldTrouble){ "beyond the device", memory_io_short() };
    list[6] = (WorldTrouble){ "slow, but in time", memory_io_slow(999000) };
    list[7] = (WorldTrouble){ "held up", memory_io_held_up(3 * S) };
    *ret_n = G_N_ELEMENTS(list);
    return list;
}

void assert_failed(const MachineStep *step, LeaseFaultKind kind)
{
    g_assert_cmpint(step->kind, ==, STEP_FAILED);
    g_assert_cmpstr(lease_fault_name(step->fault.kind), ==, lease_fault_name(kind));
}

void assert_done(const MachineStep *step)
{
    g_assert_cmpstr(lease_fault_name(step->fault.kind), ==, lease_fault_name(LEASE_OK));
    g_assert_cmpint(step->kind, ==, STEP_DONE);
}

void member_forget_log(WorldMember *self)
{
    memory_host_forget_log(&self->host);
    self->host.io_count = 0;
}

void member_acquire_ok(WorldMember *self)
{
    MachineStep step = member_acquire(self);

    assert_done(&step);
    member_forget_log(self);
}

void member_release_until_done(WorldMember *self)
{
    for (unsigned i = 0; self->lease.held || self->lease.may_be_owner; i++) {
        g_assert_cmpuint(i, <, 20);
        MachineStep step = member_release(self);
        g_assert_true(step.kind == STEP_DONE || step.fault.kind == LEASE_IO_TIMEOUT);
    }
}
