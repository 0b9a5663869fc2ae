/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Its pidfd tells the end of a process. It does not tell of one that was killed and cannot end,
 * since a thread of it waits for storage: nothing does, so that it is looked for now and then.
 *
 * The wait has a main context of its own: what the default one has belongs to a daemon that runs.
 */
#include "daemon/predecessor-wait.h"

#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/log-message.h"

/* For what no event tells. */
#define LOOK_MS 100
/* For the end of a process that has begun to end: longer than the kernel takes to clear up, little
 * beside the deadlines of leases, which nobody enforces meanwhile. */
#define ENDING_MS 300
/* Longer than a standstill, a farewell and an end take. */
#define TOLD_MS 2000

typedef struct Wait {
    InstanceLock *lock;
    GMainContext *context;
    pid_t watched; /* of which the end is waited for; 0: nobody yet */
    GSource *end;
    gboolean told_to_end;
    gboolean said_too_late;
    gboolean limit_passed;
    gboolean replaced; /* by one that runs */
} Wait;

static gboolean on_end(gint fd, GIOCondition condition, gpointer user_data)
{
    return G_SOURCE_REMOVE;
}

static gboolean on_look(gpointer user_data)
{
    return G_SOURCE_CONTINUE;
}

static gboolean set_flag(gpointer user_data)
{
    gboolean *flag = user_data;

    *flag = TRUE;
    return G_SOURCE_CONTINUE;
}

static void close_pidfd(gpointer fd)
{
    close(GPOINTER_TO_INT(fd));
}

static void attach(Wait *self, GSource *source, GSourceFunc callback, gpointer data)
{
    g_source_set_callback(source, callback, data, NULL);
    g_source_attach(source, self->context);
    g_source_unref(source); /* the context's */
}

static void unwatch(Wait *self)
{
    if (self->end != NULL)
        g_source_destroy(self->end);
    g_clear_pointer(&self->end, g_source_unref);
}

static int open_pidfd(pid_t pid)
{
    return pid != 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

/* Which process that is stands in a file, and may be old by now: the event is a reason to look, and
 * says nothing by itself. */
static void watch(Wait *self, pid_t pid)
{
    int fd;

    if (pid == self->watched)
        return;
    unwatch(self);
    self->watched = pid;
    fd = open_pidfd(pid);
    if (fd < 0)
        return;
    self->end = g_unix_fd_source_new(fd, G_IO_IN);
    g_source_set_callback(self->end, G_SOURCE_FUNC(on_end), GINT_TO_POINTER(fd), close_pidfd);
    g_source_attach(self->end, self->context);
}

InstanceState predecessor_look(InstanceLock *lock, pid_t *ret_pid)
{
    InstanceState state = instance_lock_look(lock, ret_pid);
    struct pollfd end = { .fd = -1, .events = POLLIN };

    if (state == INSTANCE_ENDING)
        end.fd = open_pidfd(*ret_pid);
    if (end.fd < 0)
        return state;
    (void)poll(&end, 1, ENDING_MS);
    close(end.fd);
    return instance_lock_look(lock, ret_pid);
}

/* It is free, or is so when the one who has it has ended, for which nobody but this one waits. */
static gboolean is_ours_to_take(Wait *self)
{
    pid_t pid;
    InstanceState state = predecessor_look(self->lock, &pid);

    if (state == INSTANCE_ENDING && !instance_lock_take_next(self->lock))
        return FALSE;
    /* Who was next may have become the first one meanwhile. */
    if (state == INSTANCE_ENDING)
        state = instance_lock_look(self->lock, &pid);
    if (state == INSTANCE_RUNS) {
        self->replaced = self->watched != 0 && pid != 0 && pid != self->watched;
        watch(self, pid);
    }
    return state != INSTANCE_RUNS;
}

static gboolean may_leave_it_alone(Wait *self)
{
    if (instance_lock_is_next_no_more(self->lock))
        return TRUE;
    if (self->told_to_end && !self->said_too_late)
        log_line(LOG_NOTICE, NULL,
                 "Told to end, but bailiffd process %d ends for this one already: so this one "
                 "takes its place first",
                 (int)self->watched);
    self->said_too_late = self->told_to_end;
    return FALSE;
}

static PredecessorEnd wait_for_it(Wait *self)
{
    while (!is_ours_to_take(self)) {
        if ((self->told_to_end || self->limit_passed || self->replaced) && may_leave_it_alone(self))
            return self->told_to_end ? PREDECESSOR_LEFT_ALONE : PREDECESSOR_STAYS;
        g_main_context_iteration(self->context, TRUE);
    }
    return PREDECESSOR_GONE;
}

static gboolean on_long_wait(gpointer user_data)
{
    Wait *self = user_data;

    log_line(LOG_WARNING, NULL,
             "bailiffd process %d has agreed to hand over and has not ended: this one waits for "
             "its end. Nobody renews its leases meanwhile; see what it does, or end this one, and "
             "that one goes on.",
             (int)self->watched);
    return G_SOURCE_REMOVE;
}

PredecessorEnd predecessor_wait(InstanceLock *lock, guint limit_ms)
{
    Wait self = { .lock = lock, .context = g_main_context_new() };
    PredecessorEnd end;

    attach(&self, g_unix_signal_source_new(SIGTERM), set_flag, &self.told_to_end);
    attach(&self, g_unix_signal_source_new(SIGINT), set_flag, &self.told_to_end);
    attach(&self, g_timeout_source_new(LOOK_MS), on_look, NULL);
    if (limit_ms > 0)
        attach(&self, g_timeout_source_new(limit_ms), set_flag, &self.limit_passed);
    else
        attach(&self, g_timeout_source_new(TOLD_MS), on_long_wait, &self);
    end = wait_for_it(&self);
    unwatch(&self);
    g_main_context_unref(self.context);
    return end;
}
