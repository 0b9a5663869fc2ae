/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines that repeat, with a clock that is a number.
 */
#include <glib.h>

#include "base/checked-time.h"
#include "common/log-limit.h"

#define BURST 3u
#define WINDOW 100u

static GString *told;

static void tell(const char *key, guint64 n, gpointer user_data)
{
    g_assert_true(user_data == &told);
    g_string_append_printf(told, "%s %" G_GUINT64_FORMAT ";", key, n);
}

static const char *collect(LogLimit *limit, guint64 now_us)
{
    g_string_truncate(told, 0);
    log_limit_collect(limit, now_us, tell, &told);
    return told->str;
}

static guint passed_of(LogLimit *limit, const char *key, guint n, guint64 now_us)
{
    guint passed = 0;

    for (guint i = 0; i < n; i++)
        passed += log_limit_pass(limit, key, now_us) ? 1 : 0;
    return passed;
}

static void test_few_pass(void)
{
    g_autoptr(LogLimit) limit = log_limit_new(BURST, WINDOW);

    /* Exactly the burst in each window, for ever: nothing is held back and nothing told. */
    for (guint64 now_us = 0; now_us < 50 * WINDOW; now_us += WINDOW)
        g_assert_cmpuint(passed_of(limit, "a", BURST, now_us), ==, BURST);
    g_assert_cmpuint(log_limit_next_due(limit), ==, TIME_NEVER);
    g_assert_cmpstr(collect(limit, TIME_NEVER), ==, "");
}

static void test_held_back_and_told(void)
{
    g_autoptr(LogLimit) limit = log_limit_new(BURST, WINDOW);

    g_assert_cmpuint(passed_of(limit, "a", 10, 1000), ==, BURST);
    g_assert_cmpuint(log_limit_next_due(limit), ==, 1000 + WINDOW);
    g_assert_cmpstr(collect(limit, 1000 + WINDOW - 1), ==, "");
    g_assert_false(log_limit_pass(limit, "a", 1000 + WINDOW - 1));
    /* Late: until it was told of, what comes belongs to it. */
    g_assert_false(log_limit_pass(limit, "a", 1000 + 2 * WINDOW));
    g_assert_cmpstr(collect(limit, 1000 + 2 * WINDOW), ==, "a 9;");
    g_assert_cmpuint(log_limit_next_due(limit), ==, TIME_NEVER);
    g_assert_cmpstr(collect(limit, TIME_NEVER), ==, "");
    g_assert_cmpuint(passed_of(limit, "a", 10, 1000 + 2 * WINDOW), ==, BURST);
}

static void test_each_key_by_itself(void)
{
    g_autoptr(LogLimit) limit = log_limit_new(BURST, WINDOW);

    g_assert_cmpuint(passed_of(limit, "a", 5, 0), ==, BURST);
    g_assert_cmpuint(passed_of(limit, "b", BURST, 0), ==, BURST);
    g_assert_cmpuint(passed_of(limit, "c", 4, 50), ==, BURST);
    g_assert_cmpuint(log_limit_next_due(limit), ==, WINDOW);
    g_assert_cmpstr(collect(limit, WINDOW), ==, "a 2;");
    g_assert_cmpuint(log_limit_next_due(limit), ==, 50 + WINDOW);
    g_assert_cmpstr(collect(limit, 50 + WINDOW), ==, "c 1;");
}

/* What it keeps is bounded, and room is found by forgetting what is over. */
static void test_many_keys(void)
{
    g_autoptr(LogLimit) limit = log_limit_new(BURST, WINDOW);

    for (guint i = 0; i < 2 * LOG_LIMIT_MAX_KEYS; i++) {
        g_autofree char *key = g_strdup_printf("%u", i);

        g_assert_cmpuint(passed_of(limit, key, BURST + 1, 0), ==,
                         i < LOG_LIMIT_MAX_KEYS ? BURST : BURST + 1);
    }
    g_assert_cmpuint(passed_of(limit, "new", BURST + 1, WINDOW), ==, BURST + 1);
    (void)collect(limit, WINDOW);
    g_assert_cmpuint(passed_of(limit, "new", BURST + 1, WINDOW), ==, BURST);

    for (guint i = 1; i < LOG_LIMIT_MAX_KEYS; i++) {
        g_autofree char *key = g_strdup_printf("%u", i);

        g_assert_true(log_limit_pass(limit, key, WINDOW));
    }
    g_assert_cmpuint(passed_of(limit, "newer", BURST + 1, 2 * WINDOW), ==, BURST);
}

/* A clock at the end of its range does not turn round. */
static void test_end_of_time(void)
{
    g_autoptr(LogLimit) limit = log_limit_new(BURST, WINDOW);

    g_assert_cmpuint(passed_of(limit, "a", 5, TIME_NEVER - 1), ==, BURST);
    g_assert_cmpstr(collect(limit, TIME_NEVER - 1), ==, "");
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    told = g_string_new(NULL);
    g_test_add_func("/log-limit/few-pass", test_few_pass);
    g_test_add_func("/log-limit/held-back-and-told", test_held_back_and_told);
    g_test_add_func("/log-limit/each-key-by-itself", test_each_key_by_itself);
    g_test_add_func("/log-limit/many-keys", test_many_keys);
    g_test_add_func("/log-limit/end-of-time", test_end_of_time);
    status = g_test_run();
    g_string_free(told, TRUE);
    return status;
}
