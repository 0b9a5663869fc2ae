/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and writing the files of incidents.
 */
#include "engine/incident-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/incident-file.h"

#define CURE                                                                                       \
    "Mend the directory, or name another one with --state-dir; incidents are kept in memory only " \
    "meanwhile."
#define FILE_CURE "It is left as it is; remove it when it is of no use."
#define OTHERS_MAY_WRITE (S_IWGRP | S_IWOTH)

static gboolean set_error(GError **error, const char *what, const char *path)
{
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, CURE, "%s %s: %s.", path, what,
                      g_strerror(errno));
    return FALSE;
}

/* Of a file that is to be read; who says so names it. */
static gboolean set_file_error(GError **error, const char *what)
{
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, FILE_CURE, "It cannot be %s: %s.", what,
                      g_strerror(errno));
    return FALSE;
}

/* What others could have put there would be shown as what happened on this host. */
static gboolean check_directory(const char *directory, GError **error)
{
    struct stat facts;

    if (g_mkdir_with_parents(directory, 0700) != 0)
        return set_error(error, "cannot be made", directory);
    if (lstat(directory, &facts) != 0)
        return set_error(error, "cannot be looked at", directory);
    if (S_ISDIR(facts.st_mode) && facts.st_uid == geteuid() &&
        (facts.st_mode & OTHERS_MAY_WRITE) == 0)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_NOT_AUTHORIZED, CURE,
                      "%s is no directory that only its owner, the user of bailiffd, can write "
                      "into.",
                      directory);
    return FALSE;
}

/* --- reading --------------------------------------------------------------------------------- */

static gboolean check_file(int fd, GError **error)
{
    struct stat facts;

    if (fstat(fd, &facts) != 0)
        return set_file_error(error, "looked at");
    if (!S_ISREG(facts.st_mode) || facts.st_uid != geteuid() ||
        (facts.st_mode & OTHERS_MAY_WRITE) != 0) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_AUTHORIZED, FILE_CURE,
                          "It is no file that only its owner, the user of bailiffd, can write.");
        return FALSE;
    }
    if (facts.st_size <= INCIDENT_FILE_MAX)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_CORRUPT, FILE_CURE, "It is larger than any incident.");
    return FALSE;
}

/* Whatever the size was when it was looked at: not more than the limit. */
static char *read_all(int fd, gsize *ret_length, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    guint8 piece[16384];
    gssize n;

    while ((n = read(fd, piece, sizeof piece)) > 0 && bytes->len <= INCIDENT_FILE_MAX)
        g_byte_array_append(bytes, piece, (guint)n);
    if (n < 0) {
        set_file_error(error, "read");
        return NULL;
    }
    *ret_length = bytes->len;
    g_byte_array_append(bytes, (const guint8 *)"", 1); /* an empty one is read, too */
    return (char *)g_byte_array_free(g_steal_pointer(&bytes), FALSE);
}

static IncidentRecord *read_incident(const char *path, guint64 number, GError **error)
{
    /* O_NONBLOCK: a pipe would be waited for. */
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    g_autofree char *text = NULL;
    gsize length = 0;

    if (fd < 0) {
        set_file_error(error, "opened");
        return NULL;
    }
    if (check_file(fd, error))
        text = read_all(fd, &length, error);
    close(fd);
    return text != NULL ? incident_file_parse(text, length, number, error) : NULL;
}

/* "17.AB12cd": what g_file_set_contents_full() makes, and renames at the end. */
static gboolean is_left_behind(const char *entry)
{
    return g_regex_match_simple("^[0-9]+\\.[A-Za-z0-9]{6}$", entry, 0, 0);
}

static gint compare_numbers(gconstpointer a, gconstpointer b)
{
    guint64 first = *(const guint64 *)a, second = *(const guint64 *)b;

    return first < second ? 1 : first > second ? -1 : 0;
}

