/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/format-options.h"

#include <glib/gi18n.h>

#include "ctl/command-line.h"
#include "ctl/size-text.h"

void format_options_clear(FormatOptions *self)
{
    g_clear_pointer(&self->sector_size, g_free);
    g_clear_pointer(&self->align_size, g_free);
    g_clear_pointer(&self->io_timeout, g_free);
    g_clear_pointer(&self->max_hosts, g_free);
}

static gboolean insert_size(GVariantDict *dict, const char *key, const char *text, GError **error)
{
    guint64 size;
    if (!text)
        return TRUE;
    if (size_text_parse(&size, text) != SIZE_OK || size > G_MAXUINT32) {
        ctl_set_error(error, CTL_EXIT_USAGE,
                      _("Write bytes, or KiB or MiB with K or M: 512, 4K, 1M."),
                      _("--%s: '%s' is not a size."), key, text);
        return FALSE;
    }
    g_variant_dict_insert(dict, key, "u", (guint32)size);
    return TRUE;
}

static gboolean insert_number(GVariantDict *dict, const char *key, const char *text,
                              guint64 maximum, GError **error)
{
    guint64 number;
    g_autofree char *what = g_strdup_printf("--%s", key);
    if (!text)
        return TRUE;
    if (!command_line_number(text, what, 1, maximum, &number, error))
        return FALSE;
    g_variant_dict_insert(dict, key, "u", (guint32)number);
    return TRUE;
}

gboolean io_timeout_insert(GVariantDict *dict, const char *text, GError **error)
{
    return insert_number(dict, "io-timeout", text, 255, error);
}

GVariant *format_options_build(const FormatOptions *self, GError **error)
{
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
    if (!insert_size(&dict, "sector-size", self->sector_size, error) ||
        !insert_size(&dict, "align-size", self->align_size, error) ||
        !io_timeout_insert(&dict, self->io_timeout, error) ||
        !insert_number(&dict, "max-hosts", self->max_hosts, G_MAXUINT32, error))
        return NULL;
    if (self->overwrite)
        g_variant_dict_insert(&dict, "overwrite", "b", TRUE);
    return g_variant_dict_end(&dict);
}
