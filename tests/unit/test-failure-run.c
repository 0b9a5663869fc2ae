/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk through a failure policy: timelines written out second by second.
 */
#include <glib.h>
#include <string.h>

#include "failure/failure-policy-parser.h"
#include "failure/failure-run.h"

#define SECOND USEC_PER_SECOND
#define F (G_GUINT64_CONSTANT(1000) * SECOND) /* the fail deadline of the timelines */

static FailureRun start(const char *text, guint64 fail_us)
{
    FailurePolicy policy;
    FailureRun run;

    g_assert_cmpint(failure_policy_parse(&policy, text, NULL), ==, FAILURE_POLICY_OK);
    memset(&run, 0x5a, sizeof run);
    failure_run_init(&run, &policy, fail_us);
    g_assert_cmpint(run.state, ==, FAILURE_RUN_WALKING);
    return run;
}

/* Advances once and says what came out: "-" for nothing, "2:kill" for a request, "!1 2:kill" when
 * it also said that step 1 has finished; then the next time in milliseconds after F ("never"). */
static char *advance(FailureRun *run, guint64 now_us)
{
    FailureRunOutput out = failure_run_advance(run, now_us);
    GString *text = g_string_new(NULL);

    if (out.finish)
        g_string_append_printf(text, "!%zu ", out.finished_step);
    if (out.request) {
        g_assert_true(out.action == &run->policy.steps[out.step]);
        g_string_append_printf(text, "%zu:%s", out.step, failure_action_name(out.action->action));
    } else {
        g_assert_null(out.action);
        g_string_append(text, "-");
    }
    g_assert_cmpuint(out.next_us, ==, run->next_us);
    if (out.next_us == TIME_NEVER)
        g_string_append(text, " never");
    else
        g_string_append_printf(text, " %" G_GINT64_FORMAT,
                               ((gint64)(out.next_us - run->started_us)) / 1000);
    return g_string_free(text, FALSE);
}

#define assert_advance(run, ms, expected)                                                          \
    G_STMT_START                                                                                   \
    {                                                                                              \
        g_autofree char *text_ = advance(run, F + (guint64)((ms)*INT64_C(1000)));                  \
        g_assert_cmpstr(text_, ==, expected);                                                      \
    }                                                                                              \
    G_STMT_END

static void answer(FailureRun *run, gsize step, gboolean worked, gint64 ms)
{
    failure_run_answered(run, step, worked, F + (guint64)(ms * 1000));
}

static void test_on_time(void)
{
    FailureRun run = start("notify 2s, signal TERM 10s, pause 5s, kill", F);

    assert_advance(&run, -500, "- 0");
    assert_advance(&run, 0, "0:notify 2000");
    assert_advance(&run, 0, "- 2000");
    answer(&run, 0, TRUE, 1);
    assert_advance(&run, 1999, "- 2000");
    assert_advance(&run, 2000, "!0 1:signal 12000");
    answer(&run, 1, TRUE, 2000);
    assert_advance(&run, 11999, "- 12000");
    assert_advance(&run, 12000, "!1 2:pause 17000");
    /* No answer at all. */
    assert_advance(&run, 17000, "!2 3:kill 18000");
    assert_advance(&run, 17999, "- 18000");
    assert_advance(&run, 18000, "3:kill 19000");
    g_assert_cmpuint(run.step_since_us, ==, F + 17 * SECOND);
    failure_run_cleared(&run);
    g_assert_cmpint(run.state, ==, FAILURE_RUN_CLEARED);
    assert_advance(&run, 19000, "- never");
}

/* --- a walk that another process began --- */

static FailureRun resume(const char *text, gsize step, gint64 since_ms)
{
    FailureRun run = start(text, F);

    failure_run_resume(&run, step, F + (guint64)(since_ms * 1000));
    return run;
}

#define FOUR_STEPS "notify 2s, exec /bin/true 10s, pause 5s, kill"

