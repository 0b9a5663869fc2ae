/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl list-resources: what an index has. The names come from the disk.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/index-target.h"
#include "ctl/model-table.h"

static void print_json(const IndexTarget *target, GVariant *resources)
{
    g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));
    GVariantIter iter;
    const char *name;
    guint64 offset;

    g_variant_iter_init(&iter, resources);
    while (g_variant_iter_next(&iter, "(&st)", &name, &offset)) {
        g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
        g_variant_dict_insert(&dict, "name", "s", name);
        g_variant_dict_insert(&dict, "path", "s", target->place.path);
        g_variant_dict_insert(&dict, "offset", "t", offset);
        g_variant_builder_add_value(&list, g_variant_dict_end(&dict));
    }
    output_json(g_variant_builder_end(&list), FALSE);
}

static void print_text(const IndexTarget *target, CommandLine *line, GVariant *resources)
{
    g_autoptr(OutputTable) table = output_table_new(_("RESOURCE"), _("PLACE"), NULL);
    GVariantIter iter;
    const char *name;
    guint64 offset;

    g_variant_iter_init(&iter, resources);
    while (g_variant_iter_next(&iter, "(&st)", &name, &offset)) {
        g_autofree char *place = place_text(target->place.path, offset);
        output_table_add(table, TABLE_PLAIN, name);
        output_table_add(table, TABLE_PLAIN, place);
    }
    if (output_table_n_rows(table) == 0)
        output_line("%s", _("The index has no resource."));
    else
        output_table(&line->output, table, 0);
}

int command_list_resources(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 2, 2, &status))
        return status;

    GError *error = NULL;
    g_autoptr(GVariant) resources = NULL;
    g_auto(IndexTarget) target = { 0 };
    if (!index_target_open(&target, line, &error) ||
        !bailiff_bus_lockspace_call_list_resources_sync(
            target.lockspace, target.place.path, target.place.offset, g_variant_new("a{sv}", NULL),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, &resources, NULL,
            &error))
        return command_line_fail(error);
    if (line->json)
        print_json(&target, resources);
    else
        print_text(&target, line, resources);
    return CTL_EXIT_OK;
}
