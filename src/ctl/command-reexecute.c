/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl reexecute: bailiffd executes its program anew, which after an upgrade is the new one,
 * and goes on with all that it holds. Waits until that one is on the bus.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/bus-client.h"
#include "ctl/safe-text.h"

/* It reads what is written down and opens nothing before it takes its name. */
#define PATIENCE_SECONDS 60u

typedef struct Successor {
    GMainLoop *loop;
    char *former; /* the unique name of the one that was asked */
    char *name;   /* of the one that goes on; NULL: none yet */
} Successor;

static void on_appeared(GDBusConnection *connection, const char *name, const char *owner,
                        gpointer user_data)
{
    Successor *self = user_data;

    if (self->name != NULL || g_strcmp0(owner, self->former) == 0)
        return;
    self->name = g_strdup(owner);
    g_main_loop_quit(self->loop);
}

static gboolean on_patience_ended(gpointer user_data)
{
    Successor *self = user_data;

    g_main_loop_quit(self->loop);
    return G_SOURCE_CONTINUE;
}

static gboolean wait_for_successor(BusClient *client, Successor *self, GError **error)
{
    guint watch = g_bus_watch_name_on_connection(
        client->connection, BUS_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE, on_appeared, NULL, self, NULL);
    guint limit = g_timeout_add_seconds(PATIENCE_SECONDS, on_patience_ended, self);

    g_main_loop_run(self->loop);
    g_source_remove(limit);
    g_bus_unwatch_name(watch);
    if (self->name == NULL)
        ctl_set_error(
            error, CTL_EXIT_NO_DAEMON,
            _("See what it does: systemctl status bailiffd, and its log. What it holds is "
              "written down (bailiffctl state)."),
            _("bailiffd has left the bus to go on with its new program, and has not come "
              "back for %u s."),
            PATIENCE_SECONDS);
    return self->name != NULL;
}

static gboolean reexecute(BusClient *client, Successor *successor, GError **error)
{
    successor->former = g_dbus_proxy_get_name_owner(G_DBUS_PROXY(client->manager));
    return bailiff_bus_manager_call_reexecute_sync(
               client->manager, g_variant_new("a{sv}", NULL),
               G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, NULL, error) &&
           wait_for_successor(client, successor, error);
}

/* Of another version than ours it has been told on standard error by then. */
static gboolean tell_version(const CommandLine *line, GError **error)
{
    g_autoptr(BusClient) client = bus_client_new(error);
    const char *version;

    if (client == NULL)
        return FALSE;
    version = bailiff_bus_manager_get_version(client->manager);
    if (line->json) {
        g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

        g_variant_dict_insert(&dict, "Version", "s", version != NULL ? version : "");
        output_json(g_variant_dict_end(&dict), FALSE);
    } else {
        g_autofree char *safe = safe_text(version);

        output_line(_("bailiffd %s goes on."), safe);
    }
    return TRUE;
}

int command_reexecute(CommandLine *line)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    Successor successor = { .loop = loop };
    g_autoptr(BusClient) client = NULL;
    GError *error = NULL;
    gboolean worked;
    int status;

    if (!command_line_parse(line, NULL, 0, 0, &status))
        return status;
    worked = bus_check_daemon_runs(&error) && (client = bus_client_new(&error)) != NULL &&
             reexecute(client, &successor, &error) && tell_version(line, &error);
    g_free(successor.former);
    g_free(successor.name);
    if (worked)
        return CTL_EXIT_OK;
    status = command_line_fail(error);
    /* What is in a file is nothing that was typed here. */
    return status == CTL_EXIT_USAGE ? CTL_EXIT_ERROR : status;
}
