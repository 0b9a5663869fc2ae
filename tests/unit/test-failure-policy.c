/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Failure policies as data: names both ways, and every fault of the check with the step it blames.
 */
#include <glib.h>
#include <signal.h>
#include <string.h>

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
      { { STEP(NOTIFY), STEP(SIGNAL, .signal_number = 32), STEP(KILL) }, 3 },
      FAILURE_POLICY_BAD_SIGNAL,
      1,
      0 },
    { "signal -1",
      { { STEP(SIGNAL, .signal_number = -1), STEP(KILL) }, 2 },
      FAILURE_POLICY_BAD_SIGNAL,
      0,
      0 },
    { "no kill",
      { { STEP(NOTIFY), STEP(HOST_REBOOT, .grace_seconds = 2) }, 2 },
      FAILURE_POLICY_NO_FINAL_KILL,
      1,
      2 },
    { "kill in the middle",
      { { STEP(NOTIFY), STEP(KILL), STEP(NOTIFY), STEP(KILL) }, 4 },
      FAILURE_POLICY_STEP_AFTER_END,
      2,
      0 },
    { "two kills", { { STEP(KILL), STEP(KILL) }, 2 }, FAILURE_POLICY_STEP_AFTER_END, 1, 0 },
    { "ignore first", { { STEP(IGNORE), STEP(KILL) }, 2 }, FAILURE_POLICY_STEP_AFTER_END, 1, 0 },
    { "ignore last", { { STEP(NOTIFY), STEP(IGNORE) }, 2 }, FAILURE_POLICY_STEP_AFTER_END, 1, 0 },
};

/* Which actions take time, and are refused without it. */
static void test_needs_grace(void)
{
    static const gboolean expected[FAILURE_ACTION_COUNT] = {
        [FAILURE_ACTION_PAUSE] = TRUE,         [FAILURE_ACTION_POWEROFF] = TRUE,
        [FAILURE_ACTION_RESTART] = TRUE,       [FAILURE_ACTION_EXEC] = TRUE,
        [FAILURE_ACTION_FREEZE] = TRUE,        [FAILURE_ACTION_STOP_UNIT] = TRUE,
        [FAILURE_ACTION_HOST_POWEROFF] = TRUE, [FAILURE_ACTION_HOST_REBOOT] = TRUE,
    };

    for (guint action = 0; action < FAILURE_ACTION_COUNT; action++) {
        FailurePolicy policy = { { STEP(NOTIFY), STEP(NOTIFY), STEP(KILL) }, 3 };
        gsize step = 77;

        g_test_message("%s", failure_action_name(action));
        g_assert_cmpint(failure_action_needs_grace(action), ==, expected[action]);
        if (!expected[action])
            continue;
        policy.steps[1].action = action;
        g_assert_cmpint(failure_policy_check(&policy, &step, NULL), ==, FAILURE_POLICY_NEEDS_GRACE);
        g_assert_cmpuint(step, ==, 1);
        policy.steps[1].grace_seconds = 1;
        if (action == FAILURE_ACTION_EXEC)
            g_assert_true(failure_policy_add_word(&policy, &policy.steps[1], "/bin/true"));
        g_assert_cmpint(failure_policy_check(&policy, &step, NULL), ==, FAILURE_POLICY_OK);
    }
    g_assert_false(failure_action_needs_grace(FAILURE_ACTION_COUNT));
    g_assert_false(failure_action_needs_grace((FailureAction)-1));
}

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

/* "exec WORDS... 5s, kill" */
static FailurePolicy exec_policy(const char *const *words)
{
    FailurePolicy policy = { { STEP(EXEC, .grace_seconds = 5), STEP(KILL) }, 2 };

    for (; *words != NULL; words++)
        g_assert_true(failure_policy_add_word(&policy, &policy.steps[0], *words));
    return policy;
}

#define EXEC_POLICY(...) exec_policy((const char *const[]){ __VA_ARGS__, NULL })

static void assert_bad_program(FailurePolicy policy)
{
    gsize step = 77;

    g_assert_cmpint(failure_policy_check(&policy, &step, NULL), ==, FAILURE_POLICY_BAD_PROGRAM);
    g_assert_cmpuint(step, ==, 0);
}

