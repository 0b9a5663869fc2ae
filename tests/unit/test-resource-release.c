/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Release and taking back, and everything that may go wrong with one I/O of an acquire or a
 * release: whatever it is, repeating the release must end it, then another host gets the resource,
 * and nothing of ours that is still on its way may take it from that host again.
 */
#include <string.h>

#include "lease/lease-timing.h"
#include "support/resource-world.h"

#define S USEC_PER_SECOND

typedef struct Fixture {
    ResourceWorld world;
    WorldMember me, other;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    world_init(&f->world, 512, 0, 8);
    member_init(&f->me, &f->world, 3, 4);
    member_init(&f->other, &f->world, 5, 1);
}

static void teardown(Fixture *f, gconstpointer data)
{
    member_clear(&f->me);
    member_clear(&f->other);
    world_clear(&f->world);
}

static void assert_ended(Fixture *f, const MachineStep *step, const char *trace)
{
    g_autofree char *got = member_trace(&f->me);
    g_assert_cmpstr(got, ==, trace);
    g_assert_cmpint(step->kind, ==, STEP_DONE);
    g_assert_false(f->me.lease.held);
    g_assert_false(f->me.lease.may_be_owner);
}

/* Paths */

static void test_release(Fixture *f, gconstpointer data)
{
    member_acquire_ok(&f->me);
    BallotRecord before = world_ballot(&f->world, 3);
    LeaderRecord held = world_leader(&f->world);
    MachineStep step = member_release(&f->me);
    assert_ended(f, &step, "W4 R0 W0");
    BallotRecord after = world_ballot(&f->world, 3);
    before.flags = BALLOT_FLAG_RELEASED;
    g_assert_cmpmem(&before, sizeof before, &after, sizeof after);
    LeaderRecord leader = world_leader(&f->world);
    g_assert_cmpuint(leader.timestamp, ==, 0);
    g_assert_cmpuint(leader.version_of_lease, ==, held.version_of_lease);
    g_assert_cmpuint(leader.owner_id, ==, 3);
    g_assert_cmpuint(leader.write_id, ==, 3);
    g_assert_cmpint(resource_record_check(&leader, WORLD_LOCKSPACE, WORLD_RESOURCE, 3, NULL), ==,
                    RECORD_OK);
    member_acquire_ok(&f->other);
}

static void test_nothing_to_release(Fixture *f, gconstpointer data)
{
    MachineStep step = member_release(&f->me);
    assert_ended(f, &step, "");
}

static void test_written_by_other(Fixture *f, gconstpointer data)
{
    member_acquire_ok(&f->me);
    LeaderRecord leader = world_leader(&f->world);
    leader.write_id = 7;
    world_set_leader(&f->world, leader);
    MachineStep step = member_release(&f->me);
    assert_ended(f, &step, "W4 R0");
    member_acquire_ok(&f->other); /* by the flag */
}

static void test_not_ours(void)
{
    for (unsigned i = 0; i < 5; i++) {
        Fixture f;
        setup(&f, NULL);
        member_acquire_ok(&f.me);
        LeaderRecord leader = world_leader(&f.world);
        if (i == 0)
            leader.version_of_lease++;
        else if (i == 1)
            leader.owner_id = 2;
        else if (i == 2)
            leader.owner_generation++;
        else if (i == 3)
            leader.timestamp++;
        else
            leader.write_timestamp++;
        world_set_leader(&f.world, leader);
        MachineStep step = member_release(&f.me);
        assert_failed(&step, LEASE_NOT_OURS);
        g_assert_false(f.me.lease.held);
        g_assert_cmpuint(memory_host_count_writes(&f.me.host), ==, 1);
        g_assert_true(world_leader(&f.world).timestamp != 0);
        teardown(&f, NULL);
    }
}

