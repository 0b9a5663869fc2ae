/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread sleeps until the earliest deadline of a slot, or one second, whichever is due. A
 * deadline that is moved on does not wake it: it wakes at the old one, finds nothing to do, and
 * sleeps until the new one. One that comes earlier has to wake it:
 *
 *   main loop                          thread
 *   ---------                          ------
 *   store deadline                     armed := never
 *   load armed                         look at all deadlines
 *   earlier than armed: wake           armed := the earliest, set the timer, sleep
 *
 * Either the thread sees the deadline, or the main loop loads an `armed` from before or after the
 * look: in the first case it is `never`, and it wakes the thread; in the second it is what the
 * thread sleeps until.
 */
#include "actions/kill-guard-lane.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/urgency.h"
#include "common/boottime.h"

typedef enum SlotState {
    SLOT_FREE,
    SLOT_ARMED,
    SLOT_CLAIMED,
    SLOT_SIGNALLING,
    SLOT_DROPPED,
    SLOT_DROPPED_SIGNALLING,
} SlotState;

#define STATE_BITS 3
#define STATE_MASK ((1u << STATE_BITS) - 1)

#define REPEAT_US USEC_PER_SECOND
/* A tree that moves is looked at again so soon, and for so long before those who are known are
 * killed without the others: the deadline has passed. */
#define TREE_REPEAT_US (UINT64_C(5) * 1000)
#define TREE_PATIENCE_US USEC_PER_SECOND

static SlotState state_of(guint32 word)
{
    return (SlotState)(word & STATE_MASK);
}

static guint32 with_state(guint32 word, SlotState state)
{
    return (word & ~STATE_MASK) | (guint32)state;
}

/* Both sides. */

static gboolean change_state(KillGuardSlot *slot, guint32 seen, SlotState state)
{
    return atomic_compare_exchange_strong(&slot->word, &seen, with_state(seen, state));
}

static void futex(_Atomic guint32 *word, int operation, guint32 value)
{
    (void)syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

/* The main loop's side. */

gboolean kill_guard_lane_is_free(const KillGuardLane *self, guint slot)
{
    return state_of(atomic_load(&self->slots[slot].word)) == SLOT_FREE;
}

void kill_guard_lane_wake_for(KillGuardLane *self, guint64 when_us)
{
    const guint64 one = 1;

    /* It can only fail when it is readable anyway. */
    if (self->n_armed > 0 && when_us < atomic_load(&self->armed_us) &&
        write(self->wake_fd, &one, sizeof one) < 0)
        return;
}

void kill_guard_lane_arm(KillGuardLane *self, guint index, guint line, int fd, pid_t pid,
                         gboolean is_counted)
{
    KillGuardSlot *slot = &self->slots[index];
    guint32 number = (atomic_load(&slot->word) >> STATE_BITS) + 1;

    slot->fd = fd;
    slot->pid = pid;
    slot->is_counted = is_counted;
    slot->first_us = 0;
    atomic_store(&slot->line, line);
    atomic_store(&slot->again_us, 0);
    atomic_store(&slot->word, (number << STATE_BITS) | SLOT_ARMED);
    self->n_armed++;
    if (atomic_load(&self->n_slots) <= index)
        atomic_store(&self->n_slots, index + 1);
    kill_guard_lane_wake_for(self, atomic_load(&self->line_times[line]));
}

/* One that is being sent at this moment. */
static void wait_for_signal(const KillGuardLane *self, KillGuardSlot *slot)
{
    guint32 word;

    if (self->way == KILL_GUARD_CGROUP)
        return;
    while (state_of(word = atomic_load(&slot->word)) == SLOT_DROPPED_SIGNALLING)
        futex(&slot->word, FUTEX_WAIT, word);
}

/* FALSE when it was not armed. */
static gboolean drop(KillGuardLane *self, KillGuardSlot *slot)
{
    for (;;) {
        guint32 word = atomic_load(&slot->word);

        switch (state_of(word)) {
        case SLOT_FREE:
        case SLOT_DROPPED:
            return FALSE;
        case SLOT_ARMED: {
            int fd = slot->fd;

            if (!change_state(slot, word, SLOT_FREE))
                break;
            close(fd);
            return TRUE;
        }
        case SLOT_CLAIMED:
            if (change_state(slot, word, SLOT_DROPPED))
                return TRUE;
            break;
        case SLOT_SIGNALLING:
            if (change_state(slot, word, SLOT_DROPPED_SIGNALLING)) {
                wait_for_signal(self, slot);
                return TRUE;
            }
            break;
        case SLOT_DROPPED_SIGNALLING:
            return FALSE;
        }
    }
}

void kill_guard_lane_drop(KillGuardLane *self, guint index)
{
    if (drop(self, &self->slots[index]))
        self->n_armed--;
}

/* The thread's side. */

static gboolean begin_signal(KillGuardSlot *slot)
{
    guint32 word = atomic_load(&slot->word);

    return state_of(word) == SLOT_CLAIMED && change_state(slot, word, SLOT_SIGNALLING);
}

static void end_signal(KillGuardSlot *slot)
{
    guint32 word = atomic_load(&slot->word);

    if (state_of(word) == SLOT_SIGNALLING && change_state(slot, word, SLOT_CLAIMED))
        return;
    atomic_store(&slot->word, with_state(word, SLOT_DROPPED));
    futex(&slot->word, FUTEX_WAKE, INT_MAX);
}

static void let_go(KillGuardSlot *slot)
{
    guint32 word = atomic_load(&slot->word);

    if (state_of(word) == SLOT_CLAIMED && change_state(slot, word, SLOT_ARMED))
        return;
    /* Dropped meanwhile. */
    word = atomic_load(&slot->word);
    close(slot->fd);
    slot->fd = -1;
    atomic_store(&slot->word, with_state(word, SLOT_FREE));
}

static gboolean send_by_pidfd(int pidfd, int signal_number, gpointer user_data)
{
    KillGuardSlot *slot = user_data;

    if (!begin_signal(slot))
        return FALSE;
    (void)syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0);
    end_signal(slot);
    return TRUE;
}

