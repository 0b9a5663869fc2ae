/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl release: gives leases of a registration back.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/resource-word.h"

/* The object paths for the words; NULL with an error. */
static GPtrArray *find_resources(BusClient *client, const char *registration_path, char **words,
                                 GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    for (; *words; words++) {
        g_autoptr(BailiffBusResource) resource =
            find_resource_word(client, registration_path, *words, error);
        if (!resource)
            return NULL;
        g_ptr_array_add(paths, g_strdup(g_dbus_proxy_get_object_path(G_DBUS_PROXY(resource))));
    }
    g_ptr_array_add(paths, NULL);
    return g_steal_pointer(&paths);
}

static gboolean release_renamed(BusClient *client, const char *registration_path, const char *word,
                                const char *new_name, GError **error)
{
    g_autoptr(BailiffBusResource) resource =
        find_resource_word(client, registration_path, word, error);
    if (!resource)
        return FALSE;
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    g_variant_dict_insert(&options, "rename", "s", new_name);
    return bailiff_bus_resource_call_release_sync(resource, g_variant_dict_end(&options),
                                                  G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                                  BUS_NO_TIME_LIMIT, NULL, error);
}

static gboolean release(BusClient *client, BailiffBusRegistration *registration, char **words,
                        GError **error)
{
    g_autoptr(GPtrArray) paths = find_resources(
        client, g_dbus_proxy_get_object_path(G_DBUS_PROXY(registration)), words, error);
    return paths &&
           bailiff_bus_registration_call_release_sync(
               registration, (const char *const *)paths->pdata, g_variant_new("a{sv}", NULL),
               G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, NULL, error);
}

int command_release(CommandLine *line)
{
    g_autofree char *new_name = NULL;
    const GOptionEntry entries[] = {
        { "rename", 0, 0, G_OPTION_ARG_STRING, &new_name,
          N_("The resource gets this name on storage, in the same write"), N_("NAME") },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 1, G_MAXUINT, &status))
        return status;
    if (new_name && line->n_words != 2)
        return command_line_usage(line, _("--rename goes with a single resource."));

    GError *error = NULL;
    g_autoptr(BailiffBusRegistration) registration = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error) ||
        !(registration = bus_client_find_registration(client, line->words[0], &error)))
        return command_line_fail(error);
    const char *path = g_dbus_proxy_get_object_path(G_DBUS_PROXY(registration));
    if (new_name ? !release_renamed(client, path, line->words[1], new_name, &error)
                 : !release(client, registration, line->words + 1, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
