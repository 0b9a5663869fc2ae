/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/complete.h"

#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ctl/completion-sources.h"

#define TIME_LIMIT_S 2
#define ELLIPSIS "…"

typedef struct Typed {
    char **words;         /* after the verb, before the current one */
    CompletionList *list; /* has the current one */
    GPtrArray *arguments; /* of words: those that are no options, in order */
    GPtrArray *given;     /* const GOptionEntry *: the options among words */
    const GOptionEntry *awaits_value;
    gboolean in_command; /* behind -- */
} Typed;

static const GOptionEntry *find_option(const GOptionEntry *entries, const char *name, gsize length)
{
    for (; entries && entries->long_name; entries++)
        if (strlen(entries->long_name) == length && strncmp(entries->long_name, name, length) == 0)
            return entries;
    return NULL;
}

static void note_option(Typed *self, const char *word, const GOptionEntry *own)
{
    gsize length = strcspn(word + 2, "=");
    const GOptionEntry *entry = find_option(own, word + 2, length);
    if (!entry)
        return;
    g_ptr_array_add(self->given, (gpointer)entry);
    if (entry->arg != G_OPTION_ARG_NONE && word[2 + length] == '\0')
        self->awaits_value = entry;
}

static void read_words(Typed *self, const GOptionEntry *own)
{
    for (char **w = self->words; *w; w++) {
        if (self->awaits_value) {
            self->awaits_value = NULL;
        } else if (strcmp(*w, "--") == 0) {
            self->in_command = TRUE;
            return;
        } else if (g_str_has_prefix(*w, "--")) {
            note_option(self, *w, own);
        } else if (**w != '-' || !(*w)[1]) {
            g_ptr_array_add(self->arguments, *w);
        }
    }
}

static void add_options(const Typed *self, const GOptionEntry *entries)
{
    for (; entries && entries->long_name; entries++) {
        if (g_ptr_array_find(self->given, entries, NULL))
            continue;
        g_autofree char *word = g_strconcat("--", entries->long_name, NULL);
        completion_list_add(self->list, word, _(entries->description));
    }
}

/* "HOST_ID|all": a source, and a word that stands for itself. */
static void add_choices(const Typed *self, const char *token)
{
    g_auto(GStrv) choices = g_strsplit(token, "|", -1);
    for (char **choice = choices; *choice; choice++)
        if (g_ascii_islower(**choice))
            completion_list_add(self->list, *choice, NULL);
        else
            completion_source_add(self->list, *choice, self->arguments);
}

/* The value of an option: what its table calls it is what it is. */
static void add_values(const Typed *self, const GOptionEntry *entry)
{
    if (entry->arg_description)
        add_choices(self, entry->arg_description);
}

/* The first one that has a place for one argument more; else the first. */
static char **choose_longer(char **alternatives, guint n_arguments)
{
    for (char **each = alternatives; *each; each++) {
        g_auto(GStrv) tokens = g_strsplit(*each, " ", -1);
        if (!g_str_has_prefix(*each, "--") &&
            (g_strv_length(tokens) > n_arguments || strstr(*each, ELLIPSIS)))
            return g_steal_pointer(&tokens);
    }
    return g_strsplit(alternatives[0] ? alternatives[0] : "", " ", -1);
}

/* The alternative of a verb's arguments ("A B | --option C") that the given options choose, without
 * the option and its value, which are no arguments. */
static char **choose_tokens(const Typed *self, const char *arguments)
{
    g_auto(GStrv) alternatives = g_strsplit(arguments, " | ", -1);
    for (char **each = alternatives; *each; each++) {
        if (!g_str_has_prefix(*each, "--"))
            continue;
        for (guint i = 0; i < self->given->len; i++) {
            const GOptionEntry *entry = self->given->pdata[i];
            gsize length = strcspn(*each + 2, " ");
            if (strlen(entry->long_name) != length ||
                strncmp(entry->long_name, *each + 2, length) != 0)
                continue;
            g_auto(GStrv) tokens = g_strsplit(*each, " ", -1);
            return g_strdupv(tokens + (entry->arg == G_OPTION_ARG_NONE ? 1 : 2));
        }
    }
    return choose_longer(alternatives, self->arguments->len);
}