static void test_corrupt_leader(Fixture *f, gconstpointer data)
{
    member_acquire_ok(&f->me);
    f->world.resource.bytes[40] ^= 1;
    MachineStep step = member_release(&f->me);
    assert_failed(&step, LEASE_BAD_RECORD);
    g_assert_true(f->me.lease.held);
    g_assert_cmpuint(memory_host_count_writes(&f->me.host), ==, 1);
}

static void test_expired(Fixture *f, gconstpointer data)
{
    member_acquire_ok(&f->me);
    f->me.host.valid_until_us = f->me.host.now_us;
    MachineStep step = member_release(&f->me);
    assert_failed(&step, LEASE_EXPIRED);
    g_assert_cmpuint(f->me.host.log->len, ==, 0);
    g_assert_true(f->me.lease.held);
}

static void test_done_though_seen_late(Fixture *f, gconstpointer data)
{
    member_acquire_ok(&f->me);
    memory_host_plan(&f->me.host, 3, memory_io_slow(900000));
    f->me.host.valid_until_us = f->me.host.now_us + 500000;
    MachineStep step = member_release(&f->me);
    assert_ended(f, &step, "W4 R0 W0");
}

static void test_every_write_is_bounded(void)
{
    /* start_by of all writes, that over a dead shared holder too: when the host stands still
     * between the decision and the write until its host lease is over, the write is not made. */
    unsigned writes = 0;
    for (unsigned n = 1; n <= 11; n++) {
        Fixture g;
        setup(&g, NULL);
        world_set_host_lease(&g.world, 6, 2, 0);
        world_know(&g.world, 6, WORLD_START_US, WORLD_START_US, true);
        world_set_mode(&g.world, 6, (ModeRecord){ MODE_FLAG_SHARED, 2 });
        g.me.host.valid_until_us = WORLD_START_US + 8 * S;
        memory_host_plan(&g.me.host, n, memory_io_held_up(8 * S));
        MachineStep step = member_acquire(&g.me);
        if (step.kind == STEP_DONE)
            step = member_release(&g.me);
        const MemoryLogEntry *io = memory_host_logged(&g.me.host, n);
        if (io->kind == STEP_WRITE) {
            g_assert_cmpint(io->outcome, ==, IO_TOO_LATE);
            g_assert_false(io->submitted);
            g_assert_cmpuint(io->offset, <, 9 * 512);
            writes++;
        }
        assert_failed(&step, LEASE_EXPIRED);
        teardown(&g, NULL);
    }
    g_assert_cmpuint(writes, ==, 6);
}

/* Trouble with one I/O */

static void assert_other_gets_it(Fixture *f)
{
    f->other.host.now_us = f->me.host.now_us;
    MachineStep step = member_acquire(&f->other);
    if (step.kind == STEP_FAILED && step.fault.kind == LEASE_BALLOT_LOST)
        step = member_acquire(&f->other); /* it committed what we had taken back */
    g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(LEASE_OK));
    memory_disk_advance(&f->world.resource, f->other.host.now_us + 1000 * S);
    LeaderRecord leader = world_leader(&f->world);
    g_assert_cmpuint(leader.owner_id, ==, 5);
    g_assert_true(leader_record_equal(&leader, &f->other.lease.leader));
}

/* What stands before the acquisition: 0 free, 1 our own old hold, 2 a hold of ours by another's
 * hand that we released by flag, 3 a dead shared holder. */
static void prepare(Fixture *f, unsigned scene)
{
    if (scene == 1 || scene == 2)
        world_set_held(&f->world, 5, 3, 4, scene == 1 ? 3 : 7);
    if (scene == 2) {
        BallotRecord ballot = world_ballot(&f->world, 3);
        ballot.flags = BALLOT_FLAG_RELEASED;
        world_set_ballot(&f->world, 3, ballot);
    }
    if (scene == 3) {
        world_set_host_lease(&f->world, 6, 2, 0);
        world_know(&f->world, 6, WORLD_START_US, WORLD_START_US, true);
        world_set_mode(&f->world, 6, (ModeRecord){ MODE_FLAG_SHARED, 2 });
    }
}

