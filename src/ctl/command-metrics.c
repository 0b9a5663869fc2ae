/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl metrics: what a monitoring system wants to know, as OpenMetrics text; in JSON, as the
 * same text in a string.
 */
#include "ctl/commands.h"

#include <stdio.h>

#include "ctl/bus-client.h"

int command_metrics(CommandLine *line)
{
    g_autoptr(BusClient) client = NULL;
    g_autofree char *text = NULL;
    GError *error = NULL;
    int status;

    if (!command_line_parse(line, NULL, 0, 0, &status))
        return status;
    if (!(client = bus_client_new(&error)) ||
        !bailiff_bus_manager_call_get_metrics_sync(
            client->manager, g_variant_new("a{sv}", NULL),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, -1, &text, NULL, &error))
        return command_line_fail(error);
    if (line->json)
        output_json(g_variant_new_string(text), FALSE);
    else
        fputs(text, stdout);
    return CTL_EXIT_OK;
}
