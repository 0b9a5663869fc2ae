/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Renewing when somebody else wrote our sector: found out, never written over, and lost for ever.
 */
#include <string.h>

#include "lease/host-lease-leave.h"
#include "support/renew-world.h"

static MachineStep world_renew(World *self)
{
    host_lease_renew_init(&self->renew, &self->lease, NULL);
    return memory_host_run(&self->host, &self->renew, (MachineResume)host_lease_renew_resume);
}

typedef void (*Alter)(LeaderRecord *record);

static void alter_owner(LeaderRecord *record)
{
    record->owner_id = 3;
}
static void alter_generation(LeaderRecord *record)
{
    record->owner_generation++;
    fixed_name_store(record->name, "thief");
}
static void alter_older(LeaderRecord *record)
{
    record->owner_generation--;
}
static void alter_name(LeaderRecord *record)
{
    fixed_name_store(record->name, "me2");
}
static void alter_name_behind_its_end(LeaderRecord *record)
{
    record->name[40] = 'x';
}
static void alter_timestamp(LeaderRecord *record)
{
    record->timestamp++;
}
static void alter_event(LeaderRecord *record)
{
    record->write_timestamp++;
}
static void alter_io_timeout(LeaderRecord *record)
{
    record->io_timeout++;
}
static void alter_reserved(LeaderRecord *record)
{
    record->reserved2++;
}
static void alter_free(LeaderRecord *record)
{
    record->timestamp = 0;
}
static void alter_magic(LeaderRecord *record)
{
    record->magic++;
}
static void alter_version(LeaderRecord *record)
{
    record->version += 0x10000;
}
static void alter_lockspace(LeaderRecord *record)
{
    fixed_name_store(record->lockspace_name, "LS2");
}
static void alter_sizes(LeaderRecord *record)
{
    record->sector_size = 4096;
    record->flags = 0x80;
}
static void alter_align(LeaderRecord *record)
{
    record->flags = 0x20;
}

typedef struct Altered {
    const char *name;
    Alter alter;
    LeaseFaultKind fault;     /* after a renewal that worked */
    LeaseFaultKind uncertain; /* after a write whose effect is not known */
} Altered;

static const Altered altered[] = {
    { "owner", alter_owner, LEASE_TAKEN, LEASE_TAKEN },
    { "generation", alter_generation, LEASE_TAKEN, LEASE_TAKEN },
    { "older", alter_older, LEASE_TAKEN, LEASE_TAKEN },
    { "name", alter_name, LEASE_TAKEN, LEASE_TAKEN },
    { "name behind its end", alter_name_behind_its_end, LEASE_TAKEN, LEASE_TAKEN },
    { "timestamp", alter_timestamp, LEASE_ALTERED, LEASE_OK },
    { "event", alter_event, LEASE_ALTERED, LEASE_OK },
    { "io timeout", alter_io_timeout, LEASE_ALTERED, LEASE_OK },
    { "reserved", alter_reserved, LEASE_ALTERED, LEASE_OK },
    { "free", alter_free, LEASE_ALTERED, LEASE_ALTERED },
    { "magic", alter_magic, LEASE_BAD_RECORD, LEASE_BAD_RECORD },
    { "version", alter_version, LEASE_BAD_RECORD, LEASE_BAD_RECORD },
    { "lockspace", alter_lockspace, LEASE_BAD_RECORD, LEASE_BAD_RECORD },
    { "sizes", alter_sizes, LEASE_BAD_RECORD, LEASE_BAD_RECORD },
    { "align", alter_align, LEASE_BAD_RECORD, LEASE_BAD_RECORD },
};

static void test_altered(gconstpointer data)
{
    const Altered *row = data;
    for (unsigned uncertain = 0; uncertain < 2; uncertain++) {
        World world;
        world_init(&world);
        LeaderRecord good = world_record(&world);
        LeaderRecord record = good;
        row->alter(&record);
        memory_lockspace_put(&world.space, HOST, record);
        record = world_record(&world);
        world.lease.write_uncertain = uncertain;
        memory_lockspace_remember(&world.space);
        MachineStep step = world_renew(&world);
        LeaseFaultKind fault = uncertain ? row->uncertain : row->fault;
        g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(fault));
        if (fault == LEASE_OK) {
            /* What the foreign write changed is not made ours. */
            g_assert_cmpuint(world_record(&world).io_timeout, ==, N);
            g_assert_cmpuint(world_record(&world).reserved2, ==, 0);
            world_clear(&world);
            continue;
        }
        g_assert_true(renew_fault_is_fatal(&step.fault));
        memory_lockspace_assert_only_changed(&world.space, 0);
        g_assert_cmpuint(world.lease.last_renewal_us, ==, T0);
        if (fault == LEASE_TAKEN && row->alter == alter_generation) {
            g_assert_cmpuint(step.fault.host_id, ==, HOST);
            g_assert_cmpuint(step.fault.generation, ==, 5);
            g_assert_cmpstr(step.fault.host_name, ==, "thief");
        }

        /* For ever: not even when our own bytes come back, and no leave either. */
        memory_lockspace_put(&world.space, HOST, good);
        memory_lockspace_remember(&world.space);
        step = world_renew(&world);
        g_assert_true(renew_fault_is_fatal(&step.fault));
        world.lease.last_renewal_us = world.host.now_us;
        world.lease.write_uncertain = false;
        HostLeaseLeave leave;
        host_lease_leave_init(&leave, &world.lease);
        step = memory_host_run(&world.host, &leave, (MachineResume)host_lease_leave_resume);
        g_assert_cmpint(step.fault.kind, ==, LEASE_STOPPED);
        memory_lockspace_assert_only_changed(&world.space, 0);
        world_clear(&world);
    }
}

static void test_flipped_bytes(void)
{
    World world;
    world_init(&world);
    LeaderRecord good = world_record(&world);
    uint8_t *sector = memory_lockspace_sector(&world.space, HOST);
    for (unsigned at = 0; at < LEADER_RECORD_SIZE; at++) {
        for (unsigned bit = 0; bit < 9; bit++) {
            for (unsigned uncertain = 0; uncertain < 2; uncertain++) {
                memory_lockspace_put(&world.space, HOST, good);
                sector[at] ^= bit == 8 ? 0xff : 1u << bit;
                uint8_t before[512];
                memcpy(before, sector, sizeof before);
                memory_host_clear(&world.host);
                memory_host_init(&world.host, &world.space.disk, NULL, T0 + 30 * SECOND);
                world.lease.last = good;
                world.lease.lost = false;
                world.lease.write_uncertain = uncertain;
                MachineStep step = world_renew(&world);
                if (uncertain && at >= LEADER_CHECKSUM_COVERS + 4) {
                    g_assert_cmpint(step.kind, ==, STEP_DONE);
                    continue;
                }
                g_assert_true(renew_fault_is_fatal(&step.fault));
                g_assert_cmpint(memcmp(before, sector, sizeof before), ==, 0);
            }
        }
    }
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(altered); i++) {
        g_autofree char *path = g_strdup_printf("/host-lease-renew-altered/%s", altered[i].name);
        g_test_add_data_func(path, &altered[i], test_altered);
    }
    g_test_add_func("/host-lease-renew-altered/flipped-bytes", test_flipped_bytes);
    return g_test_run();
}
