/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launcher's health, second by second and without a launcher.
 */
#include <glib.h>

#include "actions/launcher-health.h"
#include "base/checked-time.h"

#define SECOND USEC_PER_SECOND

static const LauncherTimes times = {
    .interval_us = 10 * SECOND,
    .patience_us = 4 * SECOND,
    .first_delay_us = 1 * SECOND,
    .last_delay_us = 30 * SECOND,
    .long_life_us = 60 * SECOND,
};

static LauncherHealth make(guint64 now_us)
{
    LauncherHealth health;

    launcher_health_init(&health, &times);
    g_assert_cmpuint(health.next_us, ==, TIME_NEVER);
    launcher_health_started(&health, now_us);
    g_assert_cmpuint(health.next_us, ==, now_us + 2 * SECOND);
    return health;
}

static LauncherHealth make_well(guint64 now_us)
{
    LauncherHealth health = make(now_us);

    g_assert_true(launcher_health_heard(&health, true, now_us));
    return health;
}

static void test_questions_and_answers(void)
{
    LauncherHealth health = make(100 * SECOND);

    /* One question is out already. */
    g_assert_false(launcher_health_needs(&health, 100 * SECOND));
    g_assert_true(launcher_health_heard(&health, true, 101 * SECOND));
    for (guint64 now_us = 111 * SECOND; now_us < 1000 * SECOND; now_us += 11 * SECOND) {
        g_assert_cmpuint(health.next_us, ==, now_us);
        g_assert_cmpint(launcher_health_look(&health, now_us - 1), ==, LAUNCHER_HEALTH_WAIT);
        g_assert_cmpint(launcher_health_look(&health, now_us), ==, LAUNCHER_HEALTH_ASK);
        g_assert_cmpuint(health.next_us, ==, now_us + 2 * SECOND);
        g_assert_false(launcher_health_heard(&health, true, now_us + 1 * SECOND));
    }
}

static void test_a_request_asks(void)
{
    LauncherHealth health = make_well(0);

    g_assert_true(launcher_health_needs(&health, 3 * SECOND));
    g_assert_false(launcher_health_needs(&health, 3 * SECOND));
    g_assert_cmpuint(health.next_us, ==, 5 * SECOND);
    g_assert_false(launcher_health_heard(&health, true, 4 * SECOND));
    g_assert_true(launcher_health_needs(&health, 4 * SECOND));
}

static void test_it_hangs(void)
{
    LauncherHealth health = make_well(0);

    g_assert_cmpint(launcher_health_look(&health, 10 * SECOND), ==, LAUNCHER_HEALTH_ASK);
    g_assert_cmpint(launcher_health_look(&health, 12 * SECOND), ==, LAUNCHER_HEALTH_WAIT);
    g_assert_cmpint(launcher_health_look(&health, 14 * SECOND - 1), ==, LAUNCHER_HEALTH_WAIT);
    g_assert_cmpint(launcher_health_look(&health, 14 * SECOND), ==, LAUNCHER_HEALTH_HANGS);

    /* From its start on, too. */
    health = make(0);
    g_assert_cmpint(launcher_health_look(&health, 2 * SECOND), ==, LAUNCHER_HEALTH_WAIT);
    g_assert_cmpint(launcher_health_look(&health, 4 * SECOND), ==, LAUNCHER_HEALTH_HANGS);
}

/* The host was suspended with a question out: half of the patience begins when it goes on. */
static void test_time_that_nobody_had(void)
{
    LauncherHealth health = make_well(0);

    g_assert_cmpint(launcher_health_look(&health, 10 * SECOND), ==, LAUNCHER_HEALTH_ASK);
    g_assert_cmpint(launcher_health_look(&health, 9999 * SECOND), ==, LAUNCHER_HEALTH_WAIT);
    g_assert_cmpuint(health.next_us, ==, 10001 * SECOND);
    g_assert_false(launcher_health_heard(&health, true, 10000 * SECOND));
    g_assert_cmpint(launcher_health_look(&health, 10010 * SECOND), ==, LAUNCHER_HEALTH_ASK);
}

