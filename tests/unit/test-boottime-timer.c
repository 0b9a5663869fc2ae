/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Many timers over one source. Only lower bounds of time are asserted.
 */
#include <dirent.h>

#include "base/checked-time.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"

typedef struct Alarm {
    BoottimeTimer *timer;
    GArray *log; /* of int: the order in which they came */
    int number;
    guint64 wanted_us;
    guint64 again_us; /* 0: not again */
    struct Alarm *victim;
} Alarm;

static void on_alarm(gpointer user_data)
{
    Alarm *alarm = user_data;

    g_assert_cmpuint(boottime_now(), >=, alarm->wanted_us);
    g_array_append_val(alarm->log, alarm->number);
    if (alarm->victim != NULL)
        g_clear_pointer(&alarm->victim->timer, boottime_timer_free);
    if (alarm->timer != NULL && alarm->again_us != 0)
        boottime_timer_set(alarm->timer, alarm->again_us);
}

static void set(Alarm *alarm, guint64 when_us)
{
    alarm->wanted_us = when_us;
    boottime_timer_set(alarm->timer, when_us);
}

static void make(Alarm *alarms, int n, GArray *log)
{
    for (int i = 0; i < n; i++)
        alarms[i] = (Alarm){ boottime_timer_new(on_alarm, &alarms[i]), log, i, 0, 0, NULL };
}

static void clear(Alarm *alarms, int n)
{
    for (int i = 0; i < n; i++)
        boottime_timer_free(alarms[i].timer);
}

static void run_until(GArray *log, guint n)
{
    while (log->len < n)
        g_main_context_iteration(NULL, TRUE);
}

static int entry(GArray *log, guint i)
{
    return g_array_index(log, int, i);
}

static void test_in_order(void)
{
    g_autoptr(GArray) log = g_array_new(FALSE, FALSE, sizeof(int));
    guint64 now_us = boottime_now();
    Alarm alarms[4];

    make(alarms, 4, log);
    set(&alarms[0], now_us + 30000);
    set(&alarms[1], now_us + 10000);
    set(&alarms[2], now_us + 20000);
    set(&alarms[3], now_us + 20000);
    run_until(log, 4);
    g_assert_cmpint(entry(log, 0), ==, 1);
    g_assert_cmpint(entry(log, 1), ==, 2);
    g_assert_cmpint(entry(log, 2), ==, 3);
    g_assert_cmpint(entry(log, 3), ==, 0);
    g_assert_false(g_main_context_iteration(NULL, FALSE));
    clear(alarms, 4);
}

static void test_moved_and_disarmed(void)
{
    g_autoptr(GArray) log = g_array_new(FALSE, FALSE, sizeof(int));
    guint64 now_us = boottime_now();
    Alarm alarms[3];

    make(alarms, 3, log);
    set(&alarms[0], now_us + 1000);
    set(&alarms[1], 0);
    set(&alarms[2], now_us + 20000);
    set(&alarms[0], now_us + 30000);
    set(&alarms[1], TIME_NEVER);
    run_until(log, 2);
    g_assert_cmpint(entry(log, 0), ==, 2);
    g_assert_cmpint(entry(log, 1), ==, 0);
    clear(alarms, 3);
}

/* Of itself, and of one that is due as well. */
static void test_freed_in_a_callback(void)
{
    g_autoptr(GArray) log = g_array_new(FALSE, FALSE, sizeof(int));
    Alarm alarms[4];

    make(alarms, 4, log);
    alarms[0].victim = &alarms[1];
    alarms[2].victim = &alarms[2];
    for (int i = 0; i < 4; i++)
        set(&alarms[i], 1);
    run_until(log, 3);
    g_assert_cmpint(entry(log, 0), ==, 0);
    g_assert_cmpint(entry(log, 1), ==, 2);
    g_assert_cmpint(entry(log, 2), ==, 3);
    clear(alarms, 4);
}

static gboolean on_idle(gpointer user_data)
{
    *(gboolean *)user_data = TRUE;
    return G_SOURCE_REMOVE;
}

/* Sources of the same priority have their turn although a timer is always due. */
static void test_always_due(void)
{
    g_autoptr(GArray) log = g_array_new(FALSE, FALSE, sizeof(int));
    gboolean had_turn = FALSE;
    Alarm alarm;

    make(&alarm, 1, log);
    alarm.again_us = 1;
    set(&alarm, 1);
    g_idle_add_full(G_PRIORITY_HIGH, on_idle, &had_turn, NULL);
    while (!had_turn)
        g_main_context_iteration(NULL, TRUE);
    run_until(log, 3);
    clear(&alarm, 1);
}

static unsigned count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned n = 0;

    g_assert_nonnull(directory);
    while (readdir(directory) != NULL)
        n++;
    closedir(directory);
    return n;
}

static void test_many(void)
{
    enum { N = 5000 };
    g_autoptr(GArray) log = g_array_new(FALSE, FALSE, sizeof(int));
    g_autofree Alarm *alarms = g_new(Alarm, N);
    guint64 now_us = boottime_now();
    unsigned before;

    make(alarms, N, log);
    before = count_descriptors();
    for (int i = 0; i < N; i++)
        set(&alarms[i], now_us + (guint64)(i * 7919 % N));
    g_assert_cmpuint(count_descriptors(), ==, before);
    run_until(log, N);
    for (guint i = 1; i < N; i++)
        g_assert_cmpuint(alarms[entry(log, i - 1)].wanted_us, <=, alarms[entry(log, i)].wanted_us);
    clear(alarms, N);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/boottime-timer/in-order", test_in_order);
    g_test_add_func("/boottime-timer/moved-and-disarmed", test_moved_and_disarmed);
    g_test_add_func("/boottime-timer/freed-in-a-callback", test_freed_in_a_callback);
    g_test_add_func("/boottime-timer/always-due", test_always_due);
    g_test_add_func("/boottime-timer/many", test_many);
    return g_test_run();
}
