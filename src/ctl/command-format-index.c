/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl format-index: an empty resource index.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/index-target.h"

int command_format_index(CommandLine *line)
{
    g_autofree char *max_resources = NULL;
    gboolean overwrite = FALSE;
    const GOptionEntry entries[] = {
        { "max-resources", 0, 0, G_OPTION_ARG_STRING, &max_resources,
          N_("How many resources it may have (default: 4096)"), N_("N") },
        { "overwrite", 0, 0, G_OPTION_ARG_NONE, &overwrite,
          N_("Destroy what is in its two areas; resources behind them stay"), NULL },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 2, 2, &status))
        return status;

    GError *error = NULL;
    guint64 number;
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    if (max_resources) {
        if (!command_line_number(max_resources, "--max-resources", 1, G_MAXUINT32, &number, &error))
            return command_line_fail(error);
        g_variant_dict_insert(&options, "max-resources", "u", (guint32)number);
    }
    if (overwrite)
        g_variant_dict_insert(&options, "overwrite", "b", TRUE);

    g_auto(IndexTarget) target = { 0 };
    if (!index_target_open(&target, line, &error) ||
        !bailiff_bus_lockspace_call_format_index_sync(
            target.lockspace, target.place.path, target.place.offset, g_variant_dict_end(&options),
            INDEX_CALL_FLAGS, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
