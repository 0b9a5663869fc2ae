/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device that goes on from one watchdog to the next, and what else may come under its name.
 */
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "support/watchdog-bench.h"

/* The name and the number, as they are carried over. */
static int hand_over(Bench *self)
{
    g_autoptr(GPtrArray) descriptors = watchdog_hand_over(self->watchdog);
    WatchdogDescriptor *descriptor;

    g_assert_cmpuint(descriptors->len, ==, 1);
    descriptor = descriptors->pdata[0];
    g_assert_cmpstr(descriptor->name, ==, "watchdog");
    g_assert_cmpint(fcntl(descriptor->fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    return descriptor->fd;
}

/* It hands over, and is gone: the device stays open. */
static int end_with(Bench *self, WatchdogGuard *one)
{
    int fd = hand_over(self);

    watchdog_free(self->watchdog);
    g_free(one);
    return fd;
}

/* What comes next goes on with `fd`, and has one to guard. */
static WatchdogGuard *adopt_and_guard(Bench *self, int fd, guint64 fail_us)
{
    g_autoptr(GAsyncResult) result = NULL;
    WatchdogGuard *one;

    watchdog_adopt(self->watchdog, "watchdog", fd);
    watchdog_guard_async(self->watchdog, "one", 10, fail_us, keep_result, &result);
    watchdog_adopted(self->watchdog);
    WAIT_FOR(result != NULL);
    one = watchdog_guard_finish(result, NULL);
    g_assert_nonnull(one);
    return one;
}

static void test_adopted(Bench *self, gconstpointer unused)
{
    g_autoptr(GAsyncResult) result = NULL;
    guint64 fail_us = boottime_now() - 20 * SECOND;
    WatchdogGuard *one;
    guint n_keepalives;
    int fd;

    if (is_skipped(self))
        return;
    one = guard(self, "one", fail_us);
    confirm(self, one, fail_us);
    fd = end_with(self, one);
    n_keepalives = pseudo_device_count(self->device, "keepalive");

    self->watchdog = make_watchdog(self, self->device->path);
    watchdog_adopt(self->watchdog, "watchdog", fd);
    watchdog_guard_async(self->watchdog, "one", 10, fail_us, keep_result, &result);
    g_assert_cmpuint(pseudo_device_count(self->device, "keepalive"), ==, n_keepalives);
    watchdog_adopted(self->watchdog);
    WAIT_FOR(result != NULL);
    one = watchdog_guard_finish(result, NULL);
    g_assert_nonnull(one);
    confirm(self, one, fail_us);
    g_assert_true(fires_in_window_of(self, fail_us));
    /* Never closed, never opened again. */
    g_assert_cmpuint(pseudo_device_count(self->device, "open"), ==, 1);
    g_assert_cmpuint(pseudo_device_count(self->device, "unclean"), ==, 0);
    watchdog_guard_free(one);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 1);
}

/* The daemon before ended when it had just stopped it. From the next guard on it runs again, and
 * its closing is no end in order any more. */
static void test_adopted_when_it_was_stopped(Bench *self, gconstpointer unused)
{
    guint64 fail_us = boottime_now() + FRESH_US;
    WatchdogGuard *one;
    int fd, disable = WDIOS_DISABLECARD;

    if (is_skipped(self))
        return;
    one = guard(self, "one", fail_us);
    confirm(self, one, fail_us);
    fd = end_with(self, one);
    g_assert_cmpint(ioctl(fd, WDIOC_SETOPTIONS, &disable), ==, 0);
    g_assert_cmpint(write(fd, "V", 1), ==, 1);
    WAIT_FOR(pseudo_device_count(self->device, "magic") == 1);
    g_assert_cmpuint(pseudo_device_count(self->device, "disable"), ==, 1);

    self->watchdog = make_watchdog(self, self->device->path);
    one = adopt_and_guard(self, fd, fail_us);
    confirm(self, one, fail_us);
    g_assert_cmpuint(pseudo_device_count(self->device, "enable"), ==, 1);
    watchdog_free(self->watchdog);
    g_free(one);
    WAIT_FOR(pseudo_device_count(self->device, "unclean") == 1);
    g_assert_cmpuint(pseudo_device_count(self->device, "stop"), ==, 0);
    self->watchdog = make_watchdog(self, self->device->path);
}

/* What comes from a store may be anything: it is not written to, and the device is opened. */
static void test_adopted_and_no_watchdog(Bench *self, gconstpointer unused)
{
    WatchdogGuard *one;
    char byte;
    int ends[2];

    if (is_skipped(self))
        return;
    g_assert_cmpint(pipe2(ends, O_CLOEXEC | O_NONBLOCK), ==, 0);
    one = adopt_and_guard(self, ends[1], boottime_now() + FRESH_US);
    WAIT_FOR(pseudo_device_count(self->device, "open") == 1);
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 0); /* closed, and nothing was written */
    close(ends[0]);
    watchdog_guard_free(one);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 1);
}

