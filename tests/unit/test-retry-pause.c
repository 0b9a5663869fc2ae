/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pauses between tries for a lease: within their bounds, which follow the storage and the holder.
 */
#include "base/checked-time.h"
#include "engine/retry-pause.h"

#define MIN_US 4000u
#define MAX_US (3 * USEC_PER_SECOND / 2)

static void try_once(RetryPause *pause, guint64 version, guint64 took_us)
{
    retry_pause_begin(pause, 1000 * USEC_PER_SECOND);
    retry_pause_note(pause, version, 1000 * USEC_PER_SECOND + took_us);
}

/* Chance fills the upper two thirds of the window. */
static void assert_window(const RetryPause *pause, guint64 window_us)
{
    guint64 least_us = G_MAXUINT64, most_us = 0;

    for (guint i = 0; i < 1000; i++) {
        guint64 chosen_us = retry_pause_choose(pause);

        least_us = MIN(least_us, chosen_us);
        most_us = MAX(most_us, chosen_us);
    }
    g_assert_cmpuint(least_us, >=, window_us / 3);
    g_assert_cmpuint(least_us, <, window_us / 2);
    g_assert_cmpuint(most_us, <=, window_us);
    g_assert_cmpuint(most_us, >, window_us * 3 / 4);
}

static void test_while_it_changes_hands(void)
{
    RetryPause pause = { 0 };

    for (guint64 version = 1; version < 10; version++) {
        try_once(&pause, version, 50000);
        assert_window(&pause, 100000);
    }
    try_once(&pause, 10, 1);
    assert_window(&pause, MIN_US);
    try_once(&pause, 11, 100 * USEC_PER_SECOND);
    assert_window(&pause, MAX_US);
}

static void test_while_it_stays(void)
{
    RetryPause pause = { 0 };
    guint64 window_us = 20000;

    for (guint i = 0; i < 100; i++) {
        try_once(&pause, 7, 10000);
        assert_window(&pause, MIN(window_us, MAX_US));
        window_us = MIN(window_us * 2, MAX_US);
    }
    try_once(&pause, 8, 10000);
    assert_window(&pause, 20000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/retry-pause/while-it-changes-hands", test_while_it_changes_hands);
    g_test_add_func("/retry-pause/while-it-stays", test_while_it_stays);
    return g_test_run();
}
