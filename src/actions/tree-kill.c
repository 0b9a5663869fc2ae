/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order is that of action-process.c, for the same reasons: a child whose parent ends is lost,
 * so all are stopped first, by looks at the tree that go on until one finds everybody at rest and
 * nobody new; who is at rest makes no child. Then the whole tree is known and can be killed in one
 * go, from the leaves to the root. Nobody waits for the dead: SIGKILL once sent is final, a member
 * in an uninterruptible sleep runs no further instruction of its program when it wakes.
 *
 * Members are known by number and start time. A descriptor is opened for each signal, proven to be
 * of that process, and closed:
 *
 *   pidfd of the number -> its stat -> the pidfd is not readable, so the stat was its own -> the
 *   start time is the known one.
 *
 * A new member is proven the same way to name its parent's number, and then the parent's number to
 * be the parent's still. Numbers are given out in turn, so that two processes cannot have had one
 * number within one tick of the start time.
 *
 * Descriptors may have run out just then. Some are kept in reserve, and let go for the time of a
 * pass.
 */
#include "actions/tree-kill.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/process-children.h"
#include "common/process-stat.h"

/* Looks in one pass. What still moves then has its time until the next pass. */
#define LOOKS_MAX 4

G_STATIC_ASSERT(TREE_KILL_MAX_MEMBERS < G_MAXUINT16);

static void keep_spares(TreeKill *self)
{
    for (guint i = 0; i < TREE_KILL_SPARE_FDS; i++)
        if (self->spare_fds[i] < 0)
            self->spare_fds[i] = fcntl(self->proc_fd, F_DUPFD_CLOEXEC, 0);
}

static void let_spares_go(TreeKill *self)
{
    for (guint i = 0; i < TREE_KILL_SPARE_FDS; i++) {
        if (self->spare_fds[i] >= 0)
            close(self->spare_fds[i]);
        self->spare_fds[i] = -1;
    }
}

gboolean tree_kill_init(TreeKill *self)
{
    self->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->proc_fd < 0)
        return FALSE;
    self->children_are_listed = process_children_are_listed(self->proc_fd);
    for (guint i = 0; i < TREE_KILL_SPARE_FDS; i++)
        self->spare_fds[i] = -1;
    keep_spares(self);
    return TRUE;
}

void tree_kill_done(TreeKill *self)
{
    let_spares_go(self);
    if (self->proc_fd >= 0)
        close(self->proc_fd);
    self->proc_fd = -1;
}

/* EINTR cannot be: signals are blocked here, and nothing is waited for. */
static gboolean has_ended(int pidfd)
{
    struct pollfd fd = { .fd = pidfd, .events = POLLIN };

    return poll(&fd, 1, 0) == 1 && (fd.revents & POLLIN) != 0;
}

static ProcessStatResult read_stat(const TreeKill *self, pid_t pid, ProcessStat *ret)
{
    char path[64];

    g_snprintf(path, sizeof path, "%d/stat", (int)pid);
    return process_stat_read(ret, self->proc_fd, path);
}

/* The place of `pid` with this start time, or the free one where it belongs. */
static guint16 *find_place(TreeKill *self, pid_t pid, guint64 start_time)
{
    guint at = (guint)pid;

    for (;; at++) {
        guint16 *place = &self->places[at % TREE_KILL_PLACES];

        if (*place == 0 || (self->members[*place - 1].pid == pid &&
                            self->members[*place - 1].start_time == start_time))
            return place;
    }
}

static gboolean send_signal(TreeKill *self, int pidfd, int signal_number)
{
    if (!self->stopped && !self->send(pidfd, signal_number, self->user_data))
        self->stopped = TRUE;
    return !self->stopped;
}

/* A descriptor of the process that has this number, and what is true of it; -1 when there is none.
 * What could not be seen for want of anything but a process makes the tree unsettled. */
static int open_proven(TreeKill *self, pid_t pid, ProcessStat *ret)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (pidfd < 0) {
        /* ENOENT, EINVAL: by now it is the number of a thread. */
        self->unsettled |= errno != ESRCH && errno != ENOENT && errno != EINVAL;
        return -1;
    }
    if (read_stat(self, pid, ret) == PROCESS_STAT_READ && !has_ended(pidfd))
        return pidfd;
    self->unsettled |= !has_ended(pidfd);
    close(pidfd);
    return -1;
}

static gboolean still_has_its_number(TreeKill *self, guint member)
{
    ProcessStat stat;

    if (member == 0)
        return !has_ended(self->root_pidfd);
    return read_stat(self, self->members[member].pid, &stat) == PROCESS_STAT_READ &&
           stat.start_time == self->members[member].start_time;
}

static void add_member(TreeKill *self, const ProcessStat *stat)
{
    guint16 *place = find_place(self, stat->pid, stat->start_time);

    self->members[self->n_members++] = (TreeKillMember){ .pid = stat->pid,
                                                         .parent = stat->parent,
                                                         .start_time = stat->start_time };
    *place = (guint16)self->n_members;
}

/* A number that was seen to be a child of member `of`. The daemon itself is never one to kill, nor
 * what is below it. */
