/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl acquire: acquires leases for a registration, all or none.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/model-table.h"
#include "ctl/register-call.h"

/* The objects are new: they are loaded after the call. */
static gboolean print_resources(CommandLine *line, BusClient *client, char **paths, GError **error)
{
    if (!bus_client_load(client, error))
        return FALSE;
    g_autoptr(GPtrArray) resources = g_ptr_array_new_with_free_func(g_object_unref);
    for (; *paths; paths++) {
        GDBusInterface *resource =
            g_dbus_object_manager_get_interface(client->objects, *paths, BUS_INTERFACE("Resource"));
        if (resource)
            g_ptr_array_add(resources, resource);
    }
    if (line->json) {
        output_json(proxies_to_variant(resources), FALSE);
    } else {
        g_autoptr(OutputTable) table = resources_table(client, resources);
        output_table(&line->output, table, 0);
    }
    return TRUE;
}

int command_acquire(CommandLine *line)
{
    AcquireOptions wanted = { 0 };
    g_autofree char *version_text = NULL;
    const GOptionEntry entries[] = {
        { "wait", 0, 0, G_OPTION_ARG_NONE, &wanted.wait,
          N_("Wait as long as it takes for the present owner to release it or to be dead"), NULL },
        { "version", 0, 0, G_OPTION_ARG_STRING, &version_text,
          N_("Only if the lease has this version before"), N_("N") },
        { "shared", 0, 0, G_OPTION_ARG_NONE, &wanted.shared,
          N_("Shared: beside any number of others, all of them shared"), NULL },
        { "persistent", 0, 0, G_OPTION_ARG_NONE, &wanted.persistent,
          N_("It stays held, as an orphan, when the process ends without releasing it"), NULL },
        { "adopt", 0, 0, G_OPTION_ARG_NONE, &wanted.adopt,
          N_("Take over orphans of this host, and nothing else"), NULL },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 3, G_MAXUINT, &status))
        return status;
    if (version_text && line->n_words > 3)
        return command_line_usage(line, _("--version goes with a single resource."));
    if (version_text && wanted.shared)
        return command_line_usage(line, _("--version does not go with --shared."));

    GError *error = NULL;
    g_autoptr(GVariant) wishes = NULL;
    g_autoptr(BusClient) client = NULL;
    g_autoptr(BailiffBusRegistration) registration = NULL;
    g_auto(GStrv) paths = NULL;
    if (version_text &&
        !command_line_number(version_text, "--version", 1, G_MAXUINT64, &wanted.version, &error))
        return command_line_fail(error);
    wishes = acquire_wishes(line->words[1], line->words + 2, &wanted, &error);
    if (!wishes)
        return command_line_fail(error);
    g_variant_ref_sink(wishes);
    if (!(client = bus_client_new(&error)) || !bus_client_load(client, &error) ||
        !(registration = bus_client_find_registration(client, line->words[0], &error)) ||
        !bailiff_bus_registration_call_acquire_sync(
            registration, wishes, g_variant_new("a{sv}", NULL),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, &paths, NULL,
            &error))
        return command_line_fail(error);
    g_clear_object(&client->objects);
    if (!print_resources(line, client, paths, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
