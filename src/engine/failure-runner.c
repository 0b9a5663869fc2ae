/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * failure-run, driven.
 */
#include "engine/failure-runner.h"

#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"

/* One action that was asked for. It outlives its runner when its answer comes late. */
typedef struct Asked {
    FailureRunner *runner; /* NULL: nobody waits for the answer any more */
    gsize step;
    guint bus_changes; /* of the services, when it was asked for */
    GCancellable *cancellable;
} Asked;

struct FailureRunner {
    FailureRun run;
    const ActionServices *services;
    ActionRequest request;
    const FailureRunnerEvents *events;
    gpointer user_data;
    BoottimeTimer *timer;
    Asked *asked; /* the action under way; NULL: none, or it has answered */
    /* What it answered, for the event at the step's end. */
    gboolean worked;
    char *detail;
    gboolean misses_bus; /* it has failed, and is asked for again when the bus is there */
    gboolean announced_kill;
    gboolean resuming; /* the next action that is asked for was begun by an earlier bailiffd */
    /* A step that was begun and is still to be told of; see announce(). */
    gboolean has_news;
    gsize news;
    guint news_idle;
};

static void advance(FailureRunner *self);

/* A thousand registrations fail in one iteration of the main loop. All of them get their first
 * action first; telling the log and the bus about it takes longer than doing it. */
void failure_runner_announce(FailureRunner *self)
{
    g_clear_handle_id(&self->news_idle, g_source_remove);
    if (!self->has_news)
        return;
    self->has_news = FALSE;
    self->events->step_started((guint)self->news, &self->run.policy.steps[self->news],
                               self->user_data);
}

static gboolean on_news_idle(gpointer user_data)
{
    FailureRunner *self = user_data;

    self->news_idle = 0;
    failure_runner_announce(self);
    return G_SOURCE_REMOVE;
}

static void announce_soon(FailureRunner *self, gsize step)
{
    failure_runner_announce(self);
    self->has_news = TRUE;
    self->news = step;
    self->news_idle = g_idle_add_full(G_PRIORITY_DEFAULT, on_news_idle, self, NULL);
}

static void forget_action(FailureRunner *self)
{
    Asked *asked = g_steal_pointer(&self->asked);

    if (asked == NULL)
        return;
    asked->runner = NULL;
    /* Its callback may run inside. */
    g_cancellable_cancel(asked->cancellable);
}

static void set_detail(FailureRunner *self, gboolean worked, char *detail)
{
    self->worked = worked;
    g_free(self->detail);
    self->detail = detail;
}

static void finish_step(FailureRunner *self, gsize index)
{
    failure_runner_announce(self);
    self->events->step_finished((guint)index, &self->run.policy.steps[index], self->worked,
                                self->detail != NULL ? self->detail : "no answer in time",
                                self->user_data);
}

static void tell_point(FailureRunner *self)
{
    const FailureRunnerPoint point = { .since_us = self->run.step_since_us,
                                       .step = self->run.step,
                                       .worked = self->worked,
                                       .detail = self->detail };

    self->events->at_point(&self->run.policy.steps[self->run.step], &point, self->user_data);
}

/* Before a bus that is awaited has come nobody can say whether the action does not work, or only
 * the way to it. The answer may come late, when it is another bus already. */
static gboolean is_for_want_of_bus(const FailureRunner *self, const Asked *asked,
                                   ActionOutcome outcome)
{
    return outcome == ACTION_FAILED &&
           (self->services->bus_is_awaited || asked->bus_changes != self->services->bus_changes) &&
           action_needs_bus(self->run.policy.steps[asked->step].action);
}

static void on_answered(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Asked *asked = user_data;
    FailureRunner *self = asked->runner;
    g_autofree char *detail = NULL;
    ActionOutcome outcome = action_finish(result, &detail);

    if (self != NULL) {
        self->asked = NULL;
        /* An error has two lines, and this is told in one wherever it is shown. */
        set_detail(self, outcome != ACTION_FAILED,
                   detail != NULL ? bailiff_error_in_one_line(detail) : NULL);
        self->misses_bus = is_for_want_of_bus(self, asked, outcome);
        if (!self->misses_bus)
            failure_run_answered(&self->run, asked->step, outcome != ACTION_FAILED, boottime_now());
        if (outcome == ACTION_WORKED)
            tell_point(self);
    }
    g_object_unref(asked->cancellable);
    g_free(asked);
    if (self == NULL)
        return;
    if (self->misses_bus) {
        if (!self->services->bus_is_awaited)
            failure_runner_bus_came(self);
        return;
    }
    failure_runner_announce(self);
    if (outcome == ACTION_QUIET)
        self->events->quiet(self->user_data);
    else
        advance(self);
}

