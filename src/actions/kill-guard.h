/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last kill, which does not depend on the main loop.
 *
 * A thread of its own (one for each way to kill) waits for the earliest of its deadlines (an
 * absolute timer on CLOCK_BOOTTIME) and sends SIGKILL to whatever is registered under a deadline
 * that has passed: again each second, until it is removed. It allocates nothing, takes no lock,
 * uses no D-Bus, writes no log, so that neither a main loop that hangs nor memory that has run out
 * nor a log that blocks can keep it from it.
 *
 * Deadlines stand in lines: a line for each lockspace, whose deadline is moved on with each good
 * renewal, and under it whoever holds leases there. A deadline that is not moved on in time is
 * kept: nobody has to notice that a lease is lost.
 *
 * There is room for KILL_GUARD_MAX_LINES lines and KILL_GUARD_MAX_ENTRIES entries, all of it taken
 * when the guard is made. All functions are for the main loop's thread; none waits for the guard's
 * (one exception: a signal that is being sent as its target is removed). Handles of what was
 * removed are never those of something else: with such a one nothing is done.
 */
#pragma once

#include <glib.h>

typedef struct KillGuard KillGuard;

/* What to kill. Descriptors are duplicated when it is added. */
typedef struct KillGuardTarget {
    int pidfd;          /* -1: none */
    pid_t pid;          /* of `pidfd` */
    gboolean tree;      /* all below `pid` too */
    int cgroup_kill_fd; /* open file cgroup.kill, to which "1" is written; -1: none */
} KillGuardTarget;

#define KILL_GUARD_TARGET_NONE ((KillGuardTarget){ .pidfd = -1, .cgroup_kill_fd = -1 })

#define KILL_GUARD_MAX_LINES 4096u
#define KILL_GUARD_MAX_ENTRIES 16384u

/* Starts it. IoError when it cannot be had. One for a process. */
KillGuard *kill_guard_new(GError **error);
/* Stops the threads and waits for them. They do not block; a write to cgroup.kill takes as long as
 * the kernel lets it wait for other changes of control groups. */
void kill_guard_free(KillGuard *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KillGuard, kill_guard_free)

/* A line without a deadline (TIME_NEVER). 0 with an error when it cannot be had (Busy: too many).
 */
guint64 kill_guard_add_line(KillGuard *self, GError **error);
/* From now on those of this line are killed at `kill_at_us` (CLOCK_BOOTTIME, TIME_NEVER: not). A
 * kill that has begun is not taken back. */
void kill_guard_set_line(KillGuard *self, guint64 line, guint64 kill_at_us);
/* With everybody in it. */
void kill_guard_remove_line(KillGuard *self, guint64 line);

/* 0 with an error when it cannot be had (Busy: too many, or no descriptors; NotFound: no such line;
 * InvalidArgument: nothing to kill, or pid 1, or the daemon itself). */
guint64 kill_guard_add(KillGuard *self, guint64 line, const KillGuardTarget *target,
                       GError **error);
/* It is cleared: from the return on it is not signalled any more (a write to cgroup.kill that has
 * begun may still take effect). What the walk through a tree has stopped by then stays stopped. */
void kill_guard_remove(KillGuard *self, guint64 entry);

/* How many entries have been sent a SIGKILL since it was made. */
guint64 kill_guard_count_kills(KillGuard *self);
