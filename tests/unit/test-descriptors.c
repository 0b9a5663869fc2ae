/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counted are the numbers that open() may still give out, wherever they are.
 */
#include "common/descriptors.h"
#include "support/in-subprocess.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define OPENED 300

/* In a process of its own: limits and descriptors are the whole process's. */
static void set_limits(rlim_t soft, rlim_t hard)
{
    const struct rlimit limit = { .rlim_cur = soft, .rlim_max = hard };

    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
}

static int open_null(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static guint64 open_all(int *last)
{
    guint64 n = 0;

    for (int fd; (fd = open_null()) >= 0; n++)
        *last = fd;
    return n;
}

static void test_each_counts(void)
{
    guint64 before;
    int fds[OPENED];

    set_limits(1000, 1000);
    before = descriptors_left();
    g_assert_cmpuint(before, >, OPENED);
    for (guint i = 0; i < OPENED; i++)
        fds[i] = open_null();
    g_assert_cmpuint(descriptors_left(), ==, before - OPENED);
    /* Gaps below count as well. */
    for (guint i = 0; i < OPENED; i += 3)
        close(fds[i]);
    g_assert_cmpuint(descriptors_left(), ==, before - OPENED + OPENED / 3);
}

static void test_that_many_can_be_opened(void)
{
    guint64 left;
    int last = -1;

    set_limits(200, 200);
    left = descriptors_left();
    g_assert_cmpuint(open_all(&last), ==, left);
    g_assert_cmpuint(descriptors_left(), ==, 0);
    /* One is needed to find it out with, and is free again afterwards. */
    close(last);
    g_assert_cmpuint(descriptors_left(), ==, 1);
}

static void test_what_is_beyond_the_limit(void)
{
    int last = -1;

    set_limits(100, 200);
    (void)open_all(&last);
    set_limits(20, 200);
    g_assert_cmpuint(descriptors_left(), ==, 0);
    g_assert_cmpuint(descriptors_limit(), ==, 20);
    close(10);
    g_assert_cmpuint(descriptors_left(), ==, 1);
    close(50);
    g_assert_cmpuint(descriptors_left(), ==, 1);
    g_assert_true(descriptors_raise_limit());
    g_assert_cmpuint(descriptors_limit(), ==, 200);
    g_assert_cmpuint(descriptors_left(), ==, 102);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/descriptors/each", test_each_counts, in_subprocess);
    g_test_add_data_func("/descriptors/that-many", test_that_many_can_be_opened, in_subprocess);
    g_test_add_data_func("/descriptors/beyond", test_what_is_beyond_the_limit, in_subprocess);
    return g_test_run();
}