static void look_at_child(TreeKill *self, pid_t pid)
{
    ProcessStat stat;
    int pidfd;

    if (pid <= 1 || pid == getpid())
        return;
    if (read_stat(self, pid, &stat) != PROCESS_STAT_READ ||
        stat.parent != self->members[self->of].pid) {
        /* The list may have passed over another one: see process-children.h. */
        self->unsettled = TRUE;
        return;
    }
    if (*find_place(self, pid, stat.start_time) != 0)
        return;

    pidfd = open_proven(self, pid, &stat);
    if (pidfd < 0)
        return;
    if (stat.parent != self->members[self->of].pid || !still_has_its_number(self, self->of)) {
        self->unsettled = TRUE;
    } else if (self->n_members == TREE_KILL_MAX_MEMBERS) {
        self->full = TRUE;
    } else if (*find_place(self, pid, stat.start_time) == 0) {
        add_member(self, &stat);
        (void)send_signal(self, pidfd, SIGSTOP);
    }
    close(pidfd);
}

static gboolean note_child(pid_t pid, gpointer user_data)
{
    TreeKill *self = user_data;

    if (self->n_listed < TREE_KILL_MAX_MEMBERS)
        self->listed[self->n_listed++] = pid;
    else
        self->full = TRUE;
    return TRUE;
}

/* For a kernel that lists no children: everybody's parent is looked at, and the whole of /proc for
 * each level of the tree. */
static void look_at_everybody(TreeKill *self)
{
    ProcessNumbers numbers;
    pid_t pid;

    if (!process_numbers_open(&numbers, self->proc_fd, ".")) {
        self->unsettled = TRUE;
        return;
    }
    while (!self->stopped && process_numbers_next(&numbers, &pid)) {
        ProcessStat stat;
        ProcessStatResult result = read_stat(self, pid, &stat);

        self->unsettled |= result == PROCESS_STAT_UNREADABLE;
        for (guint i = 0; result == PROCESS_STAT_READ && i < self->n_members; i++) {
            if (self->members[i].pid != stat.parent)
                continue;
            self->of = i;
            look_at_child(self, pid);
            break;
        }
    }
    self->unsettled |= !process_numbers_close(&numbers);
}

/* The list of members grows while it is walked: level by level, down to the last one. */
static void look_at_tree(TreeKill *self)
{
    if (!self->children_are_listed) {
        guint known;

        do {
            known = self->n_members;
            look_at_everybody(self);
        } while (self->n_members > known && !self->stopped);
        return;
    }
    for (guint i = 0; i < self->n_members && !self->stopped; i++) {
        self->of = i;
        self->n_listed = 0;
        if (process_children_read(self->proc_fd, self->members[i].pid, note_child, self) ==
            PROCESS_STAT_UNREADABLE)
            self->unsettled = TRUE;
        for (guint k = 0; k < self->n_listed && !self->stopped; k++)
            look_at_child(self, self->listed[k]);
    }
}

/* Two looks: see all_at_rest() in action-process.c. */
static gboolean all_are_at_rest(const TreeKill *self)
{
    for (guint look = 0; look < 2; look++)
        for (guint i = 0; i < self->n_members; i++)
            if (!process_stat_threads_at_rest(self->proc_fd, self->members[i].pid))
                return FALSE;
    return TRUE;
}

/* TRUE when all of the tree is known, and stopped. */
static gboolean stop_tree(TreeKill *self)
{
    for (guint i = 0; i < LOOKS_MAX && !self->stopped; i++) {
        gboolean at_rest = i > 0 && all_are_at_rest(self);
        guint known = self->n_members;

        self->unsettled = FALSE;
        look_at_tree(self);
        if (at_rest && self->n_members == known && !self->unsettled)
            return TRUE;
    }
    return FALSE;
}

static void kill_members(TreeKill *self)
{
    for (guint i = self->n_members; i-- > 1 && !self->stopped;) {
        ProcessStat stat;
        int pidfd = open_proven(self, self->members[i].pid, &stat);

        if (pidfd < 0)
            continue;
        if (stat.start_time == self->members[i].start_time)
            (void)send_signal(self, pidfd, SIGKILL);
        close(pidfd);
    }
    (void)send_signal(self, self->root_pidfd, SIGKILL);
}

static TreeKillResult walk(TreeKill *self, pid_t root, gboolean at_all_costs)
{
    ProcessStat stat;
    gboolean whole;

    /* The root's number is its own as long as it has not ended. */
    if (read_stat(self, root, &stat) != PROCESS_STAT_READ) {
        if (has_ended(self->root_pidfd))
            return TREE_KILL_NOTHING;
        if (at_all_costs)
            (void)send_signal(self, self->root_pidfd, SIGKILL);
        return at_all_costs ? TREE_KILL_KILLED : TREE_KILL_UNFINISHED;
    }
    if (has_ended(self->root_pidfd))
        return TREE_KILL_NOTHING;
    add_member(self, &stat);
    if (!send_signal(self, self->root_pidfd, SIGSTOP))
        return TREE_KILL_NOTHING;

    whole = stop_tree(self);
    if (!self->stopped && !whole && !self->full && !at_all_costs)
        return TREE_KILL_UNFINISHED;
    kill_members(self);
    return self->stopped ? TREE_KILL_NOTHING : TREE_KILL_KILLED;
}

TreeKillResult tree_kill_pass(TreeKill *self, int root_pidfd, pid_t root, gboolean at_all_costs,
                              TreeKillSend send, gpointer user_data)
{
    TreeKillResult result;

    /* The last one first: nobody's place is found behind a gap. */
    for (; self->n_members > 0; self->n_members--) {
        const TreeKillMember *last = &self->members[self->n_members - 1];
        *find_place(self, last->pid, last->start_time) = 0;
    }
    self->root_pidfd = root_pidfd;
    self->send = send;
    self->user_data = user_data;
    self->full = self->stopped = FALSE;

    let_spares_go(self);
    result = walk(self, root, at_all_costs);
    keep_spares(self);
    return result;
}
