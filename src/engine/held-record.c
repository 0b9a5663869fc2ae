/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Held leases, written down as key files.
 */
#include "engine/held-record.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "actions/domain-target.h"
#include "actions/process-target.h"
#include "actions/unit-target.h"
#include "common/bailiff-error.h"
#include "engine/runtime-file.h"

#define GROUP "registration"

static char *held_directory(const char *runtime_dir)
{
    return g_build_filename(runtime_dir, "held", NULL);
}

static char *record_path(const char *runtime_dir, guint64 id)
{
    g_autofree char *directory = held_directory(runtime_dir);

    return g_strdup_printf("%s/%" G_GUINT64_FORMAT, directory, id);
}

gboolean held_record_write(const char *runtime_dir, guint64 id, const char *name,
                           BailiffTarget *target, const char *const *lockspaces, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *directory = held_directory(runtime_dir);
    g_autofree char *entry = g_strdup_printf("%" G_GUINT64_FORMAT, id);
    g_autofree char *boot_id = process_boot_id(error);

    if (boot_id == NULL)
        return FALSE;
    g_key_file_set_integer(file, GROUP, "Format", 1);
    g_key_file_set_string(file, GROUP, "BootId", boot_id);
    g_key_file_set_string(file, GROUP, "Name", name);
    g_key_file_set_string(file, GROUP, "Kind",
                          failure_target_name(bailiff_target_get_kind(target)));
    g_key_file_set_string(file, GROUP, "Target", bailiff_target_get_description(target));
    bailiff_target_fill_record(target, file, GROUP);
    g_key_file_set_string_list(file, GROUP, "Lockspaces", lockspaces,
                               g_strv_length((char **)lockspaces));
    return runtime_file_write(directory, entry, file,
                              "Make room, or mend the runtime directory; no lease is given before "
                              "it is written down who holds it.",
                              error);
}

void held_record_remove(const char *runtime_dir, guint64 id)
{
    g_autofree char *path = record_path(runtime_dir, id);

    if (g_unlink(path) != 0 && errno != ENOENT)
        g_warning("%s could not be removed: %s", path, g_strerror(errno));
}

/* TRUE when the record says of somebody who is no more, so that it can go. */
static gboolean record_is_void(GKeyFile *file, const char *boot_id)
{
    g_autofree char *its_boot = g_key_file_get_string(file, GROUP, "BootId", NULL);
    g_autofree char *kind = g_key_file_get_string(file, GROUP, "Kind", NULL);

    if (its_boot != NULL && g_strcmp0(its_boot, boot_id) != 0)
        return TRUE;
    if (its_boot == NULL || g_key_file_get_integer(file, GROUP, "Format", NULL) != 1)
        return FALSE;
    if (kind == NULL || g_str_equal(kind, failure_target_name(FAILURE_TARGET_PROCESS)))
        return bailiff_process_target_record_has_ended(file, GROUP);
    if (g_str_equal(kind, failure_target_name(FAILURE_TARGET_UNIT)))
        return bailiff_unit_target_record_has_ended(file, GROUP);
    if (g_str_equal(kind, failure_target_name(FAILURE_TARGET_DOMAIN)))
        return bailiff_domain_target_record_has_ended(file, GROUP);
    return FALSE;
}

static gboolean record_names(GKeyFile *file, const char *lockspace)
{
    g_auto(GStrv) names = g_key_file_get_string_list(file, GROUP, "Lockspaces", NULL, NULL);

    return names == NULL || g_strv_contains((const char *const *)names, lockspace);
}

static gboolean check_record(const char *path, const char *boot_id, const char *lockspace,
                             GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *name = NULL;
    g_autofree char *target = NULL;

    if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL)) {
        bailiff_set_error(
            error, BAILIFF_ERROR_BUSY,
            "Make sure that no process which an earlier bailiffd gave leases to still "
            "runs, then remove the file.",
            "%s cannot be read, so who holds leases is not known.", path);
        return FALSE;
    }
    if (record_is_void(file, boot_id)) {
        g_unlink(path);
        return TRUE;
    }
    if (!record_names(file, lockspace))
        return TRUE;
    name = g_key_file_get_string(file, GROUP, "Name", NULL);
    target = g_key_file_get_string(file, GROUP, "Target", NULL);
    bailiff_set_error(error, BAILIFF_ERROR_BUSY, "End it, then join again.",
                      "The %s (%s) was given leases of lockspace %s by an earlier bailiffd that "
                      "ended without stopping it, and it still runs.",
                      target != NULL ? target : "target of a record",
                      name != NULL ? name : "unknown", lockspace);
    return FALSE;
}

gboolean held_records_check(const char *runtime_dir, guint64 below_id, const char *lockspace,
                            GError **error)
{
    g_autofree char *directory = held_directory(runtime_dir);
    g_autofree char *boot_id = process_boot_id(error);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *entry;

    if (boot_id == NULL)
        return FALSE;
    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        guint64 id;
        g_autofree char *path = g_build_filename(directory, entry, NULL);

        /* What is no number is a temporary file of a write that never ended: no lease was given. */
        if (!g_ascii_string_to_unsigned(entry, 10, 1, G_MAXUINT64 - 1, &id, NULL) || id >= below_id)
            continue;
        if (!check_record(path, boot_id, lockspace, error))
            return FALSE;
    }
    return TRUE;
}

guint64 held_records_highest_id(const char *runtime_dir)
{
    g_autofree char *directory = held_directory(runtime_dir);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *entry;
    guint64 highest = 0;

    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        guint64 id;

        if (g_ascii_string_to_unsigned(entry, 10, 1, G_MAXUINT64 - 1, &id, NULL))
            highest = MAX(highest, id);
    }
    return highest;
}
