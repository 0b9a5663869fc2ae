/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SIGKILL to a process and all below it, for the kill guard: no allocation, no waiting, no more
 * than five descriptors at a time.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* What is beyond that is not found; those found are killed all the same. */
#define TREE_KILL_MAX_MEMBERS 16384u
#define TREE_KILL_PLACES 32768u /* a power of two, greater than that */
#define TREE_KILL_SPARE_FDS 5u

typedef struct TreeKillMember {
    guint64 start_time;
    pid_t pid;
    pid_t parent;
} TreeKillMember;

/* FALSE: nothing is to be signalled any more. */
typedef gboolean (*TreeKillSend)(int pidfd, int signal_number, gpointer user_data);

/* Some 500 KiB; zeroed memory is none yet. */
typedef struct TreeKill {
    int proc_fd;
    gboolean children_are_listed;
    int spare_fds[TREE_KILL_SPARE_FDS]; /* let go while a tree is walked: see tree_kill_pass() */
    guint n_members;
    TreeKillMember members[TREE_KILL_MAX_MEMBERS]; /* parents before children; the root is [0] */
    guint16 places[TREE_KILL_PLACES];              /* by number: an index + 1; 0: none */
    pid_t listed[TREE_KILL_MAX_MEMBERS];           /* the children of one */
    guint n_listed;

    /* Of the pass. */
    int root_pidfd;
    TreeKillSend send;
    gpointer user_data;
    guint of;           /* whose children are looked at */
    gboolean unsettled; /* something moved, or could not be seen */
    gboolean full;
    gboolean stopped; /* `send` wants no more */
} TreeKill;

/* FALSE with errno when /proc cannot be had. */
gboolean tree_kill_init(TreeKill *self);
void tree_kill_done(TreeKill *self);

typedef enum TreeKillResult {
    TREE_KILL_KILLED,     /* all that were found have got a SIGKILL */
    TREE_KILL_UNFINISHED, /* some have been stopped: call it again in a moment */
    TREE_KILL_NOTHING,    /* the root has ended, or nothing is to be signalled any more */
} TreeKillResult;

/* `at_all_costs`: kills whom it knows, although there may be others whom it will not find then. */
TreeKillResult tree_kill_pass(TreeKill *self, int root_pidfd, pid_t root, gboolean at_all_costs,
                              TreeKillSend send, gpointer user_data);
