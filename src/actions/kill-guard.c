/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tables of the kill guard, as the main loop sees them; see kill-guard-lane.h for how the
 * threads do. All memory, the threads' stacks included, is one mapping that is in memory from the
 * beginning, and stays there where the daemon may have that.
 */
#include "actions/kill-guard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "actions/kill-guard-lane.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"

/* The walk through a tree takes some 4 KiB of it; the rest is for the C library, or a sanitizer. */
#ifdef __SANITIZE_THREAD__
#define STACK_SIZE (2048u * 1024u)
#else
#define STACK_SIZE (256u * 1024u)
#endif

typedef struct GuardLine {
    guint64 generation; /* grows with each use of the place */
    gboolean is_used;
} GuardLine;

typedef struct GuardEntry {
    guint64 generation;
    guint line;
    gboolean is_used;
} GuardEntry;

struct KillGuard {
    KillGuardLane lanes[KILL_GUARD_WAYS];
    char stacks[KILL_GUARD_WAYS][STACK_SIZE] __attribute__((aligned(4096)));
    TreeKill tree;
    _Atomic guint64 line_times[KILL_GUARD_MAX_LINES];
    _Atomic guint64 n_kills;
    GuardLine lines[KILL_GUARD_MAX_LINES];
    GuardEntry entries[KILL_GUARD_MAX_ENTRIES];
    guint next_line, next_entry; /* where to look for a free one first */
};

static const char *const thread_names[KILL_GUARD_WAYS] = {
    [KILL_GUARD_PROCESS] = "guard-process",
    [KILL_GUARD_TREE] = "guard-tree",
    [KILL_GUARD_CGROUP] = "guard-cgroup",
};

KillGuard *kill_guard_new(GError **error)
{
    KillGuard *self = mmap(NULL, sizeof *self, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (self == MAP_FAILED) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "See the system's memory.",
                          "There is no memory for the last kill: %s.", g_strerror(errno));
        return NULL;
    }
    /* Only the better where it is allowed. */
    (void)mlock(self, sizeof *self);

    for (guint i = 0; i < KILL_GUARD_MAX_LINES; i++)
        atomic_store(&self->line_times[i], TIME_NEVER);
    for (guint way = 0; way < KILL_GUARD_WAYS; way++) {
        KillGuardLane *lane = &self->lanes[way];

        lane->way = (KillGuardWay)way;
        lane->line_times = self->line_times;
        lane->n_kills = &self->n_kills;
        lane->tree = way == KILL_GUARD_TREE ? &self->tree : NULL;
        if (!kill_guard_lane_start(lane, thread_names[way], self->stacks[way], STACK_SIZE, error)) {
            for (guint i = 0; i <= way; i++)
                kill_guard_lane_stop(&self->lanes[i]);
            munmap(self, sizeof *self);
            return NULL;
        }
    }
    return self;
}

void kill_guard_free(KillGuard *self)
{
    if (self == NULL)
        return;
    for (guint way = 0; way < KILL_GUARD_WAYS; way++)
        kill_guard_lane_stop(&self->lanes[way]);
    munmap(self, sizeof *self);
}

/* A handle: the place, and above it how often it was used. Never 0. */

static GuardLine *find_line(KillGuard *self, guint64 handle)
{
    GuardLine *line = &self->lines[handle % KILL_GUARD_MAX_LINES];

    return line->is_used && line->generation == handle / KILL_GUARD_MAX_LINES ? line : NULL;
}

static GuardEntry *find_entry(KillGuard *self, guint64 handle)
{
    GuardEntry *entry = &self->entries[handle % KILL_GUARD_MAX_ENTRIES];

    return entry->is_used && entry->generation == handle / KILL_GUARD_MAX_ENTRIES ? entry : NULL;
}

guint64 kill_guard_add_line(KillGuard *self, GError **error)
{
    for (guint i = 0; i < KILL_GUARD_MAX_LINES; i++) {
        guint at = (self->next_line + i) % KILL_GUARD_MAX_LINES;
        GuardLine *line = &self->lines[at];

        if (line->is_used)
            continue;
        line->is_used = TRUE;
        line->generation++;
        self->next_line = at + 1;
        atomic_store(&self->line_times[at], TIME_NEVER);
        return line->generation * KILL_GUARD_MAX_LINES + at;
    }
    bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Leave lockspaces that are not needed.",
                      "The last kill has room for %u lockspaces.", KILL_GUARD_MAX_LINES);
    return 0;
}