static void test_trouble_in_acquire(void)
{
    unsigned n_troubles, failed = 0;
    const WorldTrouble *list = world_troubles(&n_troubles);
    for (unsigned scene = 0; scene < 4; scene++) {
        for (unsigned t = 0; t < n_troubles; t++) {
            for (unsigned n = 1; n <= (scene == 3 ? 8 : 6); n++) {
                Fixture f;
                setup(&f, NULL);
                prepare(&f, scene);
                memory_host_plan(&f.me.host, n, list[t].io);
                MachineStep step = member_acquire(&f.me);
                g_test_message("scene %u, I/O %u %s: %s%s", scene, n, list[t].name,
                               lease_fault_name(step.fault.kind),
                               f.me.lease.may_be_owner ? ", may be owner" : "");
                g_assert_cmpuint(f.me.host.io_count, >=, n);
                if (step.kind == STEP_FAILED) {
                    failed++;
                    g_assert_false(f.me.lease.held);
                    g_assert_cmpint(step.fault.wrote, ==,
                                    memory_host_logged(&f.me.host, n)->kind == STEP_WRITE);
                    if (n >= 4)
                        g_assert_true(f.me.lease.may_be_owner);
                }
                member_release_until_done(&f.me);
                /* Nothing was written: the old hold of scene 1 stands. */
                if (scene != 1 || memory_host_count_writes(&f.me.host) > 0)
                    assert_other_gets_it(&f);
                teardown(&f, NULL);
            }
        }
    }
    g_assert_cmpuint(failed, >, 100);
}

static void test_trouble_in_release(void)
{
    unsigned n_troubles;
    const WorldTrouble *list = world_troubles(&n_troubles);
    for (unsigned taken_back = 0; taken_back < 2; taken_back++) {
        for (unsigned t = 0; t < n_troubles; t++) {
            for (unsigned n = 1; n <= 3; n++) {
                Fixture f;
                setup(&f, NULL);
                member_acquire_ok(&f.me);
                f.me.lease.held = !taken_back;
                f.me.lease.may_be_owner = taken_back;
                memory_host_plan(&f.me.host, n, list[t].io);
                MachineStep step = member_release(&f.me);
                if (step.kind == STEP_FAILED) {
                    g_assert_true(taken_back ? f.me.lease.may_be_owner : f.me.lease.held);
                    /* Nobody else may get in between the attempts. */
                    g_assert_cmpuint(memory_host_logged(&f.me.host, n)->number, ==, n);
                }
                member_release_until_done(&f.me);
                assert_other_gets_it(&f);
                teardown(&f, NULL);
            }
        }
    }
}

/* A new name */

static MachineStep release_renamed(WorldMember *member)
{
    resource_release_init(&member->release, &member->lease);
    resource_release_rename(&member->release, "other-name");
    return memory_host_run(&member->host, &member->release, (MachineResume)resource_release_resume);
}

static void assert_renamed(Fixture *f, uint64_t version)
{
    memory_disk_advance(&f->world.resource, f->me.host.now_us + 1000 * S);
    LeaderRecord leader = world_leader(&f->world);
    g_assert_cmpint(resource_record_check(&leader, WORLD_LOCKSPACE, "other-name", 3, NULL), ==,
                    RECORD_OK);
    g_assert_cmpuint(leader.timestamp, ==, 0);
    g_assert_cmpuint(leader.version_of_lease, ==, version);
    /* Whoever knows it by its old name cannot get it, and whoever knows the new one can. */
    MachineStep step = member_acquire(&f->other);
    assert_failed(&step, LEASE_BAD_RECORD);
    g_assert_cmpint(step.fault.record, ==, RECORD_OTHER_RESOURCE);
    g_strlcpy(f->other.lease.resource_name, "other-name", sizeof f->other.lease.resource_name);
    member_acquire_ok(&f->other);
}

static void test_rename(Fixture *f, gconstpointer data)
{
    member_acquire_ok(&f->me);
    MachineStep step = release_renamed(&f->me);
    assert_ended(f, &step, "W4 R0 W0");
    assert_renamed(f, 1);
}

