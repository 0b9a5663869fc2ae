/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * posix_spawn() of a launcher, in a session of its own, so that signals for the daemon's terminal
 * do not reach it.
 *
 * The kernel sends a parent-death signal when the thread ends that has made the child. So it comes
 * each time when the thread here ends, and launchers look who their parent is (launcher-process.c).
 */
#include "actions/launcher-start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actions/launcher-process.h"

#define CHILD_SOCKET_FD 3

struct LauncherStart {
    char *executable;
    LauncherStarted started; /* the thread's until it has attached its source */
    LauncherStartFunc done;  /* the main loop's; NULL: forgotten */
    gpointer user_data;
};

static int spawn(const char *executable, int child_socket, pid_t *ret_pid)
{
    g_autofree char *word = g_strdup_printf("%d", CHILD_SOCKET_FD);
    char *argv[] = { (char *)"bailiffd", (char *)LAUNCHER_OPTION, word, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    int failed;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_init(&files);
    failed = posix_spawn_file_actions_adddup2(&files, child_socket, CHILD_SOCKET_FD);
    if (failed == 0)
        failed = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (failed == 0)
        failed = posix_spawn(ret_pid, executable, &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

void launcher_start(const char *executable, LauncherStarted *ret)
{
    int fds[2];

    *ret = (LauncherStarted){ .pidfd = -1, .socket_fd = -1 };
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        ret->failed = errno;
        return;
    }
    ret->failed = spawn(executable, fds[1], &ret->pid);
    close(fds[1]);
    if (ret->failed == 0) {
        ret->pidfd = (int)syscall(SYS_pidfd_open, ret->pid, 0);
        if (ret->pidfd < 0)
            ret->failed = errno;
    }
    if (ret->failed != 0) {
        close(fds[0]);
        return;
    }
    ret->socket_fd = fds[0];
}

static void launcher_start_free(gpointer data)
{
    LauncherStart *self = data;

    g_free(self->executable);
    g_free(self);
}

static gboolean on_started(gpointer user_data)
{
    LauncherStart *self = user_data;

    if (self->done != NULL) {
        self->done(&self->started, self->user_data);
    } else if (self->started.failed == 0) {
        close(self->started.socket_fd);
        close(self->started.pidfd);
    }
    return G_SOURCE_REMOVE;
}

static gpointer run_start(gpointer data)
{
    LauncherStart *self = data;
    g_autoptr(GSource) source = g_idle_source_new();

    launcher_start(self->executable, &self->started);
    g_source_set_priority(source, G_PRIORITY_HIGH);
    g_source_set_callback(source, on_started, self, launcher_start_free);
    g_source_attach(source, NULL);
    return NULL;
}

LauncherStart *launcher_start_begin(const char *executable, LauncherStartFunc done,
                                    gpointer user_data, int *ret_failed)
{
    LauncherStart *self = g_new0(LauncherStart, 1);
    GThread *thread;

    self->executable = g_strdup(executable);
    self->done = done;
    self->user_data = user_data;
    thread = g_thread_try_new("launcher-start", run_start, self, NULL);
    if (thread == NULL) {
        *ret_failed = EAGAIN;
        launcher_start_free(self);
        return NULL;
    }
    g_thread_unref(thread);
    return self;
}

void launcher_start_forget(LauncherStart *self)
{
    self->done = NULL;
}
