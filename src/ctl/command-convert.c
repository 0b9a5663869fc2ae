/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl convert: from one mode to the other while a lease is held.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/resource-word.h"

int command_convert(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 2, 2, &status))
        return status;

    GError *error = NULL;
    g_autoptr(BailiffBusResource) resource = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error) ||
        !(resource = find_resource_word(client, NULL, line->words[0], &error)) ||
        !bailiff_bus_resource_call_convert_sync(
            resource, line->words[1], g_variant_new("a{sv}", NULL),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, NULL, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
