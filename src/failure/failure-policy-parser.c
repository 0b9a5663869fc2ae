/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text form of failure policies. The text is hostile: it is read word by word, once, from left
 * to right, and the first offence ends the reading, so that the work is bounded by the 16 steps of
 * a policy whatever the text's length.
 */
#include "failure/failure-policy-parser.h"

#include <string.h>

/* Longer than every action and signal name, and than every number that matters. */
#define WORD_MAX 15u

typedef struct Word {
    size_t at;
    size_t length; /* 0: there is none before the next comma or the end */
} Word;

typedef struct Parser {
    const char *text;
    size_t at;
    FailurePolicy policy;
    /* Where the words of each step stand, to point at what failure_policy_check() does not like. */
    size_t action_at[FAILURE_POLICY_MAX_STEPS];
    size_t argument_at[FAILURE_POLICY_MAX_STEPS];
    size_t grace_at[FAILURE_POLICY_MAX_STEPS];
} Parser;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool ends_word(char c)
{
    return c == '\0' || c == ',' || is_blank(c);
}

/* A byte that is not printable ASCII is a matter of syntax wherever it stands: the parser goes to
 * it and no word can be found to blame. */
static FailurePolicyFault next_word(Parser *self, Word *ret)
{
    while (is_blank(self->text[self->at]))
        self->at++;

    ret->at = self->at;
    while (!ends_word(self->text[self->at])) {
        char c = self->text[self->at];

        if (c < '!' || c > '~')
            return FAILURE_POLICY_SYNTAX;
        self->at++;
    }
    ret->length = self->at - ret->at;
    return FAILURE_POLICY_OK;
}

/* False when the word is longer than any word that means something. */
static bool copy_word(const Parser *self, Word word, char buffer[WORD_MAX + 1])
{
    if (word.length > WORD_MAX)
        return false;
    memcpy(buffer, self->text + word.at, word.length);
    buffer[word.length] = '\0';
    return true;
}

/* A number that a grace cannot hold becomes the longest grace: it is refused as too long, which it
 * is. */
static bool parse_seconds(const Parser *self, Word word, uint32_t *ret)
{
    const char *text = self->text + word.at;
    size_t n_digits = word.length;
    uint64_t seconds = 0;

    if (text[n_digits - 1] == 's')
        n_digits--;
    if (n_digits == 0)
        return false;

    for (size_t i = 0; i < n_digits; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        seconds = seconds * 10 + (uint64_t)(text[i] - '0');
        if (seconds > UINT32_MAX)
            seconds = UINT32_MAX;
    }
    *ret = (uint32_t)seconds;
    return true;
}

static FailurePolicyFault parse_action(Parser *self, FailureStep *step)
{
    char buffer[WORD_MAX + 1];
    Word word;
    FailurePolicyFault fault = next_word(self, &word);

    if (fault != FAILURE_POLICY_OK)
        return fault;
    if (word.length == 0)
        return self->policy.n_steps == 0 && self->text[self->at] == '\0' ? FAILURE_POLICY_EMPTY
                                                                         : FAILURE_POLICY_SYNTAX;

    self->at = word.at;
    if (self->policy.n_steps == FAILURE_POLICY_MAX_STEPS)
        return FAILURE_POLICY_TOO_MANY_STEPS;
    if (!copy_word(self, word, buffer))
        return FAILURE_POLICY_UNKNOWN_ACTION;
    step->action = failure_action_from_name(buffer);
    if (step->action == FAILURE_ACTION_COUNT)
        return FAILURE_POLICY_UNKNOWN_ACTION;

    self->action_at[self->policy.n_steps] = word.at;
    self->at += word.length;
    return FAILURE_POLICY_OK;
}

static FailurePolicyFault parse_argument(Parser *self, FailureStep *step)
{
    char buffer[WORD_MAX + 1];
    Word word;
    FailurePolicyFault fault = next_word(self, &word);

    if (fault != FAILURE_POLICY_OK)
        return fault;

    self->at = word.at;
    if (word.length == 0 || !copy_word(self, word, buffer))
        return FAILURE_POLICY_BAD_SIGNAL;
    step->signal_number = failure_signal_from_name(buffer);
    if (step->signal_number == 0)
        return FAILURE_POLICY_BAD_SIGNAL;

    self->argument_at[self->policy.n_steps] = word.at;
    self->at += word.length;
    return FAILURE_POLICY_OK;
}

