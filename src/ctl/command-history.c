/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl history: how the latest renewals of a lockspace went.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "base/checked-time.h"
#include "common/boottime.h"
#include "ctl/bus-client.h"

static guint64 lookup_time(GVariant *entry, const char *key)
{
    guint64 time_us = 0;
    (void)g_variant_lookup(entry, key, "t", &time_us);
    return time_us;
}

static void add_milliseconds(OutputTable *table, guint64 usec)
{
    output_table_addf(table, TABLE_PLAIN, _("%.1f ms"), (double)usec / 1000.0);
}

static void print_text(const Output *output, GVariant *entries)
{
    guint64 now_us = boottime_now();
    g_autoptr(OutputTable) table =
        output_table_new(_(">STARTED"), _(">READ"), _(">WRITE"), _("RESULT"), _("DETAIL"), NULL);
    for (gsize i = 0; i < g_variant_n_children(entries); i++) {
        g_autoptr(GVariant) entry = g_variant_get_child_value(entries, i);
        g_autofree char *ago = span_text(time_since(now_us, lookup_time(entry, "started-usec")));
        gboolean worked = FALSE;
        const char *detail = "";
        (void)g_variant_lookup(entry, "worked", "b", &worked);
        (void)g_variant_lookup(entry, "detail", "&s", &detail);
        output_table_addf(table, TABLE_PLAIN, _("%s ago"), ago);
        add_milliseconds(table, lookup_time(entry, "read-usec"));
        add_milliseconds(table, lookup_time(entry, "write-usec"));
        output_table_add(table, worked ? TABLE_GREEN : TABLE_RED, worked ? _("good") : _("failed"));
        output_table_add(table, TABLE_PLAIN, detail);
    }
    if (output_table_n_rows(table) == 0)
        output_line("%s", _("There was no renewal so far."));
    else
        output_table(output, table, 0);
}

int command_history(CommandLine *line)
{
    g_autofree char *max_text = NULL;
    const GOptionEntry entries[] = {
        { "max", 0, 0, G_OPTION_ARG_STRING, &max_text,
          N_("How many at most, the newest ones (default: all that are kept)"), N_("N") },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 1, 1, &status))
        return status;

    GError *error = NULL;
    guint64 max = 0;
    g_autoptr(BailiffBusLockspace) lockspace = NULL;
    g_autoptr(BusClient) client = NULL;
    g_autoptr(GVariant) history = NULL;
    if ((max_text && !command_line_number(max_text, "--max", 1, G_MAXUINT32, &max, &error)) ||
        !(client = bus_client_new(&error)) || !bus_client_load(client, &error) ||
        !(lockspace = bus_client_find_lockspace(client, line->words[0], &error)) ||
        !bailiff_bus_lockspace_call_get_renewal_history_sync(
            lockspace, (guint)max, G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, -1, &history,
            NULL, &error))
        return command_line_fail(error);
    if (line->json)
        output_json(history, FALSE);
    else
        print_text(&line->output, history);
    return CTL_EXIT_OK;
}
