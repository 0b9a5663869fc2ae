/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding the descendants of a process.
 *
 * The scan itself is only a rumour: numbers are read one after the other while processes end, are
 * made, and take over numbers. It names candidates; each becomes a member by proof, from the root
 * downwards:
 *
 *   pidfd of the candidate -> its stat, read again -> its pidfd is not readable, so the stat was
 * its own -> it names the parent's number -> the parent's pidfd is not readable, so that number was
 *   the parent's all the time -> the candidate is a child of a proven member (or of the root).
 *
 * So no number that was reused can bring a stranger into the tree.
 */
#include "common/process-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/bailiff-error.h"

#define CURE_PROC "Let the daemon see all processes in /proc (mount option hidepid)."

static void set_unreadable(GError **error, const char *what)
{
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, CURE_PROC, "/proc/%s cannot be read.", what);
}

static void clear_member(gpointer data)
{
    ProcessTreeMember *member = data;

    process_identity_clear(&member->identity);
}

ProcessTree *process_tree_free(ProcessTree *self)
{
    if (self != NULL) {
        g_array_unref(self->members);
        g_free(self);
    }
    return NULL;
}

/* Everyone's stat. What cannot be read is an error: it might be a descendant. So is a /proc without
 * pid 1: others are hidden from us too (hidepid, ProtectProc=), and a tree would look empty. */
static GArray *read_all(DIR *proc, GError **error)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(ProcessStat));
    gboolean sees_init = FALSE;

    for (;;) {
        struct dirent *entry;
        ProcessStat stat;
        char path[64];

        errno = 0;
        entry = readdir(proc);
        if (entry == NULL)
            break;
        if (!g_ascii_isdigit(entry->d_name[0]))
            continue;
        g_snprintf(path, sizeof path, "%.20s/stat", entry->d_name);
        switch (process_stat_read(&stat, dirfd(proc), path)) {
        case PROCESS_STAT_READ:
            g_array_append_val(all, stat);
            sees_init |= stat.pid == 1;
            break;
        case PROCESS_STAT_GONE:
            break;
        case PROCESS_STAT_UNREADABLE:
            set_unreadable(error, path);
            return NULL;
        }
    }
    if (errno != 0 || !sees_init) {
        set_unreadable(error, errno != 0 ? "" : "1/stat");
        return NULL;
    }
    return g_steal_pointer(&all);
}

gboolean process_tree_open_member(ProcessIdentity *ret, const ProcessStat *seen,
                                  const ProcessIdentity *parent, int proc_fd, GError **error)
{
    g_auto(ProcessIdentity) found = { .pidfd = -1 };
    g_autoptr(GError) local_error = NULL;
    ProcessStat stat;
    char path[64];

    if (!process_identity_from_pid(&found, seen->pid, seen->start_time, &local_error)) {
        /* An invalid argument: by now it is the number of a thread of another process. */
        if (g_error_matches(local_error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND) ||
            g_error_matches(local_error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT))
            return FALSE;
        g_propagate_error(error, g_steal_pointer(&local_error));
        return FALSE;
    }

    g_snprintf(path, sizeof path, "%d/stat", (int)seen->pid);
    if (process_stat_read(&stat, proc_fd, path) == PROCESS_STAT_UNREADABLE) {
        set_unreadable(error, path);
        return FALSE;
    }
    if (process_identity_has_ended(&found) || stat.parent != parent->pid ||
        process_identity_has_ended(parent))
        return FALSE;

    *ret = found;
    found = (ProcessIdentity){ .pidfd = -1 };
    return TRUE;
}

/* Those of `all` that are children of the member with the index `parent`. A line is used once, so
 * that lines which contradict each other (they are of different moments) cannot make a circle. */
static gboolean add_children(ProcessTree *self, GArray *all, const ProcessIdentity *root,
                             int parent, int proc_fd, GError **error)
{
    for (guint i = 0; i < all->len; i++) {
        ProcessIdentity of = parent == PROCESS_TREE_ROOT
                                 ? *root
                                 : g_array_index(self->members, ProcessTreeMember, parent).identity;
        ProcessStat *seen = &g_array_index(all, ProcessStat, i);
        ProcessTreeMember member = { .parent = parent };
        g_autoptr(GError) local_error = NULL;

        if (seen->parent != of.pid || seen->pid == root->pid || seen->pid == 1)
            continue;
        seen->parent = 0;
        if (seen->pid == getpid()) {
            bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                              "Register a process that did not start the daemon.",
                              "This daemon itself is a descendant of process %d.", (int)root->pid);
            return FALSE;
        }
        if (self->members->len == PROCESS_TREE_MAX_MEMBERS) {
            bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                              "Run it as a systemd unit, and register that.",
                              "Process %d has more than %u descendants.", (int)root->pid,
                              PROCESS_TREE_MAX_MEMBERS);
            return FALSE;
        }
        if (process_tree_open_member(&member.identity, seen, &of, proc_fd, &local_error)) {
            g_array_append_val(self->members, member);
        } else if (local_error != NULL) {
            g_propagate_error(error, g_steal_pointer(&local_error));
            return FALSE;
        } else if (seen->state != 'Z' && seen->state != 'X') {
            self->settled = FALSE;
        }
    }
    return TRUE;
}

static gboolean root_is_usable(const ProcessIdentity *root, GError **error)
{
    if (root->pid <= 1) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Register the process itself.",
                          "All processes descend from process %d.", (int)root->pid);
        return FALSE;
    }
    if (process_identity_has_ended(root)) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND,
                          "Nothing is to be done; what it left behind belongs to other processes.",
                          "Process %d has ended.", (int)root->pid);
        return FALSE;
    }
    return TRUE;
}

ProcessTree *process_tree_scan(const ProcessIdentity *root, GError **error)
{
    g_autoptr(ProcessTree) self = g_new0(ProcessTree, 1);
    g_autoptr(GArray) all = NULL;
    gboolean found = TRUE;
    DIR *proc;

    self->members = g_array_new(FALSE, FALSE, sizeof(ProcessTreeMember));
    g_array_set_clear_func(self->members, clear_member);
    self->settled = TRUE;
    if (!root_is_usable(root, error))
        return NULL;

    proc = opendir("/proc");
    if (proc == NULL) {
        set_unreadable(error, "");
        return NULL;
    }
    all = read_all(proc, error);
    found = all != NULL;
    /* The list grows while it is walked: level by level, down to the last one. */
    for (int i = PROCESS_TREE_ROOT; found && i < (int)self->members->len; i++)
        found = add_children(self, all, root, i, dirfd(proc), error);
    closedir(proc);

    /* A root that ended meanwhile has lost its children to others. */
    if (!found || !root_is_usable(root, error))
        return NULL;
    return g_steal_pointer(&self);
}