/* It has the rest of its grace, and is asked for again, whatever it is. */
static void test_resumed(void)
{
    FailureRun run = resume(FOUR_STEPS, 1, 2000);

    assert_advance(&run, 3500, "1:exec 12000");
    assert_advance(&run, 3500, "- 12000");
    /* The steps before it are past. */
    answer(&run, 0, FALSE, 3600);
    assert_advance(&run, 11999, "- 12000");
    assert_advance(&run, 12000, "!1 2:pause 17000");
    answer(&run, 2, FALSE, 13000);
    assert_advance(&run, 13000, "!2 3:kill 14000");

    /* It was early, since the one before it had failed. */
    run = resume(FOUR_STEPS, 2, 2500);
    assert_advance(&run, 3000, "2:pause 7500");
    failure_run_cleared(&run);
    assert_advance(&run, 7500, "- never");

    /* Nothing is due before it was, if the time should seem earlier. */
    run = resume(FOUR_STEPS, 1, 2000);
    assert_advance(&run, 1000, "- 2000");
    assert_advance(&run, 2000, "1:exec 12000");

    run = resume(FOUR_STEPS, 3, 17000);
    assert_advance(&run, 30000, "3:kill 31000");
    assert_advance(&run, 31000, "3:kill 32000");
    run = resume("ignore", 0, 0);
    assert_advance(&run, 2000, "0:ignore never");
    g_assert_cmpint(run.state, ==, FAILURE_RUN_IGNORED);
}

/* It is not done twice, and what follows is not earlier for it. */
static void test_resumed_worked(void)
{
    FailureRun run = resume(FOUR_STEPS, 1, 2000);

    failure_run_resume_worked(&run);
    assert_advance(&run, 3500, "- 12000");
    answer(&run, 1, FALSE, 3600); /* of nobody */
    assert_advance(&run, 11999, "- 12000");
    assert_advance(&run, 12000, "!1 2:pause 17000");
    answer(&run, 2, FALSE, 13000);
    assert_advance(&run, 13000, "!2 3:kill 14000");

    /* Its grace is over. */
    run = resume(FOUR_STEPS, 1, 2000);
    failure_run_resume_worked(&run);
    assert_advance(&run, 12500, "!1 2:pause 17000");

    /* A kill is only done when the target is gone. */
    run = resume(FOUR_STEPS, 3, 17000);
    failure_run_resume_worked(&run);
    assert_advance(&run, 17500, "3:kill 18500");
    run = resume("ignore", 0, 0);
    failure_run_resume_worked(&run);
    assert_advance(&run, 2000, "0:ignore never");

    run = start(FOUR_STEPS, F);
    g_assert_false(failure_run_resume(&run, 4, F));
    g_assert_true(failure_run_resume(&run, 3, F));
}

/* Its grace has ended while nobody walked: each step that is due is asked for once. */
static void test_resumed_late(void)
{
    FailureRun run = resume(FOUR_STEPS, 0, 0);

    assert_advance(&run, 500000, "0:notify 2000");
    assert_advance(&run, 500000, "!0 1:exec 12000");
    assert_advance(&run, 500000, "!1 2:pause 17000");
    assert_advance(&run, 500000, "!2 3:kill 501000");
    assert_advance(&run, 500000, "- 501000");
}

/* What was written down may say anything: nobody gets more time by it. */
static void test_resumed_nonsense(void)
{
    FailureRun run = resume(FOUR_STEPS, 4, 2000);

    assert_advance(&run, 0, "0:notify 2000");
    run = resume(FOUR_STEPS, G_MAXSIZE, 2000);
    assert_advance(&run, 0, "0:notify 2000");
    run = resume(FOUR_STEPS, 1, -1);
    assert_advance(&run, 0, "0:notify 2000");
    /* The latest that a step can have been due. */
    run = resume(FOUR_STEPS, 2, 12001);
    assert_advance(&run, 12000, "2:pause 17000");
    run = start(FOUR_STEPS, F);
    failure_run_resume(&run, 3, TIME_NEVER);
    assert_advance(&run, 17000, "3:kill 18000");
    run = start(FOUR_STEPS, F);
    failure_run_resume(&run, 0, TIME_NEVER);
    assert_advance(&run, 0, "0:notify 2000");
}

