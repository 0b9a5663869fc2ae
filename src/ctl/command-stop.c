/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl stop: ends bailiffd, and waits until it is gone.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/bus-client.h"

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
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    if (force)
        g_variant_dict_insert(&options, "force", "b", TRUE);
    if (!bus_check_daemon_runs(&error) || !(client = bus_client_new(&error)) ||
        !bailiff_bus_manager_call_stop_sync(client->manager, g_variant_dict_end(&options),
                                            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                            BUS_NO_TIME_LIMIT, NULL, &error))
        return command_line_fail(error);
    wait_until_gone(client);
    return CTL_EXIT_OK;
}
