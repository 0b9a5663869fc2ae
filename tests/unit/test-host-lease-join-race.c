/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two hosts join one host id, in every order in which their I/Os and waits can end: at most one of
 * them succeeds, or the second one so late that the first is dead by its own clock.
 */
#include "lease/host-lease-join.h"
#include "lease/lease-timing.h"
#include "support/memory-lockspace.h"

#define SECOND USEC_PER_SECOND
#define T0 (1000 * SECOND)
#define HOST 2

typedef struct Race {
    const char *holder;
    uint64_t timestamp;
    uint32_t on_disk, io_timeout[2];
    bool land_at_start;
    uint64_t held_up_us; /* host 0, before each I/O */
    unsigned runs, won[2];
} Race;

/* Plays one order: bit i of `order` says who takes step i as long as both can. Returns how many of
 * the bits were used. */
static unsigned race_play(Race *race, MemoryLockspace *space, uint32_t order)
{
    MemoryHost hosts[2];
    HostLease leases[2];
    HostLeaseJoin joins[2];
    MemoryRun runs[2];
    const char *names[2] = { "a", "b" };
    unsigned used = 0;

    space->disk.now_us = 0;
    memory_lockspace_put(
        space, HOST,
        memory_lockspace_held(space, HOST, race->holder, 3, race->timestamp, race->on_disk));
    for (unsigned i = 0; i < 2; i++) {
        HostLeaseWish wish = { MEMORY_LOCKSPACE_NAME, names[i], space->offset, HOST,
                               race->io_timeout[i] };
        memory_host_init(&hosts[i], &space->disk, NULL, T0);
        hosts[i].other = race->land_at_start ? memory_io_late(0, 1000) : memory_io_slow(1000);
        hosts[i].other.held_up_us = i == 0 ? race->held_up_us : 0;
        host_lease_init(&leases[i], &wish);
        host_lease_join_init(&joins[i], &leases[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        memory_run_start(&runs[i], &hosts[i], &joins[i], (MachineResume)host_lease_join_resume,
                         TIME_NEVER);
    while (!runs[0].ended || !runs[1].ended) {
        unsigned who = runs[0].ended;
        if (!runs[0].ended && !runs[1].ended)
            who = (order >> used++) & 1;
        memory_run_step(&runs[who]);
    }
    bool done[2] = { runs[0].step.kind == STEP_DONE, runs[1].step.kind == STEP_DONE };
    /* Nobody renews here: who comes much later may take over from a winner that is dead by then. */
    if (done[0] && done[1]) {
        unsigned first = leases[0].last_renewal_us > leases[1].last_renewal_us;
        g_assert_cmpuint(leases[!first].last_renewal_us, >=,
                         leases[first].last_renewal_us + timing_free(leases[first].io_timeout));
        g_assert_cmpuint(leases[!first].last.owner_generation, >,
                         leases[first].last.owner_generation);
    }
    race->runs++;
    for (unsigned i = 0; i < 2; i++) {
        race->won[i] += done[i];
        memory_host_clear(&hosts[i]);
    }
    return used;
}

static void test_race(gconstpointer data)
{
    Race race = *(const Race *)data;
    MemoryLockspace space;
    memory_lockspace_init(&space, 512, 0, 10);
    /* All orders, as a binary counter over the bits that the last order used: what follows a
     * decided prefix is played once. */
    uint32_t order = 0;
    for (;;) {
        unsigned used = race_play(&race, &space, order);
        g_assert_cmpuint(used, <=, 31);
        int bit = (int)used - 1;
        while (bit >= 0 && (order >> bit & 1))
            bit--;
        if (bit < 0)
            break;
        order = (order & ((1u << bit) - 1)) | 1u << bit;
    }
    g_test_message("%u orders, won %u and %u", race.runs, race.won[0], race.won[1]);
    g_assert_cmpuint(race.runs, >, 100);
    g_assert_cmpuint(race.won[0], >, 0);
    g_assert_cmpuint(race.won[1], >, 0);
    memory_lockspace_clear(&space);
}

static const Race races[] = {
    { "old", 0, 10, { 10, 10 } },
    { "old", 0, 10, { 10, 10 }, true },
    { "old", 0, 1, { 10, 10 } },
    { "old", 0, 10, { 1, 20 }, true },
    { "old", 0, 300, { 1, 20 } },
    { "old", 0, 10, { 10, 10 }, false, 9 * SECOND },
    { "old", 0, 10, { 10, 10 }, true, 9 * SECOND },
    { "third", 500, 10, { 10, 10 } },
    { "third", 500, 1, { 5, 10 }, true },
    { "a", 500, 10, { 10, 10 } },
    { "a", 500, 5, { 1, 1 }, true },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(races); i++) {
        g_autofree char *path = g_strdup_printf("/host-lease-join-race/%u", i);
        g_test_add_data_func(path, &races[i], test_race);
    }
    return g_test_run();
}
