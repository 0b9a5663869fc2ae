/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The acquire machine, path by path: what it reads and writes, whom it believes, when it gives up.
 * We are host 3 of generation 4 in most of them. Faults of the storage: test-resource-release.c;
 * several hosts at once: test-resource-contention.c.
 */
#include <string.h>

#include "lease/lease-timing.h"
#include "support/resource-world.h"

#define US USEC_PER_SECOND

typedef struct Fixture {
    ResourceWorld world;
    WorldMember me;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    world_init(&f->world, 512, 0, 8);
    member_init(&f->me, &f->world, 3, 4);
}

static void teardown(Fixture *f, gconstpointer data)
{
    member_clear(&f->me);
    world_clear(&f->world);
}

static void assert_trace(const Fixture *f, const char *expected)
{
    g_autofree char *trace = member_trace(&f->me);
    g_assert_cmpstr(trace, ==, expected);
}

static void assert_held(Fixture *f, const MachineStep *step, uint64_t version)
{
    LeaderRecord leader = world_leader(&f->world);
    if (step->kind == STEP_FAILED)
        g_test_message("failed: %s", lease_fault_name(step->fault.kind));
    g_assert_cmpint(step->kind, ==, STEP_DONE);
    g_assert_true(f->me.lease.held);
    g_assert_false(f->me.lease.may_be_owner);
    g_assert_cmpuint(f->me.lease.leader.version_of_lease, ==, version);
    g_assert_true(leader_record_equal(&leader, &f->me.lease.leader));
    g_assert_cmpuint(leader.owner_id, ==, 3);
    g_assert_cmpuint(leader.owner_generation, ==, 4);
    g_assert_cmpuint(leader.timestamp, !=, 0);
}

static void assert_nothing_written(Fixture *f)
{
    g_assert_cmpuint(memory_host_count_writes(&f->me.host), ==, 0);
    g_assert_false(f->me.lease.may_be_owner);
}

/* B: nobody else is named */

static void test_free(Fixture *f, gconstpointer data)
{
    MachineStep step = member_acquire(&f->me);
    assert_held(f, &step, 1);
    assert_trace(f, "R0+2048 W4 R0+16 W4 R0+16 W0");
    BallotRecord ballot = world_ballot(&f->world, 3);
    LeaderRecord leader = world_leader(&f->world);
    g_assert_cmpuint(ballot.mbal, ==, 3);
    g_assert_cmpuint(ballot.bal, ==, 3);
    g_assert_cmpuint(ballot.inp, ==, 3);
    g_assert_cmpuint(ballot.inp2, ==, 4);
    g_assert_cmpuint(ballot.inp3, ==, leader.timestamp);
    g_assert_cmpuint(ballot.lver, ==, 1);
    g_assert_cmpuint(ballot.flags, ==, 0);
    g_assert_cmpint(ballot_record_check(&ballot), ==, RECORD_OK);
    g_assert_cmpuint(leader.write_id, ==, 3);
    g_assert_cmpuint(leader.write_generation, ==, 4);
    g_assert_cmpuint(leader.num_hosts, ==, 8);
    g_assert_cmpuint(leader.timestamp, ==, WORLD_START_US / US);
}

static void test_ballot_number(Fixture *f, gconstpointer data)
{
    /* Above every number there is, also of earlier versions, and ours by its remainder. */
    world_set_held(&f->world, 6, 7, 1, 7);
    LeaderRecord leader = world_leader(&f->world);
    leader.timestamp = 0;
    world_set_leader(&f->world, leader);
    world_set_ballot(&f->world, 7, (BallotRecord){ .mbal = 6007, .lver = 6 });
    world_set_ballot(&f->world, 2, (BallotRecord){ .mbal = 8000, .lver = 2 });
    MachineStep step = member_acquire(&f->me);
    assert_held(f, &step, 7);
    g_assert_cmpuint(world_ballot(&f->world, 3).mbal, ==, 10003);
}

static void test_own_earlier(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 3, GPOINTER_TO_UINT(data), 3);
    MachineStep step = member_acquire(&f->me);
    assert_held(f, &step, 6);
    g_assert_cmpuint(f->me.host.log->len, ==, 6);
}

static void test_own_newer(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 3, 5, 3);
    MachineStep step = member_acquire(&f->me);
    assert_failed(&step, LEASE_HELD);
    assert_nothing_written(f);
}

