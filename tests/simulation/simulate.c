/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * simulate: runs seeds until one is violated, and then that one again, telling what happens.
 */
#include "simulation/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PROGRESS_US (5 * USEC_PER_SECOND)

static gint64 n_seeds = 100, first_seed = 1, one_seed = -1;
static int n_hosts, io_timeout, seconds = 300, n_events = 150;
static gboolean ignore_fences, ignore_start_by, expect_violation, quiet;
static gboolean safety_only, keep_going;

static GOptionEntry entries[] = {
    { "seeds", 0, 0, G_OPTION_ARG_INT64, &n_seeds, "How many seeds to run (100)", "N" },
    { "first", 0, 0, G_OPTION_ARG_INT64, &first_seed, "The first of them (1)", "S" },
    { "seed", 0, 0, G_OPTION_ARG_INT64, &one_seed, "Run this one only, and tell what happens",
      "S" },
    { "hosts", 0, 0, G_OPTION_ARG_INT, &n_hosts, "Hosts, 2 to 8 (by chance)", "H" },
    { "seconds", 0, 0, G_OPTION_ARG_INT, &seconds, "Simulated seconds of trouble (300)", "T" },
    { "io-timeout", 0, 0, G_OPTION_ARG_INT, &io_timeout, "Of all hosts, in seconds (by chance)",
      "N" },
    { "events", 0, 0, G_OPTION_ARG_INT, &n_events, "Lines that are told (150)", "N" },
    { "ignore-fences", 0, 0, G_OPTION_ARG_NONE, &ignore_fences,
      "A driver that starts writes while others are in flight", NULL },
    { "ignore-start-by", 0, 0, G_OPTION_ARG_NONE, &ignore_start_by,
      "A driver that starts writes however late it is", NULL },
    { "safety-only", 0, 0, G_OPTION_ARG_NONE, &safety_only,
      "Do not look whether somebody gets on when the trouble ends", NULL },
    { "keep-going", 0, 0, G_OPTION_ARG_NONE, &keep_going, "Run all seeds, whatever they show",
      NULL },
    { "expect-violation", 0, 0, G_OPTION_ARG_NONE, &expect_violation,
      "Succeed if there is a violation, and only then", NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "No progress, no timeline", NULL },
    G_OPTION_ENTRY_NULL
};

static void add_counts(SimCounts *sum, const SimCounts *one)
{
    sum->events += one->events;
    sum->ios += one->ios;
    sum->grants += one->grants;
    sum->takeovers += one->takeovers;
    sum->adopted += one->adopted;
    sum->joins += one->joins;
    sum->resets += one->resets;
    sum->watchdog_resets += one->watchdog_resets;
    sum->failures += one->failures;
    sum->late_landings += one->late_landings;
    sum->too_late += one->too_late;
    sum->sparse_reads += one->sparse_reads;
    sum->remains += one->remains;
}

/* One line that scripts add up, too: NAME VALUE pairs. */
static void print_totals(uint64_t seeds, const SimCounts *sum, double elapsed)
{
    printf("seeds %llu events %llu ios %llu grants %llu other-host %llu by-other %llu joins %llu "
           "resets %llu watchdog %llu failures %llu late-landings %llu too-late %llu sparse %llu "
           "remains %llu "
           "seconds %.1f\n",
           (unsigned long long)seeds, (unsigned long long)sum->events, (unsigned long long)sum->ios,
           (unsigned long long)sum->grants, (unsigned long long)sum->takeovers,
           (unsigned long long)sum->adopted, (unsigned long long)sum->joins,
           (unsigned long long)sum->resets, (unsigned long long)sum->watchdog_resets,
           (unsigned long long)sum->failures, (unsigned long long)sum->late_landings,
           (unsigned long long)sum->too_late, (unsigned long long)sum->sparse_reads,
           (unsigned long long)sum->remains, elapsed);
}

