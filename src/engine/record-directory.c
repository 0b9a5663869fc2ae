/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and writing the files of lockspace records.
 */
#include "engine/record-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "common/printable-word.h"

#define SUFFIX ".conf"
#define CURE "Mend the directory, or name another one with --records-dir."
#define FILE_CURE "Mend the file, or remove it (bailiffctl forget)."
#define OTHERS_MAY_WRITE (S_IWGRP | S_IWOTH)

void record_file_free(RecordFile *self)
{
    if (self == NULL)
        return;
    g_free(self->name);
    g_free(self->path);
    lockspace_settings_free(self->settings);
    g_clear_error(&self->error);
    g_free(self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RecordFile, record_file_free)

static gboolean set_error(GError **error, const char *what, const char *path, const char *cure)
{
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, cure, "%s %s: %s.", path, what,
                      g_strerror(errno));
    return FALSE;
}

static gboolean is_trusted(const struct stat *facts)
{
    return (facts->st_uid == 0 || facts->st_uid == geteuid()) &&
           (facts->st_mode & OTHERS_MAY_WRITE) == 0;
}

/* FALSE without an error: there is none. */
static gboolean check_directory(const char *directory, GError **error)
{
    struct stat facts;

    if (stat(directory, &facts) != 0) {
        if (errno != ENOENT)
            set_error(error, "cannot be looked at", directory, CURE);
        return FALSE;
    }
    if (S_ISDIR(facts.st_mode) && is_trusted(&facts))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_NOT_AUTHORIZED, CURE,
                      "%s is no directory that only root, or the user of bailiffd, can write into: "
                      "its records are not used.",
                      directory);
    return FALSE;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Names of files are bytes; what is shown is text. */
static char *printable_path(const char *directory, const char *entry)
{
    g_autofree char *path = g_build_filename(directory, entry, NULL);

    return printable_bytes(path);
}

static gboolean check_file(int fd, const char *path, GError **error)
{
    struct stat facts;

    if (fstat(fd, &facts) != 0)
        return set_error(error, "cannot be looked at", path, FILE_CURE);
    if (!S_ISREG(facts.st_mode) || !is_trusted(&facts)) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_AUTHORIZED, FILE_CURE,
                          "%s is no file that only root, or the user of bailiffd, can write.",
                          path);
        return FALSE;
    }
    if (facts.st_size <= LOCKSPACE_SETTINGS_FILE_MAX)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, FILE_CURE,
                      "%s is larger than any record.", path);
    return FALSE;
}

/* Whatever the size was when it was looked at: not more than the limit. */
static gboolean read_all(int fd, const char *path, GByteArray *bytes, GError **error)
{
    guint8 piece[4096];
    gssize n;

    while ((n = read(fd, piece, sizeof piece)) > 0 && bytes->len <= LOCKSPACE_SETTINGS_FILE_MAX)
        g_byte_array_append(bytes, piece, (guint)n);
    return n >= 0 || set_error(error, "cannot be read", path, FILE_CURE);
}

static LockspaceSettings *read_settings(const char *directory, const char *entry,
                                        const RecordFile *file, GError **error)
{
    g_autofree char *path = g_build_filename(directory, entry, NULL);
    /* O_NONBLOCK: a pipe would be waited for. */
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    gboolean worked;

    if (fd < 0 && errno == ELOOP)
        bailiff_set_error(error, BAILIFF_ERROR_NOT_AUTHORIZED, FILE_CURE,
                          "%s is a symbolic link, which is not followed.", file->path);
    else if (fd < 0)
        set_error(error, "cannot be opened", file->path, FILE_CURE);
    if (fd < 0)
        return NULL;
    worked = check_file(fd, file->path, error) && read_all(fd, file->path, bytes, error);
    close(fd);
    if (!worked)
        return NULL;
    return lockspace_settings_parse(file->path, file->name,
                                    bytes->data != NULL ? (const char *)bytes->data : "",
                                    bytes->len, error);
}

static RecordFile *read_file(const char *directory, const char *entry)
{
    RecordFile *self = g_new0(RecordFile, 1);

    self->path = printable_path(directory, entry);
    self->name = g_strndup(entry, strlen(entry) - strlen(SUFFIX));
    self->settings = read_settings(directory, entry, self, &self->error);
    return self;
}

static gint compare_files(gconstpointer a, gconstpointer b)
{
    const RecordFile *const *first = a, *const *second = b;

    return strcmp((*first)->name, (*second)->name);
}

GPtrArray *record_directory_load(const char *directory, GError **error)
{
    g_autoptr(GPtrArray) files =
        g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))record_file_free);
    g_autoptr(GError) local = NULL;
    g_autoptr(GDir) dir = NULL;
    const char *entry;

    if (!check_directory(directory, &local)) {
        if (local == NULL)
            return g_steal_pointer(&files);
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    dir = g_dir_open(directory, 0, NULL);
    if (dir == NULL) {
        set_error(error, "cannot be listed", directory, CURE);
        return NULL;
    }
    while ((entry = g_dir_read_name(dir)) != NULL) {
        if (!g_str_has_suffix(entry, SUFFIX) || entry[0] == '.')
            continue;
        if (files->len == RECORD_FILES_MAX) {
            log_line(LOG_WARNING, NULL, "%s has more than %u records; the rest is not used.",
                     directory, RECORD_FILES_MAX);
            break;
        }
        g_ptr_array_add(files, read_file(directory, entry));
    }
    g_ptr_array_sort(files, compare_files);
    return g_steal_pointer(&files);
}

/* --- writing --------------------------------------------------------------------------------- */

static char *file_path(const char *directory, const char *name)
{
    g_autofree char *entry = g_strconcat(name, SUFFIX, NULL);

    return g_build_filename(directory, entry, NULL);
}

gboolean record_directory_write(const char *directory, const LockspaceSettings *settings,
                                GError **error)
{
    g_autofree char *text = lockspace_settings_print(settings);
    g_autofree char *path = file_path(directory, settings->name);
    g_autoptr(GError) local = NULL;

    if (g_mkdir_with_parents(directory, 0755) != 0)
        return set_error(error, "cannot be made", directory, CURE);
    if (!check_directory(directory, &local)) {
        if (local == NULL)
            return set_error(error, "is gone", directory, CURE);
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    if (g_file_set_contents_full(path, text, -1,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0644,
                                 &local))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, CURE, "%s cannot be written: %s", path,
                      local->message);
    return FALSE;
}

gboolean record_directory_remove(const char *directory, const char *name, GError **error)
{
    g_autofree char *path = file_path(directory, name);
    g_autoptr(GError) local = NULL;

    if (!check_directory(directory, &local)) {
        if (local == NULL)
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    return g_unlink(path) == 0 || errno == ENOENT ||
           set_error(error, "cannot be removed", path, CURE);
}
