/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The latest renewals of a lockspace, good and bad: a ring.
 */
#pragma once

#include <glib.h>

#define RENEWAL_HISTORY_SIZE 180u

typedef struct RenewalEntry {
    guint64 started_us;
    guint64 read_us; /* durations */
    guint64 write_us;
    char *detail; /* why it did not work; NULL when it did */
} RenewalEntry;

typedef struct RenewalHistory {
    RenewalEntry *entries; /* NULL until the first one */
    guint next;
    guint count;
} RenewalHistory;

/* Takes over `detail`. */
void renewal_history_add(RenewalHistory *self, guint64 started_us, guint64 read_us,
                         guint64 write_us, char *detail);
/* aa{sv}, oldest first, floating; at most `max`, 0: all. */
GVariant *renewal_history_to_variant(const RenewalHistory *self, guint max);
void renewal_history_clear(RenewalHistory *self);
