/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When the command of `bailiffctl run` has to end. Time is a number here: s(80) is second 80.
 * Unless said otherwise the leases are held from second 0 and good until second 80.
 */
#include <glib.h>

#include "ctl/run-guard.h"

static uint64_t s(uint64_t seconds)
{
    return seconds * USEC_PER_SECOND;
}

/* Asks and orders only at their times: nothing happens before `next_us`. */
static RunGuardOutput quiet_until(RunGuard *guard, uint64_t now_us)
{
    RunGuardOutput output = run_guard_advance(guard, now_us);
    g_assert_cmpint(output.order, ==, RUN_ORDER_NONE);
    return output;
}

static void answer_until(RunGuard *guard, uint64_t from_us, uint64_t to_us, uint64_t fail_at_us)
{
    for (uint64_t now_us = from_us; now_us <= to_us; now_us += RUN_ASK_EVERY_US) {
        RunGuardOutput output = quiet_until(guard, now_us);
        g_assert_true(output.ask);
        run_guard_answered(guard, true, fail_at_us, now_us);
    }
}

static void test_asks(void)
{
    RunGuard guard;
    run_guard_init(&guard, false, s(80), 0);
    RunGuardOutput output = quiet_until(&guard, 0);
    g_assert_false(output.ask);
    g_assert_cmpuint(output.next_us, ==, RUN_ASK_EVERY_US);
    output = quiet_until(&guard, s(3));
    g_assert_true(output.ask);
    output = quiet_until(&guard, s(7));
    g_assert_false(output.ask); /* one question at a time */
    run_guard_unanswered(&guard);
    output = quiet_until(&guard, s(7));
    g_assert_true(output.ask);
    run_guard_answered(&guard, true, s(90), s(7));
    run_guard_ask_now(&guard, s(8));
    output = quiet_until(&guard, s(8));
    g_assert_true(output.ask);
}

/* The daemon leaves at second 10 and nobody comes: TERM at 80, KILL at 90 and each second then. */
static void test_daemon_gone(void)
{
    RunGuard guard;
    run_guard_init(&guard, false, s(80), 0);
    answer_until(&guard, s(3), s(9), s(80));
    run_guard_daemon_left(&guard);
    RunGuardOutput output = quiet_until(&guard, s(10));
    g_assert_false(output.ask);
    g_assert_cmpuint(output.next_us, ==, s(80));
    quiet_until(&guard, s(80) - 1);

    output = run_guard_advance(&guard, s(80));
    g_assert_cmpint(output.order, ==, RUN_ORDER_TERM);
    g_assert_cmpint(output.cause, ==, RUN_CAUSE_SILENCE);
    g_assert_cmpuint(output.next_us, ==, s(90));
    output = quiet_until(&guard, s(90) - 1);
    output = run_guard_advance(&guard, s(90));
    g_assert_cmpint(output.order, ==, RUN_ORDER_KILL);
    g_assert_cmpuint(output.next_us, ==, s(91));
    quiet_until(&guard, s(91) - 1);
    g_assert_cmpint(run_guard_advance(&guard, s(91)).order, ==, RUN_ORDER_KILL);
}

/* It comes back in time and knows us: the deadline moves. */
static void test_daemon_back(void)
{
    RunGuard guard;
    run_guard_init(&guard, false, s(80), 0);
    run_guard_daemon_left(&guard);
    quiet_until(&guard, s(60));
    run_guard_ask_now(&guard, s(70));
    g_assert_true(quiet_until(&guard, s(70)).ask);
    run_guard_answered(&guard, true, s(150), s(70));
    run_guard_daemon_left(&guard);
    quiet_until(&guard, s(149));
    g_assert_cmpint(run_guard_advance(&guard, s(150)).order, ==, RUN_ORDER_TERM);
}

/* It comes back and has never heard of us: at once, and KILL ten seconds later. */
static void test_not_ours(void)
{
    RunGuard guard;
    run_guard_init(&guard, false, s(80), 0);
    g_assert_true(quiet_until(&guard, s(30)).ask);
    run_guard_answered(&guard, false, 0, s(30));
    RunGuardOutput output = run_guard_advance(&guard, s(30));
    g_assert_cmpint(output.order, ==, RUN_ORDER_TERM);
    g_assert_cmpint(output.cause, ==, RUN_CAUSE_NOT_OURS);
    quiet_until(&guard, s(40) - 1);
    g_assert_cmpint(run_guard_advance(&guard, s(40)).order, ==, RUN_ORDER_KILL);
}

/* The lease is lost and the daemon walks the policy: it answers, so it is in charge, also long
 * after the fail deadline; when it falls silent there is no more waiting. */
