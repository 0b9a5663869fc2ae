/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host that stood still with its clock, as the clocks of others show it; and all that must not
 * be taken for that: hosts that are silent, late, boot, join, lie once, or differ in speed.
 */
#include <string.h>

#include "lease/host-lease-renew.h"
#include "lease/lease-timing.h"
#include "support/memory-lockspace.h"

#define SECOND USEC_PER_SECOND
#define T0 (1000 * SECOND)
#define OWN 1
#define N 10
#define INTERVAL (2 * N * SECOND)
#define PEERS 5

typedef struct Peer {
    bool there;
    uint64_t generation;
    int64_t ahead_us;   /* its clock, and ours before we stood still */
    uint64_t silent_us; /* since its last renewal, by the time of the read */
} Peer;

typedef struct World {
    MemoryLockspace space;
    FrozenPeer *slots;
    FrozenWatch watch;
    uint64_t now_us;    /* our clock */
    uint64_t frozen_us; /* it has lost so much */
    uint64_t last_renewal_us;
    Peer peers[PEERS + 2]; /* by host id, from 2 on */
} World;

static void setup(World *self, gconstpointer data)
{
    *self = (World){ .now_us = T0 };
    memory_lockspace_init(&self->space, 512, 0, N);
    self->slots = g_new0(FrozenPeer, self->space.layout.max_hosts);
    frozen_watch_init(&self->watch, self->slots, &self->space.layout, OWN, N);
    for (unsigned i = 2; i < PEERS + 2; i++)
        self->peers[i] =
            (Peer){ .generation = 1, .ahead_us = (int64_t)(i * 3700 * SECOND + i * 123457) };
}

static void teardown(World *self, gconstpointer data)
{
    g_free(self->slots);
    memory_lockspace_clear(&self->space);
}

static void put_peer(World *self, unsigned host_id)
{
    const Peer *peer = &self->peers[host_id];
    uint64_t clock_us =
        (uint64_t)((int64_t)(self->now_us + self->frozen_us - peer->silent_us) + peer->ahead_us);
    memory_lockspace_put(&self->space, host_id,
                         memory_lockspace_held(&self->space, host_id, "peer", peer->generation,
                                               clock_us / SECOND, N));
}

/* One renewal: everybody who is there renewed `silent_us` before our read, which takes 10 ms. */
static FrozenVerdict renew(World *self, uint64_t wait_us)
{
    self->now_us += wait_us;
    for (unsigned i = 2; i < PEERS + 2; i++) {
        if (self->peers[i].there)
            put_peer(self, i);
    }
    uint64_t started_us = self->now_us;
    self->now_us += 10000;
    FrozenVerdict verdict = frozen_watch_observe(
        &self->watch, self->space.disk.bytes + self->space.offset, self->space.layout.align_size,
        MEMORY_LOCKSPACE_NAME, started_us, self->now_us, self->last_renewal_us);
    if (verdict != FROZEN_YES)
        self->last_renewal_us = self->now_us;
    return verdict;
}

static void renew_quietly(World *self, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_NO);
}

static void with_peers(World *self, unsigned n)
{
    for (unsigned i = 2; i < n + 2; i++)
        self->peers[i] = (Peer){ .there = true,
                                 .generation = 1,
                                 .ahead_us = self->peers[i].ahead_us,
                                 .silent_us = i * 3 * SECOND };
}

static void freeze(World *self, uint64_t seconds)
{
    self->frozen_us += seconds * SECOND;
}

/* Found */

static void test_two_peers_at_once(World *self, gconstpointer data)
{
    with_peers(self, 2);
    renew_quietly(self, 6);
    freeze(self, 200);
    g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_YES);
    g_assert_cmpuint(self->watch.standstill_us, <=, 200 * SECOND);
    g_assert_cmpuint(self->watch.standstill_us, >, 140 * SECOND);
    g_assert_cmpuint(self->watch.unheard_of_us, >, 160 * SECOND);
    g_assert_cmpint(renew(self, SECOND), ==, FROZEN_YES);
}

static void test_one_peer_sustained(World *self, gconstpointer data)
{
    with_peers(self, 1);
    renew_quietly(self, 6);
    freeze(self, 200);
    g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_SUSPECTED);
    /* Nothing new from it: nothing new to say. */
    self->peers[2].silent_us += SECOND;
    g_assert_cmpint(renew(self, SECOND), ==, FROZEN_SUSPECTED);
    self->peers[2].silent_us = SECOND;
    g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_YES);
}

/* The shortest that is surely found, and one that nobody has noticed yet. */
static void test_how_long(World *self, gconstpointer data)
{
    with_peers(self, 3);
    renew_quietly(self, 6);
    freeze(self, 30);
    g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_NO);
    renew_quietly(self, 6);
    freeze(self, 8 * N + 3 * N);
    g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_YES);
}

/* Several short ones between two of our renewals are as bad as one long. Between renewals that
 * others saw they are not. */
static void test_renewed_between(World *self, gconstpointer data)
{
    with_peers(self, 2);
    renew_quietly(self, 6);
    for (unsigned i = 0; i < 20; i++) {
        freeze(self, 45);
        g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_NO);
    }
}

