/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One walk through a failure policy for one registration. A pure machine: events and the time go
 * in, action requests come out. It never waits for an answer: what is silent is passed over when
 * its grace has ended.
 *
 * Timeline (F is the fail deadline, the start of the walk; times are absolute, so a late main loop
 * shortens nothing that comes later and skips nothing that must be done):
 *   step 0 starts at F; step i at F + the graces of the steps before it, or as soon as step i-1 has
 *   failed or ended without clearing the target; kill is repeated every second until the target is
 *   cleared.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "failure/failure-policy.h"

typedef enum FailureRunState {
    FAILURE_RUN_WALKING,
    FAILURE_RUN_CLEARED, /* the target is provably harmless */
    FAILURE_RUN_IGNORED, /* the policy gave up safety for this registration */
} FailureRunState;

typedef struct FailureRun {
    FailurePolicy policy;
    FailureRunState state;
    uint64_t started_us;    /* F */
    size_t step;            /* the step under way */
    uint64_t step_since_us; /* when it was due */
    uint64_t next_us;       /* when to call again at the latest */
    bool step_started;      /* its action was requested */
    bool step_open;         /* ... and has not been answered */
} FailureRun;

typedef struct FailureRunOutput {
    bool finish; /* the previous step has ended without clearing: `finished_step` */
    size_t finished_step;
    bool request; /* start this action now: `step` is the index, `action` the step itself */
    size_t step;
    const FailureStep *action;
    uint64_t next_us; /* call failure_run_advance() again at this time; TIME_NEVER: at an event */
} FailureRunOutput;

/* Begins the walk. Nothing is requested before the first failure_run_advance(). */
void failure_run_init(FailureRun *self, const FailurePolicy *policy, uint64_t fail_us);

/* After failure_run_init(), of a walk that another process began: step `step` was due at `since_us`
 * and may have been asked for already. It is asked for again, since it is not known whether it
 * worked, and has the rest of its grace. A step that the policy does not have, or a time before the
 * walk: it begins anew, and false is returned. A time after the latest at which that step can have
 * been due: it was due then. */
bool failure_run_resume(FailureRun *self, size_t step, uint64_t since_us);

/* After failure_run_resume() that was true: the step had worked, which is known. It is not asked
 * for again, unless it is one that is repeated; the rest of its grace is waited for. */
void failure_run_resume_worked(FailureRun *self);

/* Does what is due at `now_us`: call it until it requests nothing more. */
FailureRunOutput failure_run_advance(FailureRun *self, uint64_t now_us);

/* The action of `step` has ended: `worked` false makes the next step due at once (kill: again in a
 * second). Answers of other steps than the one under way are ignored. */
void failure_run_answered(FailureRun *self, size_t step, bool worked, uint64_t now_us);

/* The target is provably harmless. */
void failure_run_cleared(FailureRun *self);