static FailurePolicyFault parse_grace(Parser *self, FailureStep *step)
{
    Word word;
    FailurePolicyFault fault = next_word(self, &word);

    if (fault != FAILURE_POLICY_OK)
        return fault;

    self->grace_at[self->policy.n_steps] = word.at;
    if (word.length == 0)
        return FAILURE_POLICY_OK;
    if (!parse_seconds(self, word, &step->grace_seconds)) {
        self->at = word.at;
        return FAILURE_POLICY_BAD_GRACE;
    }

    fault = next_word(self, &word);
    if (fault != FAILURE_POLICY_OK)
        return fault;
    self->at = word.at;
    return word.length == 0 ? FAILURE_POLICY_OK : FAILURE_POLICY_SYNTAX;
}

static FailurePolicyFault parse_steps(Parser *self)
{
    for (;;) {
        FailureStep step = { 0 };
        FailurePolicyFault fault = parse_action(self, &step);

        if (fault == FAILURE_POLICY_OK && step.action == FAILURE_ACTION_SIGNAL)
            fault = parse_argument(self, &step);
        if (fault == FAILURE_POLICY_OK)
            fault = parse_grace(self, &step);
        if (fault != FAILURE_POLICY_OK)
            return fault;

        self->policy.steps[self->policy.n_steps++] = step;
        if (self->text[self->at] == '\0')
            return FAILURE_POLICY_OK;
        self->at++; /* the comma: nothing else ends a step */
    }
}

/* The words are well formed; the policy they make may be none. */
static FailurePolicyFault check_policy(Parser *self)
{
    size_t step;
    FailurePolicyFault fault = failure_policy_check(&self->policy, &step, NULL);

    if (fault == FAILURE_POLICY_OK)
        return fault;
    if (fault == FAILURE_POLICY_BAD_GRACE || fault == FAILURE_POLICY_TOO_LONG)
        self->at = self->grace_at[step];
    else if (fault == FAILURE_POLICY_BAD_SIGNAL)
        self->at = self->argument_at[step];
    else
        self->at = self->action_at[step];
    return fault;
}

FailurePolicyFault failure_policy_parse(FailurePolicy *ret, const char *text, size_t *ret_position)
{
    Parser parser = { .text = text };
    FailurePolicyFault fault = parse_steps(&parser);

    if (fault == FAILURE_POLICY_OK)
        fault = check_policy(&parser);

    if (fault == FAILURE_POLICY_OK)
        *ret = parser.policy;
    else if (ret_position != NULL)
        *ret_position = parser.at;
    return fault;
}

static char *append_text(char *end, const char *text)
{
    size_t length = strlen(text);

    memcpy(end, text, length);
    return end + length;
}

static char *append_seconds(char *end, uint32_t seconds)
{
    char digits[10];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + seconds % 10);
        seconds /= 10;
    } while (seconds != 0);
    while (n > 0)
        *end++ = digits[--n];
    return append_text(end, "s");
}

/* Also prints what failure_policy_check() refuses (a log may have to name it), with "?" for a word
 * that does not exist. The longest step, "host-poweroff 4294967295s, ", has 27 bytes of its 32. */
size_t failure_policy_print(const FailurePolicy *policy, char text[FAILURE_POLICY_TEXT_MAX])
{
    char *end = text;

    for (size_t i = 0; i < policy->n_steps && i < FAILURE_POLICY_MAX_STEPS; i++) {
        const FailureStep *step = &policy->steps[i];
        const char *action = failure_action_name(step->action);

        if (i > 0)
            end = append_text(end, ", ");
        end = append_text(end, action != NULL ? action : "?");
        if (step->action == FAILURE_ACTION_SIGNAL) {
            const char *name = failure_signal_name(step->signal_number);

            end = append_text(end, " ");
            end = append_text(end, name != NULL ? name : "?");
        }
        if (step->grace_seconds != 0) {
            end = append_text(end, " ");
            end = append_seconds(end, step->grace_seconds);
        }
    }
    *end = '\0';
    return (size_t)(end - text);
}
