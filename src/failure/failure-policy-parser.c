/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text form of failure policies. The text is hostile: it is read word by word, once, from left
 * to right, and the first offence ends the reading, so that the work is bounded by the 16 steps of
 * a policy, and the bytes of their words, whatever the text's length.
 */
#include "failure/failure-policy-parser.h"

#include <string.h>

#include "base/printable-text.h"

/* Longer than every action, signal and recovery name, and than every number that matters. */
#define WORD_MAX 15u

typedef struct Word {
    size_t at;
    size_t length; /* 0: there is none before the end of the step */
} Word;

typedef struct Parser {
    const char *text;
    size_t at;
    FailurePolicy policy;
    /* Where the words of each step stand, to point at what failure_policy_check() does not like. */
    size_t action_at[FAILURE_POLICY_MAX_STEPS];
    size_t argument_at[FAILURE_POLICY_MAX_STEPS];
    size_t grace_at[FAILURE_POLICY_MAX_STEPS];
    size_t recovery_at;
} Parser;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool ends_step(char c)
{
    return c == '\0' || c == ',' || c == ';';
}

static bool ends_word(char c)
{
    return ends_step(c) || is_blank(c);
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == '\x7f';
}

static void skip_blanks(Parser *self)
{
    while (is_blank(self->text[self->at]))
        self->at++;
}

/* A byte that is not printable ASCII is a matter of syntax wherever it stands: the parser goes to
 * it and no word can be found to blame. (The words of a program are read by parse_program().) */
