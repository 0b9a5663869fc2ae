/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl incidents: the lease losses that bailiffd remembers.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "base/checked-time.h"
#include "common/boottime.h"
#include "ctl/incident-text.h"
#include "ctl/list-command.h"
#include "ctl/model-table.h"

static void add_row(OutputTable *table, BailiffBusIncident *incident, guint64 now_us)
{
    const char *outcome = bailiff_bus_incident_get_outcome(incident);
    guint64 ended_us = bailiff_bus_incident_get_ended_usec(incident);
    g_autofree char *began =
        incident_clock_text(bailiff_bus_incident_get_started_realtime_usec(incident));
    g_autofree char *lasted = span_text(time_since(
        ended_us != 0 ? ended_us : now_us, bailiff_bus_incident_get_started_usec(incident)));
    const char *cause = bailiff_bus_incident_get_cause(incident);
    g_auto(GStrv) lines = g_strsplit(cause != NULL ? cause : "", "\n", 2);

    output_table_addf(table, TABLE_PLAIN, "%" G_GUINT64_FORMAT,
                      bailiff_bus_incident_get_number(incident));
    output_table_add(table, TABLE_PLAIN, began);
    output_table_add(table, TABLE_PLAIN, bailiff_bus_incident_get_lockspace(incident));
    output_table_add(table, TABLE_PLAIN, lasted);
    output_table_add(table, state_color(outcome), outcome);
    output_table_addf(table, TABLE_PLAIN, "%u/%u", bailiff_bus_incident_get_cleared_count(incident),
                      bailiff_bus_incident_get_registration_count(incident));
    output_table_add(table, TABLE_PLAIN, lines[0]);
}

static void print_text(const Output *output, GPtrArray *incidents)
{
    guint64 now_us = boottime_now();
    g_autoptr(OutputTable) table =
        output_table_new(_(">INCIDENT"), _("BEGAN"), _("LOCKSPACE"), _(">LASTED"), _("OUTCOME"),
                         _(">CLEARED"), _("CAUSE"), NULL);

    for (guint i = 0; i < incidents->len; i++)
        add_row(table, incidents->pdata[i], now_us);
    if (incidents->len == 0)
        output_line("%s", _("There was no incident."));
    else
        output_table(output, table, 0);
}

int command_incidents(CommandLine *line)
{
    return list_command(line, bus_client_incidents, print_text);
}