static void test_every_geometry(void)
{
    static const struct {
        uint32_t sector, align;
        const char *trace;
    } sizes[] = {
        { 512, 1, "R0+2048 W4 R0+2048 W4 R0+2048 W0" },
        { 4096, 1, "R0+256 W4 R0+256 W4 R0+256 W0" },
        { 4096, 2, "R0+512 W4 R0+512 W4 R0+512 W0" },
        { 4096, 4, "R0+1024 W4 R0+1024 W4 R0+1024 W0" },
        { 4096, 8, "R0+2048 W4 R0+2048 W4 R0+2048 W0" },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        Fixture f;
        world_init(&f.world, sizes[i].sector, sizes[i].align * MEBIBYTE, 0);
        member_init(&f.me, &f.world, 3, 4);
        MachineStep step = member_acquire(&f.me);
        assert_held(&f, &step, 1);
        assert_trace(&f, sizes[i].trace);
        for (unsigned n = 1; n <= 6; n++) {
            const MemoryLogEntry *io = memory_host_logged(&f.me.host, n);
            g_assert_cmpuint(io->timeout_us, ==, timing_io(WORLD_IO_TIMEOUT));
        }
        teardown(&f, NULL);
    }
}

static void test_required_version(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 3, 4, 3);
    resource_acquire_init(&f->me.acquire, &f->me.lease, false, 4);
    MachineStep step =
        memory_host_run(&f->me.host, &f->me.acquire, (MachineResume)resource_acquire_resume);
    assert_failed(&step, LEASE_VERSION_DIFFERS);
    g_assert_cmpuint(step.fault.version, ==, 5);
    assert_nothing_written(f);
    resource_acquire_init(&f->me.acquire, &f->me.lease, false, 5);
    step = memory_host_run(&f->me.host, &f->me.acquire, (MachineResume)resource_acquire_resume);
    assert_held(f, &step, 6);
}

/* C: another owner */

static void test_owner_left(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 2, 7, 2);
    world_set_host_lease(&f->world, 2, 7, 0);
    MachineStep step = member_acquire(&f->me);
    assert_held(f, &step, 6);
    assert_trace(f, "R0+2048 L2 R0+2048 W4 R0+16 W4 R0+16 W0");
}

static void test_owner_rejoined(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 2, 7, 2);
    world_set_live(&f->world, 2, 8);
    MachineStep step = member_acquire(&f->me);
    assert_held(f, &step, 6);
}

static void test_owner_live(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 2, 7, 2);
    world_set_live(&f->world, 2, 7);
    for (int patient = 0; patient < 2; patient++) {
        MachineStep step = member_acquire_meddled(&f->me, patient, NULL, NULL);
        assert_failed(&step, LEASE_HELD);
        g_assert_cmpuint(step.fault.host_id, ==, 2);
        g_assert_cmpuint(step.fault.generation, ==, 7);
        g_assert_cmpuint(step.fault.version, ==, 5);
        g_assert_cmpstr(step.fault.host_name, ==, "host-2");
        g_assert_cmpuint(f->me.lease.leader.owner_id, ==, 2);
        assert_nothing_written(f);
        memory_host_forget_log(&f->me.host);
    }
}

static void test_owner_failing(Fixture *f, gconstpointer data)
{
    /* Silent for longer than the fail deadline is not dead. */
    world_set_held(&f->world, 5, 2, 7, 2);
    world_set_host_lease(&f->world, 2, 7, 900);
    uint64_t live = WORLD_START_US - 50 * US;
    world_know(&f->world, 2, live, WORLD_START_US - US, true);
    MachineStep step = member_acquire(&f->me);
    assert_failed(&step, LEASE_HELD_UNCERTAIN);
    g_assert_cmpuint(step.fault.free_at_us, ==, live + timing_free(1) + 1);
    g_assert_cmpuint(step.fault.host_id, ==, 2);
    g_assert_cmpstr(step.fault.host_name, ==, "host-2");
    assert_nothing_written(f);
}