static void test_daemon_in_charge(void)
{
    RunGuard guard;
    run_guard_init(&guard, false, s(80), 0);
    answer_until(&guard, s(3), s(93), s(80));
    g_assert_true(quiet_until(&guard, s(96)).ask);
    quiet_until(&guard, s(93) + RUN_SILENCE_US - 1);
    RunGuardOutput output = run_guard_advance(&guard, s(93) + RUN_SILENCE_US);
    g_assert_cmpint(output.order, ==, RUN_ORDER_TERM);
    g_assert_cmpint(output.cause, ==, RUN_CAUSE_SILENCE);
    g_assert_cmpint(run_guard_advance(&guard, s(93) + RUN_SILENCE_US + s(1)).order, ==,
                    RUN_ORDER_KILL);
}

/* In the middle of the walk the daemon dies: at once. */
static void test_daemon_dies_in_walk(void)
{
    RunGuard guard;
    run_guard_init(&guard, false, s(80), 0);
    answer_until(&guard, s(3), s(81), s(80));
    run_guard_daemon_left(&guard);
    g_assert_cmpint(run_guard_advance(&guard, s(82)).order, ==, RUN_ORDER_TERM);
    quiet_until(&guard, s(90) - 1);
    g_assert_cmpint(run_guard_advance(&guard, s(90)).order, ==, RUN_ORDER_KILL);
}

/* An answer counts from when it was asked for, and an old one does not shorten what a newer gave.
 */
static void test_answer_counts_from_question(void)
{
    RunGuard guard;
    run_guard_init(&guard, false, s(20), 0);
    g_assert_true(quiet_until(&guard, s(15)).ask);
    run_guard_answered(&guard, true, s(20), s(15));
    quiet_until(&guard, s(20));
    g_assert_cmpint(run_guard_advance(&guard, s(15) + RUN_SILENCE_US).order, ==, RUN_ORDER_TERM);
}

static void test_ignore(void)
{
    RunGuard guard;
    run_guard_init(&guard, true, s(80), 0);
    run_guard_daemon_left(&guard);
    RunGuardOutput output = run_guard_advance(&guard, s(80));
    g_assert_cmpint(output.order, ==, RUN_ORDER_WARN);
    g_assert_cmpint(output.cause, ==, RUN_CAUSE_SILENCE);
    output = quiet_until(&guard, s(1000)); /* once is enough */
    g_assert_cmpuint(output.next_us, ==, TIME_NEVER);
    run_guard_command_ended(&guard, s(1000));
    g_assert_cmpint(run_guard_advance(&guard, s(1000)).order, ==, RUN_ORDER_TERM);
}

static void test_command_ended(void)
{
    RunGuard guard;
    run_guard_init(&guard, false, s(80), 0);
    run_guard_command_ended(&guard, s(5));
    RunGuardOutput output = run_guard_advance(&guard, s(5));
    g_assert_cmpint(output.order, ==, RUN_ORDER_TERM);
    g_assert_cmpint(output.cause, ==, RUN_CAUSE_COMMAND_ENDED);
    run_guard_command_ended(&guard, s(12)); /* another child of it: no new grace */
    g_assert_cmpint(run_guard_advance(&guard, s(14)).order, ==, RUN_ORDER_NONE);
    g_assert_cmpint(run_guard_advance(&guard, s(15)).order, ==, RUN_ORDER_KILL);
}

/* The grace of what is left ends with that of the lease. */
static void test_command_ended_late(void)
{
    RunGuard guard;
    run_guard_init(&guard, false, s(80), 0);
    answer_until(&guard, s(3), s(87), s(80));
    run_guard_command_ended(&guard, s(88));
    g_assert_cmpint(run_guard_advance(&guard, s(88)).order, ==, RUN_ORDER_TERM);
    g_assert_cmpint(run_guard_advance(&guard, s(90)).order, ==, RUN_ORDER_KILL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run-guard/asks", test_asks);
    g_test_add_func("/run-guard/daemon-gone", test_daemon_gone);
    g_test_add_func("/run-guard/daemon-back", test_daemon_back);
    g_test_add_func("/run-guard/not-ours", test_not_ours);
    g_test_add_func("/run-guard/daemon-in-charge", test_daemon_in_charge);
    g_test_add_func("/run-guard/daemon-dies-in-walk", test_daemon_dies_in_walk);
    g_test_add_func("/run-guard/answer-counts-from-question", test_answer_counts_from_question);
    g_test_add_func("/run-guard/ignore", test_ignore);
    g_test_add_func("/run-guard/command-ended", test_command_ended);
    g_test_add_func("/run-guard/command-ended-late", test_command_ended_late);
    return g_test_run();
}
