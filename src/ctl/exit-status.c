/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors to exit statuses, and to the two lines that a person reads.
 */
#include "ctl/exit-status.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <stdio.h>

#include "common/bailiff-error.h"
#include "ctl/safe-text.h"

G_DEFINE_QUARK(bailiffctl - error - quark, ctl_error)

static char **option_names; /* of the verb */

void ctl_set_error(GError **error, CtlExit status, const char *cure, const char *cause_format, ...)
{
    va_list args;
    va_start(args, cause_format);
    g_autofree char *cause = g_strdup_vprintf(cause_format, args);
    va_end(args);
    g_set_error(error, CTL_ERROR, (int)status, "%s\n%s", cause, cure);
}

static CtlExit status_of_bailiff_error(int code)
{
    switch ((BailiffError)code) {
    case BAILIFF_ERROR_INVALID_ARGUMENT:
    case BAILIFF_ERROR_POLICY_TOO_LONG:
        return CTL_EXIT_USAGE;
    case BAILIFF_ERROR_HELD:
    case BAILIFF_ERROR_HOST_ID_BUSY:
    case BAILIFF_ERROR_BUSY:
        return CTL_EXIT_HELD;
    case BAILIFF_ERROR_NOT_AUTHORIZED:
        return CTL_EXIT_NOT_AUTHORIZED;
    default:
        return CTL_EXIT_ERROR;
    }
}

typedef struct ForeignError {
    GQuark (*domain)(void);
    int code;
    CtlExit status;
    const char *cause; /* NULL: the error's own text */
    const char *cure;
} ForeignError;

#define NOT_RUNNING N_("bailiffd is not running.")
#define NOT_RUNNING_CURE                                                                           \
    N_("Start it with 'systemctl start bailiffd'; what keeps it from starting is in "              \
       "'journalctl -u bailiffd'.")
#define NO_ANSWER N_("bailiffd does not answer.")
#define NO_ANSWER_CURE                                                                             \
    N_("Look at 'systemctl status bailiffd' and 'journalctl -u bailiffd'; one that was stopped "   \
       "while storage hangs stays until the storage answers.")
#define WENT_AWAY N_("bailiffd went away before it answered.")
#define WENT_AWAY_CURE                                                                             \
    N_("Look at 'bailiffctl status' for what was done, and at 'journalctl -u bailiffd' for why.")
#define NO_RIGHT N_("The system bus does not let this user talk to bailiffd.")
#define NO_RIGHT_CURE N_("Try again as root.")
#define OBJECT_GONE N_("What this is about is gone from bailiffd meanwhile.")
#define OBJECT_GONE_CURE N_("Look at 'bailiffctl status' and try again.")

static const ForeignError foreign_errors[] = {
    { g_dbus_error_quark, G_DBUS_ERROR_SERVICE_UNKNOWN, CTL_EXIT_NO_DAEMON, NOT_RUNNING,
      NOT_RUNNING_CURE },
    { g_dbus_error_quark, G_DBUS_ERROR_NAME_HAS_NO_OWNER, CTL_EXIT_NO_DAEMON, NOT_RUNNING,
      NOT_RUNNING_CURE },
    { g_dbus_error_quark, G_DBUS_ERROR_NO_REPLY, CTL_EXIT_NO_DAEMON, WENT_AWAY, WENT_AWAY_CURE },
    { g_dbus_error_quark, G_DBUS_ERROR_TIMEOUT, CTL_EXIT_NO_DAEMON, NO_ANSWER, NO_ANSWER_CURE },
    { g_dbus_error_quark, G_DBUS_ERROR_TIMED_OUT, CTL_EXIT_NO_DAEMON, NO_ANSWER, NO_ANSWER_CURE },
    { g_io_error_quark, G_IO_ERROR_TIMED_OUT, CTL_EXIT_NO_DAEMON, NO_ANSWER, NO_ANSWER_CURE },
    { g_io_error_quark, G_IO_ERROR_CLOSED, CTL_EXIT_NO_DAEMON, WENT_AWAY, WENT_AWAY_CURE },
    { g_dbus_error_quark, G_DBUS_ERROR_ACCESS_DENIED, CTL_EXIT_NOT_AUTHORIZED, NO_RIGHT,
      NO_RIGHT_CURE },
    { g_dbus_error_quark, G_DBUS_ERROR_UNKNOWN_OBJECT, CTL_EXIT_ERROR, OBJECT_GONE,
      OBJECT_GONE_CURE },
};

static const ForeignError *foreign_error_find(const GError *error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(foreign_errors); i++)
        if (g_error_matches(error, foreign_errors[i].domain(), foreign_errors[i].code))
            return &foreign_errors[i];
    return NULL;
}

CtlExit ctl_exit_status(const GError *error)
{
    if (error->domain == CTL_ERROR)
        return (CtlExit)error->code;
    if (error->domain == BAILIFF_ERROR)
        return status_of_bailiff_error(error->code);
    const ForeignError *foreign = foreign_error_find(error);
    return foreign ? foreign->status : CTL_EXIT_ERROR;
}

void ctl_report_with_options(const GOptionEntry *options)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    for (; options && options->long_name; options++)
        g_strv_builder_add(names, options->long_name);
    g_strfreev(option_names);
    option_names = g_strv_builder_end(names);
}

static gboolean append_option(const GMatchInfo *match, GString *text, gpointer unused)
{
    g_autofree char *name = g_match_info_fetch(match, 1);
    gboolean is_typed = option_names && g_strv_contains((const char *const *)option_names, name);
    g_string_append_printf(text, "option %s%s", is_typed ? "--" : "", name);
    return FALSE;
}

/* The daemon names its options for programs, which is all that it knows of its callers. */
static char *with_typed_options(const char *line)
{
    g_autoptr(GRegex) options =
        g_regex_new("\\boption ([a-z][a-z-]*)", G_REGEX_RAW, G_REGEX_MATCH_DEFAULT, NULL);
    char *typed = g_regex_replace_eval(options, line, -1, 0, G_REGEX_MATCH_DEFAULT, append_option,
                                       NULL, NULL);
    return typed ? typed : g_strdup(line);
}

CtlExit ctl_report_error(const GError *error)
{
    const ForeignError *foreign = foreign_error_find(error);
    if (foreign) {
        fprintf(stderr, "bailiffctl: %s\n  %s\n", _(foreign->cause), _(foreign->cure));
        return foreign->status;
    }
    g_autoptr(GError) copy = g_error_copy(error);
    g_dbus_error_strip_remote_error(copy);
    g_auto(GStrv) lines = g_strsplit(copy->message, "\n", 0);
    for (gsize i = 0; lines[i]; i++) {
        g_autofree char *safe = safe_text(lines[i]);
        g_autofree char *line = with_typed_options(safe);
        if (i == 0)
            fprintf(stderr, "bailiffctl: %s\n", line);
        else if (line[0])
            fprintf(stderr, "  %s\n", line);
    }
    return ctl_exit_status(error);
}
