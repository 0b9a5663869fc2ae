/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CLOCK_BOOTTIME and a GSource on it, by timerfd: the kernel makes the timer readable right after a
 * resume when its time passed during the suspend.
 *
 * The source dispatches only when the clock itself says that the time has come. So a timer that was
 * moved between its expiry and its dispatch does not fire early, and where no timerfd can be had
 * (the process is out of descriptors) the source falls back to looking at the clock every POLL_US:
 * a deadline that is 50 ms late is better than one that was never armed.
 */
#include "common/boottime.h"

#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/checked-time.h"

#define POLL_US (50 * 1000)

typedef struct BoottimeSource {
    GSource source;
    int fd; /* -1: none to be had, see POLL_US */
    guint64 when_us;
} BoottimeSource;

guint64 boottime_now(void)
{
    struct timespec now = { 0, 0 };
    guint64 now_us;

    clock_gettime(CLOCK_BOOTTIME, &now);
    now_us = (guint64)now.tv_sec * USEC_PER_SECOND + (guint64)now.tv_nsec / 1000;
    return now_us > 0 ? now_us : 1;
}

gboolean boottime_arm_timer(int timer_fd, guint64 when_us)
{
    struct itimerspec timer = { { 0, 0 }, { 0, 0 } };

    if (when_us != TIME_NEVER) {
        timer.it_value.tv_sec = (time_t)(when_us / USEC_PER_SECOND);
        timer.it_value.tv_nsec = (long)(when_us % USEC_PER_SECOND) * 1000;
        /* All zero means "disarm" to the kernel; 0 is a time that has come. */
        if (when_us == 0)
            timer.it_value.tv_nsec = 1;
    }
    return timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &timer, NULL) == 0;
}

void boottime_wait(int timer_fd, int wake_fd, guint64 until_us)
{
    struct pollfd fds[] = { { .fd = timer_fd, .events = POLLIN },
                            { .fd = wake_fd, .events = POLLIN } };
    guint64 count;

    /* A time too large for the kernel is as good as never. */
    if (!boottime_arm_timer(timer_fd, until_us))
        (void)boottime_arm_timer(timer_fd, TIME_NEVER);
    (void)poll(fds, G_N_ELEMENTS(fds), -1);
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
        if (read(fds[i].fd, &count, sizeof count) < 0)
            count = 0;
}

static gboolean boottime_source_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    BoottimeSource *self = (BoottimeSource *)source;
    guint64 expirations;

    /* Only to make the descriptor unreadable again: what counts is the clock. */
    if (self->fd >= 0 && read(self->fd, &expirations, sizeof(expirations)) < 0)
        expirations = 0;

    if (self->when_us == TIME_NEVER || boottime_now() < self->when_us) {
        boottime_source_set(source, self->when_us);
        return G_SOURCE_CONTINUE;
    }
    boottime_source_set(source, TIME_NEVER);
    return callback != NULL ? callback(user_data) : G_SOURCE_CONTINUE;
}

static void boottime_source_finalize(GSource *source)
{
    BoottimeSource *self = (BoottimeSource *)source;

    if (self->fd >= 0)
        close(self->fd);
}

GSource *boottime_source_new(guint64 when_us)
{
    static GSourceFuncs functions = { .dispatch = boottime_source_dispatch,
                                      .finalize = boottime_source_finalize };
    GSource *source = g_source_new(&functions, sizeof(BoottimeSource));
    BoottimeSource *self = (BoottimeSource *)source;

    g_source_set_static_name(source, "boottime");
    self->fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (self->fd >= 0)
        g_source_add_unix_fd(source, self->fd, G_IO_IN);
    boottime_source_set(source, when_us);
    return source;
}

static void arm_by_polling(GSource *source, guint64 when_us)
{
    guint64 wait_us;

    if (when_us == TIME_NEVER)
        return;
    wait_us = MIN(time_since(when_us, boottime_now()), POLL_US);
    g_source_set_ready_time(source, g_get_monotonic_time() + (gint64)wait_us);
}

void boottime_source_set(GSource *source, guint64 when_us)
{
    BoottimeSource *self = (BoottimeSource *)source;

    self->when_us = when_us;
    g_source_set_ready_time(source, -1);
    if (self->fd < 0 || !boottime_arm_timer(self->fd, when_us))
        arm_by_polling(source, when_us);
}