/* Two that one hypervisor stopped agree with each other; the third one accuses. */
static void test_frozen_together(World *self, gconstpointer data)
{
    with_peers(self, 3);
    renew_quietly(self, 6);
    freeze(self, 200);
    self->peers[2].ahead_us -= 200 * (int64_t)SECOND;
    g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_YES);

    /* One against one: undecided, for as long as it takes. */
    with_peers(self, 2);
    self->peers[4].there = false;
    frozen_watch_init(&self->watch, memset(self->slots, 0, 10 * sizeof *self->slots),
                      &self->space.layout, OWN, N);
    renew_quietly(self, 6);
    freeze(self, 200);
    self->peers[2].ahead_us -= 200 * (int64_t)SECOND;
    for (unsigned i = 0; i < 7; i++)
        g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_SUSPECTED);
    renew_quietly(self, 10);
}

/* Not found */

static void test_nobody_there(World *self, gconstpointer data)
{
    renew_quietly(self, 3);
    freeze(self, 500);
    renew_quietly(self, 3);
    /* Who comes while we stand still has no history here. */
    freeze(self, 500);
    with_peers(self, 3);
    renew_quietly(self, 3);
}

static void test_silent_peers(World *self, gconstpointer data)
{
    with_peers(self, 3);
    renew_quietly(self, 6);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 30; i++) { /* their renewals hang */
            for (unsigned p = 2; p < 5; p++)
                self->peers[p].silent_us += INTERVAL + 10000;
            g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_NO);
        }
        for (unsigned p = 2; p < 5; p++)
            self->peers[p].silent_us = SECOND;
        renew_quietly(self, 5);
    }
}

/* Our own reads fail, or this host stands still and its clock does not. */
static void test_own_gap(World *self, gconstpointer data)
{
    with_peers(self, 3);
    renew_quietly(self, 6);
    self->last_renewal_us += 3600 * SECOND;
    g_assert_cmpint(renew(self, 3600 * SECOND), ==, FROZEN_NO);
    renew_quietly(self, 4);
}

static void test_reboot_and_join(World *self, gconstpointer data)
{
    with_peers(self, 2);
    renew_quietly(self, 6);
    self->peers[2].ahead_us = -(int64_t)(900 * SECOND); /* boots: its clock begins at 0 */
    self->peers[2].generation++;
    self->peers[3].generation++; /* joins again, after its clock was set forward */
    self->peers[3].ahead_us += 7200 * (int64_t)SECOND;
    renew_quietly(self, 6);
    self->peers[2].ahead_us -= 50 * (int64_t)SECOND; /* goes back in one incarnation */
    renew_quietly(self, 1);
    self->peers[2].ahead_us += 500 * (int64_t)SECOND; /* and forward, before it counts again */
    renew_quietly(self, 6);
}

/* Clocks that run apart as fast as the worst ones do, for days. */
static void test_drift(World *self, gconstpointer data)
{
    with_peers(self, 3);
    for (unsigned i = 0; i < 20000; i++) {
        self->peers[2].ahead_us += 8000; /* 400 ppm of an interval */
        self->peers[3].ahead_us -= 8000;
        g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_NO);
    }
    freeze(self, 150);
    g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_YES);
}

/* Every write of a host's takes half a minute, and then none does any more. */
static void test_slow_writes(World *self, gconstpointer data)
{
    with_peers(self, 2);
    self->peers[2].silent_us = self->peers[3].silent_us = 35 * SECOND;
    renew_quietly(self, 20);
    self->peers[2].silent_us = self->peers[3].silent_us = 0;
    renew_quietly(self, 5);
}

/* Lies */

static void test_jump_not_sustained(World *self, gconstpointer data)
{
    with_peers(self, 3);
    renew_quietly(self, 6);
    /* One wrong stamp, and then the right ones again. */
    self->peers[2].ahead_us += 5000 * (int64_t)SECOND;
    g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_SUSPECTED);
    self->peers[2].ahead_us -= 5000 * (int64_t)SECOND;
    for (unsigned i = 0; i < 7; i++)
        g_assert_cmpint(renew(self, INTERVAL), !=, FROZEN_YES);
    renew_quietly(self, 3);
}

/* A clock that was set forward, or a host that lies well: all others deny it. */
static void test_one_liar(World *self, gconstpointer data)
{
    with_peers(self, 3);
    renew_quietly(self, 6);
    for (unsigned round = 0; round < 5; round++) {
        self->peers[2].ahead_us += 5000 * (int64_t)SECOND;
        for (unsigned i = 0; i < 4; i++)
            g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_SUSPECTED);
    }
    for (unsigned i = 0; i < 7; i++)
        g_assert_cmpint(renew(self, INTERVAL), !=, FROZEN_YES);
    renew_quietly(self, 3);
    /* Nor does a liar make us deaf. */
    freeze(self, 200);
    g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_YES);
}

