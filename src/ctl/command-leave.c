/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl leave: gives a host lease back.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/bus-client.h"

int command_leave(CommandLine *line)
{
    gboolean force = FALSE;
    const GOptionEntry entries[] = {
        { "force", 0, 0, G_OPTION_ARG_NONE, &force,
          N_("Walk the failure policies of those who hold leases in it, leave orphans on disk"),
          NULL },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 1, 1, &status))
        return status;

    GError *error = NULL;
    g_autoptr(BailiffBusLockspace) lockspace = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error) ||
        !(lockspace = bus_client_find_lockspace(client, line->words[0], &error)))
        return command_line_fail(error);
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    if (force)
        g_variant_dict_insert(&options, "force", "b", TRUE);
    if (!bailiff_bus_lockspace_call_leave_sync(lockspace, g_variant_dict_end(&options),
                                               G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                               BUS_NO_TIME_LIMIT, NULL, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
