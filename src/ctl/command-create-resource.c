/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl create-resource: a new resource where an index has room.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/index-target.h"

int command_create_resource(CommandLine *line)
{
    g_autofree char *max_hosts = NULL;
    const GOptionEntry entries[] = {
        { "max-hosts", 0, 0, G_OPTION_ARG_STRING, &max_hosts,
          N_("How many host ids may use it (default: all that the area holds)"), N_("N") },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 3, 3, &status))
        return status;

    GError *error = NULL;
    guint64 number, resource_offset;
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    if (max_hosts) {
        if (!command_line_number(max_hosts, "--max-hosts", 1, G_MAXUINT32, &number, &error))
            return command_line_fail(error);
        g_variant_dict_insert(&options, "max-hosts", "u", (guint32)number);
    }

    g_auto(IndexTarget) target = { 0 };
    if (!index_target_open(&target, line, &error) ||
        !bailiff_bus_lockspace_call_create_resource_sync(
            target.lockspace, target.place.path, target.place.offset, line->words[2],
            g_variant_dict_end(&options), G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
            BUS_NO_TIME_LIMIT, &resource_offset, NULL, &error))
        return command_line_fail(error);
    index_target_print(&target, line, line->words[2], resource_offset);
    return CTL_EXIT_OK;
}
