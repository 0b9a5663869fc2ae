/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Real control groups for tests: made below the root of the unified hierarchy, each with a name of
 * this test process, removed at the end. Needs root; where they cannot be made, tests say why.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "actions/control-group.h"
#include "support/forked-tree.h"

/* The mount point; NULL with a reason, said by g_test_skip(), where no group can be made. */
static inline const char *real_control_group_mount(void)
{
    static char *mount;
    g_autofree char *mountinfo = NULL;
    g_autofree char *probe = NULL;

    if (mount != NULL)
        return mount;
    if (g_file_get_contents("/proc/self/mountinfo", &mountinfo, NULL, NULL))
        mount = control_group_find_mount(mountinfo);
    if (mount == NULL) {
        g_test_skip("no unified control group hierarchy is mounted");
        return NULL;
    }
    probe = g_strdup_printf("%s/bailiff-probe-%d", mount, (int)getpid());
    if (g_mkdir(probe, 0755) != 0) {
        g_test_skip("no control group can be made (that needs root)");
        g_clear_pointer(&mount, g_free);
        return NULL;
    }
    g_assert_cmpint(g_rmdir(probe), ==, 0);
    return mount;
}

/* "/bailiff-test-PID-TIME-NAME", as systemd would tell it: the same one for a name each time, so
 * that one that was removed can be made again. (Numbers of processes come again, and a test that
 * was killed leaves its group behind: hence the time, that of this process.) */
static inline char *real_control_group_make(const char *name)
{
    static gint64 time_of_process;
    g_autofree char *directory = NULL;
    char *path;

    if (time_of_process == 0)
        time_of_process = g_get_monotonic_time();
    path = g_strdup_printf("/bailiff-test-%d-%" G_GINT64_FORMAT "-%s", (int)getpid(),
                           time_of_process, name);
    directory = g_strconcat(real_control_group_mount(), path, NULL);
    g_assert_cmpint(g_mkdir(directory, 0755), ==, 0);
    return path;
}

static inline char *real_control_group_make_below(const char *path, const char *name)
{
    char *below = g_strconcat(path, "/", name, NULL);
    g_autofree char *directory = g_strconcat(real_control_group_mount(), below, NULL);

    g_assert_cmpint(g_mkdir(directory, 0755), ==, 0);
    return below;
}

/* It must be empty. */
static inline void real_control_group_remove(const char *path)
{
    g_autofree char *directory = g_strconcat(real_control_group_mount(), path, NULL);

    g_assert_cmpint(g_rmdir(directory), ==, 0);
}

static inline void real_control_group_write(const char *path, const char *file, const char *text)
{
    g_autofree char *name = g_strconcat(real_control_group_mount(), path, "/", file, NULL);
    int fd = open(name, O_WRONLY | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
    close(fd);
}

static inline void real_control_group_add(const char *path, pid_t pid)
{
    g_autofree char *text = g_strdup_printf("%d", (int)pid);

    real_control_group_write(path, "cgroup.procs", text);
}

/* In `path` before its body begins, so that all it makes is there. */
static inline pid_t real_control_group_fork(const char *path, ForkedBody body)
{
    int gate[2];
    pid_t pid;
    char byte = 0;

    g_assert_cmpint(pipe2(gate, O_CLOEXEC), ==, 0);
    pid = fork();
    if (pid == 0) {
        alarm(60);
        if (read(gate[0], &byte, 1) != 1)
            _exit(97);
        body();
        _exit(0);
    }
    real_control_group_add(path, pid);
    g_assert_cmpint(write(gate[1], &byte, 1), ==, 1);
    close(gate[0]);
    close(gate[1]);
    g_assert_cmpint(read_report(), ==, pid);
    return pid;
}
