/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Key files that are replaced as a whole.
 */
#include "engine/runtime-file.h"

#include <errno.h>
#include <glib/gstdio.h>

#include "common/bailiff-error.h"

gboolean runtime_file_write(const char *directory, const char *name, GKeyFile *file,
                            const char *cure, GError **error)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autofree char *temporary = g_strconcat(path, ".new", NULL);
    g_autoptr(GError) local = NULL;
    gsize length;
    g_autofree char *text = g_key_file_to_data(file, &length, NULL);

    /* What a daemon that died has left there would not be truncated: its tail would be read as
     * ours. */
    g_unlink(temporary);
    if (g_mkdir_with_parents(directory, 0700) == 0 &&
        g_file_set_contents_full(temporary, text, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0600,
                                 &local) &&
        g_rename(temporary, path) == 0)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, cure, "%s could not be written: %s.", path,
                      local != NULL ? local->message : g_strerror(errno));
    return FALSE;
}