/* The numbers that are there, the newest first. */
static GArray *list_numbers(const char *directory, GError **error)
{
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *entry;

    if (dir == NULL) {
        set_error(error, "cannot be listed", directory);
        return NULL;
    }
    while ((entry = g_dir_read_name(dir)) != NULL) {
        guint64 number;

        if (is_left_behind(entry)) {
            g_autofree char *path = g_build_filename(directory, entry, NULL);
            g_unlink(path);
        } else if (entry[0] != '0' &&
                   g_ascii_string_to_unsigned(entry, 10, 1, INCIDENT_NUMBER_MAX, &number, NULL)) {
            g_array_append_val(numbers, number);
        } else {
            log_line(LOG_WARNING, NULL,
                     "%s/%s is passed over: its name is not the number of an incident.", directory,
                     entry);
        }
    }
    g_array_sort(numbers, compare_numbers);
    return g_steal_pointer(&numbers);
}

static void load_one(const char *directory, guint64 number, guint max, GPtrArray *records)
{
    g_autofree char *path = g_strdup_printf("%s/%" G_GUINT64_FORMAT, directory, number);
    g_autoptr(GError) error = NULL;
    g_autoptr(IncidentRecord) record = read_incident(path, number, &error);

    if (record == NULL) {
        log_line(LOG_WARNING, NULL, "%s is passed over: %s", path, error->message);
    } else if (records->len < max) {
        g_ptr_array_insert(records, 0, g_steal_pointer(&record));
    } else {
        g_unlink(path);
    }
}

GPtrArray *incident_directory_load(const char *directory, guint max, guint64 *ret_highest,
                                   GError **error)
{
    GPtrArray *records =
        g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))incident_record_free);
    g_autoptr(GArray) numbers = NULL;

    *ret_highest = 0;
    if (!check_directory(directory, error) || (numbers = list_numbers(directory, error)) == NULL)
        return records;
    for (guint i = 0; i < numbers->len; i++) {
        guint64 number = g_array_index(numbers, guint64, i);

        *ret_highest = MAX(*ret_highest, number);
        load_one(directory, number, max, records);
    }
    return records;
}

GPtrArray *incident_directory_load_all(const char *directory, GArray **ret_unread)
{
    GPtrArray *records =
        g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))incident_record_free);
    g_autoptr(GArray) numbers = NULL;

    *ret_unread = g_array_new(FALSE, FALSE, sizeof(guint64));
    /* There is none before the first incident. */
    if (!g_file_test(directory, G_FILE_TEST_EXISTS) || !check_directory(directory, NULL) ||
        (numbers = list_numbers(directory, NULL)) == NULL)
        return records;
    for (guint i = 0; i < numbers->len; i++) {
        guint64 number = g_array_index(numbers, guint64, i);
        guint before = records->len;

        load_one(directory, number, G_MAXUINT, records);
        if (records->len == before)
            g_array_append_val(*ret_unread, number);
    }
    return records;
}

/* --- writing --------------------------------------------------------------------------------- */

/* By a name that is taken for one of GLib's, and removed, when this process ends meanwhile. No
 * fsync(), which GLib does for the order of things on a disk. */
static gboolean write_volatile(const char *path, const char *text, gsize length, GError **error)
{
    g_autofree char *temporary = g_strconcat(path, ".writes", NULL);

    g_unlink(temporary);
    if (g_file_set_contents_full(temporary, text, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0600,
                                 error) &&
        g_rename(temporary, path) == 0)
        return TRUE;
    if (error != NULL && *error == NULL)
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, g_strerror(errno));
    return FALSE;
}

gboolean incident_directory_write(const char *directory, const IncidentRecord *record,
                                  gboolean durable, GError **error)
{
    gsize length;
    g_autofree char *text = incident_file_print(record, &length);
    g_autofree char *path = g_strdup_printf("%s/%" G_GUINT64_FORMAT, directory, record->number);
    g_autoptr(GError) local = NULL;

    if (!check_directory(directory, error))
        return FALSE;
    /* The watchdog may reset this host in a moment, and it is then that somebody reads this. */
    if (durable ? g_file_set_contents_full(
                      path, text, (gssize)length,
                      G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, &local)
                : write_volatile(path, text, length, &local))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, CURE, "%s cannot be written: %s", path,
                      local->message);
    return FALSE;
}

gboolean incident_directory_remove(const char *directory, guint64 number, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%" G_GUINT64_FORMAT, directory, number);

    if (!check_directory(directory, error))
        return FALSE;
    return g_unlink(path) == 0 || errno == ENOENT || set_error(error, "cannot be removed", path);
}