static void test_damaged(World *self, gconstpointer data)
{
    with_peers(self, 2);
    renew_quietly(self, 6);
    freeze(self, 500);
    self->now_us += INTERVAL;
    for (unsigned i = 2; i < 4; i++) {
        put_peer(self, i);
        memory_lockspace_sector(&self->space, i)[60] ^= 1; /* the checksum finds it */
    }
    self->peers[2].there = self->peers[3].there = false;
    g_assert_cmpint(renew(self, 0), ==, FROZEN_NO);

    /* Another host's record in its place, and stamps that no clock shows. */
    LeaderRecord record =
        memory_lockspace_held(&self->space, 3, "peer", 1, (self->now_us / SECOND) * 9, N);
    memory_lockspace_put(&self->space, 2, record);
    g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_NO);
    for (unsigned i = 0; i < 4; i++) {
        static const uint64_t stamps[] = { UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 41,
                                           UINT64_MAX / 1000000 };
        for (unsigned p = 2; p < 4; p++)
            memory_lockspace_put(&self->space, p,
                                 memory_lockspace_held(&self->space, p, "peer", 1, stamps[i], N));
        g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_NO);
    }
}

/* Reads that are none, or late. */
static void test_odd_reads(World *self, gconstpointer data)
{
    with_peers(self, 2);
    renew_quietly(self, 6);
    freeze(self, 500);
    for (unsigned i = 2; i < 4; i++)
        put_peer(self, i);
    const uint8_t *area = self->space.disk.bytes + self->space.offset;
    uint32_t size = self->space.layout.align_size;
    uint64_t now_us = self->now_us;
    g_assert_cmpint(frozen_watch_observe(&self->watch, area, size - 512, MEMORY_LOCKSPACE_NAME,
                                         now_us, now_us + 1, self->last_renewal_us),
                    ==, FROZEN_NO);
    g_assert_cmpint(frozen_watch_observe(&self->watch, area, size, MEMORY_LOCKSPACE_NAME,
                                         now_us - INTERVAL, now_us, self->last_renewal_us),
                    ==, FROZEN_NO);
    g_assert_cmpint(frozen_watch_observe(&self->watch, area, size, MEMORY_LOCKSPACE_NAME, now_us,
                                         UINT64_MAX, self->last_renewal_us),
                    ==, FROZEN_NO);
    g_assert_cmpint(frozen_watch_observe(&self->watch, area, size, "other", now_us, now_us + 1,
                                         self->last_renewal_us),
                    ==, FROZEN_NO);
    g_assert_cmpint(renew(self, INTERVAL), ==, FROZEN_YES);
}

/* The renewal that finds out is not written, and none after it: nobody is to hear of us. */
static void test_renewal(World *self, gconstpointer data)
{
    HostLease lease;
    HostLeaseRenew machine;
    MemoryHost host;
    memory_lockspace_hold(&self->space, OWN, &lease, T0);
    with_peers(self, 2);
    renew_quietly(self, 6);
    freeze(self, 200);
    put_peer(self, 2);
    put_peer(self, 3);
    memory_host_init(&host, &self->space.disk, NULL, self->now_us + INTERVAL);
    lease.watch = &self->watch;
    lease.last_renewal_us = self->last_renewal_us;
    memory_lockspace_remember(&self->space);
    host_lease_renew_init(&machine, &lease, NULL);
    MachineStep step = memory_host_run(&host, &machine, (MachineResume)host_lease_renew_resume);
    memory_lockspace_assert_only_changed(&self->space, 0);
    g_assert_cmpint(step.kind, ==, STEP_FAILED);
    g_assert_cmpint(step.fault.kind, ==, LEASE_FROZEN);
    g_assert_cmpuint(step.fault.standstill_us, >, 100 * SECOND);
    g_assert_cmpuint(step.fault.unheard_of_us, >=, 8 * N * SECOND);
    g_assert_true(renew_fault_is_fatal(&step.fault));
    g_assert_true(lease.lost);
    memory_host_clear(&host);
}

int main(int argc, char *argv[])
{
    static const struct {
        const char *path;
        void (*test)(World *self, gconstpointer data);
    } tests[] = {
        { "/frozen-watch/found/two-peers-at-once", test_two_peers_at_once },
        { "/frozen-watch/found/one-peer-sustained", test_one_peer_sustained },
        { "/frozen-watch/found/how-long", test_how_long },
        { "/frozen-watch/found/frozen-together", test_frozen_together },
        { "/frozen-watch/found/renewal", test_renewal },
        { "/frozen-watch/not/renewed-between", test_renewed_between },
        { "/frozen-watch/not/nobody-there", test_nobody_there },
        { "/frozen-watch/not/silent-peers", test_silent_peers },
        { "/frozen-watch/not/own-gap", test_own_gap },
        { "/frozen-watch/not/reboot-and-join", test_reboot_and_join },
        { "/frozen-watch/not/drift", test_drift },
        { "/frozen-watch/not/slow-writes", test_slow_writes },
        { "/frozen-watch/lies/jump-not-sustained", test_jump_not_sustained },
        { "/frozen-watch/lies/one-liar", test_one_liar },
        { "/frozen-watch/lies/damaged", test_damaged },
        { "/frozen-watch/lies/odd-reads", test_odd_reads },
    };
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].path, World, NULL, setup, tests[i].test, teardown);
    return g_test_run();
}