/* "[RESOURCE…]" is RESOURCE; but the brackets of PATH[:OFFSET] are within. */
static char *bare_token(const char *token)
{
    gsize length = strlen(token);
    if (*token == '[' && g_str_has_suffix(token, "]")) {
        token++;
        length -= 2;
    }
    g_autofree char *bare = g_strndup(token, length);
    if (g_str_has_suffix(bare, ELLIPSIS))
        bare[length - strlen(ELLIPSIS)] = '\0';
    return g_steal_pointer(&bare);
}

static void add_arguments(const Typed *self, const char *arguments)
{
    g_auto(GStrv) tokens = choose_tokens(self, arguments);
    gsize i = 0;
    for (guint n = self->arguments->len; n > 0 && tokens[i]; n--)
        if (!strstr(tokens[i], ELLIPSIS))
            i++;
        else if (n == 1 && tokens[i + 1] && strcmp(tokens[i + 1], "--") == 0)
            completion_list_add(self->list, "--", _("The command follows"));
    if (!tokens[i])
        return;
    g_autofree char *token = bare_token(tokens[i]);
    add_choices(self, token);
}

static void look_at_options(CommandLine *line, const GOptionEntry *own, const GOptionEntry *common)
{
    Typed *self = line->look_data;
    const char *current = completion_list_current(self->list);

    read_words(self, own);
    if (self->in_command) {
        if (line->command->takes_command)
            completion_list_add_directive(self->list, ":command");
    } else if (self->awaits_value) {
        add_values(self, self->awaits_value);
    } else if (g_str_has_prefix(current, "--") && strchr(current, '=')) {
        const GOptionEntry *entry = find_option(own, current + 2, strcspn(current + 2, "="));
        completion_list_skip(self->list, (gsize)(strchr(current, '=') + 1 - current));
        if (entry)
            add_values(self, entry);
    } else if (*current == '-') {
        add_options(self, own);
        add_options(self, common);
    } else {
        add_arguments(self, line->command->arguments);
    }
}

static void complete_arguments(const Command *command, char **words, CompletionList *list)
{
    g_autoptr(GPtrArray) arguments = g_ptr_array_new();
    g_autoptr(GPtrArray) given = g_ptr_array_new();
    Typed typed = { .words = words, .list = list, .arguments = arguments, .given = given };
    CommandLine line = {
        .command = command,
        .words = words,
        .look_at_options = look_at_options,
        .look_data = &typed,
    };
    (void)command->run(&line);
}

static void add_verbs(const Command *commands, gsize n_commands, CompletionList *list)
{
    if (*completion_list_current(list) == '-') {
        completion_list_add(list, "--json", _("Print JSON"));
        completion_list_add(list, "--no-color", _("Print no colours"));
        completion_list_add(list, "--help", _("Show this help; behind a verb, the verb's"));
        completion_list_add(list, "--version", _("Show the version"));
        return;
    }
    for (gsize i = 0; i < n_commands; i++)
        completion_list_add(list, commands[i].name, _(commands[i].summary));
}

/* A shell waits for us: a bus or a directory that hangs must not hang it. */
static void give_up(int signal_number)
{
    _exit(CTL_EXIT_OK);
}

int complete(const Command *commands, gsize n_commands, char **words)
{
    (void)signal(SIGALRM, give_up);
    (void)alarm(TIME_LIMIT_S);

    if (*words && strcmp(*words, "--") == 0)
        words++;
    guint n_words = g_strv_length(words);
    if (n_words == 0)
        return CTL_EXIT_OK;
    g_autoptr(CompletionList) list = completion_list_new(words[n_words - 1]);
    g_auto(GStrv) before = g_strdupv(words);
    g_clear_pointer(&before[n_words - 1], g_free);

    char **verb = before;
    while (*verb && **verb == '-')
        verb++;
    if (!*verb)
        add_verbs(commands, n_commands, list);
    for (gsize i = 0; *verb && i < n_commands; i++)
        if (strcmp(commands[i].name, *verb) == 0)
            complete_arguments(&commands[i], verb + 1, list);
    completion_list_print(list);
    return CTL_EXIT_OK;
}
