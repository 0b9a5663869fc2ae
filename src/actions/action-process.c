/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals to a registered process.
 *
 * Killing a tree: a process whose parent ends is given to another parent and drops out of the tree,
 * unseen, alive. So nobody may end before all its children have:
 *
 *   1. scan, then SIGSTOP to the root and to every member. A process with a SIGSTOP pending cannot
 *      begin to make a child (fork looks for pending signals first), one that is in the midst of it
 *      is running, and is seen to run.
 *   2. see that none of their threads runs; then scan again. If that finds nobody new, the tree is
 *      complete and stays so; else again from 1.
 *   3. SIGKILL those without living children; when they have ended, their parents.
 *   4. scan again: when there is no member left, SIGKILL the root.
 *
 * What one call does is bounded, for it runs in a main loop with other deadlines: a few scans, and
 * no waiting. What did not come to an end is taken up by the next call, which finds the tree
 * stopped. The root is the anchor of it all and
 * lives until the rest is gone; a member in an uninterruptible sleep (its storage hangs, as likely
 * as not) holds it back rightly, for its write may still land.
 *
 * Not covered: a thread in an uninterruptible sleep in the midst of fork() itself that wakes, makes
 * its child and is killed, all between the second scan and its SIGKILL; and somebody who sends
 * SIGCONT to the tree meanwhile. A control group is safe from both.
 */
#include "actions/action-process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "common/process-tree.h"
#include "common/bailiff-error.h"

/* Two to know the tree, one after its members were killed, and some for a tree that moves. */
#define SCANS_MAX 5

static gboolean may_be_signalled(const ProcessIdentity *process, GError **error)
{
    if (process->pidfd < 0 || process->pid <= 1 || process->pid == getpid()) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Register another process; neither pid 1 nor the daemon can be stopped.",
                          "Process %d is not one that the daemon signals.", (int)process->pid);
        return FALSE;
    }
    /* The kernel takes signals for a process that has ended and was not reaped yet. */
    if (process_identity_has_ended(process)) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, "Nothing is to be done.",
                          "Process %d has ended.", (int)process->pid);
        return FALSE;
    }
    return TRUE;
}

gboolean action_process_signal(const ProcessIdentity *process, int signal_number, GError **error)
{
    if (!may_be_signalled(process, error))
        return FALSE;
    /* 0 would only ask whether it is there, and report success. */
    if (signal_number < 1 || signal_number > 31) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Use a signal from 1 to 31.",
                          "%d is not the number of a signal.", signal_number);
        return FALSE;
    }
    return process_identity_signal(process, signal_number, error);
}

/* Keeps the first error only: it is the cause, what follows are consequences. A process that ended
 * by itself needs no signal. */
static gboolean signal_member(const ProcessIdentity *member, int signal_number, GError **error)
{
    g_autoptr(GError) local_error = NULL;

    if (process_identity_signal(member, signal_number, &local_error) ||
        g_error_matches(local_error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND))
        return TRUE;
    if (error != NULL && *error == NULL)
        g_propagate_error(error, g_steal_pointer(&local_error));
    return FALSE;
}

static const ProcessTreeMember *member_at(const ProcessTree *tree, guint i)
{
    return &g_array_index(tree->members, ProcessTreeMember, i);
}

static gboolean stop_all(const ProcessIdentity *root, const ProcessTree *tree, GError **error)
{
    gboolean stopped = signal_member(root, SIGSTOP, error);

    for (guint i = 0; i < tree->members->len; i++)
        if (!signal_member(&member_at(tree, i)->identity, SIGSTOP, error))
            stopped = FALSE;
    return stopped;
}

/* Two looks, since the threads of one look are read one after the other: one that waits for another
 * inside fork() (an uninterruptible sleep) may begin to run once it was passed over. In the second
 * look it runs still, or its child has been made and the scan to come will find it. */