static void test_program(void)
{
    FailurePolicy policy = EXEC_POLICY("/bin/echo", "", "two words",
                                       "gr\xc3\xb6\xc3\x9f"
                                       "e");
    const FailureStep *step = &policy.steps[0];

    g_assert_cmpint(failure_policy_check(&policy, NULL, NULL), ==, FAILURE_POLICY_OK);
    g_assert_cmpuint(step->n_words, ==, 4);
    g_assert_cmpstr(failure_policy_get_word(&policy, step, 0), ==, "/bin/echo");
    g_assert_cmpstr(failure_policy_get_word(&policy, step, 1), ==, "");
    g_assert_cmpstr(failure_policy_get_word(&policy, step, 2), ==, "two words");
    g_assert_cmpstr(failure_policy_get_word(&policy, step, 3), ==,
                    "gr\xc3\xb6\xc3\x9f"
                    "e");
    g_assert_null(failure_policy_get_word(&policy, step, 4));
    g_assert_null(failure_policy_get_word(&policy, step, G_MAXSIZE));
    g_assert_null(failure_policy_get_word(&policy, &policy.steps[1], 0));

    static const char *const wrong[] = { "",          "echo",         "./echo",    " /bin/echo",
                                         "/bin/a\nb", "/bin/\x1b",    "/bin/\x7f", "/bin/\x80",
                                         "/bin/\xc3", "/bin/\xc2\x80" };
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        assert_bad_program(EXEC_POLICY(wrong[i]));
    for (gsize i = 4; i < G_N_ELEMENTS(wrong); i++)
        assert_bad_program(EXEC_POLICY("/bin/echo", wrong[i]));
}

/* Two programs in one policy, and what add_word() refuses. */
static void test_program_bounds(void)
{
    FailurePolicy policy = {
        { STEP(EXEC, .grace_seconds = 5), STEP(EXEC, .grace_seconds = 5), STEP(KILL) }, 3
    };
    char longest[FAILURE_POLICY_WORDS_BYTES + 1];

    memset(longest, '/', sizeof longest);
    longest[FAILURE_POLICY_WORDS_BYTES] = '\0';
    g_assert_false(failure_policy_add_word(&policy, &policy.steps[0], longest));
    g_assert_cmpuint(policy.n_word_bytes, ==, 0);
    g_assert_cmpuint(policy.steps[0].n_words, ==, 0);

    g_assert_true(failure_policy_add_word(&policy, &policy.steps[0], "/a"));
    for (guint i = 0; i < FAILURE_PROGRAM_WORDS_MAX; i++)
        g_assert_true(failure_policy_add_word(&policy, &policy.steps[1], "/b"));
    g_assert_false(failure_policy_add_word(&policy, &policy.steps[1], "/b"));
    g_assert_cmpint(failure_policy_check(&policy, NULL, NULL), ==, FAILURE_POLICY_OK);
    g_assert_cmpstr(failure_policy_get_word(&policy, &policy.steps[0], 0), ==, "/a");
    g_assert_null(failure_policy_get_word(&policy, &policy.steps[0], 1));
    g_assert_cmpstr(failure_policy_get_word(&policy, &policy.steps[1], 0), ==, "/b");

    FailurePolicy full = { { STEP(EXEC, .grace_seconds = 5), STEP(KILL) }, 2 };
    longest[FAILURE_POLICY_WORDS_BYTES - 1] = '\0';
    g_assert_true(failure_policy_add_word(&full, &full.steps[0], longest));
    g_assert_cmpint(failure_policy_check(&full, NULL, NULL), ==, FAILURE_POLICY_OK);
    g_assert_false(failure_policy_add_word(&full, &full.steps[0], ""));
    g_assert_cmpint(failure_policy_check(&full, NULL, NULL), ==, FAILURE_POLICY_OK);
}

/* Whoever fills the struct by other means: nothing outside it is read, nothing is believed. */
static void test_forged_words(void)
{
    FailurePolicy good = EXEC_POLICY("/bin/echo", "x");
    FailurePolicy policy = good;

    policy.steps[0].n_words = 0;
    assert_bad_program(policy);
    policy.steps[0].n_words = 3;
    assert_bad_program(policy);
    policy.steps[0].n_words = G_MAXUINT16;
    assert_bad_program(policy);
    policy = good;
    policy.steps[0].words_at = 1;
    assert_bad_program(policy);
    policy.steps[0].words_at = G_MAXUINT16;
    assert_bad_program(policy);
    g_assert_null(failure_policy_get_word(&policy, &policy.steps[0], 0));
    policy = good;
    policy.n_word_bytes--; /* no NUL */
    assert_bad_program(policy);
    policy.n_word_bytes = G_MAXSIZE;
    assert_bad_program(policy);
    g_assert_false(failure_policy_add_word(&policy, &policy.steps[0], "y"));
    policy = good;
    policy.n_word_bytes++; /* a word of nobody's */
    assert_bad_program(policy);
    policy = good;
    memset(policy.words, '/', sizeof policy.words);
    policy.n_word_bytes = sizeof policy.words;
    policy.steps[0].n_words = 1;
    assert_bad_program(policy);

    /* Two steps, one program. */
    policy = good;
    policy.steps[1] = policy.steps[0];
    policy.steps[2] = (FailureStep)STEP(KILL);
    policy.n_steps = 3;
    gsize step = 77;
    g_assert_cmpint(failure_policy_check(&policy, &step, NULL), ==, FAILURE_POLICY_BAD_PROGRAM);
    g_assert_cmpuint(step, ==, 1);
    policy = EXEC_POLICY("/a", "/b");
    policy.steps[0].n_words = 1;
    policy.steps[1] = policy.steps[0];
    policy.steps[2] = (FailureStep)STEP(KILL);
    policy.n_steps = 3;
    g_assert_cmpint(failure_policy_check(&policy, &step, NULL), ==, FAILURE_POLICY_BAD_PROGRAM);
}

