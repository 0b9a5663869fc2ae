/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One verb's command line: its options (GOption), its arguments, its help, and the errors of people
 * who type.
 */
#pragma once

#include <glib.h>

#include "ctl/exit-status.h"
#include "ctl/output.h"

typedef struct CommandLine CommandLine;

typedef struct Command {
    const char *name;
    const char *arguments;   /* as help shows them; "" or to be translated */
    const char *summary;     /* one line */
    const char *example;     /* a whole command line */
    const char *description; /* NULL, or what else one must know */
    int (*run)(CommandLine *line);
    gboolean takes_command; /* has a part after "--" */
} Command;

struct CommandLine {
    const Command *command;
    char **words; /* before parsing: options and arguments; after it: arguments. NULL terminated. */
    guint n_words; /* after parsing */
    char **rest;   /* what stands after "--"; NULL when there is none */
    gboolean json;
    gboolean no_color;
    Output output;      /* after parsing */
    gboolean want_help; /* after parsing: help was printed, there is nothing to do */
    /* Set when the verb is not run but looked at, for completion: gets the options that parsing
     * would take, the verb's own (or NULL) and those of every verb; nothing is parsed then. */
    void (*look_at_options)(CommandLine *self, const GOptionEntry *own, const GOptionEntry *common);
    gpointer look_data;
};

/* Parses the verb's own options and those that every verb has. FALSE: *ret_status is the exit
 * status (an error was reported, or help was printed). `max_words` G_MAXUINT: any number. */
gboolean command_line_parse(CommandLine *self, const GOptionEntry *options, guint min_words,
                            guint max_words, int *ret_status);

/* Reports that what was typed is wrong, and where the help is. Returns the exit status. */
int command_line_usage(CommandLine *self, const char *cause_format, ...) G_GNUC_PRINTF(2, 3);

/* Reports `error`, takes it over, and returns the exit status. */
int command_line_fail(GError *error);

/* A whole number in [minimum, maximum]; `what` names it in the error's text: "HOST_ID", "--max". */
gboolean command_line_number(const char *text, const char *what, guint64 minimum, guint64 maximum,
                             guint64 *ret, GError **error);
