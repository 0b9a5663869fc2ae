/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl request: asks the owner of a resource to let go of it.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/bus-client.h"
#include "ctl/place-text.h"

typedef struct RequestOptions {
    gboolean force;
    gboolean withdraw;
    char *version;
} RequestOptions;

static gboolean request(CommandLine *line, const RequestOptions *given, GError **error)
{
    guint64 version = 0;
    g_autoptr(ResourcePlace) place = resource_place_parse(line->words[1], error);
    g_autoptr(BusClient) client = NULL;
    g_autoptr(BailiffBusLockspace) lockspace = NULL;
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);

    if (!place || (given->version && !command_line_number(given->version, "--version", 1,
                                                          G_MAXUINT64, &version, error)))
        return FALSE;
    if (given->force)
        g_variant_dict_insert(&options, "force", "b", TRUE);
    if (given->withdraw)
        g_variant_dict_insert(&options, "withdraw", "b", TRUE);
    if (given->version)
        g_variant_dict_insert(&options, "version", "t", version);
    return (client = bus_client_new(error)) && bus_client_load(client, error) &&
           (lockspace = bus_client_find_lockspace(client, line->words[0], error)) &&
           bailiff_bus_lockspace_call_request_resource_sync(
               lockspace, place->resource, place->place.path, place->place.offset,
               g_variant_dict_end(&options), G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
               BUS_NO_TIME_LIMIT, NULL, error);
}

int command_request(CommandLine *line)
{
    RequestOptions given = { 0 };
    const GOptionEntry entries[] = {
        { "force", 0, 0, G_OPTION_ARG_NONE, &given.force,
          N_("Those who use it are to be killed, not told"), NULL },
        { "version", 0, 0, G_OPTION_ARG_STRING, &given.version,
          N_("Ask every holder until the lease has version N; by default the present one alone"), N_("N") },
        { "withdraw", 0, 0, G_OPTION_ARG_NONE, &given.withdraw,
          N_("Take back what was requested, by whomever"), NULL },
        { NULL },
    };
    GError *error = NULL;
    int status;
    if (!command_line_parse(line, entries, 2, 2, &status))
        return status;
    g_autofree char *version = given.version;
    if (given.withdraw && (given.force || version))
        return command_line_usage(line, _("--withdraw goes with no other option."));
    return request(line, &given, &error) ? CTL_EXIT_OK : command_line_fail(error);
}
