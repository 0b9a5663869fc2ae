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

/* Each record is refused by itself, and has been for as long as that was not mended: no error of
 * Reload(), but nothing that who asked for it would want to believe done. */
static gboolean report_refused_records(BusClient *client)
{
    g_autoptr(GPtrArray) records = bus_client_records(client);
    gboolean any = FALSE;

    for (guint i = 0; i < records->len; i++) {
        g_autoptr(GError) error = NULL;

        if (g_strcmp0(bailiff_bus_record_get_state(records->pdata[i]), "refused") != 0)
            continue;
        error = g_error_new_literal(CTL_ERROR, CTL_EXIT_ERROR,
                                    bailiff_bus_record_get_last_error(records->pdata[i]));
        (void)ctl_report_error(error);
        any = TRUE;
    }
    return any;
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
        (line->json ? bus_client_load(client, &error) : tell_what_waits(client, &error)))
        return report_refused_records(client) ? CTL_EXIT_ERROR : CTL_EXIT_OK;
    status = command_line_fail(error);
    /* What is in a file is nothing that was typed here. */
    return status == CTL_EXIT_USAGE ? CTL_EXIT_ERROR : status;
}
