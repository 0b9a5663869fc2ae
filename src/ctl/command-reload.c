/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl reload: the configuration is read again, and what is wrong with it is told.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/bus-client.h"
#include "ctl/record-difference.h"
#include "ctl/safe-text.h"

/* What was changed and does not count now would pass for done. */
static gboolean tell_what_waits(BusClient *client, GError **error)
{
    g_autoptr(GVariant) pending =
        proxy_read(client->manager, "PendingSettings", G_VARIANT_TYPE("as"), -1, error);

    if (!pending)
        return FALSE;
    for (gsize i = 0; i < g_variant_n_children(pending); i++) {
        const char *setting;
        g_variant_get_child(pending, i, "&s", &setting);
        g_autofree char *safe = safe_text(setting);
        output_line(_("%s counts from the next start of bailiffd."), safe);
    }
    return record_difference_tell(client, NULL, error);
}

int command_reload(CommandLine *line)
{
    g_autoptr(BusClient) client = NULL;
    GError *error = NULL;
    int status;

    if (!command_line_parse(line, NULL, 0, 0, &status))
        return status;
    if ((client = bus_client_new(&error)) != NULL &&
        bailiff_bus_manager_call_reload_sync(client->manager, g_variant_new("a{sv}", NULL),
                                             G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                             BUS_NO_TIME_LIMIT, NULL, &error) &&
        (line->json || tell_what_waits(client, &error)))
        return CTL_EXIT_OK;
    status = command_line_fail(error);
    /* What is in a file is nothing that was typed here. */
    return status == CTL_EXIT_USAGE ? CTL_EXIT_ERROR : status;
}
