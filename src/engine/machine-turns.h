/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many machines of one worker may be at I/O on one storage at the same time.
 *
 * The time limit of an I/O counts from the moment when a machine asks for it. Of ten thousand that
 * ask at once the last would be told that the storage does not answer, though it only waited for
 * the others: so it does not ask before it has its turn. A machine that waits for a point in time
 * has none. Storages do not wait for each other.
 *
 * For the worker's thread only.
 */
#pragma once

#include "blockio/block-device.h"

/* Nearly what a queue hands to the kernel at a time: fewer leave storage idle that answers late
 * (128: 1360 acquisitions a second at 10 ms for each I/O; this: 2400), more make those that answer
 * soon wait for each other. */
#define MACHINE_TURNS_MAX 224u

typedef struct MachineTurns MachineTurns;

MachineTurns *machine_turns_new(void);
/* With nobody waiting. */
void machine_turns_free(MachineTurns *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MachineTurns, machine_turns_free)

/* TRUE: `waiter` has a turn. FALSE: it stands in line, and will be what machine_turns_give()
 * returns. */
gboolean machine_turns_take(MachineTurns *self, const BlockDevice *device, gpointer waiter);

/* For one that must not wait: it has a turn beyond the number; it may stand in line. */
void machine_turns_take_at_once(MachineTurns *self, const BlockDevice *device, gpointer waiter);

/* Gives a turn back. Returns who has it now, or NULL. */
gpointer machine_turns_give(MachineTurns *self, const BlockDevice *device);
