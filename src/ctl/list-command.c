/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What incidents and records have in common.
 */
#include "ctl/list-command.h"

#include "ctl/model-table.h"

int list_command(CommandLine *line, GPtrArray *(*list)(BusClient *client),
                 void (*print_text)(const Output *output, GPtrArray *objects))
{
    int status;
    if (!command_line_parse(line, NULL, 0, 0, &status))
        return status;

    GError *error = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error))
        return command_line_fail(error);
    g_autoptr(GPtrArray) objects = list(client);
    if (line->json)
        output_json(proxies_to_variant(objects), FALSE);
    else
        print_text(&line->output, objects);
    return CTL_EXIT_OK;
}
