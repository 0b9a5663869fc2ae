/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CLOCK_BOOTTIME and its source. Only lower bounds of time are asserted: a slow machine is late,
 * never early.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "common/boottime.h"

typedef struct Fixture {
    GMainContext *context;
    GSource *source;
    unsigned calls;
    guint64 called_us;
    gboolean answer;
} Fixture;

static gboolean on_time(gpointer user_data)
{
    Fixture *fixture = user_data;

    fixture->calls++;
    fixture->called_us = boottime_now();
    return fixture->answer;
}

static void set_up_at(Fixture *fixture, guint64 when_us)
{
    fixture->context = g_main_context_new();
    fixture->answer = G_SOURCE_CONTINUE;
    fixture->source = boottime_source_new(when_us);
    g_source_set_callback(fixture->source, on_time, fixture, NULL);
    g_source_attach(fixture->source, fixture->context);
}

static void tear_down(Fixture *fixture)
{
    g_source_destroy(fixture->source);
    g_source_unref(fixture->source);
    g_main_context_unref(fixture->context);
}

static void run_until_called(Fixture *fixture, unsigned calls)
{
    while (fixture->calls < calls)
        g_main_context_iteration(fixture->context, TRUE);
}

/* Runs until a timer that is due 30 ms from now has fired: whatever else was due earlier would
 * have. */
static void run_past(Fixture *fixture)
{
    Fixture mark = { .context = fixture->context, .answer = G_SOURCE_CONTINUE };

    mark.source = boottime_source_new(boottime_now() + 30000);
    g_source_set_callback(mark.source, on_time, &mark, NULL);
    g_source_set_priority(mark.source, G_PRIORITY_LOW);
    g_source_attach(mark.source, mark.context);
    run_until_called(&mark, 1);
    g_source_destroy(mark.source);
    g_source_unref(mark.source);
}

static void test_now(void)
{
    struct timespec before;
    struct timespec after;
    guint64 now;

    clock_gettime(CLOCK_BOOTTIME, &before);
    now = boottime_now();
    clock_gettime(CLOCK_BOOTTIME, &after);
    g_assert_cmpuint(now, >=, (guint64)before.tv_sec * 1000000 + (guint64)before.tv_nsec / 1000);
    g_assert_cmpuint(now, <=, (guint64)after.tv_sec * 1000000 + (guint64)after.tv_nsec / 1000);
}

static void test_fires_once(void)
{
    Fixture fixture = { 0 };
    guint64 when_us = boottime_now() + 20000;

    set_up_at(&fixture, when_us);
    run_until_called(&fixture, 1);
    g_assert_cmpuint(fixture.called_us, >=, when_us);
    run_past(&fixture);
    g_assert_cmpuint(fixture.calls, ==, 1);

    when_us = boottime_now() + 10000;
    boottime_source_set(fixture.source, when_us);
    run_until_called(&fixture, 2);
    g_assert_cmpuint(fixture.called_us, >=, when_us);
    tear_down(&fixture);
}

static void test_past(void)
{
    Fixture fixture = { 0 };

    set_up_at(&fixture, 0);
    run_until_called(&fixture, 1);
    boottime_source_set(fixture.source, 1);
    run_until_called(&fixture, 2);
    boottime_source_set(fixture.source, boottime_now());
    run_until_called(&fixture, 3);
    run_past(&fixture);
    g_assert_cmpuint(fixture.calls, ==, 3);
    tear_down(&fixture);
}

static void test_never(void)
{
    Fixture fixture = { 0 };

    set_up_at(&fixture, TIME_NEVER);
    run_past(&fixture);
    boottime_source_set(fixture.source, TIME_NEVER - 1);
    run_past(&fixture);
    g_assert_cmpuint(fixture.calls, ==, 0);

    boottime_source_set(fixture.source, boottime_now() + 5000);
    boottime_source_set(fixture.source, TIME_NEVER);
    run_past(&fixture);
    g_assert_cmpuint(fixture.calls, ==, 0);
    tear_down(&fixture);
}

/* The timer has expired, but before the source was dispatched it was moved. */
static void test_moved_after_expiry(void)
{
    Fixture fixture = { 0 };
    guint64 when_us;

    set_up_at(&fixture, 1);
    when_us = boottime_now() + 20000;
    boottime_source_set(fixture.source, when_us);
    run_until_called(&fixture, 1);
    g_assert_cmpuint(fixture.called_us, >=, when_us);
    tear_down(&fixture);
}

