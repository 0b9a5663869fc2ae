/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Failure policies as data: names both ways, and every fault of the check with the step it blames.
 */
#include <glib.h>
#include <signal.h>

#include "failure/failure-policy.h"

#define STEP(name, ...)                                                                            \
    {                                                                                              \
        .action = FAILURE_ACTION_##name, __VA_ARGS__                                               \
    }

static void test_default(void)
{
    FailurePolicy policy;
    guint64 total = 99;

    failure_policy_default(&policy);
    g_assert_cmpuint(policy.n_steps, ==, 2);
    g_assert_cmpint(policy.steps[0].action, ==, FAILURE_ACTION_SIGNAL);
    g_assert_cmpint(policy.steps[0].signal_number, ==, SIGTERM);
    g_assert_cmpuint(policy.steps[0].grace_seconds, ==, 10);
    g_assert_cmpint(policy.steps[1].action, ==, FAILURE_ACTION_KILL);
    g_assert_cmpint(failure_policy_check(&policy, NULL, &total), ==, FAILURE_POLICY_OK);
    g_assert_cmpuint(total, ==, 10);
}

typedef struct CheckCase {
    const char *what;
    FailurePolicy policy;
    FailurePolicyFault fault;
    gsize step;
    guint64 total;
} CheckCase;

static const CheckCase check_cases[] = {
    { "kill alone", { { STEP(KILL) }, 1 }, FAILURE_POLICY_OK, 77, 0 },
    { "ignore alone", { { STEP(IGNORE) }, 1 }, FAILURE_POLICY_OK, 77, 0 },
    { "the whole budget",
      { { STEP(PAUSE, .grace_seconds = 15), STEP(POWEROFF, .grace_seconds = 25), STEP(KILL) }, 3 },
      FAILURE_POLICY_OK,
      77,
      40 },
    { "one second over the budget",
      { { STEP(PAUSE, .grace_seconds = 15), STEP(POWEROFF, .grace_seconds = 26), STEP(KILL) }, 3 },
      FAILURE_POLICY_TOO_LONG,
      1,
      41 },
    { "over the budget, the first guilty step is blamed",
      { { STEP(PAUSE, .grace_seconds = 41), STEP(FREEZE, .grace_seconds = 1), STEP(KILL) }, 3 },
      FAILURE_POLICY_TOO_LONG,
      0,
      42 },
    { "graces whose sum does not fit into 32 bits",
      { { STEP(PAUSE, .grace_seconds = G_MAXUINT32), STEP(FREEZE, .grace_seconds = 1), STEP(KILL) },
        3 },
      FAILURE_POLICY_TOO_LONG,
      0,
      G_GUINT64_CONSTANT(4294967296) },
    { "empty", { { STEP(KILL) }, 0 }, FAILURE_POLICY_EMPTY, 0, 0 },
    { "too many steps", { { STEP(KILL) }, 17 }, FAILURE_POLICY_TOO_MANY_STEPS, 16, 0 },
    { "a mad number of steps",
      { { STEP(KILL) }, G_MAXSIZE },
      FAILURE_POLICY_TOO_MANY_STEPS,
      16,
      0 },
    { "no such action",
      { { STEP(NOTIFY), STEP(COUNT), STEP(KILL) }, 3 },
      FAILURE_POLICY_UNKNOWN_ACTION,
      1,
      0 },
    { "no such action, negative",
      { { { .action = (FailureAction)-1 }, STEP(KILL) }, 2 },
      FAILURE_POLICY_UNKNOWN_ACTION,
      0,
      0 },
    { "kill with a grace",
      { { STEP(PAUSE, .grace_seconds = 3), STEP(KILL, .grace_seconds = 1) }, 2 },
      FAILURE_POLICY_BAD_GRACE,
      1,
      4 },
    { "ignore with a grace",
      { { STEP(IGNORE, .grace_seconds = 1) }, 1 },
      FAILURE_POLICY_BAD_GRACE,
      0,
      1 },
    { "signal 0", { { STEP(SIGNAL), STEP(KILL) }, 2 }, FAILURE_POLICY_BAD_SIGNAL, 0, 0 },
    { "signal KILL",
      { { STEP(SIGNAL, .signal_number = SIGKILL), STEP(KILL) }, 2 },
      FAILURE_POLICY_BAD_SIGNAL,
      0,
      0 },
    { "signal 32",
      { { STEP(PAUSE), STEP(SIGNAL, .signal_number = 32), STEP(KILL) }, 3 },
      FAILURE_POLICY_BAD_SIGNAL,
      1,
      0 },
    { "signal -1",
      { { STEP(SIGNAL, .signal_number = -1), STEP(KILL) }, 2 },
      FAILURE_POLICY_BAD_SIGNAL,
      0,
      0 },
    { "no kill",
      { { STEP(PAUSE), STEP(HOST_REBOOT, .grace_seconds = 2) }, 2 },
      FAILURE_POLICY_NO_FINAL_KILL,
      1,
      2 },
    { "kill in the middle",
      { { STEP(PAUSE), STEP(KILL), STEP(NOTIFY), STEP(KILL) }, 4 },
      FAILURE_POLICY_STEP_AFTER_END,
      2,
      0 },
    { "two kills", { { STEP(KILL), STEP(KILL) }, 2 }, FAILURE_POLICY_STEP_AFTER_END, 1, 0 },
    { "ignore first", { { STEP(IGNORE), STEP(KILL) }, 2 }, FAILURE_POLICY_STEP_AFTER_END, 1, 0 },
    { "ignore last", { { STEP(NOTIFY), STEP(IGNORE) }, 2 }, FAILURE_POLICY_STEP_AFTER_END, 1, 0 },
};

