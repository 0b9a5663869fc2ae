/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * failure-run, driven.
 */
#include "engine/failure-runner.h"

#include "actions/action-process.h"
#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"

struct FailureRunner {
    FailureRun run;
    const ProcessIdentity *process;
    gboolean descendants;
    const FailureRunnerEvents *events;
    gpointer user_data;
    BoottimeTimer *timer;
    /* What the action under way answered, for the event at the step's end. */
    gboolean worked;
    char *detail;
    gboolean announced_kill;
    gboolean unfinished; /* a kill has stopped its tree, and members of it have yet to end */
};

/* How soon an unfinished kill is taken up again: its members were killed and end within moments,
 * unless their storage hangs. */
#define UNFINISHED_PAUSE_US (USEC_PER_SECOND / 10)

static void set_detail(FailureRunner *self, gboolean worked, char *detail)
{
    self->worked = worked;
    g_free(self->detail);
    self->detail = detail;
}

/* TRUE when the action could be carried out. */
static gboolean carry_out(FailureRunner *self, const FailureStep *step)
{
    g_autoptr(GError) error = NULL;
    gboolean worked = FALSE;

    switch (step->action) {
    case FAILURE_ACTION_NOTIFY:
    case FAILURE_ACTION_IGNORE:
        set_detail(self, TRUE, g_strdup("announced"));
        return TRUE;
    case FAILURE_ACTION_SIGNAL:
        worked = action_process_signal(self->process, step->signal_number, &error);
        set_detail(self, worked,
                   worked
                       ? g_strdup_printf("SIG%s was sent", failure_signal_name(step->signal_number))
                       : g_strdup(error->message));
        return worked;
    case FAILURE_ACTION_KILL:
        worked = action_process_kill(self->process, self->descendants, &error);
        self->unfinished = g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
        set_detail(self, worked, g_strdup(worked ? "SIGKILL was sent" : error->message));
        return worked;
    default:
        /* Refused at registration: bailiff_failure_policy_check(). */
        set_detail(self, FALSE, g_strdup("not an action for a process"));
        return FALSE;
    }
}

static void finish_step(FailureRunner *self, gsize index)
{
    self->events->step_finished((guint)index, &self->run.policy.steps[index], self->worked,
                                self->detail != NULL ? self->detail : "", self->user_data);
}

static void request(FailureRunner *self, const FailureRunOutput *out)
{
    gboolean again = out->action->action == FAILURE_ACTION_KILL && self->announced_kill;

    if (!again)
        self->events->step_started((guint)out->step, out->action, self->user_data);
    self->announced_kill = out->action->action == FAILURE_ACTION_KILL;
    failure_run_answered(&self->run, out->step, carry_out(self, out->action), boottime_now());
}

static void advance(FailureRunner *self)
{
    FailureRunOutput out;

    if (self->unfinished)
        carry_out(self, &self->run.policy.steps[self->run.step]);
    do {
        out = failure_run_advance(&self->run, boottime_now());
        if (out.finish)
            finish_step(self, out.finished_step);
        if (out.request)
            request(self, &out);
    } while (out.request);
    if (self->unfinished)
        out.next_us = MIN(out.next_us, time_add(boottime_now(), UNFINISHED_PAUSE_US));
    boottime_timer_set(self->timer, out.next_us);
}

static void on_timer(gpointer user_data)
{
    advance(user_data);
}

FailureRunner *failure_runner_new(const FailurePolicy *policy, const ProcessIdentity *process,
                                  gboolean descendants, guint64 fail_us,
                                  const FailureRunnerEvents *events, gpointer user_data)
{
    FailureRunner *self = g_new0(FailureRunner, 1);

    self->process = process;
    self->descendants = descendants;
    self->events = events;
    self->user_data = user_data;
    failure_run_init(&self->run, policy, fail_us);
    self->timer = boottime_timer_new(on_timer, self);
    advance(self);
    return self;
}

void failure_runner_cleared(FailureRunner *self)
{
    if (self->run.state != FAILURE_RUN_WALKING)
        return;
    self->unfinished = FALSE;
    failure_run_cleared(&self->run);
    boottime_timer_set(self->timer, TIME_NEVER);
    finish_step(self, self->run.step);
}

void failure_runner_free(FailureRunner *self)
{
    boottime_timer_free(self->timer);
    g_free(self->detail);
    g_free(self);
}