static void start_action(FailureRunner *self)
{
    Asked *asked = g_new0(Asked, 1);

    asked->runner = self;
    asked->step = self->run.step;
    asked->bus_changes = self->services->bus_changes;
    asked->cancellable = g_cancellable_new();
    self->asked = asked;
    self->misses_bus = FALSE;
    action_start(self->services, &self->request, asked->cancellable, on_answered, asked);
}

static void ask(FailureRunner *self, const FailureRunOutput *out)
{
    gboolean is_kill = out->action->action == FAILURE_ACTION_KILL;
    gboolean repeated = is_kill && self->announced_kill;

    if (!repeated)
        announce_soon(self, out->step);
    self->announced_kill = is_kill;
    forget_action(self);
    if (!repeated)
        set_detail(self, FALSE, NULL);

    self->request.policy = &self->run.policy;
    self->request.step = out->action;
    self->request.until_us = out->next_us;
    self->request.is_resumed = self->resuming;
    self->resuming = FALSE;
    if (!repeated)
        tell_point(self);
    start_action(self);
}

/* The step is the one that it was, as is its end; nothing is told of it twice. */
void failure_runner_bus_came(FailureRunner *self)
{
    if (!self->misses_bus)
        return;
    set_detail(self, FALSE, NULL);
    self->request.is_resumed = TRUE;
    start_action(self);
}

static void advance(FailureRunner *self)
{
    FailureRunOutput out;

    do {
        out = failure_run_advance(&self->run, boottime_now());
        if (out.finish)
            finish_step(self, out.finished_step);
        if (out.request)
            ask(self, &out);
    } while (out.request);
    boottime_timer_set(self->timer, out.next_us);
}

static void on_timer(gpointer user_data)
{
    advance(user_data);
}

static FailureRunner *make(const ActionServices *services, const ActionRequest *request,
                           const FailurePolicy *policy, guint64 fail_us,
                           const FailureRunnerEvents *events, gpointer user_data)
{
    FailureRunner *self = g_new0(FailureRunner, 1);

    self->services = services;
    self->request = *request;
    self->events = events;
    self->user_data = user_data;
    failure_run_init(&self->run, policy, fail_us);
    self->timer = boottime_timer_new(on_timer, self);
    return self;
}

FailureRunner *failure_runner_new(const ActionServices *services, const ActionRequest *request,
                                  const FailurePolicy *policy, guint64 fail_us,
                                  const FailureRunnerEvents *events, gpointer user_data)
{
    FailureRunner *self = make(services, request, policy, fail_us, events, user_data);

    advance(self);
    return self;
}

FailureRunner *failure_runner_resume(const ActionServices *services, const ActionRequest *request,
                                     const FailurePolicy *policy, guint64 fail_us,
                                     const FailureRunnerPoint *point,
                                     const FailureRunnerEvents *events, gpointer user_data)
{
    FailureRunner *self = make(services, request, policy, fail_us, events, user_data);

    self->resuming = failure_run_resume(&self->run, point->step, point->since_us);
    if (self->resuming && point->worked) {
        failure_run_resume_worked(&self->run);
        /* Then it is repeated. */
        self->resuming = !self->run.step_started;
    }
    if (self->run.step_started) {
        set_detail(self, TRUE, g_strdup(point->detail));
        announce_soon(self, self->run.step);
        tell_point(self);
    }
    advance(self);
    return self;
}

void failure_runner_cleared(FailureRunner *self)
{
    if (self->run.state != FAILURE_RUN_WALKING)
        return;
    failure_run_cleared(&self->run);
    boottime_timer_set(self->timer, TIME_NEVER);
    /* The end of what was signalled is seen before the answer that it was, as likely as not. */
    if (self->asked != NULL || self->misses_bus)
        set_detail(self, TRUE, g_strdup("cleared meanwhile"));
    self->misses_bus = FALSE;
    forget_action(self);
    finish_step(self, self->run.step);
}

void failure_runner_free(FailureRunner *self)
{
    forget_action(self);
    g_clear_handle_id(&self->news_idle, g_source_remove);
    boottime_timer_free(self->timer);
    g_free(self->detail);
    g_free(self);
}