static void test_rename_not_ours_to_write(Fixture *f, gconstpointer data)
{
    member_acquire_ok(&f->me);
    LeaderRecord leader = world_leader(&f->world);
    leader.write_id = 7;
    world_set_leader(&f->world, leader);
    MachineStep step = release_renamed(&f->me);
    assert_failed(&step, LEASE_NOT_RENAMED);
    g_assert_cmpuint(step.fault.host_id, ==, 7);
    g_assert_false(f->me.lease.held);
    g_assert_false(f->me.lease.may_be_owner);
    member_acquire_ok(&f->other); /* by the flag, and by the old name */
}

static void test_trouble_in_rename(void)
{
    unsigned n_troubles;
    const WorldTrouble *list = world_troubles(&n_troubles);
    for (unsigned t = 0; t < n_troubles; t++) {
        for (unsigned n = 1; n <= 3; n++) {
            Fixture f;
            setup(&f, NULL);
            member_acquire_ok(&f.me);
            memory_host_plan(&f.me.host, n, list[t].io);
            for (unsigned i = 0; f.me.lease.held; i++) {
                g_assert_cmpuint(i, <, 20);
                MachineStep step = release_renamed(&f.me);
                g_assert_true(step.kind == STEP_DONE || step.fault.kind == LEASE_IO_TIMEOUT ||
                              i == 0);
            }
            assert_renamed(&f, 1);
            teardown(&f, NULL);
        }
    }
}

static void test_write_that_never_ends(Fixture *f, gconstpointer data)
{
    /* Nothing of ours is written behind it, and what it may do stays owed. */
    memory_host_plan(&f->me.host, 6, memory_io_lost());
    MachineStep step = member_acquire(&f->me);
    assert_failed(&step, LEASE_IO_TIMEOUT);
    for (unsigned i = 0; i < 5; i++) {
        step = member_release(&f->me);
        assert_failed(&step, LEASE_IO_TIMEOUT);
        g_assert_true(f->me.lease.may_be_owner);
    }
    g_assert_cmpuint(memory_host_count_writes(&f->me.host), ==, 3);
}

/* Stop and expiry at each I/O */

static void expire_at(WorldMember *me, unsigned n_io, void *user_data)
{
    if (n_io == GPOINTER_TO_UINT(user_data))
        me->host.valid_until_us = me->host.now_us + 500; /* in the middle of that I/O */
}

static void test_expires_at_each_io(void)
{
    for (unsigned n = 1; n <= 6; n++) {
        Fixture f;
        setup(&f, NULL);
        MachineStep step = member_acquire_meddled(&f.me, false, expire_at, GUINT_TO_POINTER(n));
        assert_failed(&step, LEASE_EXPIRED);
        g_assert_false(f.me.lease.held);
        g_assert_cmpuint(f.me.host.log->len, ==, n);
        /* Also the commit itself: it is on disk, and yet not held. */
        g_assert_cmpint(f.me.lease.may_be_owner, ==, n >= 4);
        g_assert_cmpint(world_leader(&f.world).timestamp != 0, ==, n == 6);
        f.me.host.valid_until_us = TIME_NEVER;
        member_release_until_done(&f.me);
        assert_other_gets_it(&f);
        teardown(&f, NULL);
    }
}

static void test_stops_at_each_io(void)
{
    for (unsigned n = 0; n <= 6; n++) {
        Fixture f;
        setup(&f, NULL);
        resource_acquire_init(&f.me.acquire, &f.me.lease, false, 0);
        MachineStep step =
            memory_host_run_until(&f.me.host, &f.me.acquire, (MachineResume)resource_acquire_resume,
                                  WORLD_START_US + n * 1000);
        assert_failed(&step, LEASE_STOPPED);
        g_assert_cmpuint(f.me.host.log->len, ==, n);
        g_assert_cmpint(f.me.lease.may_be_owner, ==, n >= 4);
        member_release_until_done(&f.me);
        assert_other_gets_it(&f);
        teardown(&f, NULL);
    }
}

