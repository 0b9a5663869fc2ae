/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All descendants of a process, each with its own pidfd: by what the kernel lists as children, or
 * by one scan of /proc where it does not list them.
 *
 * Descent is what the kernel calls parent: a process that outlived its parent belongs to another
 * one's tree (pid 1's, as a rule) and is not found. Who cannot trust its processes to stay together
 * registers a unit, whose control group holds them.
 */
#pragma once

#include <glib.h>

#include "common/process-stat.h"
#include "common/process-identity.h"

/* More than this many is an error: each costs the daemon a descriptor and its main loop time. */
#define PROCESS_TREE_MAX_MEMBERS 1024u

#define PROCESS_TREE_ROOT (-1)

typedef struct ProcessTreeMember {
    ProcessIdentity identity; /* without user and name */
    int parent; /* the index of its parent, always a lower one; or PROCESS_TREE_ROOT */
} ProcessTreeMember;

typedef struct ProcessTree {
    GArray
        *members; /* of ProcessTreeMember, all alive when they were looked at, without the root */
    gboolean settled; /* FALSE: something ended or moved during the scan; some may be missing */
} ProcessTree;

/* NULL with an error when the tree cannot be known, has too many members, holds this very process,
 * or when its root has ended or is pid 1. Signals nothing. */
ProcessTree *process_tree_scan(const ProcessIdentity *root, GError **error);

/* For tests: FALSE makes it scan /proc. */
extern gboolean process_tree_may_list;

/* Makes a line of a scan trustworthy: opens the process that has the number `seen->pid` and proves
 * that it is the one that was seen, that it lives, and that it is a child of `parent`, which lives
 * too. FALSE without an error when it is not so. */
gboolean process_tree_open_member(ProcessIdentity *ret, const ProcessStat *seen,
                                  const ProcessIdentity *parent, int proc_fd, GError **error);

/* No members; to be filled by whoever knows some. */
ProcessTree *process_tree_new(void);
ProcessTree *process_tree_free(ProcessTree *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProcessTree, process_tree_free)