/* What was late for one step is not late for the next, and each step is asked for. */
static void test_late_main_loop(void)
{
    FailureRun run = start("signal TERM 10s, pause 5s, poweroff 5s, kill", F);

    assert_advance(&run, 3000, "0:signal 10000");
    assert_advance(&run, 16000, "!0 1:pause 15000");
    assert_advance(&run, 16000, "!1 2:poweroff 20000");
    assert_advance(&run, 16000, "- 20000");
    assert_advance(&run, 20000, "!2 3:kill 21000");

    /* So late that all is due. */
    run = start("signal TERM 10s, pause 5s, poweroff 5s, kill", F);
    assert_advance(&run, 500000, "0:signal 10000");
    assert_advance(&run, 500000, "!0 1:pause 15000");
    assert_advance(&run, 500000, "!1 2:poweroff 20000");
    assert_advance(&run, 500000, "!2 3:kill 501000");
    assert_advance(&run, 500000, "- 501000");

    /* A late kill is not caught up with; it is repeated a second after each. */
    assert_advance(&run, 507300, "3:kill 508300");
    assert_advance(&run, 507300, "- 508300");
    assert_advance(&run, 508300, "3:kill 509300");
}

static void test_failing_step(void)
{
    FailureRun run = start("pause 10s, poweroff 10s, exec /bin/true 10s, kill", F);

    assert_advance(&run, 0, "0:pause 10000");
    answer(&run, 0, FALSE, 1500);
    assert_advance(&run, 1500, "!0 1:poweroff 11500");
    /* The answer is reported before the main loop comes round. */
    answer(&run, 1, FALSE, 2000);
    g_assert_cmpuint(run.next_us, ==, F + 2 * SECOND);
    assert_advance(&run, 2700, "!1 2:exec 12000");
    /* A failure after the grace has ended changes nothing. */
    answer(&run, 2, FALSE, 15000);
    assert_advance(&run, 15000, "!2 3:kill 16000");
}

/* An answer with a time before the step: the walk is brought forward to the step's own start only.
 */
static void test_answer_from_the_past(void)
{
    FailureRun run = start("notify 4s, pause 10s, kill", F);

    assert_advance(&run, 0, "0:notify 4000");
    assert_advance(&run, 4000, "!0 1:pause 14000");
    answer(&run, 1, FALSE, 1000);
    g_assert_cmpuint(run.next_us, ==, F + 4 * SECOND);
    assert_advance(&run, 4000, "!1 2:kill 5000");
}

static void test_old_answers(void)
{
    FailureRun run = start("pause 10s, poweroff 10s, kill", F);

    /* Before anything was asked for. */
    answer(&run, 0, FALSE, -10);
    assert_advance(&run, 0, "0:pause 10000");
    /* Of a step to come, and of none. */
    answer(&run, 1, FALSE, 1);
    answer(&run, 2, FALSE, 1);
    answer(&run, G_MAXSIZE, FALSE, 1);
    assert_advance(&run, 9999, "- 10000");
    assert_advance(&run, 10000, "!0 1:poweroff 20000");
    /* Of the step before, as it was passed over in silence. */
    answer(&run, 0, FALSE, 11000);
    answer(&run, 0, TRUE, 11000);
    assert_advance(&run, 11000, "- 20000");
    /* Only the first answer counts. */
    answer(&run, 1, TRUE, 12000);
    answer(&run, 1, FALSE, 13000);
    assert_advance(&run, 13000, "- 20000");
    assert_advance(&run, 20000, "!1 2:kill 21000");
    answer(&run, 1, FALSE, 20500);
    assert_advance(&run, 20500, "- 21000");
}

