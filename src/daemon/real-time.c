/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory and priority, each for itself; what is not allowed is said, with what would allow it.
 */
#include "daemon/real-time.h"

#include "common/bailiff-error.h"
#include "common/memory-lock.h"
#include "common/urgency.h"

static void tell(const char *what, const GError *error)
{
    g_autofree char *line = NULL;

    if (error == NULL) {
        g_message("%s", what);
        return;
    }
    line = bailiff_error_in_one_line(error->message);
    g_warning("%s", line);
}

void real_time_begin(gboolean wanted)
{
    g_autoptr(GError) memory_error = NULL;
    g_autoptr(GError) urgency_error = NULL;

    if (!wanted) {
        g_message("Memory is not locked, and deadlines are kept with usual priority: the "
                  "configuration says so ([daemon], real-time).");
        return;
    }
    memory_lock_begin(&memory_error);
    tell("Memory is locked", memory_error);
    urgency_begin(&urgency_error);
    tell("Deadlines are kept with real-time priority", urgency_error);
}
