/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl unregister: removes a registration that holds nothing.
 */
#include "ctl/commands.h"

#include "ctl/bus-client.h"

int command_unregister(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 1, 1, &status))
        return status;

    GError *error = NULL;
    g_autoptr(BailiffBusRegistration) registration = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error) ||
        !(registration = bus_client_find_registration(client, line->words[0], &error)) ||
        !bailiff_bus_registration_call_unregister_sync(
            registration, g_variant_new("a{sv}", NULL),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, NULL, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