static void test_owner_unknown(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 2, 7, 2);
    world_set_host_lease(&f->world, 2, 7, 900);
    MachineStep step = member_acquire(&f->me);
    assert_failed(&step, LEASE_HELD_UNCERTAIN);
    /* Counted from the end of our own first read of its host lease. */
    g_assert_cmpuint(step.fault.free_at_us, ==,
                     memory_host_logged(&f->me.host, 2)->ended_us + timing_free(1) + 1);
    assert_nothing_written(f);
}

static void test_owner_dead(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 2, 7, 2);
    world_set_host_lease(&f->world, 2, 7, 900);
    world_know(&f->world, 2, WORLD_START_US - 69 * US, WORLD_START_US - US, true);
    MachineStep step = member_acquire(&f->me);
    assert_held(f, &step, 6);
}

static void test_owner_io_timeout(Fixture *f, gconstpointer data)
{
    /* The owner's own io timeout counts, and the longest that was seen of it; nonsense means ours.
     */
    static const struct {
        uint16_t on_disk, in_view;
        uint64_t free_seconds;
    } cases[] = { { 0, 0, 68 },   { 300, 1, 68 }, { 5, 5, 100 },
                  { 1, 20, 220 }, { 20, 1, 220 }, { 255, 255, 2100 } };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        world_set_held(&f->world, 5, 2, 7, 2);
        world_set_host_lease(&f->world, 2, 7, 900);
        LeaderRecord record = world_host_lease(&f->world, 2);
        record.io_timeout = cases[i].on_disk;
        leader_record_encode(&record, f->world.lockspace.bytes + 512);
        world_know(&f->world, 2, WORLD_START_US, WORLD_START_US, true);
        f->world.views[2].io_timeout = cases[i].in_view;
        f->me.host.now_us = WORLD_START_US + cases[i].free_seconds * US - US / 2;
        MachineStep step = member_acquire(&f->me);
        assert_failed(&step, LEASE_HELD_UNCERTAIN);
        g_assert_cmpuint(step.fault.free_at_us, ==,
                         WORLD_START_US + cases[i].free_seconds * US + 1);
    }
}

static void test_patient(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 2, 7, 2);
    world_set_host_lease(&f->world, 2, 7, 900);
    MachineStep step = member_acquire_patient(&f->me);
    assert_held(f, &step, 6);
    uint64_t first_seen = memory_host_logged(&f->me.host, 2)->ended_us;
    unsigned ballot_io = f->me.host.log->len - 4; /* phase 1 */
    const MemoryLogEntry *last = memory_host_logged(&f->me.host, ballot_io - 2);
    g_assert_cmpint(last->target, ==, TARGET_LOCKSPACE);
    g_assert_cmpuint(last->started_us - first_seen, >, timing_free(1));
    g_assert_cmpuint(last->started_us - first_seen, <, timing_free(1) + 2 * US);
}

static void slow_lockspace_reads(WorldMember *me, unsigned n_io, void *user_data)
{
    /* Reads of the owner's host lease take 0.9 s; the first one 60 times that long would not. */
    me->host.other = memory_io_slow(n_io % 2 == 1 ? 900000 : 1000);
}

static void test_slow_reads_age_nobody(Fixture *f, gconstpointer data)
{
    /* However slow: from the end of the first read to the start of the last one it must be more
     * than the free deadline. */
    world_set_held(&f->world, 5, 2, 7, 2);
    world_set_host_lease(&f->world, 2, 7, 900);
    MachineStep step = member_acquire_meddled(&f->me, true, slow_lockspace_reads, NULL);
    assert_held(f, &step, 6);
    uint64_t first_seen = 0, last_started = 0;
    for (unsigned i = 0; i < f->me.host.log->len; i++) {
        const MemoryLogEntry *io = &g_array_index(f->me.host.log, MemoryLogEntry, i);
        if (io->target != TARGET_LOCKSPACE)
            continue;
        first_seen = first_seen ? first_seen : io->ended_us;
        last_started = io->started_us;
    }
    g_assert_cmpuint(last_started - first_seen, >, timing_free(1));
}

static void renew_at_io_20(WorldMember *me, unsigned n_io, void *user_data)
{
    if (n_io == 20)
        world_set_host_lease(me->world, 2, 7, 901);
}

static void test_patient_sees_life(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 2, 7, 2);
    world_set_host_lease(&f->world, 2, 7, 900);
    MachineStep step = member_acquire_meddled(&f->me, true, renew_at_io_20, NULL);
    assert_failed(&step, LEASE_HELD);
    assert_nothing_written(f);
}