/* Much to do: the answer is behind others, each of which shows that it is there. */
static void test_other_answers_count(void)
{
    LauncherHealth health = make_well(0);

    g_assert_cmpint(launcher_health_look(&health, 10 * SECOND), ==, LAUNCHER_HEALTH_ASK);
    for (guint64 now_us = 11 * SECOND; now_us < 100 * SECOND; now_us += SECOND) {
        g_assert_cmpint(launcher_health_look(&health, now_us), ==, LAUNCHER_HEALTH_WAIT);
        g_assert_false(launcher_health_heard(&health, false, now_us));
    }
    g_assert_cmpint(launcher_health_look(&health, 101 * SECOND), ==, LAUNCHER_HEALTH_WAIT);
    g_assert_cmpint(launcher_health_look(&health, 103 * SECOND), ==, LAUNCHER_HEALTH_HANGS);

    /* They make no question due, and no launcher well that has not answered one. */
    health = make_well(0);
    g_assert_false(launcher_health_heard(&health, false, 9 * SECOND));
    g_assert_cmpint(launcher_health_look(&health, 10 * SECOND), ==, LAUNCHER_HEALTH_ASK);
    health = make(0);
    g_assert_false(launcher_health_heard(&health, false, 1 * SECOND));
    g_assert_false(health.well);
}

static guint64 live_for(LauncherHealth *health, guint64 *now_us, guint64 life_us)
{
    guint64 delay_us;

    launcher_health_started(health, *now_us);
    g_assert_true(launcher_health_heard(health, true, *now_us));
    *now_us += life_us;
    delay_us = launcher_health_lost(health, *now_us);
    g_assert_cmpuint(health->next_us, ==, TIME_NEVER);
    *now_us += delay_us;
    return delay_us;
}

static void test_delays(void)
{
    static const guint expected[] = { 1, 2, 4, 8, 16, 30, 30 };
    LauncherHealth health;
    guint64 now_us = 100 * SECOND;

    launcher_health_init(&health, &times);
    for (guint i = 0; i < 20; i++)
        g_assert_cmpuint(live_for(&health, &now_us, 59 * SECOND), ==,
                         expected[MIN(i, G_N_ELEMENTS(expected) - 1)] * SECOND);
    /* One that was well for long was no fault of how it is started. */
    g_assert_cmpuint(live_for(&health, &now_us, 60 * SECOND), ==, 1 * SECOND);
    g_assert_cmpuint(live_for(&health, &now_us, 0), ==, 2 * SECOND);
    /* One that cannot be started, or never answers, was not well. */
    g_assert_cmpuint(launcher_health_lost(&health, now_us += 1000 * SECOND), ==, 4 * SECOND);
    launcher_health_started(&health, now_us);
    g_assert_cmpuint(launcher_health_lost(&health, now_us + 1000 * SECOND), ==, 8 * SECOND);
}

/* What bailiffd goes by: twenty that die at once are not started in less than five minutes. */
static void test_real_delays(void)
{
    LauncherHealth health;
    guint64 now_us = 100 * SECOND;

    launcher_health_init(&health, &launcher_times);
    for (guint i = 0; i < 20; i++)
        live_for(&health, &now_us, 0);
    g_assert_cmpuint(now_us, >, 400 * SECOND);
    g_assert_cmpuint(live_for(&health, &now_us, 0), ==, 30 * SECOND);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/launcher-health/questions-and-answers", test_questions_and_answers);
    g_test_add_func("/launcher-health/a-request-asks", test_a_request_asks);
    g_test_add_func("/launcher-health/it-hangs", test_it_hangs);
    g_test_add_func("/launcher-health/time-that-nobody-had", test_time_that_nobody_had);
    g_test_add_func("/launcher-health/other-answers-count", test_other_answers_count);
    g_test_add_func("/launcher-health/delays", test_delays);
    g_test_add_func("/launcher-health/real-delays", test_real_delays);
    return g_test_run();
}
