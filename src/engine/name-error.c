/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names and paths that users give.
 */
#include "engine/name-error.h"

#include <limits.h>
#include <string.h>

#include "base/fixed-name.h"
#include "common/bailiff-error.h"

gboolean bailiff_check_name(const char *what, const char *name, guint max_length, GError **error)
{
    switch (fixed_name_check(name, max_length)) {
    case NAME_OK:
        return TRUE;
    case NAME_EMPTY:
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Give it a name.",
                          "The name of the %s is empty.", what);
        return FALSE;
    case NAME_TOO_LONG:
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Use a shorter name.",
                          "The name of the %s has %" G_GSIZE_FORMAT
                          " bytes; at most %u fit on disk.",
                          what, strlen(name), max_length);
        return FALSE;
    case NAME_BAD_CHARACTER:
        break;
    }
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "Use printable ASCII characters without blank, slash, colon and backslash.",
                      "The name of the %s has a character that names cannot have.", what);
    return FALSE;
}

gboolean bailiff_check_path(const char *path, GError **error)
{
    if (g_path_is_absolute(path) && strlen(path) < PATH_MAX)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "Give the whole path of the file or block device, from / on.",
                      *path == '\0' ? "The path is empty."
                                    : "The path is not absolute, or too long.");
    return FALSE;
}
