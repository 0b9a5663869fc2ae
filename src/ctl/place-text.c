/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/place-text.h"

#include <glib/gi18n.h>
#include <string.h>

#include "ctl/exit-status.h"
#include "ctl/size-text.h"

/* Digits and at most three letters: "1M", but also "1MiB" and "4T", which are better refused than
 * taken for a part of the path. */
static gboolean looks_like_offset(const char *text)
{
    gsize digits = strspn(text, "0123456789");
    gsize letters = 0;
    while (g_ascii_isalpha(text[digits + letters]))
        letters++;
    return digits > 0 && letters <= 3 && text[digits + letters] == '\0';
}

gboolean storage_place_parse(StoragePlace *ret, const char *text, GError **error)
{
    guint64 offset = 0;
    const char *colon = strrchr(text, ':');
    gsize length = strlen(text);
    if (colon && colon[1] == '\0') {
        ctl_set_error(error, CTL_EXIT_USAGE,
                      _("Write the offset behind the colon, such as :0 or :1M."),
                      _("'%s' ends with a colon."), text);
        return FALSE;
    }
    if (colon && looks_like_offset(colon + 1)) {
        SizeFault fault = size_text_parse(&offset, colon + 1);
        if (fault) {
            ctl_set_error(error, CTL_EXIT_USAGE,
                          _("Write bytes, or KiB, MiB or GiB with K, M or G: 4096, 4K, 1M. If the "
                            "colon belongs to the path, put :0 behind it."),
                          fault == SIZE_TOO_LARGE ? _("The offset '%s' is too large.")
                                                  : _("The offset '%s' is not a size."),
                          colon + 1);
            return FALSE;
        }
        length = (gsize)(colon - text);
    }
    if (length == 0) {
        ctl_set_error(error, CTL_EXIT_USAGE,
                      _("Write it as PATH or PATH:OFFSET, such as /dev/vg0/leases:1M."),
                      _("'%s' names no file or device."), text);
        return FALSE;
    }
    g_autofree char *path = g_strndup(text, length);
    ret->path = g_canonicalize_filename(path, NULL);
    ret->offset = offset;
    return TRUE;
}

void storage_place_clear(StoragePlace *self)
{
    g_clear_pointer(&self->path, g_free);
}

ResourcePlace *resource_place_parse(const char *text, GError **error)
{
    const char *at = strchr(text, '@');
    if (!at || at == text) {
        ctl_set_error(error, CTL_EXIT_USAGE,
                      _("Write it as RESOURCE@PATH:OFFSET, such as disk1@/dev/vg0/leases:1M."),
                      _("'%s' does not say which resource lies where."), text);
        return NULL;
    }
    g_autoptr(ResourcePlace) place = g_new0(ResourcePlace, 1);
    place->resource = g_strndup(text, (gsize)(at - text));
    if (!storage_place_parse(&place->place, at + 1, error))
        return NULL;
    return g_steal_pointer(&place);
}

void resource_place_free(ResourcePlace *self)
{
    if (!self)
        return;
    g_free(self->resource);
    storage_place_clear(&self->place);
    g_free(self);
}