static FailurePolicyFault next_word(Parser *self, Word *ret)
{
    skip_blanks(self);
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

/* False for what does not look like seconds. A number that a grace cannot hold becomes the longest
 * grace: it is refused as too long, which it is. */
static bool seconds_from_text(const char *text, size_t length, uint32_t *ret)
{
    size_t n_digits = length > 0 && text[length - 1] == 's' ? length - 1 : length;
    uint64_t seconds = 0;

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

static FailurePolicyFault parse_signal(Parser *self, FailureStep *step)
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

/* Reads a word of a program, quoted or bare, into `buffer`, with its NUL. What is no UTF-8 in it is
 * for failure_policy_check() to find. */
static FailurePolicyFault read_word(Parser *self, char buffer[FAILURE_POLICY_WORDS_BYTES])
{
    size_t start = self->at;
    size_t length = 0;
    bool quoted = self->text[self->at] == '"';

    if (quoted)
        self->at++;
    while (quoted ? self->text[self->at] != '"' : !ends_word(self->text[self->at])) {
        char c = self->text[self->at];

        /* The end of the text is one, too: that of a quoted word that does not end. */
        if (is_control(c) || (!quoted && (c == '"' || c == '\\')))
            return FAILURE_POLICY_SYNTAX;
        if (c == '\\') {
            c = self->text[self->at + 1];
            if (c != '"' && c != '\\')
                return FAILURE_POLICY_SYNTAX;
            self->at++;
        }
        if (length + 1 == FAILURE_POLICY_WORDS_BYTES) {
            self->at = start;
            return FAILURE_POLICY_BAD_PROGRAM;
        }
        buffer[length++] = c;
        self->at++;
    }
    buffer[length] = '\0';

    if (quoted)
        self->at++;
    return ends_word(self->text[self->at]) ? FAILURE_POLICY_OK : FAILURE_POLICY_SYNTAX;
}

/* The words up to the end of the step; the bare last one that looks like its seconds is left to
 * parse_grace(). */
static FailurePolicyFault parse_program(Parser *self, FailureStep *step)
{
    char buffer[FAILURE_POLICY_WORDS_BYTES];

    skip_blanks(self);
    self->argument_at[self->policy.n_steps] = self->at;

    while (!ends_step(self->text[self->at])) {
        size_t start = self->at;
        FailurePolicyFault fault = read_word(self, buffer);
        size_t length = self->at - start;
        uint32_t seconds;

        if (fault != FAILURE_POLICY_OK)
            return fault;
        skip_blanks(self);
        if (ends_step(self->text[self->at]) &&
            seconds_from_text(self->text + start, length, &seconds)) {
            self->at = start;
            return FAILURE_POLICY_OK;
        }
        if (!failure_policy_add_word(&self->policy, step, buffer)) {
            self->at = start;
            return FAILURE_POLICY_BAD_PROGRAM;
        }
    }
    return FAILURE_POLICY_OK;
}

static FailurePolicyFault parse_grace(Parser *self, FailureStep *step)
{
    Word word;
    FailurePolicyFault fault = next_word(self, &word);

    if (fault != FAILURE_POLICY_OK)
        return fault;

    self->grace_at[self->policy.n_steps] = word.at;
    if (word.length == 0) {
        if (failure_action_needs_grace(step->action))
            step->grace_seconds = FAILURE_DEFAULT_GRACE_SECONDS;
        return FAILURE_POLICY_OK;
    }
    if (!seconds_from_text(self->text + word.at, word.length, &step->grace_seconds)) {
        self->at = word.at;
        return FAILURE_POLICY_BAD_GRACE;
    }

    fault = next_word(self, &word);
    if (fault != FAILURE_POLICY_OK)
        return fault;
    self->at = word.at;
    return word.length == 0 ? FAILURE_POLICY_OK : FAILURE_POLICY_SYNTAX;
}

/* Ends before the semicolon or at the end of the text. */
static FailurePolicyFault parse_steps(Parser *self)
{
    for (;;) {
        FailureStep step = { 0 };
        FailurePolicyFault fault = parse_action(self, &step);

        if (fault == FAILURE_POLICY_OK && step.action == FAILURE_ACTION_SIGNAL)
            fault = parse_signal(self, &step);
        else if (fault == FAILURE_POLICY_OK && step.action == FAILURE_ACTION_EXEC)
            fault = parse_program(self, &step);
        if (fault == FAILURE_POLICY_OK)
            fault = parse_grace(self, &step);
        if (fault != FAILURE_POLICY_OK)
            return fault;

        self->policy.steps[self->policy.n_steps++] = step;
        if (self->text[self->at] != ',')
            return FAILURE_POLICY_OK;
        self->at++;
    }
}

/* `restart` among the steps is a wish for the recovery of that name, so that leave contradicts it;
 * a policy as data cannot tell a wish for leave from none. */
static bool contradicts_leave(const FailurePolicy *policy)
{
    return failure_policy_get_recovery(policy) != FAILURE_RECOVERY_LEAVE;
}

static FailurePolicyFault parse_recovery(Parser *self)
{
    static const char keyword[] = "on-recovery";
    char buffer[WORD_MAX + 1];
    Word word;
    FailurePolicyFault fault;

    self->at++; /* the semicolon */
    fault = next_word(self, &word);
    if (fault != FAILURE_POLICY_OK)
        return fault;
    if (!copy_word(self, word, buffer) || strcmp(buffer, keyword) != 0) {
        self->at = word.at;
        return FAILURE_POLICY_SYNTAX;
    }

    fault = next_word(self, &word);
    if (fault != FAILURE_POLICY_OK)
        return fault;
    self->recovery_at = word.at;
    self->policy.on_recovery =
        copy_word(self, word, buffer) ? failure_recovery_from_name(buffer) : FAILURE_RECOVERY_COUNT;
    if (self->policy.on_recovery == FAILURE_RECOVERY_COUNT) {
        self->at = word.at;
        return FAILURE_POLICY_BAD_RECOVERY;
    }
    if (self->policy.on_recovery == FAILURE_RECOVERY_LEAVE && contradicts_leave(&self->policy)) {
        self->at = word.at;
        return FAILURE_POLICY_UNFIT_RECOVERY;
    }

    skip_blanks(self);
    return self->text[self->at] == '\0' ? FAILURE_POLICY_OK : FAILURE_POLICY_SYNTAX;
}

/* The words are well formed; the policy they make may be none. */
static FailurePolicyFault check_policy(Parser *self)
{
    size_t step;
    FailurePolicyFault fault = failure_policy_check(&self->policy, &step, NULL);

    switch (fault) {
    case FAILURE_POLICY_OK:
        break;
    case FAILURE_POLICY_BAD_GRACE:
    case FAILURE_POLICY_NEEDS_GRACE:
    case FAILURE_POLICY_TOO_LONG:
        self->at = self->grace_at[step];
        break;
    case FAILURE_POLICY_BAD_SIGNAL:
    case FAILURE_POLICY_BAD_PROGRAM:
        self->at = self->argument_at[step];
        break;
    case FAILURE_POLICY_BAD_RECOVERY:
    case FAILURE_POLICY_UNFIT_RECOVERY:
        self->at = self->recovery_at;
        break;
    default:
        self->at = self->action_at[step];
    }
    return fault;
}

static FailurePolicyFault parse_text(Parser *self, const char *text)
{
    FailurePolicyFault fault;

    *self = (Parser){ .text = text };
    fault = parse_steps(self);
    if (fault == FAILURE_POLICY_OK && text[self->at] == ';')
        fault = parse_recovery(self);
    return fault;
}

static FailurePolicyFault finish(const Parser *self, FailurePolicyFault fault, FailurePolicy *ret,
                                 size_t *ret_position)
{
    if (fault == FAILURE_POLICY_OK)
        *ret = self->policy;
    else if (ret_position != NULL)
        *ret_position = self->at;
    return fault;
}

FailurePolicyFault failure_policy_read(FailurePolicy *ret, const char *text, size_t *ret_position)
{
    Parser parser;

    return finish(&parser, parse_text(&parser, text), ret, ret_position);
}

FailurePolicyFault failure_policy_parse(FailurePolicy *ret, const char *text, size_t *ret_position)
{
    Parser parser;
    FailurePolicyFault fault = parse_text(&parser, text);

    if (fault == FAILURE_POLICY_OK)
        fault = check_policy(&parser);
    return finish(&parser, fault, ret, ret_position);
}

/* The printer. What does not fit is left out: only a policy that the check refuses can have it. */

typedef struct Printer {
    char *text;
    size_t length; /* always less than FAILURE_POLICY_TEXT_MAX */
} Printer;

static void append_char(Printer *self, char c)
{
    if (self->length + 1 < FAILURE_POLICY_TEXT_MAX)
        self->text[self->length++] = c;
}

static void append_text(Printer *self, const char *text)
{
    while (*text != '\0')
        append_char(self, *text++);
}

static void append_name(Printer *self, const char *name)
{
    append_text(self, name != NULL ? name : "?");
}

static void append_seconds(Printer *self, uint32_t seconds)
{
    char digits[10];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + seconds % 10);
        seconds /= 10;
    } while (seconds != 0);
    while (n > 0)
        append_char(self, digits[--n]);
    append_char(self, 's');
}

