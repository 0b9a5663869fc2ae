/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processes that hold leases. A child waits for SIGTERM, writes down when it came, and ends; it
 * ends with its parent, however that ends.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Before the first child: SIGTERM waits for holder_child_wait(). */
void holder_child_block_signals(void);
/* In the parent again, which shall obey SIGTERM. */
void holder_child_unblock_signals(void);

/* fork(); exits with a line of reason when that fails. In the child, 0: it dies with its parent. */
pid_t holder_child_fork(void);

/* In the child: makes two processes below it, and waits to be killed. */
void holder_child_be_tree(void) G_GNUC_NORETURN;

/* In a child: never returns. */
void holder_child_wait(guint64 *ret_signalled_us) G_GNUC_NORETURN;

/* In the parent: ends and reaps children, 0 for none. */
void holder_child_end(const pid_t *children, unsigned n_children);
