/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl release-orphans: gives back leases whose holders have ended.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/bus-client.h"

static BailiffBusResource *find_orphan(GPtrArray *resources, const char *name)
{
    for (guint i = 0; i < resources->len; i++)
        if (bailiff_bus_resource_get_orphan(resources->pdata[i]) &&
            g_strcmp0(bailiff_bus_resource_get_name(resources->pdata[i]), name) == 0)
            return resources->pdata[i];
    return NULL;
}

/* All are found before the first is released. */
static gboolean release_named(GPtrArray *resources, char **names, GError **error)
{
    for (char **name = names; *name; name++)
        if (!find_orphan(resources, *name)) {
            ctl_set_error(error, CTL_EXIT_ERROR, _("Orphans are marked in 'bailiffctl status'."),
                          _("There is no orphan of a resource '%s' in this lockspace."), *name);
            return FALSE;
        }
    for (; *names; names++)
        if (!bailiff_bus_resource_call_release_sync(
                find_orphan(resources, *names), g_variant_new("a{sv}", NULL),
                G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, NULL, error))
            return FALSE;
    return TRUE;
}

int command_release_orphans(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 1, G_MAXUINT, &status))
        return status;

    GError *error = NULL;
    guint count = line->n_words - 1;
    gboolean worked;
    g_autoptr(BailiffBusLockspace) lockspace = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error) ||
        !(lockspace = bus_client_find_lockspace(client, line->words[0], &error)))
        return command_line_fail(error);
    if (count > 0) {
        g_autoptr(GPtrArray) resources =
            bus_client_resources(client, g_dbus_proxy_get_object_path(G_DBUS_PROXY(lockspace)));
        worked = release_named(resources, line->words + 1, &error);
    } else {
        worked = bailiff_bus_lockspace_call_release_orphans_sync(
            lockspace, g_variant_new("a{sv}", NULL),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, &count, NULL,
            &error);
    }
    if (!worked)
        return command_line_fail(error);
    if (line->json)
        output_json(g_variant_new_uint32(count), FALSE);
    else
        output_line("%u", count);
    return CTL_EXIT_OK;
}
