/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl format-lockspace: an empty lockspace on storage.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/bus-client.h"
#include "ctl/format-options.h"
#include "ctl/place-text.h"

int command_format_lockspace(CommandLine *line)
{
    g_auto(FormatOptions) options = { 0 };
    const GOptionEntry entries[] = {
        FORMAT_OPTION_ENTRIES(options),
        { "io-timeout", 0, 0, G_OPTION_ARG_STRING, &options.io_timeout,
          N_("Seconds that the first host waits by when it joins (default: 10)"), N_("SECONDS") },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 2, 2, &status))
        return status;

    GError *error = NULL;
    g_auto(StoragePlace) place = { 0 };
    if (!storage_place_parse(&place, line->words[0], &error))
        return command_line_fail(error);
    g_autoptr(GVariant) dict = format_options_build(&options, &error);
    if (!dict)
        return command_line_fail(error);
    g_variant_ref_sink(dict);
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client ||
        !bailiff_bus_manager_call_format_lockspace_sync(
            client->manager, place.path, place.offset, line->words[1], dict,
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, NULL, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
