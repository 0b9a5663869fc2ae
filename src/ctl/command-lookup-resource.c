/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl lookup-resource: where a resource of an index lies.
 */
#include "ctl/commands.h"

#include "ctl/index-target.h"

int command_lookup_resource(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 3, 3, &status))
        return status;

    GError *error = NULL;
    guint64 resource_offset;
    g_auto(IndexTarget) target = { 0 };
    if (!index_target_open(&target, line, &error) ||
        !bailiff_bus_lockspace_call_lookup_resource_sync(
            target.lockspace, target.place.path, target.place.offset, line->words[2],
            g_variant_new("a{sv}", NULL), G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
            BUS_NO_TIME_LIMIT, &resource_offset, NULL, &error))
        return command_line_fail(error);
    index_target_print(&target, line, line->words[2], resource_offset);
    return CTL_EXIT_OK;
}
