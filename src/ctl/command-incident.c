/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl incident: the story of one lease loss, as a timeline.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>
#include <string.h>

#include "base/checked-time.h"
#include "ctl/incident-text.h"
#include "ctl/model-table.h"
#include "ctl/safe-text.h"

static guint64 get_number(GVariant *properties, const char *key)
{
    guint64 number = 0;
    (void)g_variant_lookup(properties, key, "t", &number);
    return number;
}

static guint get_count(GVariant *properties, const char *key)
{
    guint count = 0;
    (void)g_variant_lookup(properties, key, "u", &count);
    return count;
}

static const char *get_text(GVariant *properties, const char *key)
{
    const char *text = "";
    (void)g_variant_lookup(properties, key, "&s", &text);
    return text;
}

static void print_span(GVariant *properties)
{
    guint64 ended_us = get_number(properties, "EndedUsec");
    guint64 lasted_us = time_since(ended_us, get_number(properties, "StartedUsec"));
    g_autofree char *began = incident_clock_text(get_number(properties, "StartedRealtimeUsec"));
    g_autofree char *safe_began = safe_text(began);

    if (ended_us == 0)
        output_line(_("  It began %s."), safe_began);
    else
        output_line(_("  It began %s and ended %.1f s later."), safe_began,
                    (double)lasted_us / (double)USEC_PER_SECOND);
    output_line(_("  Registrations: %u; cleared: %u."), get_count(properties, "RegistrationCount"),
                get_count(properties, "ClearedCount"));
}

static void print_text(const Output *output, GVariant *properties)
{
    const char *outcome = get_text(properties, "Outcome");
    g_autoptr(OutputTable) timeline = incident_timeline(properties);
    g_auto(GStrv) cause = g_strsplit(get_text(properties, "Cause"), "\n", 0);
    g_autofree char *lockspace = safe_text(get_text(properties, "Lockspace"));
    g_autofree char *safe_outcome = safe_text(outcome);
    g_autofree char *shown = colored_text(state_color(outcome), safe_outcome, output->color);
    guint64 dropped = get_number(properties, "StepsDropped");

    output_heading(output, _("Incident %llu, lockspace %s: %s"),
                   (unsigned long long)get_number(properties, "Number"), lockspace, shown);
    output_line("  %s", incident_outcome_text(outcome));
    print_span(properties);
    for (gsize i = 0; cause[i] != NULL; i++) {
        g_autofree char *safe = safe_text(cause[i]);
        output_line("  %s", safe);
    }
    output_line("%s", "");
    output_table(output, timeline, 0);
    if (dropped > 0)
        output_line(ngettext("For %llu more step there was no room.",
                             "For %llu more steps there was no room.", dropped),
                    (unsigned long long)dropped);
}

/* Borrowed; NULL with an error. `word`: a number, or "last". */
static BailiffBusIncident *choose(GPtrArray *incidents, const char *word, GError **error)
{
    for (guint i = 0; i < incidents->len; i++) {
        const char *leaf = object_path_leaf(g_dbus_proxy_get_object_path(incidents->pdata[i]));
        if (strcmp(word, "last") == 0 ? i + 1 == incidents->len : strcmp(word, leaf) == 0)
            return incidents->pdata[i];
    }
    if (strcmp(word, "last") == 0)
        ctl_set_error(error, CTL_EXIT_ERROR, _("That is good."), _("There was no incident."));
    else
        ctl_set_error(error, CTL_EXIT_ERROR,
                      _("Those that are kept are in 'bailiffctl incidents'."),
                      _("There is no incident %s."), word);
    return NULL;
}

int command_incident(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 1, 1, &status))
        return status;

    GError *error = NULL;
    guint64 number;
    BailiffBusIncident *incident;
    g_autoptr(BusClient) client = NULL;
    g_autoptr(GPtrArray) incidents = NULL;
    g_autoptr(GVariant) properties = NULL;
    if ((strcmp(line->words[0], "last") != 0 &&
         !command_line_number(line->words[0], _("NUMBER"), 1, G_MAXUINT64, &number, &error)) ||
        !(client = bus_client_new(&error)) || !bus_client_load(client, &error))
        return command_line_fail(error);
    incidents = bus_client_incidents(client);
    incident = choose(incidents, line->words[0], &error);
    if (!incident || !(properties = proxy_read_all(incident, &error)))
        return command_line_fail(error);
    if (line->json)
        output_json(properties, FALSE);
    else
        print_text(&line->output, properties);
    return CTL_EXIT_OK;
}
