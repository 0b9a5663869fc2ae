/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many file descriptors this process can still open.
 *
 * GLib ends the program when it finds none for an event loop, and a loop that watches more of them
 * than the limit allows sees none of them any more. So who begins something counts first.
 */
#pragma once

#include <glib.h>

/* As many as there may be: the soft limit. */
guint64 descriptors_limit(void);

/* How many of these are free at this moment. What is open beyond the limit, which was lowered then,
 * does not count. 0 also when there is none to find it out with. Takes 0.1 µs for each that has
 * ever been open at the same time; blocks on nothing. */
guint64 descriptors_left(void);

/* The soft limit up to the hard one: that of 1024 is for programs that use select(). FALSE with
 * errno. */
gboolean descriptors_raise_limit(void);
