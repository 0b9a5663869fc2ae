/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/lease-mode.h"

#include "common/bailiff-error.h"
#include "common/printable-word.h"

gboolean lease_mode_parse(const char *word, ResourceMode *ret, GError **error)
{
    if (g_str_equal(word, "exclusive")) {
        *ret = RESOURCE_EXCLUSIVE;
        return TRUE;
    }
    if (g_str_equal(word, "shared")) {
        *ret = RESOURCE_SHARED;
        return TRUE;
    }
    g_autofree char *shown = printable_word(word);
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Use exclusive or shared.",
                      "\"%s\" is not a mode of a lease.", shown);
    return FALSE;
}
