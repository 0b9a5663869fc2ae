/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When the command of `bailiffctl run` has to end. A pure machine: events and the time go in,
 * orders come out.
 *
 * bailiffd is in charge as long as it answers: when the lease is lost it walks the failure policy,
 * and this guard stays out of its way. What the guard adds is the case that there is no bailiffd:
 *
 *   answer      answer                 F = FailAtUsec of the last answer
 *     |           |        silence ....|
 *     A-----------A--------------------F-----------F + 10 s
 *                                      TERM        KILL, repeated until nothing is left
 *
 * An answer counts from when it was asked for. Until F the lease is good whether or not there is a
 * daemon; others may act 60 s after F (with 8 * io timeout from renewal to F). Past F only a daemon
 * that goes on answering keeps the guard quiet: it is walking the policy then. When a daemon
 * answers that the leases are not ours (it was started anew, or somebody released them) the command
 * has to end at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/checked-time.h"

#define RUN_ASK_EVERY_US (3 * USEC_PER_SECOND)
#define RUN_ASK_LIMIT_US (2 * USEC_PER_SECOND) /* how long one question may stay unanswered */
/* Longer than an interval and its question: a single answer that is lost is not silence. */
#define RUN_SILENCE_US (8 * USEC_PER_SECOND)
#define RUN_GRACE_US (10 * USEC_PER_SECOND) /* from TERM to KILL */
#define RUN_KILL_EVERY_US USEC_PER_SECOND

typedef enum RunCause {
    RUN_CAUSE_NONE,
    RUN_CAUSE_COMMAND_ENDED, /* what it left behind has to end, too */
    RUN_CAUSE_SILENCE,       /* the lease may be lost and nobody is there to say so */
    RUN_CAUSE_NOT_OURS,      /* the daemon does not know that we hold the leases */
} RunCause;

typedef enum RunOrder {
    RUN_ORDER_NONE,
    RUN_ORDER_WARN, /* the policy is to ignore the loss: say what would be done */
    RUN_ORDER_TERM,
    RUN_ORDER_KILL,
} RunOrder;

typedef struct RunGuard {
    bool ignore; /* the policy gave up safety: only warn */
    bool warned;
    bool daemon_present;
    bool asking;
    bool not_ours;
    uint64_t fail_at_us;
    uint64_t answered_us;
    uint64_t next_ask_us;
    RunCause cause; /* once set, never unset; the first one stays */
    bool termed;
    uint64_t next_kill_us;
} RunGuard;

typedef struct RunGuardOutput {
    bool ask; /* ask the daemon now; every question must be answered by run_guard_answered() or
                 run_guard_unanswered() */
    RunOrder order;   /* to everything below */
    RunCause cause;   /* of the order */
    uint64_t next_us; /* call again at this time */
} RunGuardOutput;

/* The leases are held, the daemon has just said so. */
void run_guard_init(RunGuard *self, bool ignore, uint64_t fail_at_us, uint64_t now_us);

void run_guard_daemon_left(RunGuard *self);
/* It is back, or something has changed: asks at once. */
void run_guard_ask_now(RunGuard *self, uint64_t now_us);

/* `ours` false: the daemon does not know that we hold the leases; `fail_at_us` means nothing then.
 * `asked_us`: when the question was sent. */
void run_guard_answered(RunGuard *self, bool ours, uint64_t fail_at_us, uint64_t asked_us);
void run_guard_unanswered(RunGuard *self);

/* The main command has ended; something below it is left. */
void run_guard_command_ended(RunGuard *self, uint64_t now_us);

RunGuardOutput run_guard_advance(RunGuard *self, uint64_t now_us);
