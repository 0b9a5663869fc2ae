/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command of `bailiffctl run` and all processes below it.
 *
 * This process is a child subreaper: whoever below it loses its parent becomes its child. So "no
 * children" proves that nothing below is left, and killing children, again and again, reaches
 * everything. A child that was not reaped keeps its number, so its number can be trusted.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

gboolean run_children_adopt_orphans(GError **error);

/* Starts the command with our stdin, stdout, stderr, terminal and process group. It is killed when
 * this process dies by whatever cause, for then the leases are given back. On failure the error's
 * code is the exit status: CTL_EXIT_NOT_FOUND, CTL_EXIT_NOT_EXECUTABLE, or another. */
pid_t run_children_start(char **argv, char **environment, GError **error);

/* Collects who has ended. *ret_status: the wait status of `main_pid` when it was among them, else
 * untouched. FALSE when there is no child left. */
gboolean run_children_reap(pid_t main_pid, int *ret_status);

/* SIGKILL to every child; what was below them is ours next time. */
void run_children_kill(void);

/* A signal to everything below; where the tree cannot be read, to the children. `except` (0: none)
 * is left out. Returns how many got it. */
guint run_children_signal(int number, pid_t except);
