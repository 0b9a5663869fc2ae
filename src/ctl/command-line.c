/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/command-line.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>

#include "ctl/size-text.h"

/* D-Bus carries UTF-8 only, and GLib's functions expect it. */
static gboolean check_encoding(char **words, GError **error)
{
    for (; words && *words; words++) {
        if (g_utf8_validate(*words, -1, NULL))
            continue;
        ctl_set_error(error, CTL_EXIT_USAGE, _("What is typed has to be UTF-8."),
                      _("The argument '%s' is not valid UTF-8."), *words);
        return FALSE;
    }
    return TRUE;
}

#define N_COMMON_OPTIONS 3

static void fill_common_options(GOptionEntry entries[N_COMMON_OPTIONS + 1], CommandLine *self,
                                gboolean *want_help)
{
    const GOptionEntry common[N_COMMON_OPTIONS + 1] = {
        { "json", 0, 0, G_OPTION_ARG_NONE, &self->json, N_("Print JSON"), NULL },
        { "no-color", 0, 0, G_OPTION_ARG_NONE, &self->no_color, N_("Print no colours"), NULL },
        { "help", 'h', 0, G_OPTION_ARG_NONE, want_help, N_("Show this help"), NULL },
        { NULL },
    };
    memcpy(entries, common, sizeof(common));
}

/* gettext() has another meaning for an empty text. */
/* With its arguments, as it is written. */
static char *verb_text(const Command *command)
{
    return command->arguments[0] ? g_strdup_printf("%s %s", command->name, _(command->arguments))
                                 : g_strdup(command->name);
}

static GOptionContext *make_option_context(CommandLine *self, const GOptionEntry *options,
                                           gboolean *want_help)
{
    const Command *command = self->command;
    GOptionEntry common[N_COMMON_OPTIONS + 1];
    fill_common_options(common, self, want_help);
    g_autofree char *parameters = verb_text(command);
    g_autofree char *description =
        g_strdup_printf("%s%s%s\n  %s\n", command->description ? _(command->description) : "",
                        command->description ? "\n\n" : "", _("Example:"), command->example);
    GOptionContext *context = g_option_context_new(parameters);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_summary(context, _(command->summary));
    g_option_context_set_description(context, description);
    if (options)
        g_option_context_add_main_entries(context, options, GETTEXT_PACKAGE);
    g_option_context_add_main_entries(context, common, GETTEXT_PACKAGE);
    return context;
}

static gboolean parse(CommandLine *self, const GOptionEntry *options, guint min_words,
                      guint max_words, GError **error)
{
    gboolean want_help = FALSE;
    g_autoptr(GOptionContext) context = make_option_context(self, options, &want_help);
    g_autoptr(GError) local = NULL;

    /* GOption takes the first word for the program's name. */
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_ptr_array_add(words, g_strdup("bailiffctl"));
    for (char **w = self->words; *w; w++)
        g_ptr_array_add(words, *w);
    g_ptr_array_add(words, NULL);
    g_free(self->words);
    self->words = (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);

    gboolean parsed = g_option_context_parse_strv(context, &self->words, &local);
    if (parsed && want_help) {
        g_autofree char *help = g_option_context_get_help(context, TRUE, NULL);
        fputs(help, stdout);
        self->want_help = TRUE;
        return FALSE;
    }
    g_autofree char *see_help =
        g_strdup_printf(_("See 'bailiffctl %s --help'."), self->command->name);
    if (!parsed) {
        ctl_set_error(error, CTL_EXIT_USAGE, see_help, "%s.", local->message);
        return FALSE;
    }
    g_free(self->words[0]);
    self->n_words = g_strv_length(self->words + 1);
    memmove(self->words, self->words + 1, (self->n_words + 1) * sizeof(char *));
    if (self->n_words < min_words || self->n_words > max_words) {
        g_autofree char *verb = verb_text(self->command);
        g_autofree char *cure = g_strdup_printf(_("Write: bailiffctl %s\n%s"), verb, see_help);
        ctl_set_error(error, CTL_EXIT_USAGE, cure,
                      self->n_words < min_words ? _("'%s' needs more than was given.")
                                                : _("'%s' got more than it knows what to do with."),
                      self->command->name);
        return FALSE;
    }
    return TRUE;
}

gboolean command_line_parse(CommandLine *self, const GOptionEntry *options, guint min_words,
                            guint max_words, int *ret_status)
{
    if (self->look_at_options) {
        gboolean want_help = FALSE;
        GOptionEntry common[N_COMMON_OPTIONS + 1];
        fill_common_options(common, self, &want_help);
        self->look_at_options(self, options, common);
        *ret_status = CTL_EXIT_OK;
        return FALSE;
    }
    ctl_report_with_options(options);
    g_autoptr(GError) error = NULL;
    if (check_encoding(self->words, &error) && parse(self, options, min_words, max_words, &error)) {
        if (!self->rest || self->command->takes_command) {
            output_init(&self->output, self->json, self->no_color);
            return TRUE;
        }
        *ret_status =
            command_line_usage(self, _("'%s' takes nothing after --."), self->command->name);
        return FALSE;
    }
    *ret_status = self->want_help ? CTL_EXIT_OK : (int)ctl_report_error(error);
    return FALSE;
}

int command_line_usage(CommandLine *self, const char *cause_format, ...)
{
    va_list args;
    va_start(args, cause_format);
    g_autofree char *cause = g_strdup_vprintf(cause_format, args);
    va_end(args);
    g_autofree char *cure = g_strdup_printf(_("See 'bailiffctl %s --help'."), self->command->name);
    g_autoptr(GError) error = NULL;
    ctl_set_error(&error, CTL_EXIT_USAGE, cure, "%s", cause);
    return (int)ctl_report_error(error);
}

int command_line_fail(GError *error)
{
    g_autoptr(GError) owned = error;
    return (int)ctl_report_error(owned);
}

gboolean command_line_number(const char *text, const char *what, guint64 minimum, guint64 maximum,
                             guint64 *ret, GError **error)
{
    guint64 value;
    if (number_text_parse(&value, text) == SIZE_OK && value >= minimum && value <= maximum) {
        *ret = value;
        return TRUE;
    }
    g_autofree char *cure =
        maximum == G_MAXUINT64
            ? g_strdup_printf(_("Write a whole number from %llu on."), (unsigned long long)minimum)
            : g_strdup_printf(_("Write a whole number from %llu to %llu."),
                              (unsigned long long)minimum, (unsigned long long)maximum);
    ctl_set_error(error, CTL_EXIT_USAGE, cure, _("%s: '%s' is not a number that fits."), what,
                  text);
    return FALSE;
}
