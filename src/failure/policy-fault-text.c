/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "failure/policy-fault-text.h"

#include <string.h>

#define N_(text) text /* for translators; whoever shows it to a person has it translated */

static const struct {
    const char *what;
    const char *cure;
} texts[] = {
    [FAILURE_POLICY_OK] = { "", "" },
    [FAILURE_POLICY_EMPTY] = { N_("there are no steps"),
                               N_("Leave it away for the default, or name steps such as: signal "
                                  "TERM 10s, kill.") },
    [FAILURE_POLICY_TOO_MANY_STEPS] = { N_("there are more than 16 steps"),
                                        N_("Use fewer steps.") },
    [FAILURE_POLICY_UNKNOWN_ACTION] = { N_("there is no such action"),
                                        N_("Actions: notify, signal, kill, ignore, pause, "
                                           "poweroff, restart, exec, freeze, stop-unit, "
                                           "host-poweroff, host-reboot.") },
    [FAILURE_POLICY_BAD_GRACE] = { N_("this is no grace that the action can have"),
                                   N_("A grace is whole seconds, such as 10 or 10s; kill and "
                                      "ignore have none.") },
    [FAILURE_POLICY_BAD_SIGNAL] = { N_("there is no such signal that can be sent"),
                                    N_("Name a signal such as TERM, or its number from 1 to 31; to "
                                       "kill, use the action kill.") },
    [FAILURE_POLICY_NO_FINAL_KILL] = { N_("the last step is not kill"),
                                       N_("Add kill as the last step.") },
    [FAILURE_POLICY_STEP_AFTER_END] = { N_("it stands beside kill or ignore where nothing can"),
                                        N_("Write kill as the last step, or ignore as the only "
                                           "one.") },
    [FAILURE_POLICY_NEEDS_GRACE] = { N_("the action takes time and has no grace"),
                                     N_("Give it the seconds that it may take, such as 10s.") },
    [FAILURE_POLICY_BAD_PROGRAM] = { N_("this is no program that can be started"),
                                     N_("Give an absolute path and at most 15 arguments, without "
                                        "control characters, for all programs of a policy 1024 "
                                        "bytes.") },
    [FAILURE_POLICY_BAD_RECOVERY] = { N_("there is no such recovery"),
                                      N_("Recoveries: leave, resume, restart.") },
    [FAILURE_POLICY_UNFIT_ACTION] = { "", "" },
    [FAILURE_POLICY_UNFIT_RECOVERY] = { N_("this recovery does not go with the steps"),
                                        N_("resume needs a step pause and none that restarts; what "
                                           "is ignored is left; and restart among the steps means "
                                           "on-recovery restart.") },
    [FAILURE_POLICY_TOO_LONG] = { N_("the last kill has to come within 40 seconds of the fail "
                                     "deadline: a watchdog can fire 50 seconds after it, and other "
                                     "hosts may act after 60"),
                                  N_("Shorten the graces.") },
    [FAILURE_POLICY_SYNTAX] = { N_("it cannot be read here"),
                                N_("A step is an action, what that needs (a signal, or the words "
                                   "of a command; double quotes have to be closed), and its "
                                   "grace; steps are divided by commas, and behind a semicolon "
                                   "there may be on-recovery.") },
};

_Static_assert(sizeof texts / sizeof texts[0] == FAILURE_POLICY_SYNTAX + 1, "a text for each");
_Static_assert(FAILURE_POLICY_MAX_STEPS == 16 && FAILURE_PROGRAM_WORDS_MAX == 16 &&
                   FAILURE_POLICY_WORDS_BYTES == 1024 && FAILURE_BUDGET_SECONDS == 40,
               "the numbers in the texts");
/* "at least ", each grace with " + ", " = ", the total, " seconds", NUL. */
_Static_assert(9 + FAILURE_POLICY_MAX_STEPS * 13 + 3 + 12 + 8 + 1 <= POLICY_FAULT_SUM_MAX,
               "a sum has room");

const char *policy_fault_what(FailurePolicyFault fault)
{
    return fault <= FAILURE_POLICY_SYNTAX ? texts[fault].what : "";
}

const char *policy_fault_cure(FailurePolicyFault fault)
{
    return fault <= FAILURE_POLICY_SYNTAX ? texts[fault].cure : "";
}

void policy_fault_print_word(const char *text, size_t position, char word[POLICY_FAULT_WORD_MAX])
{
    size_t length = 0;

    while (strchr(" \t,;", text[position]) == NULL) { /* NUL is found, too */
        if (length == POLICY_FAULT_WORD_MAX - 4) {
            memcpy(word + length, "...", 3);
            length += 3;
            break;
        }
        word[length++] = text[position] >= ' ' && text[position] <= '~' ? text[position] : '?';
        position++;
    }
    word[length] = '\0';
}

static size_t append_text(char *sum, size_t length, const char *text)
{
    size_t n = strlen(text);

    memcpy(sum + length, text, n);
    return length + n;
}

static size_t append_number(char *sum, size_t length, uint64_t number)
{
    char digits[20];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (n > 0)
        sum[length++] = digits[--n];
    return length;
}

/* The longest grace stands for all that do not fit into a number: see the parser. */
size_t policy_fault_print_sum(const FailurePolicy *policy, char sum[POLICY_FAULT_SUM_MAX])
{
    size_t length = 0;
    size_t n_graces = 0;
    uint64_t total = 0;

    for (size_t i = 0; i < policy->n_steps && i < FAILURE_POLICY_MAX_STEPS; i++)
        if (policy->steps[i].grace_seconds == UINT32_MAX && length == 0)
            length = append_text(sum, length, "at least ");
    for (size_t i = 0; i < policy->n_steps && i < FAILURE_POLICY_MAX_STEPS; i++) {
        if (policy->steps[i].grace_seconds == 0)
            continue;
        if (n_graces++ > 0)
            length = append_text(sum, length, " + ");
        length = append_number(sum, length, policy->steps[i].grace_seconds);
        total += policy->steps[i].grace_seconds;
    }
    if (n_graces > 1) {
        length = append_text(sum, length, " = ");
        length = append_number(sum, length, total);
    }
    length = append_text(sum, length, " seconds");
    sum[length] = '\0';
    return length;
}
