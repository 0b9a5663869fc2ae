/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Failure policies that are refused.
 */
#include "engine/policy-error.h"

#include "common/bailiff-error.h"
#include "failure/failure-policy-parser.h"

/* What is wrong, as the end of a sentence that begins with where it is, and what to do. NULL: has a
 * function of its own. */
static const struct {
    const char *what;
    const char *cure;
} sentences[] = {
    [FAILURE_POLICY_EMPTY] = { "has no steps",
                               "Leave it away for the default, or name steps such as: signal TERM "
                               "10s, kill." },
    [FAILURE_POLICY_TOO_MANY_STEPS] = { "has more than 16 steps", "Use fewer steps." },
    [FAILURE_POLICY_UNKNOWN_ACTION] = { "is no action that there is",
                                        "Actions: notify, signal, kill, ignore, pause, poweroff, "
                                        "restart, exec, freeze, stop-unit, host-poweroff, "
                                        "host-reboot." },
    [FAILURE_POLICY_BAD_GRACE] = { "has a grace that it cannot have",
                                   "Give whole seconds, such as 10s; none for kill and ignore." },
    [FAILURE_POLICY_BAD_SIGNAL] = { "names no signal that can be sent (kill is an action of its "
                                    "own)",
                                    "Name a signal such as TERM, or its number from 1 to 31." },
    [FAILURE_POLICY_NO_FINAL_KILL] = { "is the last one and is not kill",
                                       "Add kill as the last step." },
    [FAILURE_POLICY_STEP_AFTER_END] = { "stands beside kill or ignore where nothing can",
                                        "Write kill as the last step, or ignore as the only one." },
    [FAILURE_POLICY_NEEDS_GRACE] = { "has no grace, though its action takes time",
                                     "Give it the seconds that it may take, such as 10s." },
    [FAILURE_POLICY_BAD_PROGRAM] = { "has no program that can be started",
                                     "Give an absolute path and at most 15 arguments, without "
                                     "control characters, for all programs of a policy 1024 "
                                     "bytes." },
    [FAILURE_POLICY_BAD_RECOVERY] = { "is no recovery that there is",
                                      "Recoveries: leave, resume, restart." },
    [FAILURE_POLICY_UNFIT_RECOVERY] = { "is a recovery that does not go with the steps",
                                        "resume needs a step pause and none that restarts; what is "
                                        "ignored is left; and restart among the steps means "
                                        "on-recovery restart." },
    [FAILURE_POLICY_SYNTAX] = { "cannot be read",
                                "A failure policy is a list of steps such as: signal TERM 10s, "
                                "kill." },
};

G_STATIC_ASSERT(G_N_ELEMENTS(sentences) == FAILURE_POLICY_SYNTAX + 1);
G_STATIC_ASSERT(FAILURE_POLICY_MAX_STEPS == 16 && FAILURE_PROGRAM_WORDS_MAX == 16 &&
                FAILURE_POLICY_WORDS_BYTES == 1024); /* the numbers in the texts above */

/* "10 + 20 + 15 = 45" */
static char *arithmetic(const FailurePolicy *policy, guint64 total)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < policy->n_steps; i++)
        if (policy->steps[i].grace_seconds > 0)
            g_string_append_printf(text, "%s%u", text->len > 0 ? " + " : "",
                                   policy->steps[i].grace_seconds);
    g_string_append_printf(text, " = %" G_GUINT64_FORMAT, total);
    return g_string_free(text, FALSE);
}

static void set_too_long(const FailurePolicy *policy, guint64 total, GError **error)
{
    g_autofree char *sum = arithmetic(policy, total);

    bailiff_set_error(error, BAILIFF_ERROR_POLICY_TOO_LONG, "Shorten the graces.",
                      "The graces of the failure policy take %s seconds, but the last kill has to "
                      "come within %u seconds of the fail deadline: a watchdog can fire 50 seconds "
                      "after it, and other hosts may act after 60.",
                      sum, FAILURE_BUDGET_SECONDS);
}

