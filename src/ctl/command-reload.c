/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl reload: the configuration is read again, and what is wrong with it is told.
 */
#include "ctl/commands.h"

#include "ctl/bus-client.h"

int command_reload(CommandLine *line)
{
    g_autoptr(BusClient) client = NULL;
    GError *error = NULL;
    int status;

    if (!command_line_parse(line, NULL, 0, 0, &status))
        return status;
    if ((client = bus_client_new(&error)) != NULL &&
        bailiff_bus_manager_call_reload_sync(client->manager, g_variant_new("a{sv}", NULL),
                                             G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                             BUS_NO_TIME_LIMIT, NULL, &error))
        return CTL_EXIT_OK;
    status = command_line_fail(error);
    /* What is in a file is nothing that was typed here. */
    return status == CTL_EXIT_USAGE ? CTL_EXIT_ERROR : status;
}
