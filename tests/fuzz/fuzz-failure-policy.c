/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text form of failure policies.
 */
#include <signal.h>
#include <string.h>

#include "failure/failure-policy-parser.h"
#include "failure/failure-run.h"
#include "fuzz.h"

/* It can be started, and told on the bus. */
static void assert_program(const FailurePolicy *policy, const FailureStep *step)
{
    g_assert_cmpuint(step->n_words, >=, 1);
    g_assert_cmpuint(step->n_words, <=, FAILURE_PROGRAM_WORDS_MAX);
    for (size_t i = 0; i < step->n_words; i++) {
        const char *word = failure_policy_get_word(policy, step, i);
        g_assert_nonnull(word);
        g_assert_true(g_utf8_validate(word, -1, NULL));
        g_assert_true(i > 0 || g_path_is_absolute(word));
    }
    g_assert_null(failure_policy_get_word(policy, step, step->n_words));
}

static void assert_in_range(const FailurePolicy *policy)
{
    uint64_t total = 0;
    g_assert_cmpuint(policy->n_steps, >=, 1);
    g_assert_cmpuint(policy->n_steps, <=, FAILURE_POLICY_MAX_STEPS);
    for (size_t i = 0; i < policy->n_steps; i++) {
        const FailureStep *step = &policy->steps[i];
        total += step->grace_seconds;
        g_assert_cmpuint(step->action, <, FAILURE_ACTION_COUNT);
        if (step->action == FAILURE_ACTION_SIGNAL) {
            g_assert_cmpint(step->signal_number, >=, 1);
            g_assert_cmpint(step->signal_number, <=, 31);
            g_assert_cmpint(step->signal_number, !=, SIGKILL);
        }
        if (failure_action_needs_grace(step->action))
            g_assert_cmpuint(step->grace_seconds, >=, 1);
        if (step->action == FAILURE_ACTION_EXEC)
            assert_program(policy, step);
    }
    g_assert_cmpuint(total, <=, 40);
    FailureAction last = policy->steps[policy->n_steps - 1].action;
    g_assert_true(last == FAILURE_ACTION_KILL ||
                  (last == FAILURE_ACTION_IGNORE && policy->n_steps == 1));

    /* Something fits something. */
    g_assert_cmpuint(policy->on_recovery, <, FAILURE_RECOVERY_COUNT);
    for (unsigned target = 0; target <= FAILURE_TARGET_COUNT; target++) {
        size_t step = SIZE_MAX;
        if (failure_policy_check_target(policy, target, &step) != FAILURE_POLICY_OK)
            g_assert_cmpuint(step, <=, policy->n_steps);
        else
            g_assert_cmpuint(target, <, FAILURE_TARGET_COUNT);
    }
}

/* Nobody answers: the walk still comes to the kill in time. */
static void assert_walk_kills(const FailurePolicy *policy)
{
    const uint64_t fail_us = 1000 * USEC_PER_SECOND;
    FailureRun run;
    uint64_t now_us = fail_us;

    failure_run_init(&run, policy, fail_us);
    for (unsigned turns = 0; turns < 1000 && run.state == FAILURE_RUN_WALKING; turns++) {
        FailureRunOutput output = failure_run_advance(&run, now_us);
        if (output.request && output.action->action == FAILURE_ACTION_KILL) {
            g_assert_cmpuint(now_us, <=, fail_us + 40 * USEC_PER_SECOND);
            return;
        }
        if (!output.request) {
            g_assert_cmpuint(output.next_us, >, now_us);
            g_assert_cmpuint(output.next_us, !=, TIME_NEVER);
            now_us = output.next_us;
        }
    }
    g_assert_cmpint(run.state, ==, FAILURE_RUN_IGNORED);
    g_assert_cmpint(policy->steps[0].action, ==, FAILURE_ACTION_IGNORE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    char printed[FAILURE_POLICY_TEXT_MAX], printed_again[FAILURE_POLICY_TEXT_MAX];
    FailurePolicy policy, again, untouched;
    size_t position = SIZE_MAX;

    memset(&untouched, 0xC3, sizeof untouched);
    policy = untouched;
    if (failure_policy_parse(&policy, text, &position) != FAILURE_POLICY_OK) {
        g_assert_cmpmem(&policy, sizeof policy, &untouched, sizeof untouched);
        g_assert_cmpuint(position, <=, strlen(text));
        return 0;
    }
    assert_in_range(&policy);
    g_assert_cmpint(failure_policy_check(&policy, NULL, NULL), ==, FAILURE_POLICY_OK);
    assert_walk_kills(&policy);

    memset(printed, 'x', sizeof printed);
    size_t length = failure_policy_print(&policy, printed);
    g_assert_cmpuint(length, <, sizeof printed);
    g_assert_cmpuint(strnlen(printed, sizeof printed), ==, length);
    g_assert_cmpint(failure_policy_parse(&again, printed, NULL), ==, FAILURE_POLICY_OK);
    g_assert_true(failure_policy_equal(&policy, &again));
    failure_policy_print(&again, printed_again);
    g_assert_cmpstr(printed, ==, printed_again);
    return 0;
}