static void test_cleared_in_a_step(void)
{
    FailureRun run = start("pause 10s, kill", F);

    assert_advance(&run, 0, "0:pause 10000");
    failure_run_cleared(&run);
    g_assert_cmpint(run.state, ==, FAILURE_RUN_CLEARED);
    g_assert_false(run.step_open);
    answer(&run, 0, FALSE, 1000);
    assert_advance(&run, 1000, "- never");
    assert_advance(&run, 10000, "- never");
    assert_advance(&run, 500000, "- never");

    /* Between a failed answer and the step that it makes due. */
    run = start("pause 10s, kill", F);
    assert_advance(&run, 0, "0:pause 10000");
    answer(&run, 0, FALSE, 1000);
    failure_run_cleared(&run);
    assert_advance(&run, 1000, "- never");

    /* Before the walk has begun. */
    run = start("kill", F);
    failure_run_cleared(&run);
    assert_advance(&run, 0, "- never");
}

static void test_kill_repeats(void)
{
    FailureRun run = start("kill", F);

    assert_advance(&run, 0, "0:kill 1000");
    /* Whether it worked, failed or is silent: again in a second, no sooner. */
    answer(&run, 0, TRUE, 1);
    assert_advance(&run, 999, "- 1000");
    assert_advance(&run, 1000, "0:kill 2000");
    answer(&run, 0, FALSE, 1001);
    assert_advance(&run, 1001, "- 2000");
    assert_advance(&run, 2000, "0:kill 3000");
    for (gint64 second = 3; second < 100; second++) {
        g_autofree char *expected =
            g_strdup_printf("0:kill %" G_GINT64_FORMAT, (second + 1) * 1000);
        g_autofree char *waiting = g_strdup_printf("- %" G_GINT64_FORMAT, second * 1000);
        assert_advance(&run, second * 1000 - 1, waiting);
        assert_advance(&run, second * 1000, expected);
    }
}

static void test_ignore(void)
{
    FailureRun run = start("ignore", F);

    assert_advance(&run, -1, "- 0");
    assert_advance(&run, 0, "0:ignore never");
    g_assert_cmpint(run.state, ==, FAILURE_RUN_IGNORED);
    assert_advance(&run, 0, "- never");
    answer(&run, 0, FALSE, 1);
    assert_advance(&run, 100000, "- never");
    g_assert_cmpint(run.state, ==, FAILURE_RUN_IGNORED);
    /* It may still end by itself. */
    failure_run_cleared(&run);
    g_assert_cmpint(run.state, ==, FAILURE_RUN_CLEARED);
}

/* Steps without grace are all due in one instant. */
static void test_zero_graces(void)
{
    FailureRun run = start("notify, signal TERM, notify, poweroff 3s, notify, kill", F);

    assert_advance(&run, 0, "0:notify 0");
    assert_advance(&run, 0, "!0 1:signal 0");
    assert_advance(&run, 0, "!1 2:notify 0");
    assert_advance(&run, 0, "!2 3:poweroff 3000");
    assert_advance(&run, 0, "- 3000");
    assert_advance(&run, 3000, "!3 4:notify 3000");
    answer(&run, 4, FALSE, 3000);
    assert_advance(&run, 3000, "!4 5:kill 4000");
    assert_advance(&run, 3000, "- 4000");
}

