/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A real launcher process, which is the test program called in another way, scripts for it to run,
 * and what they write into the log. A test program's main() is launcher_fixture_main().
 */
#pragma once

#include <errno.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actions/launcher-process.h"
#include "actions/launcher.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "support/wait-for.h"

#define LOG_PREFIX "exec: "
/* Ends a script that shall not end: nothing but a signal ends it, and its name is still its own. */
#define LIVE_ON "exec sh -c 'while :; do sleep 1; done' $0"
#define NOBODY 65534

typedef struct Fixture {
    Launcher *launcher;
    char *directory;
} Fixture;

typedef struct Run {
    gboolean done;
    gboolean worked;
    GError *error;
} Run;

static const char *self_path;
static GPtrArray *log_lines; /* those with LOG_PREFIX, without it */
static GPtrArray *messages;  /* all lines */

static inline GLogWriterOutput keep_log(GLogLevelFlags level, const GLogField *fields,
                                        gsize n_fields, gpointer unused)
{
    const char *message = "";

    for (gsize i = 0; i < n_fields; i++)
        if (g_str_equal(fields[i].key, "MESSAGE"))
            message = fields[i].value;
    g_ptr_array_add(messages, g_strdup(message));
    if (g_str_has_prefix(message, LOG_PREFIX))
        g_ptr_array_add(log_lines, g_strdup(message + strlen(LOG_PREFIX)));
    /* The default writer would end the test at a warning: these are expected. */
    if (level == G_LOG_LEVEL_MESSAGE || g_str_has_prefix(message, "There is no launcher"))
        return G_LOG_WRITER_HANDLED;
    return g_log_writer_default(level, fields, n_fields, unused);
}

static inline void wait_until(gboolean (*condition)(gconstpointer data), gconstpointer data)
{
    WAIT_FOR(condition(data));
}

static inline gboolean is_done(gconstpointer data)
{
    return ((const Run *)data)->done;
}

static inline gboolean is_up(gconstpointer data)
{
    return launcher_get_pid((Launcher *)data) != 0;
}

static inline void set_up_with(Fixture *fixture, const char *executable, const LauncherTimes *times)
{
    g_autoptr(GError) error = NULL;

    fixture->launcher = launcher_new_with_times(executable, times, &error);
    g_assert_no_error(error);
    fixture->directory = g_dir_make_tmp("launcher-XXXXXX", &error);
    g_assert_no_error(error);
    g_assert_no_errno(g_chmod(fixture->directory, 0755));
    g_ptr_array_set_size(log_lines, 0);
    g_ptr_array_set_size(messages, 0);
}

static inline void set_up(Fixture *fixture, gconstpointer unused)
{
    set_up_with(fixture, self_path, &launcher_times);
}

/* By /proc, of all processes: TRUE when one has this program or word in its command line. */
static inline gboolean is_running(const char *word)
{
    g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(proc)) != NULL) {
        g_autofree char *path = g_build_filename("/proc", name, "cmdline", NULL);
        g_autofree char *text = NULL;
        gsize size = 0;

        if (!g_ascii_isdigit(name[0]) || !g_file_get_contents(path, &text, &size, NULL))
            continue;
        if (memmem(text, size, word, strlen(word)) != NULL)
            return TRUE;
    }
    return FALSE;
}

static inline gboolean is_gone(gconstpointer word)
{
    return !is_running(word);
}

static inline gboolean pid_is_gone(gconstpointer data)
{
    return kill((pid_t)GPOINTER_TO_INT(data), 0) != 0;
}

static inline void remove_tree(const char *directory)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        g_remove(path);
    }
    g_assert_no_errno(g_rmdir(directory));
}

/* Nothing that a test has started in its directory is left. */
static inline void tear_down(Fixture *fixture, gconstpointer unused)
{
    pid_t pid = launcher_get_pid(fixture->launcher);

    launcher_free(fixture->launcher);
    if (pid != 0)
        wait_until(pid_is_gone, GINT_TO_POINTER(pid));
    wait_until(is_gone, fixture->directory);
    remove_tree(fixture->directory);
    g_free(fixture->directory);
}

