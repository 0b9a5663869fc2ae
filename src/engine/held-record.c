/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Held leases, written down as key files.
 */
#include "engine/held-record.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "actions/domain-target.h"
#include "actions/process-target.h"
#include "actions/unit-target.h"
#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "common/runtime-file.h"
#include "common/saved-state.h"

#define GROUP HELD_RECORD_GROUP
#define FORMAT SAVED_REGISTRATION_FORMAT

static char *held_directory(const char *runtime_dir)
{
    return g_build_filename(runtime_dir, SAVED_REGISTRATIONS_DIRECTORY, NULL);
}

static char *record_path(const char *runtime_dir, guint64 id)
{
    g_autofree char *directory = held_directory(runtime_dir);

    return g_strdup_printf("%s/%" G_GUINT64_FORMAT, directory, id);
}

static char *entry_name(guint64 id)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT, id);
}

GKeyFile *held_record_new(const char *name, BailiffTarget *target, const char *const *lockspaces,
                          GError **error)
{
    GKeyFile *file = runtime_file_new(GROUP, FORMAT, error);

    if (file == NULL)
        return NULL;
    g_key_file_set_string(file, GROUP, "Name", name);
    g_key_file_set_string(file, GROUP, "Kind",
                          failure_target_name(bailiff_target_get_kind(target)));
    g_key_file_set_string(file, GROUP, "Target", bailiff_target_get_description(target));
    bailiff_target_fill_record(target, file, GROUP);
    g_key_file_set_string_list(file, GROUP, "Lockspaces", lockspaces,
                               g_strv_length((char **)lockspaces));
    return file;
}

gboolean held_record_write(const char *runtime_dir, guint64 id, GKeyFile *record, GError **error)
{
    g_autofree char *directory = held_directory(runtime_dir);
    g_autofree char *entry = entry_name(id);

    return runtime_file_write(directory, entry, record,
                              "Make room, or mend the runtime directory; no lease is given before "
                              "it is written down who holds it.",
                              error);
}

GKeyFile *held_record_load(const char *runtime_dir, guint64 id, GError **error)
{
    g_autofree char *directory = held_directory(runtime_dir);
    g_autofree char *entry = entry_name(id);

    return runtime_file_load(directory, entry, GROUP, FORMAT, error);
}

static gint compare_ids(gconstpointer a, gconstpointer b)
{
    guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

    return x < y ? -1 : x > y;
}

/* What is no number is a temporary file of a write that never ended: no lease was given. */
static gboolean is_there(const char *runtime_dir, guint64 id)
{
    g_autofree char *path = record_path(runtime_dir, id);
    struct stat facts;

    return lstat(path, &facts) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static gboolean is_among(const GArray *ids, guint64 id)
{
    for (guint i = 0; i < ids->len; i++)
        if (g_array_index(ids, guint64, i) == id)
            return TRUE;
    return FALSE;
}

gboolean held_records_drop_removed(const char *runtime_dir, GArray *ids, const GArray *never_there)
{
    guint before = ids->len;

    for (guint i = ids->len; i-- > 0;) {
        guint64 id = g_array_index(ids, guint64, i);

        if (!is_there(runtime_dir, id) && !is_among(never_there, id))
            g_array_remove_index(ids, i);
    }
    return ids->len < before;
}

GArray *held_records_list(const char *runtime_dir)
{
    g_autofree char *directory = held_directory(runtime_dir);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(guint64));
    const char *entry;

    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        guint64 id;

        if (g_ascii_string_to_unsigned(entry, 10, 1, G_MAXUINT64 - 1, &id, NULL))
            g_array_append_val(ids, id);
    }
    g_array_sort(ids, compare_ids);
    return ids;
}

gboolean held_record_mark_missing(const char *runtime_dir, guint64 id, GError **error)
{
    static const char text[] =
        "The record of this registration was missing, and leases were given to it.\n"
        "Make sure that what was registered does not run, then remove this file.\n";
    g_autofree char *directory = held_directory(runtime_dir);
    g_autofree char *path = record_path(runtime_dir, id);
    int fd = -1;

    /* Never over one that only could not be seen. An empty file says it as well as one with the
     * text. */
    if (g_mkdir_with_parents(directory, 0700) == 0)
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "Make room, or mend the runtime directory.",
                          "%s could not be written: %s", path, g_strerror(errno));
        return FALSE;
    }
    if (fd >= 0) {
        if (write(fd, text, sizeof text - 1) < 0)
            log_line(LOG_DEBUG, NULL, "%s stays empty: %s", path, g_strerror(errno));
        close(fd);
    }
    return TRUE;
}

void held_record_remove(const char *runtime_dir, guint64 id)
{
    g_autofree char *path = record_path(runtime_dir, id);

    if (g_unlink(path) != 0 && errno != ENOENT)
        log_message(MESSAGE_RECORD_FAILED, LOG_SUBJECT(.registration = id),
                    "%s could not be removed: %s", path, g_strerror(errno));
}

/* TRUE when the record says of somebody who is no more, so that it can go. */
static gboolean record_is_void(GKeyFile *file)
{
    g_autofree char *kind = g_key_file_get_string(file, GROUP, "Kind", NULL);

    if (g_strcmp0(kind, failure_target_name(FAILURE_TARGET_PROCESS)) == 0)
        return bailiff_process_target_record_has_ended(file, GROUP);
    if (g_strcmp0(kind, failure_target_name(FAILURE_TARGET_UNIT)) == 0)
        return bailiff_unit_target_record_has_ended(file, GROUP);
    if (g_strcmp0(kind, failure_target_name(FAILURE_TARGET_DOMAIN)) == 0)
        return bailiff_domain_target_record_has_ended(file, GROUP);
    return FALSE;
}

static gboolean record_names(GKeyFile *file, const char *lockspace)
{
    g_auto(GStrv) names = g_key_file_get_string_list(file, GROUP, "Lockspaces", NULL, NULL);

    return names == NULL || g_strv_contains((const char *const *)names, lockspace);
}

static gboolean check_record(const char *runtime_dir, guint64 id, const char *lockspace,
                             GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GKeyFile) file = held_record_load(runtime_dir, id, &local);
    g_autofree char *name = NULL;
    g_autofree char *target = NULL;

    if (g_error_matches(local, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND)) {
        held_record_remove(runtime_dir, id); /* of an earlier boot */
        return TRUE;
    }
    if (file == NULL) {
        g_autofree char *path = record_path(runtime_dir, id);

        bailiff_set_error(
            error, BAILIFF_ERROR_BUSY,
            "Make sure that no process which an earlier bailiffd gave leases to still "
            "runs, then remove the file.",
            "%s cannot be read, so who holds leases is not known.", path);
        return FALSE;
    }
    if (record_is_void(file)) {
        held_record_remove(runtime_dir, id);
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

gboolean held_records_check(const char *runtime_dir, guint64 below_id, HeldRecordIsOwn own,
                            gpointer user_data, const char *lockspace, GError **error)
{
    g_autoptr(GArray) ids = held_records_list(runtime_dir);

    for (guint i = 0; i < ids->len; i++) {
        guint64 id = g_array_index(ids, guint64, i);

        if (id < below_id && !(own != NULL && own(id, user_data)) &&
            !check_record(runtime_dir, id, lockspace, error))
            return FALSE;
    }
    return TRUE;
}

guint64 held_records_highest_id(const char *runtime_dir)
{
    g_autoptr(GArray) ids = held_records_list(runtime_dir);

    return ids->len > 0 ? g_array_index(ids, guint64, ids->len - 1) : 0;
}
