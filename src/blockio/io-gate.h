/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One gate before all storage of this process: closed, no I/O is begun, and what is out comes to
 * its end. Then this program can execute itself anew, or end, with nothing that may land later and
 * with no thread that the kernel does not let go.
 *
 * Who waits at the gate is late by as long as it is closed; so that is a fraction of a second.
 */
#pragma once

#include <glib.h>

/* One process closes it at a time; the main loop does. */
void io_gate_close(void);
void io_gate_open(void);

/* TRUE while it is closed, and nothing is inside or out. */
gboolean io_gate_is_quiet(void);

/* Around handing I/O to the kernel, in any thread: never blocks. FALSE: it is closed, try again
 * later. */
gboolean io_gate_enter(void);
void io_gate_leave(void);

/* The same for a thread of its own that is about to make a call which may block: waits. */
void io_gate_wait_and_enter(void);
