/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A failure policy: the ordered steps that make a registration harmless once the lease is lost.
 * Plain data, no allocation, bounded; the words are the design page's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checked-time.h"

#define FAILURE_POLICY_MAX_STEPS 16u
#define FAILURE_TEXT_MAX 64u /* bytes of an option's text with its NUL */

/* Counted from the fail deadline, in seconds: every grace before the last kill must have ended by
 * then (the watchdog can fire 50 s after `fail`, other hosts may act 60 s after it). */
#define FAILURE_BUDGET_SECONDS 40u

typedef enum FailureAction {
    FAILURE_ACTION_NOTIFY, /* tell the bus, do nothing */
    FAILURE_ACTION_SIGNAL, /* `signal_number` */
    FAILURE_ACTION_KILL,   /* SIGKILL, repeated until the target is gone; always the last step */
    FAILURE_ACTION_IGNORE, /* keeps running; the only step of its policy */
    FAILURE_ACTION_PAUSE,
    FAILURE_ACTION_POWEROFF,
    FAILURE_ACTION_RESTART,
    FAILURE_ACTION_EXEC,
    FAILURE_ACTION_FREEZE,
    FAILURE_ACTION_STOP_UNIT,
    FAILURE_ACTION_HOST_POWEROFF,
    FAILURE_ACTION_HOST_REBOOT,
    FAILURE_ACTION_COUNT,
} FailureAction;

typedef struct FailureStep {
    FailureAction action;
    uint32_t grace_seconds; /* how long to wait for the target to be cleared before the next step */
    int signal_number;      /* FAILURE_ACTION_SIGNAL: 1..31, not SIGKILL */
} FailureStep;

typedef struct FailurePolicy {
    FailureStep steps[FAILURE_POLICY_MAX_STEPS];
    size_t n_steps;
} FailurePolicy;

typedef enum FailurePolicyFault {
    FAILURE_POLICY_OK = 0,
    FAILURE_POLICY_EMPTY,
    FAILURE_POLICY_TOO_MANY_STEPS,
    FAILURE_POLICY_UNKNOWN_ACTION,
    FAILURE_POLICY_BAD_GRACE,      /* not a number of seconds, or a kill/ignore with a grace */
    FAILURE_POLICY_BAD_SIGNAL,     /* no such signal, or KILL, which is its own action */
    FAILURE_POLICY_NO_FINAL_KILL,  /* the last step must be kill, or the only one ignore */
    FAILURE_POLICY_STEP_AFTER_END, /* something follows kill, or goes with ignore */
    FAILURE_POLICY_TOO_LONG,       /* the graces do not fit into FAILURE_BUDGET_SECONDS */
    FAILURE_POLICY_SYNTAX,         /* text form only */
} FailurePolicyFault;

/* "signal TERM 10s, kill": what a process gets when nothing else was said. */
void failure_policy_default(FailurePolicy *ret);

/* Everything but whether an action fits its target: order, bounds, budget. `ret_step` (may be
 * NULL): the index of the offending step. `ret_total` (may be NULL): the sum of graces in seconds,
 * for the arithmetic in the error's text; saturates. */
FailurePolicyFault failure_policy_check(const FailurePolicy *policy, size_t *ret_step,
                                        uint64_t *ret_total);

/* "notify", "signal", "kill", "stop-unit", … NULL when out of range. */
const char *failure_action_name(FailureAction action);
/* FAILURE_ACTION_COUNT when there is no such action. */
FailureAction failure_action_from_name(const char *name);

/* "TERM" for 15, NULL for what is no signal 1..31. Accepts "TERM", "SIGTERM" and "15" the other
 * way; 0 when it is none. */
const char *failure_signal_name(int signal_number);
int failure_signal_from_name(const char *name);

bool failure_policy_equal(const FailurePolicy *a, const FailurePolicy *b);
