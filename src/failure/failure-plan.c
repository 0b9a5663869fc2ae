/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "failure/failure-plan.h"

#include "failure/failure-run.h"

void failure_plan_init(FailurePlan *ret, const FailurePolicy *policy, uint64_t fail_us)
{
    FailureRun run;
    uint64_t now_us = fail_us;

    *ret = (FailurePlan){ .kill_us = TIME_NEVER };
    if (failure_policy_check(policy, NULL, NULL) != FAILURE_POLICY_OK)
        return;

    failure_run_init(&run, policy, fail_us);
    while (ret->n_steps < policy->n_steps) {
        FailureRunOutput output = failure_run_advance(&run, now_us);

        if (!output.request) {
            now_us = output.next_us; /* nobody answers */
            continue;
        }
        if (output.finish)
            ret->steps[output.finished_step].end_us = now_us;
        ret->steps[output.step] = (FailurePlanStep){ .start_us = now_us, .end_us = TIME_NEVER };
        ret->n_steps = output.step + 1;
        if (output.action->action == FAILURE_ACTION_KILL)
            ret->kill_us = now_us;
    }
}

const char *failure_proof_name(FailureProof proof)
{
    static const char *const names[] = {
        [FAILURE_PROOF_NONE] = "none",
        [FAILURE_PROOF_END] = "end",
        [FAILURE_PROOF_CHECKED] = "checked",
    };

    return (unsigned)proof < sizeof names / sizeof names[0] ? names[proof] : NULL;
}

FailureProof failure_action_proof(FailureAction action)
{
    switch (action) {
    case FAILURE_ACTION_PAUSE:
    case FAILURE_ACTION_POWEROFF:
    case FAILURE_ACTION_RESTART:
    case FAILURE_ACTION_STOP_UNIT:
    case FAILURE_ACTION_KILL:
        return FAILURE_PROOF_CHECKED;
    case FAILURE_ACTION_SIGNAL:
    case FAILURE_ACTION_EXEC:
    case FAILURE_ACTION_HOST_POWEROFF:
    case FAILURE_ACTION_HOST_REBOOT:
        return FAILURE_PROOF_END;
    case FAILURE_ACTION_NOTIFY:
    case FAILURE_ACTION_FREEZE:
    case FAILURE_ACTION_IGNORE:
    case FAILURE_ACTION_COUNT:
        break;
    }
    return FAILURE_PROOF_NONE;
}
