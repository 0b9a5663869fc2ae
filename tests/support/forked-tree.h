/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Real processes for tests: made by fork() in the test, each reporting its number through a pipe
 * when it is ready. The test process must be a subreaper (forked_tree_init): whoever loses its
 * parent comes to it, so that it can tell whether anybody of a tree was left alive.
 *
 * In the children only system calls are used, and each ends by an alarm should the test die.
 */
#pragma once

#include <glib.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/process-identity.h"

typedef void (*ForkedBody)(void);

static int report_fds[2] = { -1, -1 };

/* FALSE, said in TAP, where there are no pidfds: an old kernel, or valgrind. */
static inline gboolean forked_tree_init(void)
{
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    if (pidfd < 0) {
        g_print("1..0 # SKIP there is no pidfd_open here (an old kernel, or valgrind)\n");
        return FALSE;
    }
    close(pidfd);
    g_assert_cmpint(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), ==, 0);
    g_assert_cmpint(pipe2(report_fds, O_CLOEXEC), ==, 0);
    return TRUE;
}

/* For children. */

static inline void report_pid(pid_t pid)
{
    if (write(report_fds[1], &pid, sizeof pid) != sizeof pid)
        _exit(99);
}

static inline void report_and_pause(void)
{
    report_pid(getpid());
    for (;;)
        pause();
}

static inline pid_t forked(ForkedBody body)
{
    pid_t pid = fork();

    if (pid == 0) {
        alarm(60);
        body();
        _exit(0);
    }
    return pid;
}

static inline void body_pause(void)
{
    for (;;)
        pause();
}

/* So large that it spends its time inside fork(): the stop finds a child in the making. */
static inline void body_forks_slowly(void)
{
    gsize size = 128 << 20;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        _exit(94);
    madvise(memory, size, MADV_NOHUGEPAGE);
    memset(memory, 1, size);
    report_pid(getpid());
    for (guint i = 0; i < 400; i++)
        forked(body_pause);
    body_pause();
}

/* The first thread ends and another one lives on: the process is a Z in /proc and has not ended. */
static inline void *thread_pause(void *unused)
{
    char state = '?';

    /* Ready only when the first thread is seen to have ended. */
    while (state != 'Z') {
        char text[512], path[64];
        int fd;
        ssize_t n;

        g_snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)getpid());
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = read(fd, text, sizeof text - 1);
        close(fd);
        text[n > 0 ? n : 0] = '\0';
        if (strrchr(text, ')') != NULL)
            state = strrchr(text, ')')[2];
        sched_yield();
    }
    report_and_pause();
    return unused;
}

static inline void body_dead_leader(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, thread_pause, NULL) != 0)
        _exit(98);
    /* Not pthread_exit(): it would unwind, and a memory checker would look at its stack. */
    syscall(SYS_exit, 0);
}

/* For the test. */

static inline pid_t read_report(void)
{
    struct pollfd fd = { .fd = report_fds[0], .events = POLLIN };
    pid_t pid;

    g_assert_cmpint(poll(&fd, 1, 30000), ==, 1);
    g_assert_cmpint(read(report_fds[0], &pid, sizeof pid), ==, sizeof pid);
    return pid;
}

static inline void open_identity(ProcessIdentity *ret, pid_t pid)
{
    g_autoptr(GError) error = NULL;

    process_identity_from_pid(ret, pid, 0, &error);
    g_assert_no_error(error);
}

static inline void wait_for_end(const ProcessIdentity *process)
{
    struct pollfd fd = { .fd = process->pidfd, .events = POLLIN };

    g_assert_cmpint(poll(&fd, 1, 30000), ==, 1);
}

/* All that was started has ended; nobody lives. */
static inline void assert_nobody_left(void)
{
    siginfo_t info = { 0 };

    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0) {
        g_assert_cmpint(info.si_pid, !=, 0); /* 0: there is a child, and it lives */
        info.si_pid = 0;
    }
    g_assert_cmpint(errno, ==, ECHILD);
}

/* Ends what a test has started, however it is related: children of the killed become ours. */
static inline void clean_up(void)
{
    for (;;) {
        g_autofree char *path = g_strdup_printf("/proc/self/task/%d/children", (int)getpid());
        g_autofree char *children = NULL;
        g_auto(GStrv) words = NULL;

        if (g_file_get_contents(path, &children, NULL, NULL)) {
            words = g_strsplit(g_strstrip(children), " ", -1);
            for (guint i = 0; words[i] != NULL; i++)
                if (words[i][0] != '\0')
                    kill((pid_t)g_ascii_strtoll(words[i], NULL, 10), SIGKILL);
        }
        if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
            break;
    }
}
