/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Children of a load program.
 */
#include "bench/holder-child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/load-options.h"

static void mask_term(int how)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(how, &set, NULL);
}

void holder_child_block_signals(void)
{
    mask_term(SIG_BLOCK);
}

void holder_child_unblock_signals(void)
{
    mask_term(SIG_UNBLOCK);
}

pid_t holder_child_fork(void)
{
    pid_t parent = getpid();
    pid_t child = fork();

    if (child < 0) {
        perror("fork");
        exit(1);
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
    }
    return child;
}

void holder_child_be_tree(void)
{
    for (unsigned i = 0; i < 2; i++)
        if (holder_child_fork() == 0)
            break;
    for (;;)
        pause();
}

void holder_child_wait(guint64 *ret_signalled_us)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    while (sigwaitinfo(&set, NULL) != SIGTERM)
        ;
    *ret_signalled_us = load_now_us();
    _exit(0);
}

void holder_child_end(const pid_t *children, unsigned n_children)
{
    for (unsigned i = 0; i < n_children; i++)
        if (children[i] > 0)
            kill(children[i], SIGKILL);
    for (unsigned i = 0; i < n_children; i++)
        if (children[i] > 0)
            waitpid(children[i], NULL, 0);
}
