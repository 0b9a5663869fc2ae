/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory and priority, each for itself; what is not allowed is said, with what would allow it.
 */
#include "daemon/real-time.h"

#include "common/log-message.h"
#include "common/memory-lock.h"
#include "common/urgency.h"

static void tell(const char *what, const GError *error)
{
    if (error == NULL)
        log_line(LOG_NOTICE, NULL, "%s", what);
    else
        log_message(MESSAGE_REAL_TIME_REFUSED, NULL, "%s", error->message);
}

void real_time_begin(gboolean wanted)
{
    g_autoptr(GError) memory_error = NULL;
    g_autoptr(GError) urgency_error = NULL;

    if (!wanted) {
        log_line(LOG_NOTICE, NULL,
                 "Memory is not locked, and deadlines are kept with usual priority: the "
                 "configuration says so ([daemon], real-time).");
        return;
    }
    memory_lock_begin(&memory_error);
    tell("Memory is locked", memory_error);
    urgency_begin(&urgency_error);
    tell("Deadlines are kept with real-time priority", urgency_error);
}
