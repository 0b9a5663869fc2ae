/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exit statuses of bailiffctl: few, stable, and the same for every verb, so that scripts can
 * branch on them. They are documented in the manual page.
 *
 * Errors that bailiffctl finds itself are in the domain CTL_ERROR; their code is the exit status.
 * Their messages have the form of all of bailiff's: cause, newline, cure.
 */
#pragma once

#include <glib.h>

typedef enum CtlExit {
    CTL_EXIT_OK = 0,
    CTL_EXIT_ERROR = 1,
    CTL_EXIT_USAGE = 2,          /* what was typed is wrong */
    CTL_EXIT_HELD = 3,           /* somebody else is in the way: try again later */
    CTL_EXIT_NO_DAEMON = 4,      /* bailiffd is not running or does not answer */
    CTL_EXIT_NOT_AUTHORIZED = 5, /* this user may not do it */
    /* Of `run` alone, as env(1) has them; every other status of `run` is the command's. */
    CTL_EXIT_RUN_FAILED = 125,
    CTL_EXIT_NOT_EXECUTABLE = 126,
    CTL_EXIT_NOT_FOUND = 127,
    CTL_EXIT_SIGNAL_BASE = 128,
} CtlExit;

#define CTL_ERROR (ctl_error_quark())
GQuark ctl_error_quark(void);

/* `cure` is plain text, `cause_format` a format. Never CTL_EXIT_OK. */
void ctl_set_error(GError **error, CtlExit status, const char *cure, const char *cause_format, ...)
    G_GNUC_PRINTF(4, 5);

/* The exit status for an error of any domain. */
CtlExit ctl_exit_status(const GError *error);

/* The options of the verb that was typed, ended by an empty one; NULL: it has none. Their names are
 * copied. */
void ctl_report_with_options(const GOptionEntry *options);

/* Prints `error` on stderr: "bailiffctl: CAUSE", then the lines of the cure, indented. Errors that
 * GDBus made (no daemon, no answer, no right) are said in our words. An option that is
 * named as on the bus ("the option wait") is named as it is typed ("the option --wait"), if the
 * verb has it. Returns the exit status. */
CtlExit ctl_report_error(const GError *error);
