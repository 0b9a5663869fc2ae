/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The recommended io timeout, by the longest read. */
#include <glib.h>

#include "lease/lease-timing.h"
#include "lease/timeout-advice.h"

static void test_fast_storage_gets_the_usual_one(void)
{
    TimeoutAdvice advice;

    g_assert_true(timeout_advise(&advice, 900));
    g_assert_cmpuint(advice.io_timeout, ==, IO_TIMEOUT_DEFAULT);
    g_assert_cmpuint(advice.smallest, ==, IO_TIMEOUT_WATCHDOG_MIN);
    g_assert_cmpuint(advice.late, ==, 60);
    g_assert_cmpuint(advice.fail, ==, 80);
    g_assert_cmpuint(advice.reset, ==, 140);
    g_assert_cmpuint(advice.free, ==, 140);
    g_assert_true(advice.watchdog);
}

static void test_slow_storage_gets_ten_times_the_longest(void)
{
    TimeoutAdvice advice;

    g_assert_true(timeout_advise(&advice, 1000000));
    g_assert_cmpuint(advice.io_timeout, ==, 10);
    g_assert_true(timeout_advise(&advice, 1000001));
    g_assert_cmpuint(advice.io_timeout, ==, 11);
    g_assert_cmpuint(advice.smallest, ==, 11);
    g_assert_cmpuint(advice.fail, ==, 88);
    g_assert_true(timeout_advise(&advice, 400000));
    g_assert_cmpuint(advice.smallest, ==, 4);
    g_assert_cmpuint(advice.io_timeout, ==, 10);
}

static void test_storage_that_is_too_slow(void)
{
    static const guint64 longest[] = { 25500001, 60000000, G_MAXUINT64 / 2, G_MAXUINT64 };
    TimeoutAdvice advice;

    g_assert_true(timeout_advise(&advice, 25500000));
    g_assert_cmpuint(advice.io_timeout, ==, IO_TIMEOUT_MAX);
    for (gsize i = 0; i < G_N_ELEMENTS(longest); i++) {
        g_assert_false(timeout_advise(&advice, longest[i]));
        g_assert_cmpuint(advice.io_timeout, ==, IO_TIMEOUT_MAX);
        g_assert_cmpuint(advice.free, ==, 8 * IO_TIMEOUT_MAX + WATCHDOG_FIRE_SECONDS);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/timeout-advice/fast", test_fast_storage_gets_the_usual_one);
    g_test_add_func("/timeout-advice/slow", test_slow_storage_gets_ten_times_the_longest);
    g_test_add_func("/timeout-advice/too-slow", test_storage_that_is_too_slow);
    return g_test_run();
}
