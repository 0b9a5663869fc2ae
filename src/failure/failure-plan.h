/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When a failure policy would do what, if nothing that it does had any effect: for a drill.
 *
 * The plan is made by the walk itself (failure-run) with nobody answering, so that it cannot say
 * anything else than what would happen. What an action does can only make a step end earlier.
 */
#pragma once

#include "failure/failure-policy.h"

/* How it is known that an action has made its target harmless. */
typedef enum FailureProof {
    FAILURE_PROOF_NONE,    /* it never does: notify, freeze, ignore */
    FAILURE_PROOF_END,     /* only by the target's end, whatever it did: signal, exec, host-... */
    FAILURE_PROOF_CHECKED, /* the action itself sees to its effect: pause, poweroff, restart,
                            * stop-unit, kill */
} FailureProof;

typedef struct FailurePlanStep {
    uint64_t start_us;
    uint64_t end_us; /* the next one starts; TIME_NEVER: it is the last, `kill` or `ignore` */
} FailurePlanStep;

typedef struct FailurePlan {
    FailurePlanStep steps[FAILURE_POLICY_MAX_STEPS]; /* of the policy's steps */
    size_t n_steps;
    uint64_t kill_us; /* TIME_NEVER: it is ignored */
} FailurePlan;

/* `policy`: one that failure_policy_check() likes; of another one the plan has no steps. `fail_us`:
 * when the walk starts. */
void failure_plan_init(FailurePlan *ret, const FailurePolicy *policy, uint64_t fail_us);

FailureProof failure_action_proof(FailureAction action);
/* "none", "end", "checked"; NULL when out of range. */
const char *failure_proof_name(FailureProof proof);