static void test_check(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(check_cases); i++) {
        const CheckCase *c = &check_cases[i];
        gsize step = 77;
        guint64 total = 99;

        g_test_message("%s", c->what);
        g_assert_cmpint(failure_policy_check(&c->policy, &step, &total), ==, c->fault);
        g_assert_cmpuint(step, ==, c->step);
        g_assert_cmpuint(total, ==, c->total);
        g_assert_cmpint(failure_policy_check(&c->policy, NULL, NULL), ==, c->fault);
    }
}

static void test_sixteen_steps(void)
{
    FailurePolicy policy = { .n_steps = FAILURE_POLICY_MAX_STEPS };

    for (gsize i = 0; i + 1 < policy.n_steps; i++)
        policy.steps[i] = (FailureStep)STEP(NOTIFY, .grace_seconds = 2);
    policy.steps[policy.n_steps - 1] = (FailureStep)STEP(KILL);
    g_assert_cmpint(failure_policy_check(&policy, NULL, NULL), ==, FAILURE_POLICY_OK);

    /* The greatest sum there is: counted without wrapping. */
    for (gsize i = 0; i + 1 < policy.n_steps; i++)
        policy.steps[i].grace_seconds = G_MAXUINT32;
    guint64 total;
    g_assert_cmpint(failure_policy_check(&policy, NULL, &total), ==, FAILURE_POLICY_TOO_LONG);
    g_assert_cmpuint(total, ==, 15 * (guint64)G_MAXUINT32);
}

static void test_action_names(void)
{
    static const char *const words[] = { "notify", "signal",    "kill",          "ignore",
                                         "pause",  "poweroff",  "restart",       "exec",
                                         "freeze", "stop-unit", "host-poweroff", "host-reboot" };

    g_assert_cmpuint(G_N_ELEMENTS(words), ==, FAILURE_ACTION_COUNT);
    for (guint i = 0; i < FAILURE_ACTION_COUNT; i++) {
        g_assert_cmpstr(failure_action_name(i), ==, words[i]);
        g_assert_cmpint(failure_action_from_name(words[i]), ==, i);
    }
    g_assert_null(failure_action_name(FAILURE_ACTION_COUNT));
    g_assert_null(failure_action_name((FailureAction)-1));
    g_assert_cmpint(failure_action_from_name("Kill"), ==, FAILURE_ACTION_COUNT);
    g_assert_cmpint(failure_action_from_name("kil"), ==, FAILURE_ACTION_COUNT);
    g_assert_cmpint(failure_action_from_name(""), ==, FAILURE_ACTION_COUNT);
    g_assert_cmpint(failure_action_from_name(NULL), ==, FAILURE_ACTION_COUNT);
}

static void test_signal_names(void)
{
    for (int number = 1; number <= 31; number++) {
        const char *name = failure_signal_name(number);
        g_autofree char *long_name = g_strconcat("SIG", name, NULL);
        g_autofree char *digits = g_strdup_printf("%d", number);

        g_assert_nonnull(name);
        g_assert_cmpstr(name, ==, sigabbrev_np(number));
        g_assert_cmpint(failure_signal_from_name(name), ==, number);
        g_assert_cmpint(failure_signal_from_name(long_name), ==, number);
        g_assert_cmpint(failure_signal_from_name(digits), ==, number);
    }
    g_assert_null(failure_signal_name(0));
    g_assert_null(failure_signal_name(-1));
    g_assert_null(failure_signal_name(32));
    g_assert_null(failure_signal_name(G_MAXINT));

    static const char *const wrong[] = { "",      "SIG", "term",  "0",          "-1",   "32",
                                         "015",   "99",  "1 ",    "1a",         "+15",  "115",
                                         "TERMX", "TER", "RTMIN", "SIGSIGTERM", "SIG15" };
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_cmpint(failure_signal_from_name(wrong[i]), ==, 0);
    g_assert_cmpint(failure_signal_from_name(NULL), ==, 0);
}

static void test_equal(void)
{
    FailurePolicy a, b;

    failure_policy_default(&a);
    failure_policy_default(&b);
    g_assert_true(failure_policy_equal(&a, &b));

    b.steps[0].grace_seconds++;
    g_assert_false(failure_policy_equal(&a, &b));
    b = a;
    b.steps[0].signal_number = SIGINT;
    g_assert_false(failure_policy_equal(&a, &b));
    b = a;
    b.steps[1].action = FAILURE_ACTION_NOTIFY;
    g_assert_false(failure_policy_equal(&a, &b));
    b = a;
    b.n_steps = 1;
    g_assert_false(failure_policy_equal(&a, &b));

    /* What no step uses makes no difference. */
    b = a;
    b.steps[1].signal_number = 5;
    b.steps[2].action = FAILURE_ACTION_EXEC;
    g_assert_true(failure_policy_equal(&a, &b));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/failure-policy/default", test_default);
    g_test_add_func("/failure-policy/check", test_check);
    g_test_add_func("/failure-policy/sixteen-steps", test_sixteen_steps);
    g_test_add_func("/failure-policy/action-names", test_action_names);
    g_test_add_func("/failure-policy/signal-names", test_signal_names);
    g_test_add_func("/failure-policy/equal", test_equal);
    return g_test_run();
}
