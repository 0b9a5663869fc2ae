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
#include <sys/syscall.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "common/process-children.h"

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

ProcessTree *process_tree_new(void)
{
    ProcessTree *self = g_new0(ProcessTree, 1);

    self->members = g_array_new(FALSE, FALSE, sizeof(ProcessTreeMember));
    g_array_set_clear_func(self->members, clear_member);
    self->settled = TRUE;
    return self;
}

ProcessTree *process_tree_free(ProcessTree *self)
{
    if (self != NULL) {
        g_array_unref(self->members);
        g_free(self);
    }
    return NULL;
}

gboolean process_tree_may_list = TRUE;

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
    ProcessStat stat;
    char path[64];

    found.pidfd = (int)syscall(SYS_pidfd_open, seen->pid, 0);
    if (found.pidfd < 0) {
        /* EINVAL, ENOENT: by now it is the number of a thread of another process. */
        if (errno != ESRCH && errno != EINVAL && errno != ENOENT)
            bailiff_set_error(
                error, BAILIFF_ERROR_IO_ERROR, "See the system's limits on open files.",
                "Process %d cannot be opened: %s.", (int)seen->pid, g_strerror(errno));
        return FALSE;
    }
    g_snprintf(path, sizeof path, "%d/stat", (int)seen->pid);
    switch (process_stat_read(&stat, proc_fd, path)) {
    case PROCESS_STAT_READ:
        break;
    case PROCESS_STAT_GONE:
        return FALSE;
    case PROCESS_STAT_UNREADABLE:
        set_unreadable(error, path);
        return FALSE;
    }
    if (process_identity_has_ended(&found) || stat.start_time != seen->start_time ||
        stat.parent != parent->pid || process_identity_has_ended(parent))
        return FALSE;

    found.pid = stat.pid;
    found.start_time = stat.start_time;
    *ret = found;
    found = (ProcessIdentity){ .pidfd = -1 };
    return TRUE;
}

/* Who looks, and what is found. */
typedef struct Scan {
    ProcessTree *tree;
    const ProcessIdentity *root;
    int proc_fd;
    GHashTable *known; /* set of numbers */
    GArray *numbers;   /* of pid_t: listed children */
} Scan;

static gboolean may_be_member(Scan *self, const ProcessStat *seen, GError **error)
{
    if (seen->pid == getpid()) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Register a process that did not start the daemon.",
                          "This daemon itself is a descendant of process %d.",
                          (int)self->root->pid);
        return FALSE;
    }
    if (self->tree->members->len == PROCESS_TREE_MAX_MEMBERS) {
        bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                          "Run it as a systemd unit, and register that.",
                          "Process %d has more than %u descendants.", (int)self->root->pid,
                          PROCESS_TREE_MAX_MEMBERS);
        return FALSE;
    }
    return TRUE;
}

/* One that was seen to be a child of the member with the index `parent`. FALSE with an error. */
static gboolean add_child(Scan *self, const ProcessStat *seen, const ProcessIdentity *of,
                          int parent, GError **error)
{
    ProcessTreeMember member = { .parent = parent };
    g_autoptr(GError) local_error = NULL;

    if (!may_be_member(self, seen, error))
        return FALSE;
    if (process_tree_open_member(&member.identity, seen, of, self->proc_fd, &local_error)) {
        g_array_append_val(self->tree->members, member);
        g_hash_table_add(self->known, GINT_TO_POINTER(seen->pid));
    } else if (local_error != NULL) {
        g_propagate_error(error, g_steal_pointer(&local_error));
        return FALSE;
    } else if (seen->state != 'Z' && seen->state != 'X') {
        self->tree->settled = FALSE;
    }
    return TRUE;
}

static ProcessIdentity identity_of(const Scan *self, int member)
{
    return member == PROCESS_TREE_ROOT
               ? *self->root
               : g_array_index(self->tree->members, ProcessTreeMember, member).identity;
}

/* Those of `all` that are children of the member with the index `parent`. A line is used once, so
 * that lines which contradict each other (they are of different moments) cannot make a circle. */
static gboolean add_children_of_all(Scan *self, GArray *all, int parent, GError **error)
{
    for (guint i = 0; i < all->len; i++) {
        ProcessIdentity of = identity_of(self, parent);
        ProcessStat *seen = &g_array_index(all, ProcessStat, i);

        if (seen->parent != of.pid || seen->pid == self->root->pid || seen->pid == 1)
            continue;
        seen->parent = 0;
        if (!add_child(self, seen, &of, parent, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean note_number(pid_t pid, gpointer user_data)
{
    g_array_append_val((GArray *)user_data, pid);
    return TRUE;
}

/* By what the kernel lists: see process-children.h for when that is all. */
static gboolean add_listed_children(Scan *self, int parent, GError **error)
{
    ProcessIdentity of = identity_of(self, parent);
    char path[64];

    g_array_set_size(self->numbers, 0);
    if (process_children_read(self->proc_fd, of.pid, note_number, self->numbers) ==
        PROCESS_STAT_UNREADABLE) {
        g_snprintf(path, sizeof path, "%d/task", (int)of.pid);
        set_unreadable(error, path);
        return FALSE;
    }
    for (guint i = 0; i < self->numbers->len; i++) {
        pid_t pid = g_array_index(self->numbers, pid_t, i);
        ProcessStat seen;

        g_snprintf(path, sizeof path, "%d/stat", (int)pid);
        switch (process_stat_read(&seen, self->proc_fd, path)) {
        case PROCESS_STAT_READ:
            break;
        case PROCESS_STAT_GONE:
            self->tree->settled = FALSE;
            continue;
        case PROCESS_STAT_UNREADABLE:
            set_unreadable(error, path);
            return FALSE;
        }
        if (seen.parent != of.pid || g_hash_table_contains(self->known, GINT_TO_POINTER(pid)))
            self->tree->settled = FALSE;
        else if (pid != 1 && !add_child(self, &seen, &of, parent, error))
            return FALSE;
    }
    if (process_identity_has_ended(&of))
        self->tree->settled = FALSE;
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

/* A kernel does not change its mind. */
static gboolean children_are_listed(int proc_fd)
{
    static gsize known; /* 1: no, 2: yes */

    if (g_once_init_enter(&known))
        g_once_init_leave(&known, process_children_are_listed(proc_fd) ? 2 : 1);
    return process_tree_may_list && known == 2;
}

ProcessTree *process_tree_scan(const ProcessIdentity *root, GError **error)
{
    g_autoptr(ProcessTree) tree = process_tree_new();
    g_autoptr(GHashTable) known = g_hash_table_new(NULL, NULL);
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(pid_t));
    g_autoptr(GArray) all = NULL;
    Scan self = { .tree = tree, .root = root, .known = known, .numbers = numbers };
    gboolean listed, found;
    DIR *proc;

    if (!root_is_usable(root, error))
        return NULL;

    proc = opendir("/proc");
    if (proc == NULL) {
        set_unreadable(error, "");
        return NULL;
    }
    self.proc_fd = dirfd(proc);
    listed = children_are_listed(self.proc_fd);
    if (!listed)
        all = read_all(proc, error);
    found = listed || all != NULL;
    /* The list grows while it is walked: level by level, down to the last one. */
    for (int i = PROCESS_TREE_ROOT; found && i < (int)tree->members->len; i++)
        found = listed ? add_listed_children(&self, i, error)
                       : add_children_of_all(&self, all, i, error);
    closedir(proc);

    /* A root that ended meanwhile has lost its children to others. */
    if (!found || !root_is_usable(root, error))
        return NULL;
    return g_steal_pointer(&tree);
}
