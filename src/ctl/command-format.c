/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl format-lockspace, format-resource: an empty lockspace, or a free resource, on storage.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/bus-client.h"
#include "ctl/format-options.h"
#include "ctl/place-text.h"

typedef gboolean (*Format)(BusClient *client, const StoragePlace *place, char **words,
                           GVariant *options, GError **error);

static gboolean format_lockspace(BusClient *client, const StoragePlace *place, char **words,
                                 GVariant *options, GError **error)
{
    return bailiff_bus_manager_call_format_lockspace_sync(
        client->manager, place->path, place->offset, words[1], options,
        G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, NULL, error);
}

static gboolean format_resource(BusClient *client, const StoragePlace *place, char **words,
                                GVariant *options, GError **error)
{
    return bailiff_bus_manager_call_format_resource_sync(
        client->manager, place->path, place->offset, words[1], words[2], options,
        G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, NULL, error);
}

static int run(CommandLine *line, const FormatOptions *given, Format format)
{
    GError *error = NULL;
    g_auto(StoragePlace) place = { 0 };
    g_autoptr(GVariant) options = NULL;
    g_autoptr(BusClient) client = NULL;

    if (!storage_place_parse(&place, line->words[0], &error) ||
        !(options = format_options_build(given, &error)))
        return command_line_fail(error);
    g_variant_ref_sink(options);
    if (!(client = bus_client_new(&error)) || !format(client, &place, line->words, options, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}

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
    return run(line, &options, format_lockspace);
}

int command_format_resource(CommandLine *line)
{
    g_auto(FormatOptions) options = { 0 };
    const GOptionEntry entries[] = {
        FORMAT_OPTION_ENTRIES(options),
        { "max-hosts", 0, 0, G_OPTION_ARG_STRING, &options.max_hosts,
          N_("How many host ids may use it (default: all that the area holds)"), N_("N") },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 3, 3, &status))
        return status;
    return run(line, &options, format_resource);
}
