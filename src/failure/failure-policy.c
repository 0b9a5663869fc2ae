/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Failure policies as data: the names of actions and signals, and the check that a walk through the
 * policy ends in a kill, in time.
 */
#include "failure/failure-policy.h"

#include <signal.h>
#include <string.h>

static const char *const action_names[FAILURE_ACTION_COUNT] = {
    [FAILURE_ACTION_NOTIFY] = "notify",
    [FAILURE_ACTION_SIGNAL] = "signal",
    [FAILURE_ACTION_KILL] = "kill",
    [FAILURE_ACTION_IGNORE] = "ignore",
    [FAILURE_ACTION_PAUSE] = "pause",
    [FAILURE_ACTION_POWEROFF] = "poweroff",
    [FAILURE_ACTION_RESTART] = "restart",
    [FAILURE_ACTION_EXEC] = "exec",
    [FAILURE_ACTION_FREEZE] = "freeze",
    [FAILURE_ACTION_STOP_UNIT] = "stop-unit",
    [FAILURE_ACTION_HOST_POWEROFF] = "host-poweroff",
    [FAILURE_ACTION_HOST_REBOOT] = "host-reboot",
};

#define SIGNAL_MAX 31 /* above are the real-time signals, which have no common names */

/* By the compiler's numbers: they differ between architectures, and so does the set. */
static const char *const signal_names[SIGNAL_MAX + 1] = {
    [SIGHUP] = "HUP",       [SIGINT] = "INT",   [SIGQUIT] = "QUIT", [SIGILL] = "ILL",
    [SIGTRAP] = "TRAP",     [SIGABRT] = "ABRT", [SIGBUS] = "BUS",   [SIGFPE] = "FPE",
    [SIGKILL] = "KILL",     [SIGUSR1] = "USR1", [SIGSEGV] = "SEGV", [SIGUSR2] = "USR2",
    [SIGPIPE] = "PIPE",     [SIGALRM] = "ALRM", [SIGTERM] = "TERM", [SIGCHLD] = "CHLD",
    [SIGCONT] = "CONT",     [SIGSTOP] = "STOP", [SIGTSTP] = "TSTP", [SIGTTIN] = "TTIN",
    [SIGTTOU] = "TTOU",     [SIGURG] = "URG",   [SIGXCPU] = "XCPU", [SIGXFSZ] = "XFSZ",
    [SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF", [SIGPOLL] = "POLL", [SIGWINCH] = "WINCH",
    [SIGPWR] = "PWR",       [SIGSYS] = "SYS",
#ifdef SIGSTKFLT
    [SIGSTKFLT] = "STKFLT",
#endif
#ifdef SIGEMT
    [SIGEMT] = "EMT",
#endif
};

void failure_policy_default(FailurePolicy *ret)
{
    *ret = (FailurePolicy){
        .steps = {
            { .action = FAILURE_ACTION_SIGNAL, .grace_seconds = 10, .signal_number = SIGTERM },
            { .action = FAILURE_ACTION_KILL },
        },
        .n_steps = 2,
    };
}

static bool action_is_known(FailureAction action)
{
    /* Whether an enum is signed is the compiler's choice. */
    return (unsigned)action < FAILURE_ACTION_COUNT;
}

static FailurePolicyFault check_step(const FailureStep *step)
{
    if (!action_is_known(step->action))
        return FAILURE_POLICY_UNKNOWN_ACTION;
    if (step->action == FAILURE_ACTION_SIGNAL &&
        (step->signal_number == SIGKILL || failure_signal_name(step->signal_number) == NULL))
        return FAILURE_POLICY_BAD_SIGNAL;
    if ((step->action == FAILURE_ACTION_KILL || step->action == FAILURE_ACTION_IGNORE) &&
        step->grace_seconds != 0)
        return FAILURE_POLICY_BAD_GRACE;
    return FAILURE_POLICY_OK;
}

/* The order of the steps only; each of them is known to be good. */
static FailurePolicyFault check_end(const FailurePolicy *policy, size_t *ret_step)
{
    for (size_t i = 0; i < policy->n_steps; i++) {
        FailureAction action = policy->steps[i].action;

        if (action == FAILURE_ACTION_IGNORE && i > 0) {
            *ret_step = i;
            return FAILURE_POLICY_STEP_AFTER_END;
        }
        if (action != FAILURE_ACTION_IGNORE && action != FAILURE_ACTION_KILL)
            continue;
        if (i + 1 < policy->n_steps) {
            *ret_step = i + 1;
            return FAILURE_POLICY_STEP_AFTER_END;
        }
        return FAILURE_POLICY_OK;
    }

    *ret_step = policy->n_steps - 1;
    return FAILURE_POLICY_NO_FINAL_KILL;
}

/* The budget is what makes the walk safe: the kill is asked for when the graces before it have
 * ended, 40 s after the fail deadline at the latest, and 10 s are left for it to take effect before
 * the watchdog may fire. */
static FailurePolicyFault check_budget(const FailurePolicy *policy, size_t *ret_step)
{
    uint64_t total = 0;

    for (size_t i = 0; i < policy->n_steps; i++) {
        total = time_add(total, policy->steps[i].grace_seconds);
        if (total > FAILURE_BUDGET_SECONDS) {
            *ret_step = i;
            return FAILURE_POLICY_TOO_LONG;
        }
    }
    return FAILURE_POLICY_OK;
}

static FailurePolicyFault check_all(const FailurePolicy *policy, size_t *ret_step)
{
    FailurePolicyFault fault;

    *ret_step = 0;
    if (policy->n_steps == 0)
        return FAILURE_POLICY_EMPTY;
    if (policy->n_steps > FAILURE_POLICY_MAX_STEPS) {
        *ret_step = FAILURE_POLICY_MAX_STEPS;
        return FAILURE_POLICY_TOO_MANY_STEPS;
    }

    for (size_t i = 0; i < policy->n_steps; i++) {
        fault = check_step(&policy->steps[i]);
        if (fault != FAILURE_POLICY_OK) {
            *ret_step = i;
            return fault;
        }
    }

    fault = check_end(policy, ret_step);
    if (fault != FAILURE_POLICY_OK)
        return fault;
    return check_budget(policy, ret_step);
}

FailurePolicyFault failure_policy_check(const FailurePolicy *policy, size_t *ret_step,
                                        uint64_t *ret_total)
{
    size_t step;
    FailurePolicyFault fault = check_all(policy, &step);

    if (fault != FAILURE_POLICY_OK && ret_step != NULL)
        *ret_step = step;
    if (ret_total != NULL) {
        uint64_t total = 0;

        for (size_t i = 0; i < policy->n_steps && i < FAILURE_POLICY_MAX_STEPS; i++)
            total = time_add(total, policy->steps[i].grace_seconds);
        *ret_total = total;
    }
    return fault;
}

const char *failure_action_name(FailureAction action)
{
    return action_is_known(action) ? action_names[action] : NULL;
}

FailureAction failure_action_from_name(const char *name)
{
    for (unsigned i = 0; name != NULL && i < FAILURE_ACTION_COUNT; i++)
        if (strcmp(name, action_names[i]) == 0)
            return (FailureAction)i;
    return FAILURE_ACTION_COUNT;
}

const char *failure_signal_name(int signal_number)
{
    return signal_number >= 1 && signal_number <= SIGNAL_MAX ? signal_names[signal_number] : NULL;
}

/* One or two digits, no leading zero: one spelling for one number. */
static int signal_from_digits(const char *text)
{
    int number;

    if (text[0] < '1' || text[0] > '9')
        return 0;
    number = text[0] - '0';
    if (text[1] == '\0')
        return number;
    if (text[1] < '0' || text[1] > '9' || text[2] != '\0')
        return 0;
    return number * 10 + (text[1] - '0');
}

int failure_signal_from_name(const char *name)
{
    int number;

    if (name == NULL)
        return 0;

    number = signal_from_digits(name);
    if (number != 0)
        return failure_signal_name(number) != NULL ? number : 0;

    if (strncmp(name, "SIG", 3) == 0)
        name += 3;
    for (int i = 1; i <= SIGNAL_MAX; i++)
        if (signal_names[i] != NULL && strcmp(name, signal_names[i]) == 0)
            return i;
    return 0;
}

bool failure_policy_equal(const FailurePolicy *a, const FailurePolicy *b)
{
    if (a->n_steps != b->n_steps || a->n_steps > FAILURE_POLICY_MAX_STEPS)
        return false;

    for (size_t i = 0; i < a->n_steps; i++) {
        const FailureStep *x = &a->steps[i];
        const FailureStep *y = &b->steps[i];

        if (x->action != y->action || x->grace_seconds != y->grace_seconds)
            return false;
        if (x->action == FAILURE_ACTION_SIGNAL && x->signal_number != y->signal_number)
            return false;
    }
    return true;
}
