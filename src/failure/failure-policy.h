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
/* All words of all programs in a policy, each with its NUL. */
#define FAILURE_POLICY_WORDS_BYTES 1024u
#define FAILURE_PROGRAM_WORDS_MAX 16u /* a program and its arguments */

/* Counted from the fail deadline, in seconds: every grace before the last kill must have ended by
 * then (the watchdog can fire 50 s after `fail`, other hosts may act 60 s after it). */
#define FAILURE_BUDGET_SECONDS 40u

/* What a policy is for. */
typedef enum FailureTarget {
    FAILURE_TARGET_PROCESS,
    FAILURE_TARGET_UNIT,
    FAILURE_TARGET_DOMAIN,
    FAILURE_TARGET_COUNT,
} FailureTarget;

/* What becomes of it when its lockspace is held again. */
typedef enum FailureRecovery {
    FAILURE_RECOVERY_LEAVE,   /* as it is: the default */
    FAILURE_RECOVERY_RESUME,  /* a paused domain goes on if its leases were nobody else's meanwhile;
                               * else it is powered off */
    FAILURE_RECOVERY_RESTART, /* a domain or unit is started again once it has its leases */
    FAILURE_RECOVERY_COUNT,
} FailureRecovery;

typedef enum FailureAction {
    FAILURE_ACTION_NOTIFY,   /* tell the bus, do nothing */
    FAILURE_ACTION_SIGNAL,   /* `signal_number` */
    FAILURE_ACTION_KILL,     /* SIGKILL, repeated until the target is gone; always the last step */
    FAILURE_ACTION_IGNORE,   /* keeps running; the only step of its policy */
    FAILURE_ACTION_PAUSE,    /* domain */
    FAILURE_ACTION_POWEROFF, /* domain */
    FAILURE_ACTION_RESTART,  /* domain, unit: stop it now; means FAILURE_RECOVERY_RESTART */
    FAILURE_ACTION_EXEC,     /* a program with its arguments: `words_at`, `n_words` */
    FAILURE_ACTION_FREEZE,   /* unit */
    FAILURE_ACTION_STOP_UNIT,
    FAILURE_ACTION_HOST_POWEROFF,
    FAILURE_ACTION_HOST_REBOOT,
    FAILURE_ACTION_COUNT,
} FailureAction;

typedef struct FailureStep {
    FailureAction action;
    uint32_t grace_seconds; /* how long to wait for the target to be cleared before the next step */
    int signal_number;      /* FAILURE_ACTION_SIGNAL: 1..31, not SIGKILL */
    uint16_t words_at; /* FAILURE_ACTION_EXEC: the first one's offset in the policy's `words` */
    uint16_t n_words;  /* ... and how many: 1 to FAILURE_PROGRAM_WORDS_MAX */
} FailureStep;

typedef struct FailurePolicy {
    FailureStep steps[FAILURE_POLICY_MAX_STEPS];
    size_t n_steps;
    FailureRecovery on_recovery;
    char words[FAILURE_POLICY_WORDS_BYTES]; /* each with its NUL */
    size_t n_word_bytes;
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
    FAILURE_POLICY_NEEDS_GRACE,    /* an action that takes time has none */
    FAILURE_POLICY_BAD_PROGRAM,  /* exec: no absolute path, too many words or bytes of them, or one
                                  * with a control character or what is no UTF-8 */
    FAILURE_POLICY_BAD_RECOVERY, /* no such word */
    FAILURE_POLICY_UNFIT_ACTION, /* not for this kind of target */
    FAILURE_POLICY_UNFIT_RECOVERY, /* not for this kind of target, or not with these steps */
    FAILURE_POLICY_TOO_LONG,       /* the graces do not fit into FAILURE_BUDGET_SECONDS */
    FAILURE_POLICY_SYNTAX,         /* text form only */
} FailurePolicyFault;

/* "signal TERM 10s, kill": what a process gets when nothing else was said. */
void failure_policy_default(FailurePolicy *ret);

/* Everything but whether an action fits its target: order, bounds, budget, programs, and whether
 * the recovery goes with the steps (resume needs a pause; nothing is recovered from ignore; restart
 * is a recovery itself and contradicts resume). `ret_step` (may be NULL): the index of the
 * offending step; n_steps when the recovery is to blame. `ret_total` (may be NULL): the sum of
 * graces in seconds, for the arithmetic in the error's text; saturates. */
FailurePolicyFault failure_policy_check(const FailurePolicy *policy, size_t *ret_step,
                                        uint64_t *ret_total);

/* Whether each action and the recovery can be done to `target`; of a policy that
 * failure_policy_check() likes. `ret_step` as there. */
FailurePolicyFault failure_policy_check_target(const FailurePolicy *policy, FailureTarget target,
                                               size_t *ret_step);

/* TRUE for actions whose effect takes time, so that a grace of 0 seconds makes no sense. */
bool failure_action_needs_grace(FailureAction action);

/* Appends a word to the program of the step that is being built: `step` is or will be the last of
 * `policy`. False, and nothing is changed, when there is no more room. */
bool failure_policy_add_word(FailurePolicy *policy, FailureStep *step, const char *word);
/* Word `i` of an exec step's program; NULL when there is none, or it is not within the policy. */
const char *failure_policy_get_word(const FailurePolicy *policy, const FailureStep *step, size_t i);

/* What is to be done on recovery, with what the action `restart` means. It and the steps are what a
 * policy means: `on_recovery` itself is how it was asked for. */
FailureRecovery failure_policy_get_recovery(const FailurePolicy *policy);

/* "process", "unit", "domain"; "leave", "resume", "restart". NULL, or ..._COUNT, for none. */
const char *failure_target_name(FailureTarget target);
const char *failure_recovery_name(FailureRecovery recovery);
FailureRecovery failure_recovery_from_name(const char *name);

/* "notify", "signal", "kill", "stop-unit", … NULL when out of range. */
const char *failure_action_name(FailureAction action);
/* FAILURE_ACTION_COUNT when there is no such action. */
FailureAction failure_action_from_name(const char *name);

/* "TERM" for 15, NULL for what is no signal 1..31. Accepts "TERM", "SIGTERM" and "15" the other
 * way; 0 when it is none. */
const char *failure_signal_name(int signal_number);
int failure_signal_from_name(const char *name);

/* Whether a step of it has this action. */
bool failure_policy_has_action(const FailurePolicy *policy, FailureAction action);

/* Whether they mean the same. */
bool failure_policy_equal(const FailurePolicy *a, const FailurePolicy *b);
