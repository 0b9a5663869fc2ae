/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Persistent leases, written down as key files.
 */
#include "engine/persistent-record.h"

#include <errno.h>
#include <glib/gstdio.h>

#include "common/bailiff-error.h"
#include "common/process-identity.h"
#include "common/runtime-file.h"

#define GROUP "persistent"

static char *record_directory(const char *runtime_dir)
{
    return g_build_filename(runtime_dir, "persistent", NULL);
}

/* Nothing is a dot file. */
static char *file_name(const char *lockspace)
{
    g_autofree char *escaped = g_uri_escape_string(lockspace, NULL, FALSE);

    return g_strconcat("of-", escaped, NULL);
}

static gboolean remove_record(const char *path, GError **error)
{
    if (g_unlink(path) == 0 || errno == ENOENT)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "Mend the runtime directory.",
                      "%s cannot be removed: %s.", path, g_strerror(errno));
    return FALSE;
}

gboolean persistent_record_write(const char *runtime_dir, const char *lockspace,
                                 const char *const *resources, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *directory = record_directory(runtime_dir);
    g_autofree char *name = file_name(lockspace);
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autofree char *boot_id = NULL;
    gsize n = g_strv_length((char **)resources);

    if (n == 0)
        return remove_record(path, error);
    boot_id = process_boot_id(error);
    if (boot_id == NULL)
        return FALSE;
    g_key_file_set_integer(file, GROUP, "Format", 1);
    g_key_file_set_string(file, GROUP, "BootId", boot_id);
    g_key_file_set_string_list(file, GROUP, "Resources", resources, n);
    return runtime_file_write(directory, name, file,
                              "Make room, or mend the runtime directory; no persistent lease is "
                              "given before it is written down.",
                              error);
}

gboolean persistent_record_check(const char *runtime_dir, const char *lockspace, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *directory = record_directory(runtime_dir);
    g_autofree char *name = file_name(lockspace);
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autofree char *now_boot = process_boot_id(error);
    g_autofree char *boot_id = NULL;
    g_autofree char *names = NULL;
    g_auto(GStrv) resources = NULL;
    g_autoptr(GError) local = NULL;

    if (now_boot == NULL)
        return FALSE;
    if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &local) &&
        g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return TRUE;
    boot_id = g_key_file_get_string(file, GROUP, "BootId", NULL);
    if (boot_id != NULL && g_strcmp0(boot_id, now_boot) != 0)
        return remove_record(path, error);
    resources = g_key_file_get_string_list(file, GROUP, "Resources", NULL, NULL);
    names = resources != NULL ? g_strjoinv(", ", resources) : g_strdup("unknown names");
    bailiff_set_error(
        error, BAILIFF_ERROR_BUSY,
        "Make sure that nothing on this host uses them, then join with the option "
        "forget-orphans.",
        "Persistent leases on resources of lockspace %s (%s) were left behind on this "
        "host and not released; to join again makes them void.",
        lockspace, names);
    return FALSE;
}
