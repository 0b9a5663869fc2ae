/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Having the bus start bailiffd where none runs, and not leaving whoever waits for that in the
 * dark: the bus itself says nothing before its own limit has passed (25 s), also when systemd has
 * refused to start the unit long before.
 */
#pragma once

#include <gio/gio.h>

/* TRUE: it is on the bus, or the bus cannot start it, which the next call is told. FALSE with
 * CTL_EXIT_NO_DAEMON: systemd has given up. What is waited for is told on standard error, once,
 * when it takes longer than two seconds. */
gboolean daemon_start_by_bus(GDBusConnection *connection, const char *name, GError **error);