static void look_again_at_io_20(WorldMember *me, unsigned n_io, void *user_data)
{
    if (n_io == 20)
        world_know(me->world, 2, WORLD_START_US - 68 * US, me->host.now_us - US, false);
}

static void test_patient_looks_again(Fixture *f, gconstpointer data)
{
    /* What the area reads learn meanwhile is used: here, that it is silent for long already. */
    world_set_held(&f->world, 5, 2, 7, 2);
    world_set_host_lease(&f->world, 2, 7, 900);
    MachineStep step = member_acquire_meddled(&f->me, true, look_again_at_io_20, NULL);
    assert_held(f, &step, 6);
    g_assert_cmpuint(f->me.host.log->len, <, 35);
}

static void release_at_io_20(WorldMember *me, unsigned n_io, void *user_data)
{
    LeaderRecord leader = world_leader(me->world);
    if (n_io != 20)
        return;
    leader.timestamp = 0;
    world_set_leader(me->world, leader);
}

static void test_patient_sees_release(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 2, 7, 2);
    world_set_host_lease(&f->world, 2, 7, 900);
    MachineStep step = member_acquire_meddled(&f->me, true, release_at_io_20, NULL);
    assert_held(f, &step, 6);
    g_assert_cmpuint(f->me.host.log->len, <, 35);
}

static void test_misplaced_host_lease(Fixture *f, gconstpointer data)
{
    /* Names another owner: nothing that a host writes. Not free, whatever else it says. */
    for (unsigned timestamp = 0; timestamp < 2; timestamp++) {
        world_set_held(&f->world, 5, 2, 7, 2);
        world_set_host_lease(&f->world, 2, 9, timestamp);
        LeaderRecord record = world_host_lease(&f->world, 2);
        record.owner_id = 5;
        leader_record_seal(&record);
        leader_record_encode(&record, f->world.lockspace.bytes + 512);
        MachineStep step = member_acquire(&f->me);
        assert_failed(&step, LEASE_HELD_UNCERTAIN);
        assert_nothing_written(f);
    }
}

static void test_corrupt_host_lease(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 5, 2, 7, 2);
    world_set_host_lease(&f->world, 2, 7, 0);
    f->world.lockspace.bytes[512 + 160] ^= 1;
    MachineStep step = member_acquire(&f->me);
    assert_failed(&step, LEASE_BAD_RECORD);
    g_assert_cmpint(step.fault.record, ==, RECORD_BAD_CHECKSUM);
    g_assert_cmpuint(step.fault.host_id, ==, 2);
    assert_nothing_written(f);
}

static void test_released_flag(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *what;
        uint64_t write_id;
        uint32_t flags;
        BallotRecord ballot;
        bool free;
    } cases[] = {
        { "released", 6, 1, { .mbal = 2, .bal = 2, .inp = 2, .inp2 = 7, .inp3 = 1, .lver = 5 }, 1 },
        { "not set", 6, 0, { .mbal = 2, .bal = 2, .inp = 2, .inp2 = 7, .inp3 = 1, .lver = 5 }, 0 },
        { "owner wrote",
          2,
          1,
          { .mbal = 2, .bal = 2, .inp = 2, .inp2 = 7, .inp3 = 1, .lver = 5 },
          0 },
        { "taken back", 6, 1, { .mbal = 0 }, 1 },
        { "of an older version",
          6,
          1,
          { .mbal = 2, .bal = 2, .inp = 2, .inp2 = 7, .inp3 = 1, .lver = 4 },
          0 },
        { "in a later ballot", 6, 0, { .mbal = 2, .lver = 6 }, 1 },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture g;
        g_test_message("%s", cases[i].what);
        setup(&g, NULL);
        world_set_live(&g.world, 2, 7);
        world_set_held(&g.world, 5, 2, 7, cases[i].write_id);
        BallotRecord ballot = cases[i].ballot;
        ballot.flags = cases[i].flags;
        world_set_ballot(&g.world, 2, ballot);
        MachineStep step = member_acquire(&g.me);
        if (cases[i].free) {
            assert_held(&g, &step, 6);
            assert_trace(&g, "R0+2048 L2 R3 R0+2048 W4 R0+16 W4 R0+16 W0");
        } else {
            assert_failed(&step, LEASE_HELD);
            assert_nothing_written(&g);
        }
        teardown(&g, NULL);
    }
}

