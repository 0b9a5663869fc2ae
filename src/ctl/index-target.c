/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An index and its lockspace; see the header.
 */
#include "ctl/index-target.h"

#include <glib/gi18n.h>

#include "ctl/model-table.h"
#include "ctl/safe-text.h"
#include "ctl/size-text.h"

gboolean index_target_open(IndexTarget *self, CommandLine *line, GError **error)
{
    if (!storage_place_parse(&self->place, line->words[0], error) ||
        !(self->client = bus_client_new(error)) || !bus_client_load(self->client, error))
        return FALSE;
    self->lockspace = bus_client_find_lockspace(self->client, line->words[1], error);
    return self->lockspace != NULL;
}

void index_target_clear(IndexTarget *self)
{
    storage_place_clear(&self->place);
    g_clear_pointer(&self->client, bus_client_free);
    g_clear_object(&self->lockspace);
}

void index_target_print(const IndexTarget *self, CommandLine *line, const char *name,
                        guint64 resource_offset)
{
    if (line->json) {
        g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
        g_variant_dict_insert(&dict, "name", "s", name);
        g_variant_dict_insert(&dict, "path", "s", self->place.path);
        g_variant_dict_insert(&dict, "offset", "t", resource_offset);
        output_json(g_variant_dict_end(&dict), FALSE);
        return;
    }
    g_autofree char *place = place_text(self->place.path, resource_offset);
    g_autofree char *text = g_strconcat(name, "@", place, NULL);
    g_autofree char *safe = safe_text(text);
    output_line("%s", safe);
}

gboolean resource_offset_insert(GVariantDict *dict, const char *text, GError **error)
{
    guint64 offset;
    if (!text)
        return TRUE;
    if (size_text_parse(&offset, text) != SIZE_OK || offset == 0) {
        ctl_set_error(error, CTL_EXIT_USAGE,
                      _("Write bytes, or KiB, MiB or GiB with K, M or G: 3M."),
                      _("--resource-offset: '%s' is not an offset of a resource."), text);
        return FALSE;
    }
    g_variant_dict_insert(dict, "resource-offset", "t", offset);
    return TRUE;
}
