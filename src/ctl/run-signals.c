/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/run-signals.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ctl/exit-status.h"

static const int passed_on[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

static int pipe_fds[2] = { -1, -1 };
static struct sigaction noted_pipe_action;
static sigset_t noted_mask;
static RunSignalFunc signal_func;
static gpointer signal_data;

void run_signals_note(void)
{
    (void)sigaction(SIGPIPE, NULL, &noted_pipe_action);
    (void)sigprocmask(SIG_SETMASK, NULL, &noted_mask);
}

/* A full pipe loses a signal, which only happens when nobody has read hundreds of them. */
static void handle(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    RunSignal signal = { .number = number, .from_terminal = info->si_code == SI_KERNEL };
    ssize_t written = write(pipe_fds[1], &signal, sizeof signal);
    (void)written;
    errno = saved;
}

static gboolean on_readable(int fd, GIOCondition condition, gpointer data)
{
    RunSignal signal;
    while (read(fd, &signal, sizeof signal) == sizeof signal)
        signal_func(&signal, signal_data);
    return G_SOURCE_CONTINUE;
}

static gboolean is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && !(action.sa_flags & SA_SIGINFO) &&
           action.sa_handler == SIG_IGN;
}

gboolean run_signals_install(RunSignalFunc func, gpointer data, GError **error)
{
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        ctl_set_error(error, CTL_EXIT_ERROR, _("Raise the limit of open files (ulimit -n)."),
                      _("There is no pipe to be had: %s."), g_strerror(errno));
        return FALSE;
    }
    signal_func = func;
    signal_data = data;
    g_unix_fd_add(pipe_fds[0], G_IO_IN, on_readable, NULL);

    struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGCHLD, &action, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(passed_on); i++)
        if (!is_ignored(passed_on[i]))
            (void)sigaction(passed_on[i], &action, NULL);
    return TRUE;
}

static void change_mask(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (gsize i = 0; i < G_N_ELEMENTS(passed_on); i++)
        sigaddset(&set, passed_on[i]);
    (void)pthread_sigmask(how, &set, NULL);
}

void run_signals_hold(void)
{
    change_mask(SIG_BLOCK);
}

void run_signals_let_go(void)
{
    change_mask(SIG_UNBLOCK);
}

void run_signals_undo_in_child(void)
{
    struct sigaction standard = { .sa_handler = SIG_DFL };
    (void)sigaction(SIGCHLD, &standard, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(passed_on); i++)
        if (!is_ignored(passed_on[i]))
            (void)sigaction(passed_on[i], &standard, NULL);
    (void)sigaction(SIGPIPE, &noted_pipe_action, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &noted_mask, NULL);
}