/* Bytes that nobody should have written */

static void test_each_byte_of_leader(void)
{
    for (unsigned held = 0; held < 2; held++) {
        Fixture f;
        setup(&f, NULL);
        world_set_live(&f.world, 2, 7);
        if (held)
            world_set_held(&f.world, 5, 2, 7, 2);
        uint8_t sane[512];
        memcpy(sane, f.world.resource.bytes, sizeof sane);
        for (unsigned byte = 0; byte < LEADER_RECORD_SIZE; byte++) {
            if (byte >= 172 && !held)
                continue; /* outside the checksum: nothing that a free resource depends on */
            f.world.resource.bytes[byte] ^= 0x5A;
            MachineStep step = member_acquire(&f.me);
            /* The minor version is ignored, but checked. */
            assert_failed(&step, byte < 172 ? LEASE_BAD_RECORD : LEASE_HELD);
            g_assert_cmpuint(memory_host_count_writes(&f.me.host), ==, 0);
            memcpy(f.world.resource.bytes, sane, sizeof sane);
        }
        teardown(&f, NULL);
    }
}

static void test_each_byte_of_ballot(void)
{
    for (unsigned byte = 0; byte < 52; byte++) {
        Fixture f;
        setup(&f, NULL);
        world_set_ballot(
            &f.world, 2,
            (BallotRecord){ .mbal = 2, .bal = 2, .inp = 2, .inp2 = 1, .inp3 = 9, .lver = 1 });
        world_host_sector(&f.world, 2)[byte] ^= 0x5A;
        MachineStep step = member_acquire(&f.me);
        assert_failed(&step, LEASE_BAD_RECORD);
        g_assert_cmpuint(step.fault.host_id, ==, 2);
        g_assert_cmpuint(memory_host_count_writes(&f.me.host), ==, 0);
        teardown(&f, NULL);
    }
}

static void test_other_sizes(void)
{
    static const uint32_t sizes[][2] = { { 4096, 1 }, { 4096, 8 }, { 512, 1 } };
    for (unsigned i = 0; i < 2; i++) {
        ResourceWorld world;
        WorldMember me;
        world_init(&world, sizes[i][0], sizes[i][1] * MEBIBYTE, 8);
        member_init(&me, &world, 3, 4);
        Layout own;
        g_assert_cmpint(layout_from_sizes(&own, i == 0 ? 4096 : 512, i == 0 ? 8 * MEBIBYTE : 0), ==,
                        RECORD_OK);
        me.lease.layout = own;
        if (i == 0) {
            world.resource.bytes = g_realloc(world.resource.bytes, 8 * MEBIBYTE);
            world.resource.size = 8 * MEBIBYTE;
        }
        MachineStep step = member_acquire(&me);
        assert_failed(&step, LEASE_BAD_RECORD);
        g_assert_cmpint(step.fault.record, ==,
                        i == 0 ? RECORD_BAD_ALIGN_SIZE : RECORD_BAD_SECTOR_SIZE);
        g_assert_cmpuint(memory_host_count_writes(&me.host), ==, 0);
        member_clear(&me);
        world_clear(&world);
    }
}

static uint64_t odd_number(GRand *rand)
{
    static const uint64_t odd[] = { 0,         1,    2,    3,          4,         8,
                                    9,         2000, 2001, UINT32_MAX, INT64_MAX, UINT64_MAX - 1,
                                    UINT64_MAX };
    return odd[g_rand_int_range(rand, 0, G_N_ELEMENTS(odd))];
}

static void odd_leader(LeaderRecord *leader, GRand *rand)
{
    uint64_t *fields[] = { &leader->num_hosts,        &leader->max_hosts,        &leader->owner_id,
                           &leader->owner_generation, &leader->version_of_lease, &leader->timestamp,
                           &leader->write_id };
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (g_rand_boolean(rand))
            *fields[i] = odd_number(rand);
    }
    leader->flags ^= g_rand_boolean(rand) ? 0 : 1u << g_rand_int_range(rand, 0, 32);
}