static bool needs_quotes(const char *word)
{
    size_t length = strlen(word);
    uint32_t seconds;

    if (length == 0 || seconds_from_text(word, length, &seconds))
        return true;
    for (; *word != '\0'; word++)
        if (ends_word(*word) || *word == '"' || *word == '\\')
            return true;
    return false;
}

/* A log takes no control characters and no other text than UTF-8. */
static void append_word(Printer *self, const char *word)
{
    size_t length = strlen(word);
    bool printable = printable_text_length(word, length) == length;
    bool quotes = needs_quotes(word);

    if (quotes)
        append_char(self, '"');
    for (; *word != '\0'; word++) {
        if (*word == '"' || *word == '\\')
            append_char(self, '\\');
        append_char(self, printable || (*word >= ' ' && *word <= '~') ? *word : '?');
    }
    if (quotes)
        append_char(self, '"');
}

static void append_step(Printer *self, const FailurePolicy *policy, const FailureStep *step)
{
    append_name(self, failure_action_name(step->action));
    if (step->action == FAILURE_ACTION_SIGNAL) {
        append_char(self, ' ');
        append_name(self, failure_signal_name(step->signal_number));
    }
    for (size_t i = 0; i < step->n_words; i++) {
        const char *word = failure_policy_get_word(policy, step, i);

        if (word == NULL)
            break;
        append_char(self, ' ');
        append_word(self, word);
    }
    if (step->grace_seconds != 0) {
        append_char(self, ' ');
        append_seconds(self, step->grace_seconds);
    }
}

/* Also prints what failure_policy_check() refuses (a log may have to name it), with "?" for a word
 * that does not exist. */
size_t failure_policy_print(const FailurePolicy *policy, char text[FAILURE_POLICY_TEXT_MAX])
{
    Printer printer = { .text = text };

    for (size_t i = 0; i < policy->n_steps && i < FAILURE_POLICY_MAX_STEPS; i++) {
        if (i > 0)
            append_text(&printer, ", ");
        append_step(&printer, policy, &policy->steps[i]);
    }
    /* `restart` among the steps says it already. */
    if (policy->on_recovery != FAILURE_RECOVERY_LEAVE &&
        !failure_policy_has_action(policy, FAILURE_ACTION_RESTART)) {
        append_text(&printer, "; on-recovery ");
        append_name(&printer, failure_recovery_name(policy->on_recovery));
    }
    text[printer.length] = '\0';
    return printer.length;
}

size_t failure_policy_print_step(const FailurePolicy *policy, size_t step,
                                 char text[FAILURE_POLICY_TEXT_MAX])
{
    Printer printer = { .text = text };

    if (step < policy->n_steps && step < FAILURE_POLICY_MAX_STEPS)
        append_step(&printer, policy, &policy->steps[step]);
    text[printer.length] = '\0';
    return printer.length;
}
