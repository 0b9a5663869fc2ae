/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a launcher that has died leaves running: none of it is to go on.
 *
 * A program of a failure policy acts on what its lease protects. When nobody knows any more what
 * has become of it, its step is over and the next one is under way, so it must not go on behind
 * that one's back. The kernel ends the first process of each program when its parent dies
 * (launcher-child.c). What that one has started, and what a set-user-id program has got rid of, is
 * not ended so: it would be process 1's from then on, and nobody's. Therefore the daemon is the
 * subreaper above its launcher: it inherits all of it, and kills it until nothing is left.
 *
 * The daemon has no other children. Those that its process had before (of a shell that has become
 * the daemon by exec) are left alone; but not when the process was a subreaper already, which the
 * daemon itself was before it executed itself anew: then they are of the launcher that it had.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct LauncherOrphans LauncherOrphans;

/* `gone` is called by the main loop when there were some and none is left. One for a process. */
LauncherOrphans *launcher_orphans_new(void (*gone)(gpointer user_data), gpointer user_data);
void launcher_orphans_free(LauncherOrphans *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LauncherOrphans, launcher_orphans_free)

/* From now on no child is left alone but `pid`: to be called when the launcher is gone (0), and
 * when there is another one. TRUE: there is nobody else; FALSE: `gone` will be called. */
gboolean launcher_orphans_kill_but(LauncherOrphans *self, pid_t pid);

/* While a launcher is being started whose number nobody knows yet, no child is touched. */
void launcher_orphans_hold(LauncherOrphans *self);

/* How many there are, as far as is known. */
guint launcher_orphans_count(const LauncherOrphans *self);
/* "process 812 (sh), process 813 (sleep)"; free it. */
char *launcher_orphans_describe(const LauncherOrphans *self);
