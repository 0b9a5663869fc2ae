/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kills and reaps, in passes over the daemon's children with growing pauses, as long as there is
 * one. Passes, because the children of one that was killed become the daemon's only then.
 *
 * A child's number is its own until it is reaped, which only this file does with them, so that no
 * pidfd is needed: there may be no descriptor left when it matters.
 */
#include "actions/launcher-orphans.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/checked-time.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"

#define FIRST_PAUSE_US (USEC_PER_SECOND / 200u)
#define LAST_PAUSE_US USEC_PER_SECOND

struct LauncherOrphans {
    void (*gone)(gpointer user_data);
    gpointer user_data;
    BoottimeTimer *timer;
    guint64 pause_us;
    GHashTable *others; /* children that there were before */
    GArray *orphans;    /* of pid_t: those of the last pass that have yet to end */
    pid_t launcher;     /* 0: there is none */
};

/* Each thread has a list of its own, though orphans come to the first. */
static GArray *list_children(void)
{
    GArray *children = g_array_new(FALSE, FALSE, sizeof(pid_t));
    g_autoptr(GDir) threads = g_dir_open("/proc/self/task", 0, NULL);
    const char *thread;

    while (threads != NULL && (thread = g_dir_read_name(threads)) != NULL) {
        g_autofree char *path = g_build_filename("/proc/self/task", thread, "children", NULL);
        g_autofree char *text = NULL;
        char *at, *end;

        if (!g_file_get_contents(path, &text, NULL, NULL))
            continue;
        for (at = text; *at != '\0'; at = end) {
            pid_t pid = (pid_t)strtol(at, &end, 10);

            if (end == at)
                break;
            if (pid > 1)
                g_array_append_val(children, pid);
        }
    }
    return children;
}

/* TRUE when it has found somebody. */
static gboolean pass(LauncherOrphans *self)
{
    g_autoptr(GArray) children = list_children();
    gboolean found = FALSE;

    g_array_set_size(self->orphans, 0);
    for (guint i = 0; i < children->len; i++) {
        pid_t pid = g_array_index(children, pid_t, i);
        siginfo_t info = { 0 };

        if (pid == self->launcher || g_hash_table_contains(self->others, GINT_TO_POINTER(pid)))
            continue;
        found = TRUE;
        kill(pid, SIGKILL);
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
            g_array_append_val(self->orphans, pid);
    }
    return found;
}

/* One that was reaped may have left children, which that pass has not seen: so the last of all
 * passes is one that finds nobody. */
static gboolean pass_again(LauncherOrphans *self)
{
    if (!pass(self))
        return FALSE;
    boottime_timer_set(self->timer, time_add(boottime_now(), self->pause_us));
    self->pause_us = MIN(self->pause_us * 2, LAST_PAUSE_US);
    return TRUE;
}

static void on_timer(gpointer user_data)
{
    LauncherOrphans *self = user_data;

    if (!pass_again(self))
        self->gone(self->user_data);
}

gboolean launcher_orphans_kill_but(LauncherOrphans *self, pid_t pid)
{
    self->launcher = pid;
    self->pause_us = FIRST_PAUSE_US;
    return !pass_again(self);
}

void launcher_orphans_hold(LauncherOrphans *self)
{
    boottime_timer_set(self->timer, TIME_NEVER);
}

guint launcher_orphans_count(const LauncherOrphans *self)
{
    return self->orphans->len;
}

char *launcher_orphans_describe(const LauncherOrphans *self)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < self->orphans->len; i++) {
        pid_t pid = g_array_index(self->orphans, pid_t, i);
        g_autofree char *path = g_strdup_printf("/proc/%d/comm", (int)pid);
        g_autofree char *name = NULL;

        if (g_file_get_contents(path, &name, NULL, NULL))
            g_strchomp(name);
        g_string_append_printf(text, "%sprocess %d (%s)", i > 0 ? ", " : "", (int)pid,
                               name != NULL ? name : "?");
    }
    return g_string_free(text, FALSE);
}

LauncherOrphans *launcher_orphans_new(void (*gone)(gpointer), gpointer user_data)
{
    LauncherOrphans *self = g_new0(LauncherOrphans, 1);
    g_autoptr(GArray) children = list_children();
    int was_subreaper = 0;

    self->gone = gone;
    self->user_data = user_data;
    self->timer = boottime_timer_new(on_timer, self);
    self->orphans = g_array_new(FALSE, FALSE, sizeof(pid_t));
    self->others = g_hash_table_new(NULL, NULL);
    (void)prctl(PR_GET_CHILD_SUBREAPER, &was_subreaper, 0, 0, 0);
    for (guint i = 0; i < children->len && !was_subreaper; i++)
        g_hash_table_add(self->others, GINT_TO_POINTER(g_array_index(children, pid_t, i)));
    /* Who ignores it (which is inherited) has no zombies: a number would not be a child's own. */
    (void)signal(SIGCHLD, SIG_DFL);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    return self;
}

void launcher_orphans_free(LauncherOrphans *self)
{
    if (self == NULL)
        return;
    boottime_timer_free(self->timer);
    g_array_unref(self->orphans);
    g_hash_table_unref(self->others);
    g_free(self);
}
