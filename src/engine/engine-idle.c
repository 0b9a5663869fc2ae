/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether anything would be missed if this daemon were not there.
 */
#include "engine/engine-private.h"
#include "engine/records.h"

static gboolean incident_is_told_only_here(BailiffEngine *self)
{
    BailiffIncidentLog *log = bailiff_engine_get_incidents(self);
    g_autoptr(GPtrArray) incidents = bailiff_incident_log_list(log);

    for (guint i = 0; i < incidents->len; i++)
        if (bailiff_incident_is_ongoing(incidents->pdata[i]) || !bailiff_incident_log_is_kept(log))
            return TRUE;
    return FALSE;
}

gboolean bailiff_engine_is_idle(BailiffEngine *self)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(self);
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(self);
    g_autoptr(GArray) remains = NULL;

    if (lockspaces->len > 0 || bailiff_engine_count_forsaken_users(self) > 0 ||
        registrations->len > 0 || incident_is_told_only_here(self) ||
        bailiff_records_are_waiting(bailiff_engine_get_records(self)))
        return FALSE;
    /* What an earlier daemon has left, and this one could not take over. */
    remains = held_records_list(bailiff_engine_get_runtime_dir(self));
    return remains->len == 0 && bailiff_engine_check_predecessor_gone(self, NULL);
}
