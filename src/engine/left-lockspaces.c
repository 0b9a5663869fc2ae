/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lockspaces that were left, as a key file.
 */
#include "engine/left-lockspaces.h"

#include <glib/gstdio.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "common/runtime-file.h"

#define FILE_NAME "left-lockspaces"
#define GROUP "left"
#define FORMAT 1

GHashTable *left_lockspaces_load(const char *runtime_dir)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GKeyFile) file = runtime_file_load(runtime_dir, FILE_NAME, GROUP, FORMAT, &error);
    g_auto(GStrv) list = NULL;

    if (file == NULL) {
        if (!g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND))
            log_line(LOG_WARNING, NULL,
                     "Which lockspaces were left by somebody is not known any more: %s",
                     error->message);
        return names;
    }
    list = g_key_file_get_string_list(file, GROUP, "Names", NULL, NULL);
    for (guint i = 0; list != NULL && list[i] != NULL; i++)
        g_hash_table_add(names, g_strdup(list[i]));
    return names;
}

void left_lockspaces_store(const char *runtime_dir, GHashTable *names)
{
    g_autofree char *path = g_build_filename(runtime_dir, FILE_NAME, NULL);
    g_autofree gpointer *list = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GKeyFile) file = NULL;
    guint n;

    list = g_hash_table_get_keys_as_array(names, &n);
    if (n == 0) {
        g_unlink(path);
        return;
    }
    file = runtime_file_new(GROUP, FORMAT, &error);
    if (file != NULL) {
        g_key_file_set_string_list(file, GROUP, "Names", (const char *const *)list, n);
        if (runtime_file_write(runtime_dir, FILE_NAME, file, "Make room, or mend the directory.",
                               &error))
            return;
    }
    log_message(MESSAGE_RECORD_FAILED, NULL,
                "A bailiffd that goes on for this one may join what was left: %s", error->message);
}
