/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Walks a failure policy in real time: the pure failure-run, a main-loop timer on CLOCK_BOOTTIME
 * and the actions. One for each registration, all at the same time; none waits for another, and
 * none for an action: one that has not answered when its step's grace has ended is cancelled.
 *
 * An action that fails while the bus that it needs is awaited (action-services.h) has not answered:
 * it is asked for again when the bus is there. No deadline is moved for that. The grace of the step
 * goes on meanwhile, and when it has ended the next step follows, as ever.
 */
#pragma once

#include "actions/action.h"
#include "failure/failure-run.h"

typedef struct FailureRunner FailureRunner;

/* Where a walk stands, for who goes on with it. */
typedef struct FailureRunnerPoint {
    guint64 since_us;   /* when `step` was due */
    gsize step;         /* under way */
    gboolean worked;    /* it has, which is known */
    const char *detail; /* of that; may be NULL; the runner's, or borrowed for the call */
} FailureRunnerPoint;

typedef struct FailureRunnerEvents {
    /* The walk stands somewhere else: a step is about to be done, or has worked. */
    void (*at_point)(const FailureStep *step, const FailureRunnerPoint *point, gpointer user_data);
    void (*step_started)(guint index, const FailureStep *step, gpointer user_data);
    void (*step_finished)(guint index, const FailureStep *step, gboolean worked, const char *detail,
                          gpointer user_data);
    /* An action has proved that the target uses nothing any more until it is let go on. */
    void (*quiet)(gpointer user_data);
} FailureRunnerEvents;

/* What is walked, and for whom: policy, step and until_us of `request` are the runner's. What is
 * borrowed here stays valid until the runner is freed. Starts at once, with what is due since
 * `fail_us`. */
FailureRunner *failure_runner_new(const ActionServices *services, const ActionRequest *request,
                                  const FailurePolicy *policy, guint64 fail_us,
                                  const FailureRunnerEvents *events, gpointer user_data);
/* Tells of a step that has begun, if that is still to be done: before what came after it is told.
 */
void failure_runner_announce(FailureRunner *self);
/* The same of a walk that an earlier bailiffd began: see failure_run_resume(). */
FailureRunner *failure_runner_resume(const ActionServices *services, const ActionRequest *request,
                                     const FailurePolicy *policy, guint64 fail_us,
                                     const FailureRunnerPoint *point,
                                     const FailureRunnerEvents *events, gpointer user_data);
/* The bus is there; or, after one that was lost, another one. */
void failure_runner_bus_came(FailureRunner *self);
/* The target is provably harmless: nothing more is done, what is under way is cancelled. */
void failure_runner_cleared(FailureRunner *self);
void failure_runner_free(FailureRunner *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FailureRunner, failure_runner_free)