static const char *actions_for(FailureTarget target)
{
    switch (target) {
    case FAILURE_TARGET_UNIT:
        return "For a unit use notify, signal, exec, freeze, stop-unit, restart, host-poweroff, "
               "host-reboot, kill or ignore.";
    case FAILURE_TARGET_DOMAIN:
        return "For a domain use notify, signal, exec, pause, poweroff, restart, host-poweroff, "
               "host-reboot, kill or ignore.";
    case FAILURE_TARGET_PROCESS:
    case FAILURE_TARGET_COUNT:
        break;
    }
    return "For a process use notify, signal, exec, host-poweroff, host-reboot, kill or ignore.";
}

static gboolean check_target(const FailurePolicy *policy, FailureTarget target, GError **error)
{
    const char *kind = failure_target_name(target);
    gsize step = 0;

    switch (failure_policy_check_target(policy, target, &step)) {
    case FAILURE_POLICY_OK:
        return TRUE;
    case FAILURE_POLICY_UNFIT_ACTION:
        bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED, actions_for(target),
                          "Step %" G_GSIZE_FORMAT " of the failure policy, %s, is not possible for "
                          "a %s.",
                          step + 1, failure_action_name(policy->steps[step].action), kind);
        return FALSE;
    default:
        bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                          "Leave on-recovery away; resume is for domains, restart for domains and "
                          "units.",
                          "On recovery %s is not possible for a %s.",
                          failure_recovery_name(policy->on_recovery), kind);
        return FALSE;
    }
}

gboolean bailiff_failure_policy_check(const FailurePolicy *policy, FailureTarget target,
                                      GError **error)
{
    gsize step = 0;
    guint64 total = 0;
    FailurePolicyFault fault = failure_policy_check(policy, &step, &total);

    if (fault == FAILURE_POLICY_OK)
        return check_target(policy, target, error);

    if (fault == FAILURE_POLICY_TOO_LONG) {
        set_too_long(policy, total, error);
    } else if (fault == FAILURE_POLICY_EMPTY || fault == FAILURE_POLICY_TOO_MANY_STEPS) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, sentences[fault].cure,
                          "The failure policy %s.", sentences[fault].what);
    } else if (step >= policy->n_steps) {
        const char *recovery = failure_recovery_name(policy->on_recovery);
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, sentences[fault].cure,
                          "On recovery %s: that %s.", recovery != NULL ? recovery : "?",
                          sentences[fault].what);
    } else {
        const char *action = failure_action_name(policy->steps[step].action);
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, sentences[fault].cure,
                          "Step %" G_GSIZE_FORMAT " of the failure policy (%s) %s.", step + 1,
                          action != NULL ? action : "?", sentences[fault].what);
    }
    return FALSE;
}

gboolean bailiff_failure_policy_from_text(FailurePolicy *ret, const char *text,
                                          FailureTarget target, GError **error)
{
    FailurePolicy policy;
    size_t position = 0;
    FailurePolicyFault fault = failure_policy_parse(&policy, text, &position);

    switch (fault) {
    case FAILURE_POLICY_OK:
        if (!check_target(&policy, target, error))
            return FALSE;
        *ret = policy;
        return TRUE;
    case FAILURE_POLICY_EMPTY:
    case FAILURE_POLICY_TOO_MANY_STEPS:
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, sentences[fault].cure,
                          "The failure policy %s.", sentences[fault].what);
        return FALSE;
    case FAILURE_POLICY_TOO_LONG:
        /* Its words are good, so that it can be read, and the check says the same of it. */
        return failure_policy_read(&policy, text, NULL) == FAILURE_POLICY_OK &&
               bailiff_failure_policy_check(&policy, target, error);
    default:
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, sentences[fault].cure,
                          "What begins at character %zu of the failure policy %s.", position + 1,
                          sentences[fault].what);
        return FALSE;
    }
}
