/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was measured, in memory that the load program shares with its children: each holder writes
 * its own row, and the program prints all of them in the end.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct Pair {
    guint64 asked_us;
    guint64 held_us;
    guint64 released_us;
} Pair;

typedef struct HolderRow {
    guint64 held_us;         /* mode hold: when it had its leases; 0: it has not */
    guint64 signalled_us;    /* when SIGTERM reached it; 0: never */
    guint64 longest_wait_us; /* of any acquire, also one that was given up */
    guint32 n_pairs;
    guint32 failed; /* calls */
    char first_error[256];
    Pair *pairs;
} HolderRow;

typedef struct PairTable {
    unsigned n_holders;
    unsigned pairs_each; /* later ones are measured no more */
    guint64 begin_us;    /* of what is measured */
    guint64 end_us;
    HolderRow rows[];
} PairTable;

PairTable *pair_table_new(unsigned n_holders);
void pair_table_add(PairTable *self, unsigned holder, const Pair *pair);
void pair_table_waited(PairTable *self, unsigned holder, guint64 waited_us);
void pair_table_fail(PairTable *self, unsigned holder, const char *error);

/* JSON on standard output, one line: the durations of what began and ended in the window, and apart
 * from them those of the first `cold` pairs of each holder. */
void pair_table_print(const PairTable *self, unsigned cold);
/* {"held": N, "failed": ...}; then, at the end, {"signalled_us": [...]} with 0 for none. */
void pair_table_print_held(const PairTable *self);
void pair_table_print_signalled(const PairTable *self);