static void test_removed(void)
{
    Fixture fixture = { 0 };

    set_up_at(&fixture, 1);
    fixture.answer = G_SOURCE_REMOVE;
    run_until_called(&fixture, 1);
    g_assert_true(g_source_is_destroyed(fixture.source));
    tear_down(&fixture);
}

/* A process without a free descriptor still gets its deadlines. */
static void test_without_descriptor(void)
{
    Fixture fixture = { 0 };
    struct rlimit saved;
    struct rlimit none;
    guint64 when_us = boottime_now() + 80000;

    getrlimit(RLIMIT_NOFILE, &saved);
    none = saved;
    none.rlim_cur = 0;
    fixture.context = g_main_context_new();
    fixture.answer = G_SOURCE_CONTINUE;
    setrlimit(RLIMIT_NOFILE, &none);
    fixture.source = boottime_source_new(when_us);
    setrlimit(RLIMIT_NOFILE, &saved);
    g_source_set_callback(fixture.source, on_time, &fixture, NULL);
    g_source_attach(fixture.source, fixture.context);

    run_until_called(&fixture, 1);
    g_assert_cmpuint(fixture.called_us, >=, when_us);
    run_past(&fixture);
    g_assert_cmpuint(fixture.calls, ==, 1);
    boottime_source_set(fixture.source, boottime_now() + 1000);
    run_until_called(&fixture, 2);
    tear_down(&fixture);
}

/* The thread's wait: a time, and a wake-up. */

static void test_wait(void)
{
    int timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    guint64 until_us, count;

    g_assert_cmpint(timer_fd, >=, 0);
    g_assert_cmpint(wake_fd, >=, 0);
    /* A time that has come, however long ago. */
    boottime_wait(timer_fd, wake_fd, 0);
    boottime_wait(timer_fd, wake_fd, boottime_now() - 1);
    until_us = boottime_now() + 30000;
    while (boottime_now() < until_us) /* once, but for a signal */
        boottime_wait(timer_fd, wake_fd, until_us);
    /* Woken, with a timer that never fires, and the wake-up is used up. */
    const guint64 never[] = { TIME_NEVER, TIME_NEVER - 1, boottime_now() + 3600 * USEC_PER_SECOND };
    for (gsize i = 0; i < G_N_ELEMENTS(never); i++) {
        g_assert_cmpint(eventfd_write(wake_fd, 1), ==, 0);
        boottime_wait(timer_fd, wake_fd, never[i]);
        g_assert_cmpint(read(wake_fd, &count, sizeof count), ==, -1);
        g_assert_cmpint(errno, ==, EAGAIN);
    }
    close(wake_fd);
    close(timer_fd);
}

/* What an earlier wait left armed does not count any more. */
static void test_timer_is_disarmed(void)
{
    int timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec set;

    g_assert_true(boottime_arm_timer(timer_fd, boottime_now() + 3600 * USEC_PER_SECOND));
    g_assert_cmpint(timerfd_gettime(timer_fd, &set), ==, 0);
    g_assert_cmpint(set.it_value.tv_sec, >, 0);
    g_assert_true(boottime_arm_timer(timer_fd, TIME_NEVER));
    g_assert_cmpint(timerfd_gettime(timer_fd, &set), ==, 0);
    g_assert_cmpint(set.it_value.tv_sec, ==, 0);
    g_assert_cmpint(set.it_value.tv_nsec, ==, 0);
    close(timer_fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/boottime/now", test_now);
    g_test_add_func("/boottime/fires-once", test_fires_once);
    g_test_add_func("/boottime/past", test_past);
    g_test_add_func("/boottime/never", test_never);
    g_test_add_func("/boottime/moved-after-expiry", test_moved_after_expiry);
    g_test_add_func("/boottime/removed", test_removed);
    g_test_add_func("/boottime/without-descriptor", test_without_descriptor);
    g_test_add_func("/boottime/wait", test_wait);
    g_test_add_func("/boottime/timer-is-disarmed", test_timer_is_disarmed);
    return g_test_run();
}