static gboolean write_to_cgroup(KillGuardSlot *slot)
{
    if (!begin_signal(slot))
        return FALSE;
    /* It fails when the control group is gone, and everybody in it. */
    if (pwrite(slot->fd, "1", 1, 0) < 0)
        errno = 0;
    end_signal(slot);
    return TRUE;
}

/* TRUE when it was killed as far as that can be; `ret_again_us`: how long until the next time. */
static gboolean strike(KillGuardLane *self, KillGuardSlot *slot, guint64 now_us,
                       guint64 *ret_again_us)
{
    TreeKillResult result;

    *ret_again_us = REPEAT_US;
    switch (self->way) {
    case KILL_GUARD_PROCESS:
        return send_by_pidfd(slot->fd, SIGKILL, slot);
    case KILL_GUARD_CGROUP:
        return write_to_cgroup(slot);
    case KILL_GUARD_TREE:
    case KILL_GUARD_WAYS:
        break;
    }
    result =
        tree_kill_pass(self->tree, slot->fd, slot->pid,
                       time_since(now_us, slot->first_us) >= TREE_PATIENCE_US, send_by_pidfd, slot);
    if (result == TREE_KILL_UNFINISHED)
        *ret_again_us = TREE_REPEAT_US;
    return result == TREE_KILL_KILLED;
}

/* When this slot is due. */
static guint64 time_of(const KillGuardLane *self, const KillGuardSlot *slot)
{
    if (state_of(atomic_load(&slot->word)) != SLOT_ARMED)
        return TIME_NEVER;
    return MAX(atomic_load(&self->line_times[atomic_load(&slot->line)]),
               atomic_load(&slot->again_us));
}

/* Claims it, looks again (it may be another one by now, in another line, and deadlines move), and
 * kills. When it is due next. */