/* Another device than that of the configuration: it is stopped, and that one is used. */
static void test_adopted_and_another_device(Bench *self, gconstpointer unused)
{
    PseudoDevice *other;
    WatchdogGuard *one;
    int fd;

    if (is_skipped(self))
        return;
    other = pseudo_device_new(NULL);
    fd = open(other->path, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    one = adopt_and_guard(self, fd, boottime_now() + FRESH_US);
    WAIT_FOR(pseudo_device_count(other, "stop") == 1);
    WAIT_FOR(pseudo_device_count(self->device, "open") == 1);
    watchdog_guard_free(one);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 1);
    pseudo_device_free(other);
}

static void test_adopted_for_nothing(Bench *self, gconstpointer unused)
{
    WatchdogGuard *one;
    int fd;

    if (is_skipped(self))
        return;
    one = guard(self, "one", boottime_now() + FRESH_US);
    fd = end_with(self, one);
    self->watchdog = make_watchdog(self, self->device->path);
    watchdog_adopt(self->watchdog, "watchdog", fd);
    watchdog_adopted(self->watchdog);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 1);
}

/* The configuration has another kind by now. */
static void test_adopted_by_another_kind(Bench *self, gconstpointer unused)
{
    const WatchdogConfig none = { .kind = WATCHDOG_NONE };
    WatchdogGuard *one;
    int fd;

    if (is_skipped(self))
        return;
    one = guard(self, "one", boottime_now() + FRESH_US);
    fd = end_with(self, one);
    self->watchdog = watchdog_new(&none, on_changed, self, NULL);
    watchdog_adopt(self->watchdog, "watchdog", fd);
    g_assert_cmpuint(pseudo_device_count(self->device, "stop"), ==, 0);
    watchdog_adopted(self->watchdog);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 1);
}

static void test_taken_back(Bench *self, gconstpointer unused)
{
    WatchdogGuard *one;
    guint n;

    if (is_skipped(self))
        return;
    one = guard(self, "one", boottime_now() + FRESH_US);
    (void)hand_over(self);
    n = pseudo_device_count(self->device, "keepalive");
    watchdog_take_back(self->watchdog);
    WAIT_FOR(pseudo_device_count(self->device, "keepalive") > n);
    watchdog_guard_free(one);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 1);
}

#define ADD(name, function)                                                                        \
    g_test_add("/watchdog-adopted/" name, Bench, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("guards-on", test_adopted);
    ADD("when-it-was-stopped", test_adopted_when_it_was_stopped);
    ADD("no-watchdog", test_adopted_and_no_watchdog);
    ADD("another-device", test_adopted_and_another_device);
    ADD("for-nothing", test_adopted_for_nothing);
    ADD("by-another-kind", test_adopted_by_another_kind);
    ADD("taken-back", test_taken_back);
    return g_test_run();
}
