/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl hosts: the hosts of one lockspace, or of all.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "common/boottime.h"
#include "ctl/model-table.h"
#include "ctl/safe-text.h"

static void print_text(CommandLine *line, BusClient *client, GPtrArray *lockspaces)
{
    guint64 now_us = boottime_now();
    for (guint i = 0; i < lockspaces->len; i++) {
        BailiffBusLockspace *lockspace = lockspaces->pdata[i];
        g_autoptr(GPtrArray) hosts =
            bus_client_hosts(client, g_dbus_proxy_get_object_path(G_DBUS_PROXY(lockspace)));
        g_autoptr(OutputTable) table = hosts_table(hosts, now_us);
        g_autofree char *name = safe_text(bailiff_bus_lockspace_get_name(lockspace));
        if (i > 0)
            output_line("%s", "");
        output_heading(&line->output, _("Lockspace %s"), name);
        if (hosts->len > 0)
            output_table(&line->output, table, 2);
        else
            output_line(_("  No host was seen: it is %s."),
                        bailiff_bus_lockspace_get_state(lockspace));
    }
    if (lockspaces->len == 0)
        output_line("%s", _("No lockspace is joined."));
}

static void print_json(BusClient *client, GPtrArray *lockspaces)
{
    GVariantBuilder all;
    g_variant_builder_init(&all, G_VARIANT_TYPE("a{saa{sv}}"));
    for (guint i = 0; i < lockspaces->len; i++) {
        g_autoptr(GPtrArray) hosts =
            bus_client_hosts(client, g_dbus_proxy_get_object_path(lockspaces->pdata[i]));
        g_variant_builder_add(&all, "{s@aa{sv}}",
                              bailiff_bus_lockspace_get_name(lockspaces->pdata[i]),
                              proxies_to_variant(hosts));
    }
    output_json(g_variant_builder_end(&all), FALSE);
}

int command_hosts(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 0, 1, &status))
        return status;

    GError *error = NULL;
    g_autoptr(GPtrArray) lockspaces = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error))
        return command_line_fail(error);
    if (line->n_words == 0) {
        lockspaces = bus_client_lockspaces(client);
    } else {
        BailiffBusLockspace *lockspace = bus_client_find_lockspace(client, line->words[0], &error);
        if (!lockspace)
            return command_line_fail(error);
        lockspaces = g_ptr_array_new_with_free_func(g_object_unref);
        g_ptr_array_add(lockspaces, lockspace);
    }
    if (line->json)
        print_json(client, lockspaces);
    else
        print_text(line, client, lockspaces);
    return CTL_EXIT_OK;
}
