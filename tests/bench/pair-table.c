/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measurements in shared memory.
 */
#include "bench/pair-table.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* More than the fastest can do in the longest measurement; pages that are not used cost nothing. */
#define PAIRS_IN_ALL 4000000u

static void *shared(gsize size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return memory;
}

PairTable *pair_table_new(unsigned n_holders)
{
    PairTable *self = shared(sizeof *self + n_holders * sizeof self->rows[0]);
    Pair *pairs = shared(PAIRS_IN_ALL * sizeof *pairs);

    self->n_holders = n_holders;
    self->pairs_each = PAIRS_IN_ALL / n_holders;
    for (unsigned i = 0; i < n_holders; i++)
        self->rows[i].pairs = pairs + (gsize)i * self->pairs_each;
    return self;
}

void pair_table_add(PairTable *self, unsigned holder, const Pair *pair)
{
    HolderRow *row = &self->rows[holder];

    if (row->n_pairs < self->pairs_each)
        row->pairs[row->n_pairs++] = *pair;
    pair_table_waited(self, holder, pair->held_us - pair->asked_us);
}

void pair_table_waited(PairTable *self, unsigned holder, guint64 waited_us)
{
    HolderRow *row = &self->rows[holder];

    row->longest_wait_us = MAX(row->longest_wait_us, waited_us);
}

void pair_table_fail(PairTable *self, unsigned holder, const char *error)
{
    HolderRow *row = &self->rows[holder];

    if (row->failed++ == 0)
        g_strlcpy(row->first_error, error, sizeof row->first_error);
}

/* --- printing -------------------------------------------------------------------------------- */

typedef guint64 (*DurationFunc)(const Pair *pair);

static guint64 acquire_duration(const Pair *pair)
{
    return pair->held_us - pair->asked_us;
}

static guint64 release_duration(const Pair *pair)
{
    return pair->released_us - pair->held_us;
}

static gboolean in_window(const PairTable *self, const Pair *pair)
{
    return pair->asked_us >= self->begin_us && pair->released_us <= self->end_us;
}

static void print_durations(const PairTable *self, unsigned cold, gboolean want_cold,
                            const char *name, DurationFunc duration)
{
    const char *separator = "";

    printf(", \"%s\": [", name);
    for (unsigned i = 0; i < self->n_holders; i++)
        for (guint32 p = 0; p < self->rows[i].n_pairs; p++) {
            const Pair *pair = &self->rows[i].pairs[p];
            if (want_cold ? p >= cold : p < cold || !in_window(self, pair))
                continue;
            printf("%s%" G_GUINT64_FORMAT, separator, duration(pair));
            separator = ", ";
        }
    printf("]");
}

static guint32 count_failed(const PairTable *self, const char **ret_first_error)
{
    guint32 failed = 0;

    *ret_first_error = "";
    for (unsigned i = 0; i < self->n_holders; i++) {
        if (failed == 0)
            *ret_first_error = self->rows[i].first_error;
        failed += self->rows[i].failed;
    }
    return failed;
}

static void print_failures(const PairTable *self)
{
    const char *first_error;
    guint32 failed = count_failed(self, &first_error);
    g_autofree char *one_line = g_strescape(first_error, NULL);

    printf("\"failed\": %u, \"first_error\": \"%s\"", failed, one_line);
}

void pair_table_print(const PairTable *self, unsigned cold)
{
    guint64 pairs = 0, all_pairs = 0, longest_wait_us = 0;

    /* A pair counts where it ends: the rate of a window does not depend on how long pairs take. */
    for (unsigned i = 0; i < self->n_holders; i++) {
        all_pairs += self->rows[i].n_pairs;
        longest_wait_us = MAX(longest_wait_us, self->rows[i].longest_wait_us);
        for (guint32 p = 0; p < self->rows[i].n_pairs; p++) {
            guint64 ended_us = self->rows[i].pairs[p].released_us;
            pairs += ended_us >= self->begin_us && ended_us < self->end_us;
        }
    }
    printf("{");
    print_failures(self);
    printf(", \"pairs\": %" G_GUINT64_FORMAT ", \"all_pairs\": %" G_GUINT64_FORMAT
           ", \"longest_wait_us\": %" G_GUINT64_FORMAT ", \"seconds\": %.6f",
           pairs, all_pairs, longest_wait_us,
           (double)(self->end_us - self->begin_us) / G_USEC_PER_SEC);
    print_durations(self, cold, TRUE, "cold_acquire_us", acquire_duration);
    print_durations(self, cold, TRUE, "cold_release_us", release_duration);
    print_durations(self, cold, FALSE, "acquire_us", acquire_duration);
    print_durations(self, cold, FALSE, "release_us", release_duration);
    printf("}\n");
    fflush(stdout);
}

void pair_table_print_held(const PairTable *self)
{
    unsigned held = 0;

    for (unsigned i = 0; i < self->n_holders; i++)
        held += self->rows[i].held_us != 0;
    printf("{\"held\": %u, ", held);
    print_failures(self);
    printf("}\n");
    fflush(stdout);
}

void pair_table_print_signalled(const PairTable *self)
{
    printf("{\"signalled_us\": [");
    for (unsigned i = 0; i < self->n_holders; i++)
        printf("%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "", self->rows[i].signalled_us);
    printf("]}\n");
    fflush(stdout);
}
