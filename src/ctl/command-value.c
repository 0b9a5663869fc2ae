/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl read-value, write-value: the value of a resource that is held here.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>

#include "ctl/bus-client.h"
#include "ctl/standard-input.h"

/* More than any value has: the daemon says how many bytes there are. */
#define INPUT_MAX 65536u

/* A new reference. */
static BailiffBusResource *find_resource(BusClient *client, const char *word, GError **error)
{
    g_autoptr(GPtrArray) resources = bus_client_resources(client, NULL);

    for (guint i = 0; i < resources->len; i++) {
        BailiffBusResource *resource = resources->pdata[i];
        g_autofree char *name = g_strconcat(bailiff_bus_resource_get_lockspace(resource), "/",
                                            bailiff_bus_resource_get_name(resource), NULL);
        if (strcmp(name, word) == 0)
            return g_object_ref(resource);
    }
    ctl_set_error(error, CTL_EXIT_ERROR,
                  strchr(word, '/') ? _("What is held is in 'bailiffctl status'.")
                                    : _("Write it as LOCKSPACE/RESOURCE, such as vg0/disk1."),
                  _("This host does not hold '%s'."), word);
    return NULL;
}

static void print_value(CommandLine *line, GVariant *value, gboolean whole)
{
    gsize length;
    const guint8 *bytes = g_variant_get_fixed_array(value, &length, 1);

    while (!whole && length > 0 && bytes[length - 1] == 0)
        length--;
    if (line->json)
        output_json(g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, length, 1), FALSE);
    else
        fwrite(bytes, 1, length, stdout);
}

int command_read_value(CommandLine *line)
{
    gboolean whole = FALSE;
    const GOptionEntry entries[] = {
        { "whole", 0, 0, G_OPTION_ARG_NONE, &whole, N_("With the zeroes at its end"), NULL },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 1, 1, &status))
        return status;

    GError *error = NULL;
    g_autoptr(GVariant) value = NULL;
    g_autoptr(BailiffBusResource) resource = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error) ||
        !(resource = find_resource(client, line->words[0], &error)) ||
        !bailiff_bus_resource_call_read_value_sync(
            resource, g_variant_new("a{sv}", NULL),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, &value, NULL,
            &error))
        return command_line_fail(error);
    print_value(line, value, whole);
    return CTL_EXIT_OK;
}

int command_write_value(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 1, 2, &status))
        return status;

    GError *error = NULL;
    g_autoptr(BusClient) client = NULL;
    g_autoptr(BailiffBusResource) resource = NULL;
    g_autoptr(GBytes) value =
        line->n_words > 1
            ? g_bytes_new(line->words[1], strlen(line->words[1]))
            : standard_input_read(INPUT_MAX, _("Write a shorter value: at most a sector."), &error);
    if (!value || !(client = bus_client_new(&error)) || !bus_client_load(client, &error) ||
        !(resource = find_resource(client, line->words[0], &error)) ||
        !bailiff_bus_resource_call_write_value_sync(
            resource, g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, value, TRUE),
            g_variant_new("a{sv}", NULL), G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
            BUS_NO_TIME_LIMIT, NULL, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
