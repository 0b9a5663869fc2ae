/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl stop: ends bailiffd, and waits until it is gone.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>
#include <stdio.h>

#include "ctl/bus-client.h"
#include "ctl/safe-text.h"

static void on_vanished(GDBusConnection *connection, const char *name, gpointer user_data)
{
    g_main_loop_quit(user_data);
}

static void wait_until_gone(BusClient *client)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    guint watch = g_bus_watch_name_on_connection(
        client->connection, BUS_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL, on_vanished, loop, NULL);

    g_main_loop_run(loop);
    g_bus_unwatch_name(watch);
}

/* "space/thing, space/other": what force leaves on the storage; "" without any. */
static char *list_orphans(BusClient *client)
{
    g_autoptr(GPtrArray) resources = bus_client_resources(client, NULL);
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < resources->len; i++)
        if (bailiff_bus_resource_get_orphan(resources->pdata[i]))
            g_string_append_printf(names, "%s%s/%s", names->len > 0 ? ", " : "",
                                   bailiff_bus_resource_get_lockspace(resources->pdata[i]),
                                   bailiff_bus_resource_get_name(resources->pdata[i]));
    return safe_text(names->str);
}

static void tell_what_stays(const char *orphans)
{
    if (*orphans != '\0')
        fprintf(stderr,
                _("Orphans stay on the storage: %s.\n"
                  "  Other hosts may take them when this host's lease has expired. To join here "
                  "again, make sure that nothing uses them, and give --forget-orphans.\n"),
                orphans);
}

int command_stop(CommandLine *line)
{
    gboolean force = FALSE;
    const GOptionEntry entries[] = {
        { "force", 0, 0, G_OPTION_ARG_NONE, &force,
          N_("Walk the failure policies of those who hold leases: they are stopped"), NULL },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 0, 0, &status))
        return status;

    GError *error = NULL;
    g_autoptr(BusClient) client = NULL;
    g_autofree char *orphans = NULL;
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    if (force)
        g_variant_dict_insert(&options, "force", "b", TRUE);
    if (!bus_check_daemon_runs(&error) || !(client = bus_client_new(&error)) ||
        !bus_client_load(client, &error))
        return command_line_fail(error);
    orphans = list_orphans(client);
    if (!bailiff_bus_manager_call_stop_sync(client->manager, g_variant_dict_end(&options),
                                            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                            BUS_NO_TIME_LIMIT, NULL, &error))
        return command_line_fail(error);
    wait_until_gone(client);
    tell_what_stays(orphans);
    return CTL_EXIT_OK;
}