static void test_recovery(void)
{
    static const struct {
        FailurePolicy policy;
        FailurePolicyFault fault;
        FailureRecovery recovery;
    } cases[] = {
        { { { STEP(PAUSE, .grace_seconds = 9), STEP(KILL) }, 2, FAILURE_RECOVERY_RESUME },
          FAILURE_POLICY_OK,
          FAILURE_RECOVERY_RESUME },
        { { { STEP(PAUSE, .grace_seconds = 9), STEP(KILL) }, 2, FAILURE_RECOVERY_RESTART },
          FAILURE_POLICY_OK,
          FAILURE_RECOVERY_RESTART },
        { { { STEP(RESTART, .grace_seconds = 9), STEP(KILL) }, 2, FAILURE_RECOVERY_LEAVE },
          FAILURE_POLICY_OK,
          FAILURE_RECOVERY_RESTART },
        { { { STEP(RESTART, .grace_seconds = 9), STEP(KILL) }, 2, FAILURE_RECOVERY_RESTART },
          FAILURE_POLICY_OK,
          FAILURE_RECOVERY_RESTART },
        { { { STEP(POWEROFF, .grace_seconds = 9), STEP(KILL) }, 2, FAILURE_RECOVERY_LEAVE },
          FAILURE_POLICY_OK,
          FAILURE_RECOVERY_LEAVE },
        { { { STEP(POWEROFF, .grace_seconds = 9), STEP(KILL) }, 2, FAILURE_RECOVERY_RESUME },
          FAILURE_POLICY_UNFIT_RECOVERY,
          FAILURE_RECOVERY_RESUME },
        { { { STEP(PAUSE, .grace_seconds = 9), STEP(RESTART, .grace_seconds = 9), STEP(KILL) },
            3,
            FAILURE_RECOVERY_RESUME },
          FAILURE_POLICY_UNFIT_RECOVERY,
          FAILURE_RECOVERY_RESTART },
        { { { STEP(IGNORE) }, 1, FAILURE_RECOVERY_RESTART },
          FAILURE_POLICY_UNFIT_RECOVERY,
          FAILURE_RECOVERY_RESTART },
        { { { STEP(KILL) }, 1, FAILURE_RECOVERY_COUNT },
          FAILURE_POLICY_BAD_RECOVERY,
          FAILURE_RECOVERY_COUNT },
        { { { STEP(KILL) }, 1, (FailureRecovery)-1 },
          FAILURE_POLICY_BAD_RECOVERY,
          (FailureRecovery)-1 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        gsize step = 77;

        g_test_message("case %" G_GSIZE_FORMAT, i);
        g_assert_cmpint(failure_policy_check(&cases[i].policy, &step, NULL), ==, cases[i].fault);
        g_assert_cmpuint(step, ==,
                         cases[i].fault == FAILURE_POLICY_OK ? 77 : cases[i].policy.n_steps);
        g_assert_cmpint(failure_policy_get_recovery(&cases[i].policy), ==, cases[i].recovery);
    }
}

/* What can be done to what: process, unit, domain. */
static void test_targets(void)
{
    static const char *const fits[FAILURE_ACTION_COUNT] = {
        [FAILURE_ACTION_NOTIFY] = "pud",      [FAILURE_ACTION_SIGNAL] = "pud",
        [FAILURE_ACTION_KILL] = "pud",        [FAILURE_ACTION_IGNORE] = "pud",
        [FAILURE_ACTION_EXEC] = "pud",        [FAILURE_ACTION_HOST_POWEROFF] = "pud",
        [FAILURE_ACTION_HOST_REBOOT] = "pud", [FAILURE_ACTION_PAUSE] = "d",
        [FAILURE_ACTION_POWEROFF] = "d",      [FAILURE_ACTION_RESTART] = "ud",
        [FAILURE_ACTION_FREEZE] = "u",        [FAILURE_ACTION_STOP_UNIT] = "u",
    };

    for (guint target = 0; target <= FAILURE_TARGET_COUNT; target++)
        for (guint action = 0; action < FAILURE_ACTION_COUNT; action++) {
            FailurePolicy policy = { { STEP(NOTIFY), { .action = action }, STEP(KILL) }, 3 };
            gboolean fit =
                target < FAILURE_TARGET_COUNT && strchr(fits[action], "pud"[target]) != NULL;
            gsize blamed = target < FAILURE_TARGET_COUNT ? 1 : 0;
            gsize step = 77;

            g_test_message("%s for %u", failure_action_name(action), target);
            g_assert_cmpint(failure_policy_check_target(&policy, target, &step), ==,
                            fit ? FAILURE_POLICY_OK : FAILURE_POLICY_UNFIT_ACTION);
            g_assert_cmpuint(step, ==, fit ? 77 : blamed);
            g_assert_cmpint(failure_policy_check_target(&policy, target, NULL), ==,
                            fit ? FAILURE_POLICY_OK : FAILURE_POLICY_UNFIT_ACTION);
        }

    static const char *const recoveries[FAILURE_RECOVERY_COUNT] = { "pud", "d", "ud" };
    for (guint target = 0; target < FAILURE_TARGET_COUNT; target++)
        for (guint recovery = 0; recovery < FAILURE_RECOVERY_COUNT; recovery++) {
            FailurePolicy policy = { { STEP(KILL) }, 1, recovery };
            gboolean fit = strchr(recoveries[recovery], "pud"[target]) != NULL;
            gsize step = 77;

            g_assert_cmpint(failure_policy_check_target(&policy, target, &step), ==,
                            fit ? FAILURE_POLICY_OK : FAILURE_POLICY_UNFIT_RECOVERY);
            g_assert_cmpuint(step, ==, fit ? 77 : 1);
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

static void test_other_names(void)
{
    static const char *const targets[] = { "process", "unit", "domain" };
    static const char *const recoveries[] = { "leave", "resume", "restart" };

    for (guint i = 0; i < 3; i++) {
        g_assert_cmpstr(failure_target_name(i), ==, targets[i]);
        g_assert_cmpstr(failure_recovery_name(i), ==, recoveries[i]);
        g_assert_cmpint(failure_recovery_from_name(recoveries[i]), ==, i);
    }
    g_assert_null(failure_target_name(FAILURE_TARGET_COUNT));
    g_assert_null(failure_target_name((FailureTarget)-1));
    g_assert_null(failure_recovery_name(FAILURE_RECOVERY_COUNT));
    g_assert_null(failure_recovery_name((FailureRecovery)-1));
    g_assert_cmpint(failure_recovery_from_name("Leave"), ==, FAILURE_RECOVERY_COUNT);
    g_assert_cmpint(failure_recovery_from_name(""), ==, FAILURE_RECOVERY_COUNT);
    g_assert_cmpint(failure_recovery_from_name(NULL), ==, FAILURE_RECOVERY_COUNT);
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

    b = a;
    b.on_recovery = FAILURE_RECOVERY_RESTART;
    g_assert_false(failure_policy_equal(&a, &b));
    a.steps[0].action = b.steps[0].action = FAILURE_ACTION_RESTART;
    g_assert_true(failure_policy_equal(&a, &b)); /* that is what the action means */

    a = EXEC_POLICY("/bin/echo", "x");
    b = a;
    g_assert_true(failure_policy_equal(&a, &b));
    b = EXEC_POLICY("/bin/echo", "y");
    g_assert_false(failure_policy_equal(&a, &b));
    b = EXEC_POLICY("/bin/echo", "x", "");
    g_assert_false(failure_policy_equal(&a, &b));
    b = a;
    a.n_word_bytes = b.n_word_bytes = 0;
    g_assert_false(failure_policy_equal(&a, &b)); /* neither has the words that it claims */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/failure-policy/default", test_default);
    g_test_add_func("/failure-policy/check", test_check);
    g_test_add_func("/failure-policy/needs-grace", test_needs_grace);
    g_test_add_func("/failure-policy/program", test_program);
    g_test_add_func("/failure-policy/program-bounds", test_program_bounds);
    g_test_add_func("/failure-policy/forged-words", test_forged_words);
    g_test_add_func("/failure-policy/recovery", test_recovery);
    g_test_add_func("/failure-policy/targets", test_targets);
    g_test_add_func("/failure-policy/sixteen-steps", test_sixteen_steps);
    g_test_add_func("/failure-policy/action-names", test_action_names);
    g_test_add_func("/failure-policy/other-names", test_other_names);
    g_test_add_func("/failure-policy/signal-names", test_signal_names);
    g_test_add_func("/failure-policy/equal", test_equal);
    return g_test_run();
}
