/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Failure policies as data: the names of actions and signals, and the check that a walk through the
 * policy ends in a kill, in time.
 */
#include "failure/failure-policy.h"

#include <signal.h>
#include <string.h>

#include "base/printable-text.h"

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

static const char *const target_names[FAILURE_TARGET_COUNT] = {
    [FAILURE_TARGET_PROCESS] = "process",
    [FAILURE_TARGET_UNIT] = "unit",
    [FAILURE_TARGET_DOMAIN] = "domain",
};

static const char *const recovery_names[FAILURE_RECOVERY_COUNT] = {
    [FAILURE_RECOVERY_LEAVE] = "leave",
    [FAILURE_RECOVERY_RESUME] = "resume",
    [FAILURE_RECOVERY_RESTART] = "restart",
};

#define PROCESS (1u << FAILURE_TARGET_PROCESS)
#define UNIT (1u << FAILURE_TARGET_UNIT)
#define DOMAIN (1u << FAILURE_TARGET_DOMAIN)
#define ALL (PROCESS | UNIT | DOMAIN)

static const unsigned action_targets[FAILURE_ACTION_COUNT] = {
    [FAILURE_ACTION_NOTIFY] = ALL,
    [FAILURE_ACTION_SIGNAL] = ALL,
    [FAILURE_ACTION_KILL] = ALL,
    [FAILURE_ACTION_IGNORE] = ALL,
    [FAILURE_ACTION_PAUSE] = DOMAIN,
    [FAILURE_ACTION_POWEROFF] = DOMAIN,
    [FAILURE_ACTION_RESTART] = UNIT | DOMAIN,
    [FAILURE_ACTION_EXEC] = ALL,
    [FAILURE_ACTION_FREEZE] = UNIT,
    [FAILURE_ACTION_STOP_UNIT] = UNIT,
    [FAILURE_ACTION_HOST_POWEROFF] = ALL,
    [FAILURE_ACTION_HOST_REBOOT] = ALL,
};

