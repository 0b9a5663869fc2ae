/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each action of a failure policy, and what it takes to order it. Without a default: an action that
 * is new has to be thought about here.
 */
#include "dbus/policy-risk.h"

#include "dbus/method-actions.h"

static unsigned risk_of_action(FailureAction action)
{
    switch (action) {
    case FAILURE_ACTION_IGNORE:
        return POLKIT_BIT(POLKIT_ACTION_GIVE_UP_SAFETY);
    case FAILURE_ACTION_EXEC:
        return POLKIT_BIT(POLKIT_ACTION_RUN_PROGRAMS);
    case FAILURE_ACTION_HOST_POWEROFF:
    case FAILURE_ACTION_HOST_REBOOT:
        return POLKIT_BIT(POLKIT_ACTION_CONTROL_HOST);
    /* These do to the target what its registration allows. */
    case FAILURE_ACTION_NOTIFY:
    case FAILURE_ACTION_SIGNAL:
    case FAILURE_ACTION_KILL:
    case FAILURE_ACTION_PAUSE:
    case FAILURE_ACTION_POWEROFF:
    case FAILURE_ACTION_RESTART:
    case FAILURE_ACTION_FREEZE:
    case FAILURE_ACTION_STOP_UNIT:
    case FAILURE_ACTION_COUNT:
        break;
    }
    return 0;
}

unsigned policy_risk(const FailurePolicy *policy)
{
    unsigned risk = 0;

    for (size_t i = 0; policy != NULL && i < policy->n_steps; i++)
        risk |= risk_of_action(policy->steps[i].action);
    return risk;
}
