/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl send-event: tells another host, or all, something that both know the meaning of.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>
#include <string.h>

#include "ctl/bus-client.h"

typedef struct SendOptions {
    gboolean replace;
    char *generation;
} SendOptions;

static BailiffBusHost *find_host(BusClient *client, BailiffBusLockspace *lockspace,
                                 const char *word, guint64 host_id, GError **error)
{
    g_autoptr(GPtrArray) hosts =
        bus_client_hosts(client, g_dbus_proxy_get_object_path(G_DBUS_PROXY(lockspace)));

    for (guint i = 0; i < hosts->len; i++)
        if (bailiff_bus_host_get_host_id(hosts->pdata[i]) == host_id)
            return g_object_ref(hosts->pdata[i]);
    ctl_set_error(error, CTL_EXIT_ERROR, _("Look at 'bailiffctl hosts'."),
                  _("No host has ever had host id %s of lockspace %s."), word,
                  bailiff_bus_lockspace_get_name(lockspace));
    return NULL;
}

static GVariant *make_options(const SendOptions *given, guint64 generation)
{
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);

    if (given->replace)
        g_variant_dict_insert(&options, "replace", "b", TRUE);
    if (given->generation)
        g_variant_dict_insert(&options, "generation", "t", generation);
    return g_variant_dict_end(&options);
}

static gboolean send_event(CommandLine *line, const SendOptions *given, GError **error)
{
    gboolean all = strcmp(line->words[1], "all") == 0;
    guint64 host_id = 0, event = 0, data = 0, generation = 0;
    g_autoptr(BusClient) client = NULL;
    g_autoptr(BailiffBusLockspace) lockspace = NULL;
    g_autoptr(BailiffBusHost) host = NULL;

    if ((!all &&
         !command_line_number(line->words[1], _("HOST_ID"), 1, G_MAXUINT64, &host_id, error)) ||
        !command_line_number(line->words[2], _("EVENT"), 0, G_MAXUINT64, &event, error) ||
        (line->n_words > 3 &&
         !command_line_number(line->words[3], _("DATA"), 0, G_MAXUINT64, &data, error)) ||
        (given->generation && !command_line_number(given->generation, "--generation", 0,
                                                   G_MAXUINT64, &generation, error)))
        return FALSE;
    if (!(client = bus_client_new(error)) || !bus_client_load(client, error) ||
        !(lockspace = bus_client_find_lockspace(client, line->words[0], error)))
        return FALSE;
    if (all)
        return bailiff_bus_lockspace_call_send_event_sync(
            lockspace, event, data, make_options(given, 0),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, NULL, error);
    host = find_host(client, lockspace, line->words[1], host_id, error);
    return host &&
           bailiff_bus_host_call_send_event_sync(host, event, data, make_options(given, generation),
                                                 G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                                 BUS_NO_TIME_LIMIT, NULL, error);
}

int command_send_event(CommandLine *line)
{
    SendOptions given = { 0 };
    const GOptionEntry entries[] = {
        { "replace", 0, 0, G_OPTION_ARG_NONE, &given.replace,
          N_("Also if others may not have read the present event yet"), NULL },
        { "generation", 0, 0, G_OPTION_ARG_STRING, &given.generation,
          N_("For this incarnation of the host only, by default the present one; 0: any"),
          N_("N") },
        { NULL },
    };
    GError *error = NULL;
    int status;
    if (!command_line_parse(line, entries, 3, 4, &status))
        return status;
    g_autofree char *generation = given.generation;
    if (generation && strcmp(line->words[1], "all") == 0)
        return command_line_usage(line, _("--generation goes with a single host."));
    return send_event(line, &given, &error) ? CTL_EXIT_OK : command_line_fail(error);
}