static gboolean all_at_rest(const ProcessIdentity *root, const ProcessTree *tree)
{
    gboolean at_rest = TRUE;
    int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (proc_fd < 0)
        return FALSE;
    for (guint look = 0; at_rest && look < 2; look++) {
        at_rest = process_stat_threads_at_rest(proc_fd, root->pid);
        for (guint i = 0; at_rest && i < tree->members->len; i++)
            at_rest = process_stat_threads_at_rest(proc_fd, member_at(tree, i)->identity.pid);
    }
    close(proc_fd);
    return at_rest;
}

static gboolean has_member(const ProcessTree *tree, const ProcessIdentity *identity)
{
    for (guint i = 0; i < tree->members->len; i++) {
        const ProcessIdentity *other = &member_at(tree, i)->identity;

        if (other->pid == identity->pid && other->start_time == identity->start_time)
            return TRUE;
    }
    return FALSE;
}

/* `later` was scanned after all of `at_rest` had come to rest: who is in it was known to be at rest
 * before, and has made no child since. */
static gboolean is_complete(const ProcessTree *later, const ProcessTree *at_rest)
{
    if (at_rest == NULL || !later->settled)
        return FALSE;
    for (guint i = 0; i < later->members->len; i++)
        if (!has_member(at_rest, &member_at(later, i)->identity))
            return FALSE;
    return TRUE;
}

/* One look at all members, those without living children first: SIGKILL to each of them, once.
 * Returns how many live. */
static guint kill_leaves(const ProcessTree *tree, GError **error)
{
    guint n = tree->members->len;
    g_autofree gboolean *has_living_child = g_new0(gboolean, n);
    guint n_alive = 0;

    /* Children have higher indices than their parents. */
    for (guint i = n; i-- > 0;) {
        const ProcessTreeMember *member = member_at(tree, i);

        if (process_identity_has_ended(&member->identity))
            continue;
        n_alive++;
        if (member->parent != PROCESS_TREE_ROOT)
            has_living_child[member->parent] = TRUE;
        if (!has_living_child[i])
            (void)signal_member(&member->identity, SIGKILL, error);
    }
    return n_alive;
}

static void remember(ProcessTree **known, ProcessTree **tree)
{
    if (known != NULL && *known == NULL)
        *known = g_steal_pointer(tree);
}

static gboolean kill_tree(const ProcessIdentity *root, ProcessTree **known, GError **error)
{
    g_autoptr(ProcessTree) at_rest = NULL;
    guint n_left = 0;

    for (guint i = 0; i < SCANS_MAX; i++) {
        g_autoptr(ProcessTree) tree = process_tree_scan(root, error);

        if (tree == NULL)
            return FALSE;
        n_left = tree->members->len;
        if (!is_complete(tree, at_rest)) {
            g_clear_pointer(&at_rest, process_tree_free);
            if (!stop_all(root, tree, error))
                return FALSE;
            if (all_at_rest(root, tree))
                at_rest = g_steal_pointer(&tree);
        } else if (n_left == 0) {
            return process_identity_signal(root, SIGKILL, error);
        } else {
            g_autoptr(GError) local_error = NULL;

            guint n_alive = kill_leaves(tree, &local_error);

            remember(known, &tree);
            if (n_alive == 0)
                continue;
            if (local_error == NULL)
                break;
            g_propagate_error(error, g_steal_pointer(&local_error));
            return FALSE;
        }
    }

    remember(known, &at_rest);
    bailiff_set_error(error, BAILIFF_ERROR_BUSY, "It is tried again; look what they wait for.",
                      "Process %d is stopped; %u of its descendants are still to end.",
                      (int)root->pid, n_left);
    return FALSE;
}

gboolean action_process_kill(const ProcessIdentity *process, gboolean descendants, GError **error)
{
    if (!may_be_signalled(process, error))
        return FALSE;
    return descendants ? kill_tree(process, NULL, error)
                       : process_identity_signal(process, SIGKILL, error);
}

gboolean action_process_kill_tree(const ProcessIdentity *root, ProcessTree **known, GError **error)
{
    return may_be_signalled(root, error) && kill_tree(root, known, error);
}