static const unsigned recovery_targets[FAILURE_RECOVERY_COUNT] = {
    [FAILURE_RECOVERY_LEAVE] = ALL,
    [FAILURE_RECOVERY_RESUME] = DOMAIN,
    [FAILURE_RECOVERY_RESTART] = UNIT | DOMAIN,
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

bool failure_action_needs_grace(FailureAction action)
{
    switch (action) {
    case FAILURE_ACTION_PAUSE:
    case FAILURE_ACTION_POWEROFF:
    case FAILURE_ACTION_RESTART:
    case FAILURE_ACTION_EXEC:
    case FAILURE_ACTION_FREEZE:
    case FAILURE_ACTION_STOP_UNIT:
    case FAILURE_ACTION_HOST_POWEROFF:
    case FAILURE_ACTION_HOST_REBOOT:
        return true;
    case FAILURE_ACTION_NOTIFY:
    case FAILURE_ACTION_SIGNAL:
    case FAILURE_ACTION_KILL:
    case FAILURE_ACTION_IGNORE:
    case FAILURE_ACTION_COUNT:
        break;
    }
    return false;
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
    if (failure_action_needs_grace(step->action) && step->grace_seconds == 0)
        return FAILURE_POLICY_NEEDS_GRACE;
    return FAILURE_POLICY_OK;
}

/* The words of all programs lie one behind the other and fill `words`: none is shared, none is left
 * over, so that what is printed of them is as bounded as they are. `*words_at` is where those of
 * this step have to begin, and becomes where they end. */
static FailurePolicyFault check_program(const FailurePolicy *policy, const FailureStep *step,
                                        size_t *words_at)
{
    if (step->n_words < 1 || step->n_words > FAILURE_PROGRAM_WORDS_MAX ||
        step->words_at != *words_at)
        return FAILURE_POLICY_BAD_PROGRAM;

    for (size_t i = 0; i < step->n_words; i++) {
        const char *word = failure_policy_get_word(policy, step, i);
        size_t length;

        if (word == NULL || (i == 0 && word[0] != '/'))
            return FAILURE_POLICY_BAD_PROGRAM;
        length = strlen(word);
        if (printable_text_length(word, length) != length)
            return FAILURE_POLICY_BAD_PROGRAM;
        *words_at += length + 1;
    }
    return FAILURE_POLICY_OK;
}

static FailurePolicyFault check_programs(const FailurePolicy *policy, size_t *ret_step)
{
    size_t words_at = 0;

    for (size_t i = 0; i < policy->n_steps; i++) {
        FailurePolicyFault fault;

        if (policy->steps[i].action != FAILURE_ACTION_EXEC)
            continue;
        *ret_step = i;
        fault = check_program(policy, &policy->steps[i], &words_at);
        if (fault != FAILURE_POLICY_OK)
            return fault;
    }
    return words_at == policy->n_word_bytes ? FAILURE_POLICY_OK : FAILURE_POLICY_BAD_PROGRAM;
}

bool failure_policy_has_action(const FailurePolicy *policy, FailureAction action)
{
    for (size_t i = 0; i < policy->n_steps && i < FAILURE_POLICY_MAX_STEPS; i++)
        if (policy->steps[i].action == action)
            return true;
    return false;
}

static FailurePolicyFault check_recovery(const FailurePolicy *policy)
{
    if ((unsigned)policy->on_recovery >= FAILURE_RECOVERY_COUNT)
        return FAILURE_POLICY_BAD_RECOVERY;
    if (policy->on_recovery == FAILURE_RECOVERY_LEAVE)
        return FAILURE_POLICY_OK;

    if (failure_policy_has_action(policy, FAILURE_ACTION_IGNORE))
        return FAILURE_POLICY_UNFIT_RECOVERY;
    if (policy->on_recovery == FAILURE_RECOVERY_RESUME &&
        (!failure_policy_has_action(policy, FAILURE_ACTION_PAUSE) ||
         failure_policy_has_action(policy, FAILURE_ACTION_RESTART)))
        return FAILURE_POLICY_UNFIT_RECOVERY;
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

    fault = check_programs(policy, ret_step);
    if (fault == FAILURE_POLICY_OK)
        fault = check_end(policy, ret_step);
    if (fault == FAILURE_POLICY_OK)
        fault = check_budget(policy, ret_step);
    if (fault != FAILURE_POLICY_OK)
        return fault;

    *ret_step = policy->n_steps;
    return check_recovery(policy);
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

FailurePolicyFault failure_policy_check_target(const FailurePolicy *policy, FailureTarget target,
                                               size_t *ret_step)
{
    unsigned kind = (unsigned)target < FAILURE_TARGET_COUNT ? 1u << target : 0;
    FailurePolicyFault fault = FAILURE_POLICY_OK;
    size_t step = 0;

    while (step < policy->n_steps && (action_targets[policy->steps[step].action] & kind) != 0)
        step++;
    if (step < policy->n_steps)
        fault = FAILURE_POLICY_UNFIT_ACTION;
    else if ((recovery_targets[policy->on_recovery] & kind) == 0)
        fault = FAILURE_POLICY_UNFIT_RECOVERY;

    if (fault != FAILURE_POLICY_OK && ret_step != NULL)
        *ret_step = step;
    return fault;
}

bool failure_policy_add_word(FailurePolicy *policy, FailureStep *step, const char *word)
{
    size_t size = strlen(word) + 1;

    if (step->n_words >= FAILURE_PROGRAM_WORDS_MAX ||
        policy->n_word_bytes > FAILURE_POLICY_WORDS_BYTES ||
        size > FAILURE_POLICY_WORDS_BYTES - policy->n_word_bytes)
        return false;

    if (step->n_words == 0)
        step->words_at = (uint16_t)policy->n_word_bytes;
    step->n_words++;
    memcpy(policy->words + policy->n_word_bytes, word, size);
    policy->n_word_bytes += size;
    return true;
}

const char *failure_policy_get_word(const FailurePolicy *policy, const FailureStep *step, size_t i)
{
    size_t at = step->words_at;

    if (step->action != FAILURE_ACTION_EXEC || i >= step->n_words ||
        policy->n_word_bytes > FAILURE_POLICY_WORDS_BYTES)
        return NULL;

    for (;; i--) {
        const char *end = at < policy->n_word_bytes
                              ? memchr(policy->words + at, '\0', policy->n_word_bytes - at)
                              : NULL;

        if (end == NULL)
            return NULL;
        if (i == 0)
            return policy->words + at;
        at = (size_t)(end - policy->words) + 1;
    }
}

FailureRecovery failure_policy_get_recovery(const FailurePolicy *policy)
{
    return failure_policy_has_action(policy, FAILURE_ACTION_RESTART) ? FAILURE_RECOVERY_RESTART
                                                                     : policy->on_recovery;
}

const char *failure_target_name(FailureTarget target)
{
    return (unsigned)target < FAILURE_TARGET_COUNT ? target_names[target] : NULL;
}

const char *failure_recovery_name(FailureRecovery recovery)
{
    return (unsigned)recovery < FAILURE_RECOVERY_COUNT ? recovery_names[recovery] : NULL;
}

FailureRecovery failure_recovery_from_name(const char *name)
{
    for (unsigned i = 0; name != NULL && i < FAILURE_RECOVERY_COUNT; i++)
        if (strcmp(name, recovery_names[i]) == 0)
            return (FailureRecovery)i;
    return FAILURE_RECOVERY_COUNT;
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

static bool programs_equal(const FailurePolicy *a, const FailureStep *x, const FailurePolicy *b,
                           const FailureStep *y)
{
    if (x->n_words != y->n_words)
        return false;
    for (size_t i = 0; i < x->n_words; i++) {
        const char *u = failure_policy_get_word(a, x, i);
        const char *v = failure_policy_get_word(b, y, i);

        if (u == NULL || v == NULL || strcmp(u, v) != 0)
            return false;
    }
    return true;
}

bool failure_policy_equal(const FailurePolicy *a, const FailurePolicy *b)
{
    if (a->n_steps != b->n_steps || a->n_steps > FAILURE_POLICY_MAX_STEPS ||
        failure_policy_get_recovery(a) != failure_policy_get_recovery(b))
        return false;

    for (size_t i = 0; i < a->n_steps; i++) {
        const FailureStep *x = &a->steps[i];
        const FailureStep *y = &b->steps[i];

        if (x->action != y->action || x->grace_seconds != y->grace_seconds)
            return false;
        if (x->action == FAILURE_ACTION_SIGNAL && x->signal_number != y->signal_number)
            return false;
        if (x->action == FAILURE_ACTION_EXEC && !programs_equal(a, x, b, y))
            return false;
    }
    return true;
}
