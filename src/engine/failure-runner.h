/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Walks a failure policy in real time: the pure failure-run, a main-loop timer on CLOCK_BOOTTIME
 * and the actions. One for each registration, all at the same time; none waits for another.
 */
#pragma once

#include "common/process-identity.h"
#include "failure/failure-run.h"

typedef struct FailureRunner FailureRunner;

typedef struct FailureRunnerEvents {
    void (*step_started)(guint index, const FailureStep *step, gpointer user_data);
    void (*step_finished)(guint index, const FailureStep *step, gboolean worked, const char *detail,
                          gpointer user_data);
} FailureRunnerEvents;

/* `process` and `events` stay valid until the runner is freed. Starts at once, with what is due
 * since `fail_us`. */
FailureRunner *failure_runner_new(const FailurePolicy *policy, const ProcessIdentity *process,
                                  gboolean descendants, guint64 fail_us,
                                  const FailureRunnerEvents *events, gpointer user_data);
/* The target is provably harmless: nothing more is done. */
void failure_runner_cleared(FailureRunner *self);
void failure_runner_free(FailureRunner *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FailureRunner, failure_runner_free)