void kill_guard_set_line(KillGuard *self, guint64 handle, guint64 kill_at_us)
{
    const GuardLine *line = find_line(self, handle);

    if (line == NULL)
        return;
    atomic_store(&self->line_times[line - self->lines], kill_at_us);
    for (guint way = 0; way < KILL_GUARD_WAYS; way++)
        kill_guard_lane_wake_for(&self->lanes[way], kill_at_us);
}

static void remove_entry(KillGuard *self, GuardEntry *entry)
{
    for (guint way = 0; way < KILL_GUARD_WAYS; way++)
        kill_guard_lane_drop(&self->lanes[way], (guint)(entry - self->entries));
    entry->is_used = FALSE;
}

void kill_guard_remove_line(KillGuard *self, guint64 handle)
{
    GuardLine *line = find_line(self, handle);

    if (line == NULL)
        return;
    for (guint i = 0; i < KILL_GUARD_MAX_ENTRIES; i++)
        if (self->entries[i].is_used && self->entries[i].line == (guint)(line - self->lines))
            remove_entry(self, &self->entries[i]);
    line->is_used = FALSE;
}

/* A place is free again when its threads have let it go, too. */
static GuardEntry *find_free_entry(KillGuard *self)
{
    for (guint i = 0; i < KILL_GUARD_MAX_ENTRIES; i++) {
        guint at = (self->next_entry + i) % KILL_GUARD_MAX_ENTRIES;
        gboolean is_free = !self->entries[at].is_used;

        for (guint way = 0; is_free && way < KILL_GUARD_WAYS; way++)
            is_free = kill_guard_lane_is_free(&self->lanes[way], at);
        if (is_free) {
            self->next_entry = at + 1;
            return &self->entries[at];
        }
    }
    return NULL;
}

static gboolean may_be_killed(const KillGuardTarget *target, GError **error)
{
    if (target->pidfd < 0 && target->cgroup_kill_fd < 0) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Start it, and ask for its leases then.",
                          "There is no process that could be killed if its leases were lost.");
        return FALSE;
    }
    if (target->pidfd >= 0 && (target->pid <= 1 || target->pid == getpid())) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Register another process; neither pid 1 nor the daemon can be killed.",
                          "Process %d is not one that the daemon kills.", (int)target->pid);
        return FALSE;
    }
    return TRUE;
}

static int duplicate(int fd, gboolean *ret_failed)
{
    int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

    *ret_failed |= fd >= 0 && copy < 0;
    return copy;
}

guint64 kill_guard_add(KillGuard *self, guint64 line_handle, const KillGuardTarget *target,
                       GError **error)
{
    KillGuardWay way = target->tree ? KILL_GUARD_TREE : KILL_GUARD_PROCESS;
    const GuardLine *line = find_line(self, line_handle);
    gboolean failed = FALSE;
    GuardEntry *entry;
    int pidfd, cgroup_fd;
    guint at;

    if (!may_be_killed(target, error))
        return 0;
    if (line == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, "Join the lockspace again.",
                          "Nobody can be killed for a lockspace that is not held.");
        return 0;
    }
    entry = find_free_entry(self);
    if (entry == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Release leases that are not needed.",
                          "The last kill has room for %u who hold leases.", KILL_GUARD_MAX_ENTRIES);
        return 0;
    }
    pidfd = duplicate(target->pidfd, &failed);
    cgroup_fd = duplicate(target->cgroup_kill_fd, &failed);
    if (failed) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Raise the daemon's limit on open files.",
                          "There are no descriptors left for the last kill.");
        if (pidfd >= 0)
            close(pidfd);
        if (cgroup_fd >= 0)
            close(cgroup_fd);
        return 0;
    }

    at = (guint)(entry - self->entries);
    entry->is_used = TRUE;
    entry->generation++;
    entry->line = (guint)(line - self->lines);
    if (pidfd >= 0)
        kill_guard_lane_arm(&self->lanes[way], at, entry->line, pidfd, target->pid, TRUE);
    if (cgroup_fd >= 0)
        kill_guard_lane_arm(&self->lanes[KILL_GUARD_CGROUP], at, entry->line, cgroup_fd,
                            target->pid, pidfd < 0);
    return entry->generation * KILL_GUARD_MAX_ENTRIES + at;
}

void kill_guard_remove(KillGuard *self, guint64 handle)
{
    GuardEntry *entry = find_entry(self, handle);

    if (entry != NULL)
        remove_entry(self, entry);
}

guint64 kill_guard_count_kills(KillGuard *self)
{
    return atomic_load(&self->n_kills);
}