/* A script in the fixture's directory; its name is of each process that it makes. */
static inline char *write_script(Fixture *fixture, const char *name, const char *body)
{
    char *path = g_build_filename(fixture->directory, name, NULL);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\n%s\n", body);
    g_autoptr(GError) error = NULL;

    g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE, 0755, &error);
    g_assert_no_error(error);
    return path;
}

static inline void on_run(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Run *run = user_data;

    g_assert_false(run->done);
    run->worked = launcher_run_finish(NULL, result, &run->error);
    g_assert_true(run->worked == (run->error == NULL));
    run->done = TRUE;
}

static inline void begin_full(Fixture *fixture, Run *run, const char *const *argv,
                              const char *const *env, uid_t uid, guint64 limit_us,
                              GCancellable *cancellable)
{
    const LauncherProgram program = { .argv = argv,
                                      .env = env,
                                      .uid = uid,
                                      .until_us = boottime_now() + limit_us,
                                      .log_prefix = LOG_PREFIX };

    *run = (Run){ 0 };
    launcher_run_async(fixture->launcher, &program, cancellable, on_run, run);
    g_assert_false(run->done);
}

static inline void begin(Fixture *fixture, Run *run, const char *path, guint64 limit_us,
                         GCancellable *cancellable)
{
    const char *const argv[] = { path, NULL };
    const char *const env[] = { "PATH=/usr/bin:/bin", NULL };

    begin_full(fixture, run, argv, env, geteuid(), limit_us, cancellable);
}

static inline void run_to_end(Fixture *fixture, Run *run, const char *path)
{
    begin(fixture, run, path, 60 * USEC_PER_SECOND, NULL);
    wait_until(is_done, run);
}

static inline void assert_works(Fixture *fixture, const char *path)
{
    Run run;

    run_to_end(fixture, &run, path);
    g_assert_no_error(run.error);
    g_assert_true(run.worked);
}

/* Consumes the error. */
static inline void assert_failed(Run *run, int code, const char *text)
{
    g_assert_true(run->done);
    g_assert_false(run->worked);
    g_assert_error(run->error, BAILIFF_ERROR, code);
    g_assert_nonnull(strchr(run->error->message, '\n'));
    g_assert_nonnull(strstr(run->error->message, text));
    g_clear_error(&run->error);
}

static inline void assert_fails(Fixture *fixture, const char *path, int code, const char *text)
{
    Run run;

    run_to_end(fixture, &run, path);
    assert_failed(&run, code, text);
}

static inline void assert_log(guint n, ...)
{
    va_list lines;

    va_start(lines, n);
    for (guint i = 0; i < n; i++) {
        g_assert_cmpuint(i, <, log_lines->len);
        g_assert_cmpstr(g_ptr_array_index(log_lines, i), ==, va_arg(lines, const char *));
    }
    va_end(lines);
    g_assert_cmpuint(log_lines->len, ==, n);
}

static inline gboolean has_line(gconstpointer line)
{
    return g_ptr_array_find_with_equal_func(log_lines, line, g_str_equal, NULL);
}

static inline gboolean has_message(const char *text)
{
    return g_ptr_array_find_with_equal_func(messages, text, g_str_equal, NULL);
}

static inline gboolean file_exists(gconstpointer path)
{
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* TRUE with a status when this call of the program is over: it was the launcher, or cannot test. */
static inline gboolean launcher_fixture_main(int argc, char **argv, int *ret_status)
{
    int pidfd;

    if (argc == 3 && g_str_equal(argv[1], LAUNCHER_OPTION)) {
        *ret_status = launcher_process_main_of_word(argv[2]);
        return TRUE;
    }
    *ret_status = 0;
    pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (pidfd < 0) {
        g_print("1..0 # SKIP there is no pidfd_open here (an old kernel, or valgrind)\n");
        return TRUE;
    }
    close(pidfd);
    self_path = g_canonicalize_filename(argv[0], NULL);
    /* Groups to be got rid of. */
    if (geteuid() == 0)
        g_assert_no_errno(setgroups(2, (const gid_t[]){ 1, 2 }));
    log_lines = g_ptr_array_new_with_free_func(g_free);
    messages = g_ptr_array_new_with_free_func(g_free);
    g_log_set_writer_func(keep_log, NULL, NULL);
    return FALSE;
}
