/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known of a host lease from before, as key files.
 */
#include "engine/lockspace-past.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "common/bailiff-error.h"
#include "common/process-identity.h"
#include "common/runtime-file.h"

#define GROUP "host-lease"
#define FORMAT 1

static char *past_directory(const char *runtime_dir)
{
    return g_build_filename(runtime_dir, "past", NULL);
}

/* A lockspace may have any name; "/" must not get through, and nothing is a dot file. */
static char *file_name(const char *lockspace, guint64 host_id)
{
    g_autofree char *escaped = g_uri_escape_string(lockspace, NULL, FALSE);

    return g_strdup_printf("%" G_GUINT64_FORMAT "-%s", host_id, escaped);
}

HostLeasePast lockspace_past_load(const char *runtime_dir, const char *lockspace, guint64 host_id)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *directory = past_directory(runtime_dir);
    g_autofree char *name = file_name(lockspace, host_id);
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autofree char *now_boot = process_boot_id(NULL);
    g_autofree char *boot_id = NULL;
    g_autoptr(GError) error = NULL;
    guint64 from;

    if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &error))
        return (HostLeasePast){
            .doubt_from_us = g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT) ? 0 : 1,
        };
    boot_id = g_key_file_get_string(file, GROUP, "BootId", NULL);
    from = g_key_file_get_uint64(file, GROUP, "DoubtFromUsec", NULL);
    /* Times of another boot say nothing about this one's clock. */
    if (from == 0 || boot_id == NULL || g_strcmp0(boot_id, now_boot) != 0)
        from = 1;
    return (HostLeasePast){ .doubt_from_us = from };
}

static guint64 read_free(const char *directory, const char *name)
{
    g_autoptr(GKeyFile) file = runtime_file_load(directory, name, GROUP, FORMAT, NULL);

    /* Of an earlier boot: nothing that still is, but that it should not be beside what is. */
    return file != NULL ? g_key_file_get_uint64(file, GROUP, "DoubtFromUsec", NULL) : 0;
}

guint64 lockspace_past_find_free(const char *runtime_dir, const char *lockspace)
{
    g_autofree char *directory = past_directory(runtime_dir);
    g_autofree char *escaped = g_uri_escape_string(lockspace, NULL, FALSE);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    guint64 earliest = G_MAXUINT64;
    const char *entry;

    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        const char *name = strchr(entry, '-');

        /* The host id has no "-". */
        if (g_ascii_isdigit(entry[0]) && name != NULL && g_str_equal(name + 1, escaped))
            earliest = MIN(earliest, read_free(directory, entry));
    }
    return earliest != G_MAXUINT64 ? earliest : 0;
}

gboolean lockspace_past_store(const char *runtime_dir, const char *lockspace, guint64 host_id,
                              const HostLeasePast *past, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *directory = past_directory(runtime_dir);
    g_autofree char *name = file_name(lockspace, host_id);
    g_autofree char *boot_id = NULL;

    if (past->doubt_from_us == 0) {
        g_autofree char *path = g_build_filename(directory, name, NULL);

        if (g_unlink(path) == 0 || errno == ENOENT)
            return TRUE;
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "Mend the runtime directory.",
                          "%s cannot be removed: %s.", path, g_strerror(errno));
        return FALSE;
    }
    boot_id = process_boot_id(error);
    if (boot_id == NULL)
        return FALSE;
    g_key_file_set_integer(file, GROUP, "Format", FORMAT);
    g_key_file_set_string(file, GROUP, "BootId", boot_id);
    g_key_file_set_uint64(file, GROUP, "DoubtFromUsec", past->doubt_from_us);
    return runtime_file_write(directory, name, file,
                              "Make room, or mend the runtime directory; no lockspace is joined "
                              "before that is written down.",
                              error);
}
