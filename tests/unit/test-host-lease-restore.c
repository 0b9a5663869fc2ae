/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host lease that another process of this host held: it goes on from whatever the last write of
 * that process left, and from nothing else.
 */
#include <string.h>

#include "lease/host-lease-renew.h"
#include "lease/host-lease.h"
#include "support/memory-lockspace.h"

#define SECOND USEC_PER_SECOND
#define T0 (1000 * SECOND + 250000)
#define HOST 2
#define N 10

typedef struct Fixture {
    MemoryLockspace space;
    MemoryHost host;
    HostLease before; /* as the earlier process had it, and wrote it down */
    HostLease lease;
    HostLeaseWish wish;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    memory_lockspace_init(&f->space, 512, 0, N);
    memory_lockspace_hold(&f->space, HOST, &f->before, T0);
    memory_host_init(&f->host, &f->space.disk, NULL, T0 + 30 * SECOND);
    f->wish = (HostLeaseWish){ MEMORY_LOCKSPACE_NAME, "me", f->space.offset, HOST, N };
}

static void teardown(Fixture *f, gconstpointer data)
{
    memory_host_clear(&f->host);
    memory_lockspace_clear(&f->space);
}

static bool restore(Fixture *f)
{
    memset(&f->lease, 0x5a, sizeof f->lease);
    return host_lease_restore(&f->lease, &f->wish, &f->before.last, f->before.last_renewal_us);
}

static MachineStep renew(Fixture *f, HostLease *lease)
{
    HostLeaseRenew machine;

    host_lease_renew_init(&machine, lease, NULL);
    return memory_host_run(&f->host, &machine, (MachineResume)host_lease_renew_resume);
}

static void assert_goes_on(Fixture *f)
{
    uint64_t at_us = f->host.now_us;

    g_assert_true(restore(f));
    g_assert_cmpuint(f->lease.last_renewal_us, ==, f->before.last_renewal_us);
    g_assert_true(layout_equal(&f->lease.layout, &f->space.layout));
    g_assert_true(f->lease.write_uncertain);
    g_assert_false(f->lease.lost);
    g_assert_false(f->lease.write_overdue);
    g_assert_null(f->lease.watch);
    MachineStep step = renew(f, &f->lease);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    LeaderRecord record = memory_lockspace_record(&f->space, HOST);
    g_assert_true(leader_record_equal(&record, &f->lease.last));
    g_assert_cmpuint(record.owner_generation, ==, 4);
    g_assert_cmpuint(record.timestamp, >=, at_us / SECOND);
    g_assert_cmpuint(f->lease.last_renewal_us, >=, at_us);
    g_assert_false(f->lease.write_uncertain);
}

static void test_as_written_down(Fixture *f, gconstpointer data)
{
    assert_goes_on(f);
}

/* The earlier process renewed once more, or several times, and did not get round to writing it
 * down: its write landed, or it did not. */
static void test_cut_off_renewal(void)
{
    for (unsigned landed = 0; landed < 2; landed++)
        for (unsigned before = 0; before < 3; before++) {
            Fixture f;
            HostLease running;

            setup(&f, NULL);
            running = f.before;
            for (unsigned i = 0; i < before; i++) {
                MachineStep step = renew(&f, &running);
                g_assert_cmpint(step.kind, ==, STEP_DONE);
                f.host.now_us += N * SECOND;
            }
            HostLeaseRenew machine;
            MemoryRun run;
            f.host.io_count = 0;
            memory_host_plan(&f.host, 2, memory_io_late(landed ? 1 : TIME_NEVER, 1000));
            host_lease_renew_init(&machine, &running, NULL);
            memory_run_start(&run, &f.host, &machine, (MachineResume)host_lease_renew_resume,
                             TIME_NEVER);
            while (run.step.kind != STEP_WRITE)
                memory_run_step(&run);
            memory_run_abandon(&run);
            memory_host_reset(&f.host, TIME_NEVER);
            memory_host_unplan(&f.host);
            LeaderRecord record = memory_lockspace_record(&f.space, HOST);
            g_assert_cmpint(record.timestamp == running.last.timestamp, ==, !landed);
            f.host.now_us += N * SECOND;
            assert_goes_on(&f);
            teardown(&f, NULL);
        }
}

/* What another host, or another incarnation, wrote there meanwhile is the end of it. */
static void test_taken(Fixture *f, gconstpointer data)
{
    LeaderRecord ours = f->before.last;

    for (unsigned i = 0; i < 4; i++) {
        LeaderRecord record = ours;

        record.timestamp = i == 0 ? 0 : 1020;
        record.owner_generation += i == 1;
        if (i == 2)
            fixed_name_store(record.name, "you");
        if (i == 3)
            record.owner_id = HOST + 1;
        memory_lockspace_put(&f->space, HOST, record);
        memory_lockspace_remember(&f->space);
        g_assert_true(restore(f));
        MachineStep step = renew(f, &f->lease);
        g_assert_cmpint(step.kind, ==, STEP_FAILED);
        g_assert_true(renew_fault_is_fatal(&step.fault));
        g_assert_true(f->lease.lost);
        memory_lockspace_assert_only_changed(&f->space, 0);
    }
}

static void assert_refused(Fixture *f, LeaderRecord last)
{
    HostLease lease;

    leader_record_seal(&last);
    g_assert_false(host_lease_restore(&lease, &f->wish, &last, f->before.last_renewal_us));
}

/* No lease that is described so: nothing is gone on with. */
static void test_refused(Fixture *f, gconstpointer data)
{
    const LeaderRecord good = f->before.last;
    LeaderRecord last;

#define REFUSED(change)                                                                            \
    G_STMT_START                                                                                   \
    {                                                                                              \
        last = good;                                                                               \
        change;                                                                                    \
        assert_refused(f, last);                                                                   \
    }                                                                                              \
    G_STMT_END

    REFUSED(last.owner_id = HOST + 1);
    REFUSED(last.owner_generation = 0);
    REFUSED(last.timestamp = 0);
    REFUSED(last.timestamp++);
    REFUSED(last.io_timeout++);
    REFUSED(fixed_name_store(last.name, "you"));
    REFUSED(fixed_name_store(last.lockspace_name, "other"));
    REFUSED(last.sector_size = 511);
    REFUSED(last.magic ^= 1);
#undef REFUSED
    last = good;
    last.checksum ^= 1;
    HostLease lease;
    g_assert_false(host_lease_restore(&lease, &f->wish, &last, T0));
    g_assert_false(host_lease_restore(&lease, &f->wish, &good, T0 + SECOND));
    g_assert_false(host_lease_restore(&lease, &f->wish, &good, 0));
    f->wish.lockspace_offset++;
    g_assert_false(restore(f));
    f->wish.lockspace_offset--;
    f->wish.host_id++;
    g_assert_false(restore(f));
    f->wish.host_id--;
    f->wish.io_timeout = 2 * N;
    g_assert_false(restore(f));
    f->wish.io_timeout = N;
    g_assert_true(restore(f));
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/host-lease-restore/as-written-down", Fixture, NULL, setup, test_as_written_down,
               teardown);
    g_test_add_func("/host-lease-restore/cut-off-renewal", test_cut_off_renewal);
    g_test_add("/host-lease-restore/taken", Fixture, NULL, setup, test_taken, teardown);
    g_test_add("/host-lease-restore/refused", Fixture, NULL, setup, test_refused, teardown);
    return g_test_run();
}
