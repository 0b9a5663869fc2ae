/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread of the kill guard, and the slots that it works on.
 *
 * Each way to kill has a lane of its own, so that walking through large trees, or the lock that the
 * kernel takes for a write to cgroup.kill, holds up nobody else.
 *
 * There is no lock: the main loop may be stopped at any instruction, and would keep it. A slot
 * belongs to whoever its state says:
 *
 *             add                         claim                        begin a signal
 *   FREE ------------------> ARMED ------------------> CLAIMED <------------------> SIGNALLING
 *     ^  (main loop)           |   <------------------    |       (thread)              |
 *     |        remove          |        (thread)          | remove                      | remove
 *     +------------------------+                          v                             v
 *     +---------------------------------------------- DROPPED <------------- DROPPED_SIGNALLING
 *                            (thread)                           (thread)
 *
 * Who takes the slot to FREE closes its descriptor. So none is closed under the thread, and the
 * main loop never waits but for a signal that is being sent at that very moment:
 * pidfd_send_signal() does not block. A write to cgroup.kill could, and is not waited for.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <glib.h>

#include "actions/kill-guard.h"
#include "actions/tree-kill.h"

typedef enum KillGuardWay {
    KILL_GUARD_PROCESS,
    KILL_GUARD_TREE,
    KILL_GUARD_CGROUP,
    KILL_GUARD_WAYS,
} KillGuardWay;

typedef struct KillGuardSlot {
    /* A state, and above it a number that is another one each time the slot is armed: who has
     * looked at an older one does not take it for this. */
    _Atomic guint32 word;
    _Atomic guint32 line;     /* whose deadline counts */
    _Atomic guint64 again_us; /* not before: it was tried a moment ago */

    /* For whoever the slot belongs to. */
    int fd; /* pidfd or cgroup.kill */
    pid_t pid;
    gboolean is_counted; /* a target with two slots is counted once */
    guint64 first_us;    /* when it was tried first; 0: not yet */
} KillGuardSlot;

typedef struct KillGuardLane {
    KillGuardWay way;
    const _Atomic guint64 *line_times; /* KILL_GUARD_MAX_LINES deadlines */
    _Atomic guint64 *n_kills;
    TreeKill *tree; /* for KILL_GUARD_TREE only */

    /* For the main loop. */
    gboolean is_running;
    guint n_armed; /* as it knows */

    pthread_t thread;
    int timer_fd;
    int wake_fd;
    _Atomic gboolean stopping;
    /* What the timer is set to: TIME_NEVER also while that is being found out. */
    _Atomic guint64 armed_us;
    _Atomic guint n_slots; /* those from here on were never used */
    KillGuardSlot slots[KILL_GUARD_MAX_ENTRIES];
} KillGuardLane;

/* All memory is the caller's: `self` zeroed, and a stack for the thread. FALSE with an error when
 * the thread cannot be had. */
gboolean kill_guard_lane_start(KillGuardLane *self, const char *thread_name, void *stack,
                               gsize stack_size, GError **error);
/* Ends the thread, and closes all descriptors. Also when it was not started. */
void kill_guard_lane_stop(KillGuardLane *self);

gboolean kill_guard_lane_is_free(const KillGuardLane *self, guint slot);

/* `fd` is taken over. */
void kill_guard_lane_arm(KillGuardLane *self, guint slot, guint line, int fd, pid_t pid,
                         gboolean is_counted);
/* Nothing when it is not armed. */
void kill_guard_lane_drop(KillGuardLane *self, guint slot);

/* A deadline was set to this: the thread is woken when it would sleep for longer. */
void kill_guard_lane_wake_for(KillGuardLane *self, guint64 when_us);
