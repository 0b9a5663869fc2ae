/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting a launcher process.
 *
 * It is the daemon's own executable, by /proc/self/exe: that is the file which runs, also when it
 * was replaced or deleted since, so daemon and launcher are always of one version. It is executed
 * and not forked: a fork of the daemon would have its memory, locked or not, its descriptors of
 * storage and its locks as some thread of it held them. posix_spawn() copies none of it, and no
 * descriptor comes along, since all are O_CLOEXEC. (A zygote that was forked early would need
 * nothing from a disk, but would itself be one more process to be looked after and started anew.)
 *
 * What executing costs is that it may have to read the file. The first launcher is started before
 * anything else, where waiting is no harm; a later one in a thread of its own.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct LauncherStarted {
    int failed; /* errno; 0: it runs, and all that follows is the caller's */
    pid_t pid;  /* not reaped */
    int pidfd;
    int socket_fd;
} LauncherStarted;

/* `executable`: one whose main() begins with launcher_process_main_of_word() when its first
 * argument is LAUNCHER_OPTION. Does not return before it is executed. */
void launcher_start(const char *executable, LauncherStarted *ret);

typedef struct LauncherStart LauncherStart;
typedef void (*LauncherStartFunc)(const LauncherStarted *started, gpointer user_data);

/* The same in a thread; `done` is called by the main loop, and what is returned is gone then. NULL
 * with `ret_failed`: there is no thread to be had. */
LauncherStart *launcher_start_begin(const char *executable, LauncherStartFunc done,
                                    gpointer user_data, int *ret_failed);

/* Nobody is to be told any more. What was started ends by itself, without its socket. */
void launcher_start_forget(LauncherStart *self);
