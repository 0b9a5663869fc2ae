/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl records, forget: the lockspace records of this host.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "base/checked-time.h"
#include "common/boottime.h"
#include "ctl/bus-client.h"
#include "ctl/list-command.h"
#include "ctl/model-table.h"
#include "ctl/record-keys.h"
#include "ctl/safe-text.h"

static void add_row(OutputTable *table, BailiffBusRecord *record, guint64 now_us)
{
    const char *state = bailiff_bus_record_get_state(record);
    guint64 next_us = bailiff_bus_record_get_next_attempt_usec(record);
    gboolean refused = g_strcmp0(state, "refused") == 0;
    g_autofree char *place = refused ? g_strdup("")
                                     : place_text(bailiff_bus_record_get_path(record),
                                                  bailiff_bus_record_get_offset(record));
    g_autofree char *host_id = refused ? g_strdup("") : record_host_id_text(record);

    output_table_add(table, TABLE_PLAIN, bailiff_bus_record_get_name(record));
    output_table_add(table, TABLE_PLAIN, place);
    output_table_add(table, TABLE_PLAIN, host_id);
    output_table_add(table, TABLE_PLAIN, bailiff_bus_record_get_startup(record));
    if (next_us != 0) {
        g_autofree char *left = span_text(time_since(next_us, now_us));
        output_table_addf(table, state_color(state), _("%s (%s)"), state, left);
    } else {
        output_table_add(table, state_color(state), state);
    }
}

/* Both lines, below the table: what is wrong with each, and what to do. */
static void print_error(BailiffBusRecord *record)
{
    const char *error = bailiff_bus_record_get_last_error(record);
    g_autofree char *name = safe_text(bailiff_bus_record_get_name(record));
    g_auto(GStrv) lines = g_strsplit(error != NULL ? error : "", "\n", 0);

    for (gsize i = 0; lines[i] != NULL; i++) {
        g_autofree char *line = safe_text(lines[i]);

        if (i == 0)
            output_line("%s: %s", name, line);
        else
            output_line("  %s", line);
    }
}

static void print_text(const Output *output, GPtrArray *records)
{
    guint64 now_us = boottime_now();
    g_autoptr(OutputTable) table =
        output_table_new(_("LOCKSPACE"), _("PLACE"), _("HOST ID"), _("STARTUP"), _("STATE"), NULL);

    for (guint i = 0; i < records->len; i++)
        add_row(table, records->pdata[i], now_us);
    if (records->len == 0)
        output_line("%s", _("There are no lockspace records."));
    else
        output_table(output, table, 0);
    for (guint i = 0; i < records->len; i++)
        print_error(records->pdata[i]);
}

int command_records(CommandLine *line)
{
    return list_command(line, bus_client_records, print_text);
}

int command_forget(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 1, 1, &status))
        return status;

    GError *error = NULL;
    g_autoptr(BailiffBusRecord) record = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    if (!client || !bus_client_load(client, &error) ||
        !(record = bus_client_find_record(client, line->words[0], &error)) ||
        !bailiff_bus_record_call_forget_sync(record, g_variant_dict_end(&options),
                                             G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                             BUS_NO_TIME_LIMIT, NULL, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
