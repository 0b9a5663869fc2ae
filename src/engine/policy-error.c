/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Failure policies that are refused.
 */
#include "engine/policy-error.h"

#include "common/bailiff-error.h"
#include "failure/failure-policy-parser.h"
#include "failure/policy-fault-text.h"

static void set_too_long(const FailurePolicy *policy, GError **error)
{
    char sum[POLICY_FAULT_SUM_MAX];

    policy_fault_print_sum(policy, sum);
    bailiff_set_error(error, BAILIFF_ERROR_POLICY_TOO_LONG,
                      policy_fault_cure(FAILURE_POLICY_TOO_LONG),
                      "The graces of the failure policy take %s, but %s.", sum,
                      policy_fault_what(FAILURE_POLICY_TOO_LONG));
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
    FailurePolicyFault fault = failure_policy_check(policy, &step, NULL);
    const char *what = policy_fault_what(fault);
    const char *cure = policy_fault_cure(fault);

    if (fault == FAILURE_POLICY_OK)
        return check_target(policy, target, error);

    if (fault == FAILURE_POLICY_TOO_LONG) {
        set_too_long(policy, error);
    } else if (fault == FAILURE_POLICY_EMPTY || fault == FAILURE_POLICY_TOO_MANY_STEPS) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, cure, "Failure policy: %s.", what);
    } else if (step >= policy->n_steps) {
        const char *recovery = failure_recovery_name(policy->on_recovery);
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, cure, "On recovery %s: %s.",
                          recovery != NULL ? recovery : "?", what);
    } else {
        const char *action = failure_action_name(policy->steps[step].action);
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, cure,
                          "Step %" G_GSIZE_FORMAT " of the failure policy (%s): %s.", step + 1,
                          action != NULL ? action : "?", what);
    }
    return FALSE;
}

static void set_fault_of_text(FailurePolicyFault fault, const char *text, size_t position,
                              GError **error)
{
    char word[POLICY_FAULT_WORD_MAX];

    policy_fault_print_word(text, position, word);
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, policy_fault_cure(fault),
                      "Failure policy, character %zu%s%s%s: %s.", position + 1,
                      word[0] != '\0' ? " ('" : "", word, word[0] != '\0' ? "')" : "",
                      policy_fault_what(fault));
}

gboolean bailiff_failure_policy_from_text(FailurePolicy *ret, const char *text,
                                          FailureTarget target, GError **error)
{
    FailurePolicy policy;
    size_t position = 0;
    FailurePolicyFault fault = failure_policy_parse(&policy, text, &position);

    if (fault == FAILURE_POLICY_OK) {
        if (!check_target(&policy, target, error))
            return FALSE;
        *ret = policy;
        return TRUE;
    }
    /* The words of one that is too long are good, so that it can be read and added up. */
    if (fault == FAILURE_POLICY_TOO_LONG &&
        failure_policy_read(&policy, text, NULL) == FAILURE_POLICY_OK)
        set_too_long(&policy, error);
    else
        set_fault_of_text(fault, text, position, error);
    return FALSE;
}