static void print_world(const Sim *sim)
{
    static const char *const names[N_TROUBLES] = {
        "slow",   "timeout", "error", "preempt", "pause",     "suspend", "freeze",  "crash",
        "outage", "leave",   "share", "stuck",   "strangers", "drift",   "sanlock", "corrupt",
    };
    printf("seed %llu: %u hosts, %u resources, sectors of %u bytes; trouble:",
           (unsigned long long)sim->seed, sim->n_hosts, sim->n_resources,
           sim->disk.layout.sector_size);
    for (unsigned i = 0; i < N_TROUBLES; i++) {
        if (sim->trouble[i])
            printf(" %s", names[i]);
    }
    printf("%s%s", sim->late_hosts ? " late-hosts" : "", sim->leftovers ? " leftovers" : "");
    printf("\n");
    for (unsigned i = 0; i < sim->n_hosts; i++)
        printf("  %s: host id %u, io timeout %u s%s\n", sim->hosts[i].name,
               (unsigned)sim->hosts[i].host_id, sim->hosts[i].io_timeout,
               sim->hosts[i].is_sanlock    ? ", plays sanlock"
               : sim->hosts[i].reads_whole ? ", reads whole areas"
                                           : "");
}

static bool replay(uint64_t seed, SimOptions options)
{
    Sim *sim = g_new(Sim, 1);
    options.tell = true;
    bool good = sim_run_seed(sim, seed, &options);
    print_world(sim);
    sim_print_told(sim);
    if (!good)
        printf("VIOLATION with seed %llu, %u hosts: %s\n", (unsigned long long)seed, sim->n_hosts,
               sim->violation);
    sim_clear(sim);
    g_free(sim);
    return good;
}

static bool run_one(uint64_t seed, const SimOptions *options, SimCounts *sum)
{
    Sim *sim = g_new(Sim, 1);
    bool good = sim_run_seed(sim, seed, options);
    add_counts(sum, &sim->counts);
    if (!good && (quiet || keep_going))
        printf("VIOLATION with seed %llu, %u hosts: %s\n", (unsigned long long)seed, sim->n_hosts,
               sim->violation);
    sim_clear(sim);
    g_free(sim);
    return good;
}

static bool run_all(const SimOptions *options)
{
    SimCounts sum = { 0 };
    gint64 start = g_get_monotonic_time(), shown = start;
    bool good = true;
    uint64_t done = 0;
    while ((good || keep_going) && done < (uint64_t)n_seeds) {
        uint64_t seed = (uint64_t)first_seed + done;
        bool this_good = run_one(seed, options, &sum);
        good = good && this_good;
        done++;
        gint64 now = g_get_monotonic_time();
        if (!quiet && now - shown >= (gint64)PROGRESS_US) {
            shown = now;
            fprintf(stderr, "simulate: %llu of %lld seeds, %.1f seeds/s, %llu grants\n",
                    (unsigned long long)done, (long long)n_seeds,
                    (double)done * 1e6 / (double)(now - start), (unsigned long long)sum.grants);
        }
        if (!this_good && !quiet && !keep_going)
            replay(seed, *options);
    }
    print_totals(done, &sum, (double)(g_get_monotonic_time() - start) / 1e6);
    return good;
}

int main(int argc, char *argv[])
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
        fprintf(stderr, "simulate: %s\n", error != NULL ? error->message : "too many arguments");
        return 2;
    }
    if ((n_hosts != 0 && (n_hosts < 2 || n_hosts > (int)SIM_HOSTS_MAX)) || io_timeout < 0 ||
        io_timeout > 255 || seconds < 1 || n_seeds < 1 || n_events < 1) {
        fprintf(stderr, "simulate: a number is out of range\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    SimOptions options = { .hosts = (unsigned)n_hosts,
                           .io_timeout = (unsigned)io_timeout,
                           .seconds = (unsigned)seconds,
                           .ignore_fences = ignore_fences,
                           .ignore_start_by = ignore_start_by,
                           .safety_only = safety_only,
                           .told_lines = (unsigned)n_events };
    bool good = one_seed >= 0 ? replay((uint64_t)one_seed, options) : run_all(&options);
    return good == !expect_violation ? 0 : 1;
}
