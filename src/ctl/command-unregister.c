/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl unregister: removes a registration that holds nothing.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/bus-client.h"

int command_unregister(CommandLine *line)
{
    gboolean force = FALSE;
    const GOptionEntry entries[] = {
        { "force", 0, 0, G_OPTION_ARG_NONE, &force,
          N_("Also one that waits to get lost leases again"), NULL },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 1, 1, &status))
        return status;

    GError *error = NULL;
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    if (force)
        g_variant_dict_insert(&options, "force", "b", TRUE);
    g_autoptr(BailiffBusRegistration) registration = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error) ||
        !(registration = bus_client_find_registration(client, line->words[0], &error)) ||
        !bailiff_bus_registration_call_unregister_sync(
            registration, g_variant_dict_end(&options),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, NULL, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
