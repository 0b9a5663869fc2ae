/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl delete-resource: removes a resource from an index.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/index-target.h"

int command_delete_resource(CommandLine *line)
{
    g_autofree char *resource_offset = NULL;
    const GOptionEntry entries[] = {
        { "resource-offset", 0, 0, G_OPTION_ARG_STRING, &resource_offset,
          N_("The one that lies there, if the index has several of that name"), N_("OFFSET") },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 3, 3, &status))
        return status;

    GError *error = NULL;
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    g_auto(IndexTarget) target = { 0 };
    if (!resource_offset_insert(&options, resource_offset, &error) ||
        !index_target_open(&target, line, &error) ||
        !bailiff_bus_lockspace_call_delete_resource_sync(
            target.lockspace, target.place.path, target.place.offset, line->words[2],
            g_variant_dict_end(&options), INDEX_CALL_FLAGS, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
