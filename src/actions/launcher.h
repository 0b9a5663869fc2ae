/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starts programs for `exec` steps by a small process that does nothing else (launcher-process.h).
 *
 * The daemon itself does not fork: it is large, has threads, and its main loop must not wait. The
 * launcher is started first, dies with the daemon, and is told what to start over a socket. It is
 * asked every few seconds whether it is there; when it ends or hangs it is killed with all that it
 * has started, and another one is started after a delay that grows.
 *
 * Until then programs cannot be started, and whoever wants one is told so at once (Busy). A step of
 * a failure policy does not wait for the launcher, though it has time: when it will be back nobody
 * knows (what keeps it away may be what makes the policy be walked, storage that hangs), and the
 * step that counts is the kill at the end, which needs no launcher and is the safer the earlier it
 * comes. The program was only the kinder way.
 */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

#include "actions/launcher-health.h"

typedef struct Launcher Launcher;

typedef struct LauncherProgram {
    const char *const *argv; /* argv[0] is the absolute path of the program */
    const char *const *env;  /* all of its environment: "NAME=value" */
    uid_t uid;               /* the user it runs as, with that user's groups */
    guint64 until_us;        /* CLOCK_BOOTTIME: then its process group is killed */
    const char *log_prefix;  /* before each line that it writes, in the log */
    guint64 registration;    /* for which it runs, in the log; 0: for none */
    guint step;              /* of its failure policy, from 0 */
} LauncherProgram;

/* Starts the process. `executable`: one whose main() begins with launcher_process_main_of_word()
 * when its first argument is LAUNCHER_OPTION; NULL: this very one. IoError when it cannot be
 * started. */
Launcher *launcher_new(const char *executable, GError **error);
/* The same with other times, for tests; they stay valid. */
Launcher *launcher_new_with_times(const char *executable, const LauncherTimes *times,
                                  GError **error);
/* What runs is killed, and reported as failed. Not from inside a callback of it. */
void launcher_free(Launcher *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Launcher, launcher_free)

/* Runs a program to its end. Cancelled: its process group is killed, and the answer does not wait
 * for that. FALSE with an error when it could not be started (InvalidArgument: no absolute path,
 * too long, no program, or not executable; NotFound; NotAuthorized: no right to be that user;
 * Busy), was killed at its limit (IoTimeout), or ended by a signal or with a status other than 0
 * (IoError, which says so). */
void launcher_run_async(Launcher *self, const LauncherProgram *program, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data);
gboolean launcher_run_finish(Launcher *self, GAsyncResult *result, GError **error);

/* From one program to the next, by an execve() of the daemon, with programs under way.
 *
 * The launcher stays, since its parent does: it is the same process. So do its limits, its children
 * and what it will answer. launcher_give() makes a text for the next program (owned; NULL: nothing
 * is under way, or the launcher is not well, which ends then with what it runs), and descriptors
 * that stay open; launcher_keep(): this program goes on after all. launcher_new_given() begins with
 * that text, or, with NULL or one that makes no sense, as launcher_new().
 *
 * Whose programs they are is known by the registration and the step. Each is adopted by who goes on
 * with that step, as if he had started it: FALSE when there is none. Those that nobody has adopted
 * are killed by launcher_end_adoption(). */
char *launcher_give(Launcher *self);
void launcher_keep(Launcher *self);
Launcher *launcher_new_given(const char *given, GError **error);
gboolean launcher_adopt_async(Launcher *self, guint64 registration, guint step,
                              GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer user_data);
void launcher_end_adoption(Launcher *self);

/* Whether `uid` could run the program at `path` now: a regular file, and executable for that user.
 * The launcher looks, not the caller, and for a second at the longest: the file may be on storage
 * that hangs. Of many, some wait for others before. The errors of launcher_run_async(). */
void launcher_check_async(Launcher *self, const char *path, uid_t uid, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data);
gboolean launcher_check_finish(Launcher *self, GAsyncResult *result, GError **error);

/* Ends it before the daemon ends: takes no more programs from now on, waits for those under way
 * until `until_us` (CLOCK_BOOTTIME), kills what runs then and tells who waits for it, and answers
 * when no process is left. Once, or again after launcher_resume().
 *
 * A daemon that executes itself does not need this: what is under way goes on (launcher_give()),
 * and a launcher with nothing under way sees the end of its socket; launcher_new() kills what is
 * left.
 *
 * FALSE with an error (Busy) when there are processes some seconds later that have not ended though
 * they were killed; the text names them. */
void launcher_stop_async(Launcher *self, guint64 until_us, GAsyncReadyCallback callback,
                         gpointer user_data);
gboolean launcher_stop_finish(Launcher *self, GAsyncResult *result, GError **error);
/* The daemon goes on after all: another one is started. After the answer of launcher_stop_async().
 */
void launcher_resume(Launcher *self);

/* Whether programs can be started, and how often that ended since launcher_new(). */
gboolean launcher_is_up(Launcher *self);
guint64 launcher_count_losses(Launcher *self);
/* `changed` is called by the main loop when launcher_is_up() has changed. One at a time; NULL: no
 * more. */
void launcher_watch(Launcher *self, void (*changed)(gpointer user_data), gpointer user_data);

/* For tests: the launcher process, 0 while there is none. */
pid_t launcher_get_pid(Launcher *self);
