/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * File descriptors for what is new, and those that are kept for what must not fail.
 *
 * Whoever registers many processes, or acquires many leases, takes descriptors of the one table
 * that this process has. Before it is full nothing new is begun: Busy, with what to do. What is
 * kept back is for what has been promised already: to renew, to walk failure policies, to write
 * down what is held, to start another launcher.
 */
#pragma once

#include "engine/engine.h"

/* A process: its pidfd, a timer. A unit: its control group and two files there. */
#define DESCRIPTORS_OF_REGISTRATION 4u
/* Its device, queue and timer; a queue for leases, its loop and timer. */
#define DESCRIPTORS_OF_LOCKSPACE 12u
/* Its device, and the timer of who waits for it. */
#define DESCRIPTORS_OF_LEASE 2u
/* What the kill guard has of a registration, for each lockspace. */
#define DESCRIPTORS_OF_COVER 2u

/* FALSE with Busy when less than `n` are there besides those that are kept. To be asked before
 * something is begun that takes so many; what is asked for and not taken is found again by the next
 * count. The log tells once that it has come to this. */
gboolean bailiff_engine_check_descriptors(BailiffEngine *self, guint n, GError **error);
