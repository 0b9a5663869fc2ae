/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Failure policies that are refused.
 */
#include "engine/policy-error.h"

#include "common/bailiff-error.h"

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

static gboolean fits_process(FailureAction action)
{
    return action == FAILURE_ACTION_NOTIFY || action == FAILURE_ACTION_SIGNAL ||
           action == FAILURE_ACTION_KILL || action == FAILURE_ACTION_IGNORE;
}

static void set_invalid(GError **error, gsize step, const char *what)
{
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "A failure policy is a list of steps such as: signal TERM 10s, kill.",
                      "Step %" G_GSIZE_FORMAT " of the failure policy %s.", step + 1, what);
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

gboolean bailiff_failure_policy_check(const FailurePolicy *policy, GError **error)
{
    gsize step = 0;
    guint64 total = 0;

    switch (failure_policy_check(policy, &step, &total)) {
    case FAILURE_POLICY_OK:
        break;
    case FAILURE_POLICY_EMPTY:
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Leave the option away for the default, or name steps such as: signal "
                          "TERM 10s, kill.",
                          "The failure policy has no steps.");
        return FALSE;
    case FAILURE_POLICY_TOO_MANY_STEPS:
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Use fewer steps.",
                          "The failure policy has more than %u steps.", FAILURE_POLICY_MAX_STEPS);
        return FALSE;
    case FAILURE_POLICY_TOO_LONG:
        set_too_long(policy, total, error);
        return FALSE;
    case FAILURE_POLICY_UNKNOWN_ACTION:
    case FAILURE_POLICY_SYNTAX:
        set_invalid(error, step, "is no action that there is");
        return FALSE;
    case FAILURE_POLICY_BAD_GRACE:
        set_invalid(error, step, "has a grace that it cannot have");
        return FALSE;
    case FAILURE_POLICY_BAD_SIGNAL:
        set_invalid(error, step, "names no signal that can be sent (kill is an action of its own)");
        return FALSE;
    case FAILURE_POLICY_NO_FINAL_KILL:
        set_invalid(error, step, "is the last one and is not kill");
        return FALSE;
    case FAILURE_POLICY_STEP_AFTER_END:
        set_invalid(error, step, "is kill or ignore, and must be the last one, or the only one");
        return FALSE;
    }
    for (gsize i = 0; i < policy->n_steps; i++)
        if (!fits_process(policy->steps[i].action)) {
            bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                              "For a process use notify, signal, kill or ignore.",
                              "Step %" G_GSIZE_FORMAT " of the failure policy, %s, is not possible "
                              "for a process.",
                              i + 1, failure_action_name(policy->steps[i].action));
            return FALSE;
        }
    return TRUE;
}
