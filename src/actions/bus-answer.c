/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors of calls to other services.
 */
#include "actions/bus-answer.h"

#include "base/checked-time.h"
#include "common/boottime.h"

#define CHARS_MAX 200

char *bus_error_words(const GError *error)
{
    g_autoptr(GError) bare = g_error_copy(error);
    g_autofree char *text = NULL;
    g_autofree char *start = NULL;

    g_dbus_error_strip_remote_error(bare);
    text = g_utf8_make_valid(bare->message, -1);
    for (char *c = text; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c))
            *c = ' ';
    start = g_utf8_substring(text, 0, MIN(g_utf8_strlen(text, -1), CHARS_MAX));
    return g_steal_pointer(&start);
}

/* Spawn errors: the stock bus activates systemd's names with a program that fails where systemd
 * does not run. */
gboolean bus_error_is_absence(const GError *error)
{
    static const int codes[] = {
        G_DBUS_ERROR_SERVICE_UNKNOWN, G_DBUS_ERROR_NAME_HAS_NO_OWNER,
        G_DBUS_ERROR_DISCONNECTED,    G_DBUS_ERROR_SPAWN_CHILD_EXITED,
        G_DBUS_ERROR_SPAWN_FAILED,    G_DBUS_ERROR_SPAWN_CHILD_SIGNALED,
    };

    for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
        if (g_error_matches(error, G_DBUS_ERROR, codes[i]))
            return TRUE;
    return g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

/* NoReply: it ended with the call unanswered, or the bus has a limit of its own. */
gboolean bus_error_is_silence(const GError *error)
{
    return g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ||
           g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY) ||
           g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT) ||
           g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_TIMED_OUT);
}

int bus_timeout_until(guint64 until_us)
{
    guint64 left_ms = time_since(until_us, boottime_now()) / 1000;

    return (int)CLAMP(left_ms, 1, G_MAXINT - 1);
}
