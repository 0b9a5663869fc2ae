/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl rebuild-index: makes an index anew from the resources that are there.
 */
#include "ctl/commands.h"

#include "ctl/index-target.h"

int command_rebuild_index(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 2, 2, &status))
        return status;

    GError *error = NULL;
    g_auto(IndexTarget) target = { 0 };
    if (!index_target_open(&target, line, &error) ||
        !bailiff_bus_lockspace_call_rebuild_index_sync(
            target.lockspace, target.place.path, target.place.offset, g_variant_new("a{sv}", NULL),
            INDEX_CALL_FLAGS, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
