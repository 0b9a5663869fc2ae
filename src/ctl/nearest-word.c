/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/nearest-word.h"

#include <string.h>

/* Longer words are compared by this many letters only: what was typed is of any length. */
#define MAX_LETTERS 63u

guint word_distance(const char *a, const char *b)
{
    gsize n = strnlen(a, MAX_LETTERS);
    gsize m = strnlen(b, MAX_LETTERS);
    guint rows[3][MAX_LETTERS + 1];
    guint *before = rows[0], *above = rows[1], *row = rows[2];

    for (gsize j = 0; j <= m; j++)
        above[j] = (guint)j;
    for (gsize i = 1; i <= n; i++) {
        row[0] = (guint)i;
        for (gsize j = 1; j <= m; j++) {
            guint replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = MIN(replaced, MIN(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = MIN(row[j], before[j - 2] + 1);
        }
        guint *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[m];
}

const char *nearest_word(const char *typed, const char *const *words)
{
    const char *best = NULL;
    guint best_distance = G_MAXUINT;
    for (; *words; words++) {
        guint distance = word_distance(typed, *words);
        guint allowed = MAX(1u, (guint)strlen(*words) / 3);
        gboolean begins = strlen(typed) >= 2 && g_str_has_prefix(*words, typed);
        if ((distance <= allowed || begins) && distance < best_distance) {
            best = *words;
            best_distance = distance;
        }
    }
    return best;
}