static void test_odd_records(void)
{
    /* Good checksums, any content: it ends, stays inside the area (the sanitizers look), and writes
     * nothing but our own sector, the leader, and zeroes over dead shared holders. */
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    unsigned done = 0, bad = 0, held = 0;
    for (unsigned run = 0; run < 1500; run++) {
        Fixture f;
        setup(&f, NULL);
        f.me.host.share_reads = true;
        for (unsigned host = 1; host <= 8; host++) {
            uint64_t v[6];
            for (unsigned i = 0; i < 6; i++)
                v[i] = odd_number(rand);
            if (host != 3 && g_rand_boolean(rand))
                world_set_ballot(&f.world, host,
                                 (BallotRecord){ v[0], v[1], v[2], v[3], v[4], v[5], 0,
                                                 g_rand_int_range(rand, 0, 4) });
            if (host != 3 && g_rand_int_range(rand, 0, 4) == 0)
                world_set_mode(&f.world, host, (ModeRecord){ g_rand_int(rand), v[0] });
        }
        LeaderRecord leader = world_leader(&f.world);
        if (g_rand_boolean(rand))
            odd_leader(&leader, rand);
        world_set_leader(&f.world, leader);
        MachineStep step = member_acquire(&f.me);
        for (unsigned i = 0; i < f.me.host.log->len; i++) {
            const MemoryLogEntry *io = &g_array_index(f.me.host.log, MemoryLogEntry, i);
            g_assert_cmpuint(io->offset + io->length, <=, f.world.layout.align_size);
            if (io->kind == STEP_WRITE && io->offset != 0 && io->offset != 4 * 512)
                g_assert_cmpuint(io->data[0] | io->data[8] | io->data[128], ==, 0);
        }
        done += step.kind == STEP_DONE;
        bad += step.fault.kind == LEASE_BAD_RECORD;
        held += step.fault.kind >= LEASE_HELD;
        if (step.kind == STEP_DONE || f.me.lease.may_be_owner)
            member_release(&f.me);
        teardown(&f, NULL);
    }
    g_test_message("%u done, %u bad records, %u held", done, bad, held);
    g_assert_cmpuint(MIN(done, MIN(bad, held)), >, 20);
}

#define PATH(name, function)                                                                       \
    g_test_add("/resource-release/" name, Fixture, NULL, setup, function, teardown)

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    PATH("release", test_release);
    PATH("nothing-to-release", test_nothing_to_release);
    PATH("written-by-other", test_written_by_other);
    g_test_add_func("/resource-release/not-ours", test_not_ours);
    PATH("corrupt-leader", test_corrupt_leader);
    PATH("expired", test_expired);
    PATH("done-though-seen-late", test_done_though_seen_late);
    g_test_add_func("/resource-release/every-write-is-bounded", test_every_write_is_bounded);
    g_test_add_func("/resource-release/trouble-in-acquire", test_trouble_in_acquire);
    g_test_add_func("/resource-release/trouble-in-release", test_trouble_in_release);
    PATH("rename", test_rename);
    PATH("rename-not-ours-to-write", test_rename_not_ours_to_write);
    g_test_add_func("/resource-release/trouble-in-rename", test_trouble_in_rename);
    PATH("write-that-never-ends", test_write_that_never_ends);
    g_test_add_func("/resource-release/expires-at-each-io", test_expires_at_each_io);
    g_test_add_func("/resource-release/stops-at-each-io", test_stops_at_each_io);
    g_test_add_func("/resource-release/each-byte-of-leader", test_each_byte_of_leader);
    g_test_add_func("/resource-release/each-byte-of-ballot", test_each_byte_of_ballot);
    g_test_add_func("/resource-release/other-sizes", test_other_sizes);
    g_test_add_func("/resource-release/odd-records", test_odd_records);
    return g_test_run();
}
