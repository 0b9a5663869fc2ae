/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The word that somebody may have meant.
 */
#pragma once

#include <glib.h>

/* How many letters must be inserted, removed, replaced, or swapped with their neighbour to make one
 * word of the other. */
guint word_distance(const char *a, const char *b);

/* The nearest of `words` (NULL terminated), or NULL when none is near: a third of its letters may
 * differ, at least one. A word that begins with what was typed (two letters or more) is near, too.
 */
const char *nearest_word(const char *typed, const char *const *words);
