/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan of a drill: each step's second. Random policies: BAILIFF_TEST_SEED=N repeats a run.
 */
#include <glib.h>

#include "failure/failure-plan.h"
#include "failure/failure-policy-parser.h"

#define F (1000 * USEC_PER_SECOND)

/* "0-10 10-30 30-": the seconds of each step after the fail deadline. */
static char *seconds(const FailurePlan *plan)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < plan->n_steps; i++) {
        const FailurePlanStep *step = &plan->steps[i];

        g_assert_cmpuint((step->start_us - F) % USEC_PER_SECOND, ==, 0);
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT "-", i > 0 ? " " : "",
                               (step->start_us - F) / USEC_PER_SECOND);
        if (step->end_us != TIME_NEVER)
            g_string_append_printf(text, "%" G_GUINT64_FORMAT,
                                   (step->end_us - F) / USEC_PER_SECOND);
    }
    return g_string_free(text, FALSE);
}

static void test_seconds(void)
{
    static const struct {
        const char *policy;
        const char *seconds;
        gint kill; /* -1: never */
    } cases[] = {
        { "kill", "0-", 0 },
        { "ignore", "0-", -1 },
        { "signal TERM 10s, kill", "0-10 10-", 10 },
        { "pause 10s, poweroff 20s, kill; on-recovery resume", "0-10 10-30 30-", 30 },
        { "notify, signal TERM, exec /bin/x 3s, notify, notify 4s, kill", "0-0 0-0 0-3 3-3 3-7 7-",
          7 },
        { "signal INT 40s, kill", "0-40 40-", 40 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        FailurePolicy policy;
        FailurePlan plan;

        g_test_message("%s", cases[i].policy);
        g_assert_cmpint(failure_policy_parse(&policy, cases[i].policy, NULL), ==,
                        FAILURE_POLICY_OK);
        failure_plan_init(&plan, &policy, F);
        g_autofree char *text = seconds(&plan);
        g_assert_cmpstr(text, ==, cases[i].seconds);
        g_assert_cmpuint(plan.n_steps, ==, policy.n_steps);
        if (cases[i].kill < 0)
            g_assert_cmpuint(plan.kill_us, ==, TIME_NEVER);
        else
            g_assert_cmpuint(plan.kill_us, ==, F + (guint)cases[i].kill * USEC_PER_SECOND);
    }
}

/* One after the other, without a gap, and the kill within the budget. */
static void test_random(void)
{
    const char *wanted = g_getenv("BAILIFF_TEST_SEED");
    guint32 seed = wanted != NULL ? (guint32)g_ascii_strtoull(wanted, NULL, 10) : g_random_int();
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);

    g_test_message("to repeat this run: BAILIFF_TEST_SEED=%u", seed);
    for (guint round = 0; round < 10000; round++) {
        FailurePolicy policy = { .n_steps = (gsize)g_rand_int_range(random, 1, 17) };
        guint32 left = FAILURE_BUDGET_SECONDS;
        FailurePlan plan;

        for (gsize i = 0; i + 1 < policy.n_steps; i++) {
            policy.steps[i].grace_seconds = (guint32)g_rand_int_range(random, 0, (gint32)left + 1);
            left -= policy.steps[i].grace_seconds;
        }
        policy.steps[policy.n_steps - 1].action = FAILURE_ACTION_KILL;
        failure_plan_init(&plan, &policy, F);

        g_assert_cmpuint(plan.n_steps, ==, policy.n_steps);
        g_assert_cmpuint(plan.steps[0].start_us, ==, F);
        for (gsize i = 0; i + 1 < plan.n_steps; i++) {
            g_assert_cmpuint(plan.steps[i].end_us, ==, plan.steps[i + 1].start_us);
            g_assert_cmpuint(plan.steps[i].end_us - plan.steps[i].start_us, ==,
                             policy.steps[i].grace_seconds * USEC_PER_SECOND);
        }
        g_assert_cmpuint(plan.kill_us, ==, plan.steps[plan.n_steps - 1].start_us);
        g_assert_cmpuint(plan.kill_us, <=, F + 40 * USEC_PER_SECOND);
    }
}

static void test_refused_policy(void)
{
    static const FailurePolicy policies[] = {
        { .n_steps = 0 },
        { .n_steps = G_MAXSIZE },
        { { { .action = FAILURE_ACTION_PAUSE, .grace_seconds = 5000 },
            { .action = FAILURE_ACTION_KILL } },
          2 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(policies); i++) {
        FailurePlan plan;

        failure_plan_init(&plan, &policies[i], F);
        g_assert_cmpuint(plan.n_steps, ==, 0);
        g_assert_cmpuint(plan.kill_us, ==, TIME_NEVER);
    }
}

/* What can clear at all is checked by somebody; what cannot, is said not to. */
static void test_proofs(void)
{
    static const FailureProof proofs[FAILURE_ACTION_COUNT] = {
        [FAILURE_ACTION_NOTIFY] = FAILURE_PROOF_NONE,
        [FAILURE_ACTION_FREEZE] = FAILURE_PROOF_NONE,
        [FAILURE_ACTION_IGNORE] = FAILURE_PROOF_NONE,
        [FAILURE_ACTION_SIGNAL] = FAILURE_PROOF_END,
        [FAILURE_ACTION_EXEC] = FAILURE_PROOF_END,
        [FAILURE_ACTION_HOST_POWEROFF] = FAILURE_PROOF_END,
        [FAILURE_ACTION_HOST_REBOOT] = FAILURE_PROOF_END,
        [FAILURE_ACTION_PAUSE] = FAILURE_PROOF_CHECKED,
        [FAILURE_ACTION_POWEROFF] = FAILURE_PROOF_CHECKED,
        [FAILURE_ACTION_RESTART] = FAILURE_PROOF_CHECKED,
        [FAILURE_ACTION_STOP_UNIT] = FAILURE_PROOF_CHECKED,
        [FAILURE_ACTION_KILL] = FAILURE_PROOF_CHECKED,
    };

    for (guint action = 0; action < FAILURE_ACTION_COUNT; action++)
        g_assert_cmpint(failure_action_proof(action), ==, proofs[action]);
    g_assert_cmpint(failure_action_proof(FAILURE_ACTION_COUNT), ==, FAILURE_PROOF_NONE);

    g_assert_cmpstr(failure_proof_name(FAILURE_PROOF_NONE), ==, "none");
    g_assert_cmpstr(failure_proof_name(FAILURE_PROOF_END), ==, "end");
    g_assert_cmpstr(failure_proof_name(FAILURE_PROOF_CHECKED), ==, "checked");
    g_assert_null(failure_proof_name((FailureProof)3));
    g_assert_null(failure_proof_name((FailureProof)-1));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/failure-plan/seconds", test_seconds);
    g_test_add_func("/failure-plan/random", test_random);
    g_test_add_func("/failure-plan/refused-policy", test_refused_policy);
    g_test_add_func("/failure-plan/proofs", test_proofs);
    return g_test_run();
}
