/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starts programs for `exec` steps by a small process that does nothing else.
 *
 * The daemon itself does not fork: it is large, has threads, and its main loop must not wait. The
 * launcher is started first, dies with the daemon, and is told what to start over a socket. When it
 * is gone it is started anew; until then programs cannot be started (Busy).
 */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

typedef struct Launcher Launcher;

typedef struct LauncherProgram {
    const char *const *argv; /* argv[0] is the absolute path of the program */
    const char *const *env;  /* all of its environment: "NAME=value" */
    uid_t uid;               /* the user it runs as, with that user's groups */
    guint64 until_us;        /* CLOCK_BOOTTIME: then its process group is killed */
    const char *log_prefix;  /* before each line that it writes, in the log */
} LauncherProgram;

/* IoError when the launcher process cannot be started. */
Launcher *launcher_new(GError **error);
void launcher_free(Launcher *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Launcher, launcher_free)

/* Runs a program to its end. Cancelled: its process group is killed. FALSE with an error when it
 * could not be started (NotFound, NotAuthorized: not executable, or no right to be that user;
 * Busy), was killed at its limit (IoTimeout), or ended by a signal or with a status other than 0
 * (IoError, which says so). */
void launcher_run_async(Launcher *self, const LauncherProgram *program, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data);
gboolean launcher_run_finish(Launcher *self, GAsyncResult *result, GError **error);

/* In the launcher process: serves the socket until the daemon ends. The exit status. */
int launcher_process_main(int socket_fd);