static void test_stray_released_flag(Fixture *f, gconstpointer data)
{
    /* A flag in a sector that its host never wrote. */
    world_set_live(&f->world, 2, 7);
    world_set_held(&f->world, 5, 2, 7, 6);
    memset(world_host_sector(&f->world, 2), 0, 512);
    world_host_sector(&f->world, 2)[52] = 1;
    MachineStep step = member_acquire(&f->me);
    assert_failed(&step, LEASE_HELD);
    assert_nothing_written(f);
}

static void test_short_hold(Fixture *f, gconstpointer data)
{
    world_set_live(&f->world, 2, 7);
    world_set_held(&f->world, 5, 2, 7, 2);
    LeaderRecord leader = world_leader(&f->world);
    leader.flags |= LEADER_FLAG_SHORT_HOLD;
    world_set_leader(&f->world, leader);
    MachineStep step = member_acquire(&f->me);
    assert_failed(&step, LEASE_HELD);
    g_assert_cmpuint(f->me.host.log->len, ==, 2 * 9);
    assert_nothing_written(f);
}

static void share_at_io_5(WorldMember *me, unsigned n_io, void *user_data)
{
    LeaderRecord leader = world_leader(me->world);
    if (n_io != 5 || leader.version_of_lease != 5)
        return;
    leader.timestamp = 0;
    leader.flags &= ~LEADER_FLAG_SHORT_HOLD;
    world_set_leader(me->world, leader);
    world_set_mode(me->world, 2, (ModeRecord){ MODE_FLAG_SHARED, 7 });
}

static void test_short_hold_becomes_shared(Fixture *f, gconstpointer data)
{
    world_set_live(&f->world, 2, 7);
    world_set_held(&f->world, 5, 2, 7, 2);
    LeaderRecord leader = world_leader(&f->world);
    leader.flags |= LEADER_FLAG_SHORT_HOLD;
    world_set_leader(&f->world, leader);
    MachineStep step = member_acquire_meddled(&f->me, false, share_at_io_5, NULL);
    assert_failed(&step, LEASE_HELD_SHARED);
    g_assert_cmpuint(step.fault.host_id, ==, 2);
    g_assert_true(f->me.lease.may_be_owner);
}

#define PATH(name, function, data)                                                                 \
    g_test_add("/resource-acquire/" name, Fixture, data, setup, function, teardown)

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    PATH("free", test_free, NULL);
    PATH("ballot-number", test_ballot_number, NULL);
    PATH("own-same-incarnation", test_own_earlier, GUINT_TO_POINTER(4));
    PATH("own-earlier-incarnation", test_own_earlier, GUINT_TO_POINTER(1));
    PATH("own-newer-incarnation", test_own_newer, NULL);
    g_test_add_func("/resource-acquire/every-geometry", test_every_geometry);
    PATH("required-version", test_required_version, NULL);
    PATH("owner-left", test_owner_left, NULL);
    PATH("owner-rejoined", test_owner_rejoined, NULL);
    PATH("owner-live", test_owner_live, NULL);
    PATH("owner-failing", test_owner_failing, NULL);
    PATH("owner-unknown", test_owner_unknown, NULL);
    PATH("owner-dead", test_owner_dead, NULL);
    PATH("owner-io-timeout", test_owner_io_timeout, NULL);
    PATH("patient", test_patient, NULL);
    PATH("slow-reads-age-nobody", test_slow_reads_age_nobody, NULL);
    PATH("patient-sees-life", test_patient_sees_life, NULL);
    PATH("patient-looks-again", test_patient_looks_again, NULL);
    PATH("patient-sees-release", test_patient_sees_release, NULL);
    PATH("misplaced-host-lease", test_misplaced_host_lease, NULL);
    PATH("corrupt-host-lease", test_corrupt_host_lease, NULL);
    PATH("released-flag", test_released_flag, NULL);
    PATH("stray-released-flag", test_stray_released_flag, NULL);
    PATH("short-hold", test_short_hold, NULL);
    PATH("short-hold-becomes-shared", test_short_hold_becomes_shared, NULL);
    return g_test_run();
}
