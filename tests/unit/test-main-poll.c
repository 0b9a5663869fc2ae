/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * More is watched than the limit allows to open.
 */
#include "daemon/main-poll.h"
#include "support/in-subprocess.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define WATCHED 50
#define LOWERED 16

/* In a process of its own: a limit cannot be raised again by everybody. */
static void lower_limit(rlim_t soft, rlim_t hard)
{
    const struct rlimit limit = { .rlim_cur = soft, .rlim_max = hard };

    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
}

static void watch(GPollFD *fds)
{
    for (guint i = 0; i < WATCHED; i++)
        fds[i] = (GPollFD){ .fd = eventfd(0, EFD_CLOEXEC), .events = G_IO_IN };
    g_assert_cmpint(main_poll(fds, WATCHED, 0), ==, 0);
}

static void make_ready(const GPollFD *fd)
{
    const guint64 one = 1;

    g_assert_cmpint(write(fd->fd, &one, sizeof one), ==, sizeof one);
}

static void check_seen(GPollFD *fds)
{
    make_ready(&fds[3]);
    make_ready(&fds[LOWERED]);
    make_ready(&fds[WATCHED - 1]);
    g_assert_cmpint(main_poll(fds, WATCHED, -1), ==, 3);
    for (guint i = 0; i < WATCHED; i++)
        g_assert_cmpint(fds[i].revents, ==,
                        i == 3 || i == LOWERED || i == WATCHED - 1 ? G_IO_IN : 0);
}

static void test_soft(void)
{
    GPollFD fds[WATCHED];
    struct rlimit limit;

    lower_limit(100, 100);
    watch(fds);
    lower_limit(LOWERED, 100);
    g_assert_cmpint(g_poll(fds, WATCHED, 0), ==, -1);
    g_assert_cmpint(errno, ==, EINVAL);
    check_seen(fds);
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    g_assert_cmpuint(limit.rlim_cur, ==, 100);
}

/* What was ready the time before is not so for ever. */
static void test_hard(void)
{
    GPollFD fds[WATCHED];
    guint64 value;

    watch(fds);
    lower_limit(LOWERED, LOWERED);
    check_seen(fds);
    for (guint i = 0; i < WATCHED; i++)
        if (fds[i].revents != 0)
            g_assert_cmpint(read(fds[i].fd, &value, sizeof value), ==, sizeof value);
    g_assert_cmpint(main_poll(fds, WATCHED, 1), ==, 0);
    for (guint i = 0; i < WATCHED; i++)
        g_assert_cmpint(fds[i].revents, ==, 0);
    /* It comes back without any event, and not at once: it is no loop that turns. */
    gint64 before_us = g_get_monotonic_time();
    g_assert_cmpint(main_poll(fds, WATCHED, -1), ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - before_us, >=, 90 * G_TIME_SPAN_MILLISECOND);
}

static void test_none(void)
{
    GPollFD fds[WATCHED];

    watch(fds);
    lower_limit(0, 0);
    make_ready(&fds[0]);
    g_assert_cmpint(main_poll(fds, WATCHED, 1), ==, 0);
}

static void test_sees_a_wake_up(void)
{
    GPollFD fds[WATCHED];

    watch(fds);
    lower_limit(LOWERED, LOWERED);
    make_ready(&fds[0]);
    g_assert_cmpint(main_poll(fds, WATCHED, -1), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/main-poll/soft", test_soft, in_subprocess);
    g_test_add_data_func("/main-poll/hard", test_hard, in_subprocess);
    g_test_add_data_func("/main-poll/none", test_none, in_subprocess);
    g_test_add_data_func("/main-poll/wake-up", test_sees_a_wake_up, in_subprocess);
    return g_test_run();
}