/* Near the end of time nothing wraps, the kill still comes, and a caller's loop ends. */
static void test_saturation(void)
{
    FailureRun run = start("pause 10s, poweroff 10s, kill", TIME_NEVER - 15 * SECOND);
    FailureRunOutput out;

    out = failure_run_advance(&run, TIME_NEVER - 16 * SECOND);
    g_assert_false(out.request);
    out = failure_run_advance(&run, TIME_NEVER - 15 * SECOND);
    g_assert_true(out.request);
    g_assert_cmpuint(out.next_us, ==, TIME_NEVER - 5 * SECOND);
    out = failure_run_advance(&run, TIME_NEVER - 5 * SECOND);
    g_assert_true(out.request);
    g_assert_cmpuint(out.next_us, ==, TIME_NEVER);
    out = failure_run_advance(&run, TIME_NEVER - 1);
    g_assert_false(out.request);
    out = failure_run_advance(&run, TIME_NEVER);
    g_assert_true(out.request);
    g_assert_cmpint(out.action->action, ==, FAILURE_ACTION_KILL);
    g_assert_cmpuint(out.next_us, ==, TIME_NEVER);
    for (guint i = 0; i < 3; i++) {
        out = failure_run_advance(&run, TIME_NEVER);
        g_assert_false(out.request);
        g_assert_false(out.finish);
    }

    /* No deadline at all. */
    run = start("kill", TIME_NEVER);
    out = failure_run_advance(&run, TIME_NEVER - 1);
    g_assert_false(out.request);
    g_assert_cmpuint(out.next_us, ==, TIME_NEVER);

    /* A failed step near the end. */
    run = start("pause 30s, kill", TIME_NEVER - SECOND);
    out = failure_run_advance(&run, TIME_NEVER - SECOND);
    g_assert_cmpuint(out.next_us, ==, TIME_NEVER);
    failure_run_answered(&run, 0, FALSE, TIME_NEVER - 5);
    out = failure_run_advance(&run, TIME_NEVER - 5);
    g_assert_cmpint(out.action->action, ==, FAILURE_ACTION_KILL);

    /* The other end. */
    run = start("notify 1s, kill", 0);
    out = failure_run_advance(&run, 0);
    g_assert_true(out.request);
    g_assert_cmpuint(out.next_us, ==, SECOND);
}

/* A policy that was never checked may have no kill: the walk has one. */
static void test_unchecked_policy(void)
{
    static const FailurePolicy policies[] = {
        { .n_steps = 0 },
        { .n_steps = G_MAXSIZE },
        { { { .action = FAILURE_ACTION_PAUSE, .grace_seconds = 5 } }, 1 },
        { { { .action = FAILURE_ACTION_PAUSE, .grace_seconds = 5000 },
            { .action = FAILURE_ACTION_KILL } },
          2 },
        { { { .action = FAILURE_ACTION_COUNT }, { .action = FAILURE_ACTION_KILL } }, 2 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(policies); i++) {
        FailureRun run;

        failure_run_init(&run, &policies[i], F);
        assert_advance(&run, 0, "0:kill 1000");
        assert_advance(&run, 1000, "0:kill 2000");
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/failure-run/on-time", test_on_time);
    g_test_add_func("/failure-run/late-main-loop", test_late_main_loop);
    g_test_add_func("/failure-run/resumed-worked", test_resumed_worked);
    g_test_add_func("/failure-run/resumed", test_resumed);
    g_test_add_func("/failure-run/resumed-late", test_resumed_late);
    g_test_add_func("/failure-run/resumed-nonsense", test_resumed_nonsense);
    g_test_add_func("/failure-run/failing-step", test_failing_step);
    g_test_add_func("/failure-run/answer-from-the-past", test_answer_from_the_past);
    g_test_add_func("/failure-run/old-answers", test_old_answers);
    g_test_add_func("/failure-run/cleared-in-a-step", test_cleared_in_a_step);
    g_test_add_func("/failure-run/kill-repeats", test_kill_repeats);
    g_test_add_func("/failure-run/ignore", test_ignore);
    g_test_add_func("/failure-run/zero-graces", test_zero_graces);
    g_test_add_func("/failure-run/saturation", test_saturation);
    g_test_add_func("/failure-run/unchecked-policy", test_unchecked_policy);
    return g_test_run();
}
