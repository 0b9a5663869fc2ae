/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which thread the kernel lets run first when processors are scarce.
 *
 * Threads that keep deadlines run with real-time priority (SCHED_RR, as low as it can be): before
 * every program with usual priority, behind everything else that has real-time priority. It is
 * marked SCHED_RESET_ON_FORK: what such a thread starts, threads and programs alike, has the usual
 * priority, and takes more only by itself.
 *
 * All of it is best effort: a thread that may not have its urgency goes on with what it has.
 */
#pragma once

#include <glib.h>

typedef enum Urgency {
    URGENCY_USUAL,     /* nice as the process was at its beginning */
    URGENCY_LEASES,    /* renewals, and what feeds a watchdog */
    URGENCY_LAST_KILL, /* before them: it is for when they do not come through */
} Urgency;

/* From now on threads of this process can take urgencies; the calling one, which is to be the main
 * thread, keeps URGENCY_USUAL: a thousand processes that are signalled in one go would otherwise
 * wait for a processor until the log and the bus are told of each (measured: 480 ms instead of 90).
 * Should it come too late the last kill does not wait for it. NotAuthorized with nothing changed
 * when it is not allowed. */
gboolean urgency_begin(GError **error);

/* For the calling thread. Allocates nothing. Before urgency_begin() has worked it does nothing. */
void urgency_take(Urgency urgency);
