/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk through a failure policy with random policies, and events of any order and lateness.
 * BAILIFF_TEST_SEED=N repeats a run.
 */
#include <glib.h>

#include "failure/failure-policy.h"
#include "failure/failure-run.h"

#define SECOND USEC_PER_SECOND

static FailureAction random_action(GRand *random)
{
    FailureAction action;

    do
        action = g_rand_int_range(random, 0, FAILURE_ACTION_COUNT);
    while (action == FAILURE_ACTION_KILL || action == FAILURE_ACTION_IGNORE);
    return action;
}

static FailurePolicy random_policy(GRand *random)
{
    FailurePolicy policy = { .n_steps = (gsize)g_rand_int_range(random, 1, 17) };
    guint32 left = FAILURE_BUDGET_SECONDS;

    for (gsize i = 0; i + 1 < policy.n_steps; i++) {
        FailureStep *step = &policy.steps[i];

        step->action = random_action(random);
        step->signal_number = 15;
        if (g_rand_boolean(random))
            step->grace_seconds = (guint32)g_rand_int_range(random, 0, (gint32)left + 1);
        else if (failure_action_needs_grace(step->action))
            step->grace_seconds = 1;
        if (step->grace_seconds > left ||
            (step->grace_seconds == 0 && failure_action_needs_grace(step->action)))
            *step = (FailureStep){ .action = FAILURE_ACTION_NOTIFY };
        if (step->action == FAILURE_ACTION_EXEC)
            g_assert_true(failure_policy_add_word(&policy, step, "/bin/true"));
        left -= step->grace_seconds;
    }
    policy.steps[policy.n_steps - 1].action = FAILURE_ACTION_KILL;
    g_assert_cmpint(failure_policy_check(&policy, NULL, NULL), ==, FAILURE_POLICY_OK);
    return policy;
}

typedef struct Walk {
    FailureRun run;
    guint64 fail_us;
    guint64 kill_by_us;                       /* fail_us + the sum of graces */
    guint64 due_us[FAILURE_POLICY_MAX_STEPS]; /* if nothing fails */
    guint requests[FAILURE_POLICY_MAX_STEPS];
    guint finishes[FAILURE_POLICY_MAX_STEPS];
    guint64 last_kill_us;
    gboolean any_failed;
} Walk;

#define must(condition)                                                                            \
    G_STMT_START                                                                                   \
    {                                                                                              \
        if (!(condition)) {                                                                        \
            g_test_message("broken at %s:%d: %s", __FILE__, __LINE__, #condition);                 \
            return FALSE;                                                                          \
        }                                                                                          \
    }                                                                                              \
    G_STMT_END

/* One main loop's turn: everything that is due. FALSE when a rule is broken. */
static gboolean turn(Walk *walk, guint64 now_us)
{
    gsize last = walk->run.policy.n_steps - 1;

    for (guint i = 0;; i++) {
        FailureRunOutput out = failure_run_advance(&walk->run, now_us);

        must(i <= FAILURE_POLICY_MAX_STEPS); /* the loop ends */
        if (out.finish) {
            must(out.finished_step < last);
            must(walk->requests[out.finished_step] == 1);
            must(++walk->finishes[out.finished_step] == 1);
        }
        if (!out.request) {
            must(!out.finish);
            must(out.next_us > now_us); /* else a timer would spin */
            break;
        }
        /* In order, none left out. */
        must(out.step == 0 || walk->finishes[out.step - 1] == 1);
        must(out.step == 0 || walk->requests[out.step - 1] == 1);
        must(now_us >= walk->fail_us);
        /* A grace is cut short by a failed step only. */
        must(walk->any_failed || now_us >= walk->due_us[out.step]);
        walk->requests[out.step]++;
        if (out.step == last) {
            must(walk->last_kill_us == 0 || now_us >= walk->last_kill_us + SECOND);
            walk->last_kill_us = now_us;
        } else {
            must(walk->requests[out.step] == 1);
        }
    }

    if (now_us >= walk->kill_by_us)
        must(walk->requests[last] > 0);
    if (walk->last_kill_us != 0)
        must(now_us < walk->last_kill_us + SECOND);
    else
        must(walk->run.next_us <= walk->kill_by_us);
    return TRUE;
}

static void random_answer(Walk *walk, GRand *random, guint64 now_us)
{
    gsize step = g_rand_boolean(random) ? walk->run.step : (gsize)g_rand_int_range(random, 0, 17);
    gboolean worked = g_rand_int_range(random, 0, 4) != 0;

    if (!worked && step == walk->run.step)
        walk->any_failed = TRUE;
    failure_run_answered(&walk->run, step, worked, now_us);
}

/* `lateness`: how long after next_us a turn may come, at most, in microseconds. */
static gboolean random_walk(GRand *random, guint64 lateness)
{
    FailurePolicy policy = random_policy(random);
    Walk walk = { .fail_us = (guint64)g_rand_int(random) * 1000 };
    guint64 now_us = walk.fail_us > 5 * SECOND ? walk.fail_us - 5 * SECOND : 0;
    guint64 due_us = walk.fail_us;
    gsize last = policy.n_steps - 1;

    for (gsize i = 0; i < policy.n_steps; i++) {
        walk.due_us[i] = due_us;
        due_us += policy.steps[i].grace_seconds * SECOND;
    }
    walk.kill_by_us = due_us;
    failure_run_init(&walk.run, &policy, walk.fail_us);

    while (walk.requests[last] < 4) {
        guint64 next_us = walk.run.next_us;

        if (next_us > now_us && g_rand_int_range(random, 0, 3) == 0) {
            /* Called for nothing, or an answer, before the time has come. */
            now_us += (guint64)(g_rand_double(random) * (double)(next_us - now_us));
            if (g_rand_boolean(random))
                random_answer(&walk, random, now_us);
        } else {
            guint64 late = (guint64)(g_rand_double(random) * (double)lateness);

            now_us = MAX(now_us, next_us + late);
            if (g_rand_int_range(random, 0, 4) == 0)
                random_answer(&walk, random, now_us);
        }
        must(turn(&walk, now_us));
        if (lateness == 0 && walk.requests[last] == 1)
            must(walk.last_kill_us <= walk.kill_by_us);
    }
    for (gsize i = 0; i < last; i++)
        must(walk.requests[i] == 1 && walk.finishes[i] == 1);

    failure_run_cleared(&walk.run);
    must(!failure_run_advance(&walk.run, now_us + 100 * SECOND).request);
    return TRUE;
}

static void test_random_walks(gconstpointer data)
{
    const guint64 *lateness = data;
    const char *wanted = g_getenv("BAILIFF_TEST_SEED");
    guint walks = wanted != NULL ? 1 : 20000;

    for (guint i = 0; i < walks; i++) {
        guint32 seed =
            wanted != NULL ? (guint32)g_ascii_strtoull(wanted, NULL, 10) : g_random_int();
        g_autoptr(GRand) random = g_rand_new_with_seed(seed);

        if (!random_walk(random, *lateness)) {
            g_test_message("to repeat this walk: BAILIFF_TEST_SEED=%u", seed);
            g_test_fail();
            return;
        }
    }
}

int main(int argc, char **argv)
{
    static const guint64 on_time = 0;
    static const guint64 late = 3 * SECOND;
    static const guint64 very_late = 60 * SECOND;

    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/failure-run-random/on-time", &on_time, test_random_walks);
    g_test_add_data_func("/failure-run-random/late", &late, test_random_walks);
    g_test_add_data_func("/failure-run-random/very-late", &very_late, test_random_walks);
    return g_test_run();
}
