/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starts programs for `exec` steps by a small process that does nothing else (launcher-process.h).
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

/* Starts the process. `executable`: one whose main() begins with launcher_process_main_of_word()
 * when its first argument is LAUNCHER_OPTION; NULL: this very one. IoError when it cannot be
 * started. */
Launcher *launcher_new(const char *executable, GError **error);
/* What runs is killed, and reported as failed. Not from inside a callback of it. */
void launcher_free(Launcher *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Launcher, launcher_free)

/* Runs a program to its end. Cancelled: its process group is killed, and the answer does not wait
 * for that. FALSE with an error when it could not be started (InvalidArgument: no absolute path,
 * too long, or no program; NotFound; NotAuthorized: not executable, or no right to be that user;
 * Busy), was killed at its limit (IoTimeout), or ended by a signal or with a status other than 0
 * (IoError, which says so). */
void launcher_run_async(Launcher *self, const LauncherProgram *program, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data);
gboolean launcher_run_finish(Launcher *self, GAsyncResult *result, GError **error);

/* Whether `uid` could run the program at `path` now: a regular file, and executable for that user.
 * The launcher looks, not the caller, and for a second at the longest: the file may be on storage
 * that hangs. Of many, some wait for others before. The errors of launcher_run_async(). */
void launcher_check_async(Launcher *self, const char *path, uid_t uid, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data);
gboolean launcher_check_finish(Launcher *self, GAsyncResult *result, GError **error);

/* For tests: the launcher process, 0 while there is none. */
pid_t launcher_get_pid(Launcher *self);