static guint64 work_on(KillGuardLane *self, KillGuardSlot *slot)
{
    guint32 word = atomic_load(&slot->word);
    guint64 now_us = boottime_now();
    guint64 due_us, again_us;

    if (state_of(word) != SLOT_ARMED || !change_state(slot, word, SLOT_CLAIMED))
        return now_us; /* the main loop has changed it: look again */
    due_us =
        MAX(atomic_load(&self->line_times[atomic_load(&slot->line)]), atomic_load(&slot->again_us));
    if (due_us <= now_us) {
        gboolean is_first = slot->first_us == 0;

        slot->first_us = is_first ? now_us : slot->first_us;
        if (strike(self, slot, now_us, &again_us) && slot->is_counted) {
            slot->is_counted = FALSE;
            atomic_fetch_add(self->n_kills, 1);
        }
        due_us = time_add(boottime_now(), again_us);
        atomic_store(&slot->again_us, due_us);
    }
    let_go(slot);
    return due_us;
}

/* When there is something to do next. */
static guint64 work(KillGuardLane *self)
{
    guint n = atomic_load(&self->n_slots);
    guint64 next_us = TIME_NEVER;

    for (guint i = 0; i < n && !atomic_load(&self->stopping); i++) {
        guint64 when_us = time_of(self, &self->slots[i]);

        if (when_us <= boottime_now())
            when_us = work_on(self, &self->slots[i]);
        next_us = MIN(next_us, when_us);
    }
    return next_us;
}

static gboolean send_nothing(int pidfd, int signal_number, gpointer user_data)
{
    return TRUE;
}

/* What the last kill will call is called once beforehand, so that it is bound and in memory. */
static void rehearse(KillGuardLane *self)
{
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    KillGuardSlot slot = { .word = SLOT_CLAIMED };

    if (pidfd < 0)
        return;
    (void)send_by_pidfd(pidfd, 0, &slot);
    if (self->tree != NULL)
        (void)tree_kill_pass(self->tree, pidfd, getpid(), TRUE, send_nothing, NULL);
    close(pidfd);
}

static void *run(void *data)
{
    KillGuardLane *self = data;

    urgency_take(URGENCY_LAST_KILL);
    rehearse(self);
    while (!atomic_load(&self->stopping)) {
        guint64 next_us;

        atomic_store(&self->armed_us, TIME_NEVER);
        next_us = work(self);
        atomic_store(&self->armed_us, next_us);
        boottime_wait(self->timer_fd, self->wake_fd, next_us);
    }
    return NULL;
}

/* Its beginning and its end. */

static gboolean start_thread(KillGuardLane *self, const char *name, void *stack, gsize stack_size)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int result;

    pthread_attr_init(&attributes);
    result = pthread_attr_setstack(&attributes, stack, stack_size);
    if (result == 0) {
        /* No handler ever runs in it, and no signal is taken from the main loop. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        result = pthread_create(&self->thread, &attributes, run, self);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attributes);
    if (result != 0) {
        errno = result;
        return FALSE;
    }
    (void)pthread_setname_np(self->thread, name);
    return TRUE;
}

gboolean kill_guard_lane_start(KillGuardLane *self, const char *thread_name, void *stack,
                               gsize stack_size, GError **error)
{
    gboolean has_tree;

    atomic_store(&self->armed_us, TIME_NEVER);
    has_tree = self->tree == NULL || tree_kill_init(self->tree);
    self->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->is_running = has_tree && self->timer_fd >= 0 && self->wake_fd >= 0 &&
                       start_thread(self, thread_name, stack, stack_size);
    if (!self->is_running) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "See the system's limits on open files and threads.",
                          "The thread of the last kill cannot be started: %s.", g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

void kill_guard_lane_stop(KillGuardLane *self)
{
    const guint64 one = 1;

    if (self->is_running) {
        atomic_store(&self->stopping, TRUE);
        if (write(self->wake_fd, &one, sizeof one) < 0)
            errno = 0; /* it is readable already */
        pthread_join(self->thread, NULL);
    }
    for (guint i = 0; i < atomic_load(&self->n_slots); i++)
        kill_guard_lane_drop(self, i);
    if (self->tree != NULL)
        tree_kill_done(self->tree);
    if (self->timer_fd >= 0)
        close(self->timer_fd);
    if (self->wake_fd >= 0)
        close(self->wake_fd);
}
