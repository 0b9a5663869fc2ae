/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls that want no reply do not get in; when the others do is noted.
 *
 * GDBus reads from the bus as fast as it can, and puts each call behind those that wait for the
 * main loop, without any bound. The bus bounds that: it lets a connection have a number of calls
 * without reply (128 on a stock system bus). But one that wants no reply counts for nothing there,
 * so any user could put seconds of work before the next renewal (measured: 100,000 such calls keep
 * the main loop from everything else for 2 s, and take 80 MB). No method here is of use to those
 * who do not want to know how it ended.
 */
#pragma once

#include <gio/gio.h>

/* When the latest call got in (g_get_monotonic_time()), which GDBus' thread writes. Made by
 * g_atomic_rc_box_new0(). */
typedef struct CallTime {
    _Atomic gint64 us;
} CallTime;

/* For as long as the connection lives. */
void call_filter_install(GDBusConnection *connection, CallTime *last_call);
