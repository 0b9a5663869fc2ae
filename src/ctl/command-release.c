/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl release: gives leases of a registration back.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>
#include <string.h>

#include "ctl/bus-client.h"

static const char *find_resource(GPtrArray *resources, const char *registration_path,
                                 const char *word)
{
    for (guint i = 0; i < resources->len; i++) {
        BailiffBusResource *resource = resources->pdata[i];
        const char *path = g_dbus_proxy_get_object_path(G_DBUS_PROXY(resource));
        g_autofree char *name = g_strconcat(bailiff_bus_resource_get_lockspace(resource), "/",
                                            bailiff_bus_resource_get_name(resource), NULL);
        if (g_strcmp0(bailiff_bus_resource_get_registration(resource), registration_path) == 0 &&
            (strcmp(name, word) == 0 || strcmp(path, word) == 0))
            return path;
    }
    return NULL;
}

/* The object paths for the words; NULL with an error. */
static GPtrArray *find_resources(BusClient *client, const char *registration_path, char **words,
                                 GError **error)
{
    g_autoptr(GPtrArray) resources = bus_client_resources(client, NULL);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    for (; *words; words++) {
        const char *path = find_resource(resources, registration_path, *words);
        if (!path) {
            ctl_set_error(error, CTL_EXIT_ERROR,
                          strchr(*words, '/')
                              ? _("What it holds is in 'bailiffctl status'.")
                              : _("Write it as LOCKSPACE/RESOURCE, such as vg0/disk1."),
                          _("The registration does not hold '%s'."), *words);
            return NULL;
        }
        g_ptr_array_add(paths, g_strdup(path));
    }
    g_ptr_array_add(paths, NULL);
    return g_steal_pointer(&paths);
}

int command_release(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 1, G_MAXUINT, &status))
        return status;

    GError *error = NULL;
    g_autoptr(BailiffBusRegistration) registration = NULL;
    g_autoptr(GPtrArray) paths = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error) ||
        !(registration = bus_client_find_registration(client, line->words[0], &error)) ||
        !(paths = find_resources(client, g_dbus_proxy_get_object_path(G_DBUS_PROXY(registration)),
                                 line->words + 1, &error)) ||
        !bailiff_bus_registration_call_release_sync(
            registration, (const char *const *)paths->pdata, g_variant_new("a{sv}", NULL),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, NULL, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
