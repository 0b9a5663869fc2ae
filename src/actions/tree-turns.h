/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns at work on process trees, in the main loop: however many trees there are, the loop is held
 * up for a few milliseconds at a time, and whoever waits longest is next.
 */
#pragma once

#include <glib.h>

/* The work of one turn: some milliseconds at most. May free the turn. */
typedef void (*TreeTurnFunc)(gpointer user_data);

typedef struct TreeTurn TreeTurn;

TreeTurn *tree_turn_new(TreeTurnFunc work, gpointer user_data);
/* Also from inside its own work. NULL is ignored. */
void tree_turn_free(TreeTurn *self);

/* Stands at the end of the queue from `when_us` on (CLOCK_BOOTTIME; 0: now). Nothing more when it
 * stands there already. */
void tree_turn_request(TreeTurn *self, guint64 when_us);
