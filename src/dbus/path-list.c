/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A list now, or in a moment.
 */
#include "dbus/path-list.h"

#define EACH_US (500 * G_TIME_SPAN_MILLISECOND)
/* So much may be used up in advance: five announcements at once after a pause. */
#define AHEAD_US (4 * EACH_US)

gboolean path_list_due(PathList *self, GDBusInterfaceSkeleton *interface, PassingChanges *passing)
{
    gint64 now_us = g_get_monotonic_time();

    if (!self->stale)
        return FALSE;
    if (self->used_up_us > now_us + AHEAD_US) {
        passing_changes_add(passing, interface);
        return FALSE;
    }
    self->used_up_us = MAX(self->used_up_us, now_us) + EACH_US;
    return TRUE;
}
