/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk through a failure policy.
 *
 * Why the kill comes in time whatever happens (D(i) is when step i is due):
 *
 *   D(0) = F, and D(i+1) <= D(i) + grace(i), so D(kill) <= F + the sum of the graces before it.
 *
 * An end of a step is counted from when the step was *due*, never from when it was asked for or
 * answered; a failed answer can only bring it forward. No answer is needed for the walk to go on.
 * A main loop that is late finds several steps due at once: each is still asked for, in order,
 * since each may be the one that works, and the kill follows in the same instant if its time has
 * come.
 */
#include "failure/failure-run.h"

#define KILL_REPEAT_US USEC_PER_SECOND

static const FailureStep *step_under_way(const FailureRun *self)
{
    return &self->policy.steps[self->step];
}

static bool kill_under_way(const FailureRun *self)
{
    return self->step_started && step_under_way(self)->action == FAILURE_ACTION_KILL;
}

/* A policy that the check refuses has no end that is known to be safe (it may not even have a
 * kill), so it is walked as the shortest one that has. Who wants another answer checks beforehand.
 */
void failure_run_init(FailureRun *self, const FailurePolicy *policy, uint64_t fail_us)
{
    *self = (FailureRun){
        .state = FAILURE_RUN_WALKING,
        .started_us = fail_us,
        .step_since_us = fail_us,
        .next_us = fail_us,
    };
    if (failure_policy_check(policy, NULL, NULL) == FAILURE_POLICY_OK)
        self->policy = *policy;
    else
        self->policy =
            (FailurePolicy){ .steps = { { .action = FAILURE_ACTION_KILL } }, .n_steps = 1 };
}

/* When `step` is due if none before it fails or ends early. */
static uint64_t latest_due(const FailureRun *self, size_t step)
{
    uint64_t due_us = self->started_us;

    for (size_t i = 0; i < step; i++)
        due_us = time_add(due_us, time_from_seconds(self->policy.steps[i].grace_seconds));
    return due_us;
}

bool failure_run_resume(FailureRun *self, size_t step, uint64_t since_us)
{
    if (step >= self->policy.n_steps || since_us < self->started_us)
        return false;
    if (since_us > latest_due(self, step))
        since_us = latest_due(self, step);
    self->step = step;
    self->step_since_us = since_us;
    self->next_us = since_us;
    return true;
}

void failure_run_resume_worked(FailureRun *self)
{
    const FailureStep *step = step_under_way(self);

    if (step->action == FAILURE_ACTION_KILL || step->action == FAILURE_ACTION_IGNORE)
        return;
    self->step_started = true;
    self->next_us = time_add(self->step_since_us, time_from_seconds(step->grace_seconds));
}

static bool is_due(const FailureRun *self, uint64_t now_us)
{
    if (self->state != FAILURE_RUN_WALKING || now_us < self->next_us)
        return false;
    /* At the end of time a repetition would be due again at once, for ever. */
    return !(kill_under_way(self) && self->next_us == TIME_NEVER);
}

static void request_step(FailureRun *self, uint64_t now_us, FailureRunOutput *output)
{
    const FailureStep *step = step_under_way(self);

    self->step_started = true;
    self->step_open = true;
    output->request = true;
    output->step = self->step;
    output->action = step;

    if (step->action == FAILURE_ACTION_IGNORE) {
        self->state = FAILURE_RUN_IGNORED;
        self->next_us = TIME_NEVER;
    } else if (step->action == FAILURE_ACTION_KILL) {
        /* From now, not from when it was due: a late main loop would only repeat a kill that it has
         * just asked for. */
        self->next_us = time_add(now_us, KILL_REPEAT_US);
    } else {
        self->next_us = time_add(self->step_since_us, time_from_seconds(step->grace_seconds));
    }
}

FailureRunOutput failure_run_advance(FailureRun *self, uint64_t now_us)
{
    FailureRunOutput output = { 0 };

    if (is_due(self, now_us)) {
        if (self->step_started && !kill_under_way(self)) {
            /* There is a next step: the last one of a checked policy is kill, which never ends by
             * itself, or ignore, which ends the walk. */
            output.finish = true;
            output.finished_step = self->step;
            self->step++;
            self->step_since_us = self->next_us;
        }
        request_step(self, now_us, &output);
    }

    output.next_us = self->next_us;
    return output;
}

void failure_run_answered(FailureRun *self, size_t step, bool worked, uint64_t now_us)
{
    uint64_t end_us;

    if (self->state != FAILURE_RUN_WALKING || step != self->step || !self->step_open)
        return;
    self->step_open = false;

    /* What worked need not have cleared the target yet: a process that got its signal still has its
     * grace to end in. */
    if (worked || kill_under_way(self))
        return;

    /* Not before the step itself was due, however wrong `now_us` is; not after its grace. */
    end_us = now_us > self->step_since_us ? now_us : self->step_since_us;
    if (end_us < self->next_us)
        self->next_us = end_us;
}

void failure_run_cleared(FailureRun *self)
{
    self->state = FAILURE_RUN_CLEARED;
    self->step_open = false;
    self->next_us = TIME_NEVER;
}
