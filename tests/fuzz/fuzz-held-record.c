/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records of held leases. A file that is not understood must count as a living holder. In the
 * input, @BOOT@ stands for the id of this boot, @PID@ and @START@ for this very process, which
 * lives.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "common/bailiff-error.h"
#include "common/process-identity.h"
#include "engine/held-record.h"
#include "fuzz.h"

#define GROUP "registration"

static char *directory;
static char *file_path;

static void remove_directory(void)
{
    g_autofree char *held = g_build_filename(directory, "held", NULL);
    g_unlink(file_path);
    g_rmdir(held);
    g_rmdir(directory);
    g_clear_pointer(&directory, g_free);
    g_clear_pointer(&file_path, g_free);
}

static void make_directory(void)
{
    g_autoptr(GError) error = NULL;
    directory = g_dir_make_tmp("bailiff-fuzz-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *held = g_build_filename(directory, "held", NULL);
    g_assert_cmpint(g_mkdir(held, 0700), ==, 0);
    file_path = g_build_filename(held, "7", NULL);
    atexit(remove_directory);
}

static void put_number(GString *text, const char *mark, guint64 number)
{
    g_autofree char *digits = g_strdup_printf("%" G_GUINT64_FORMAT, number);
    g_string_replace(text, mark, digits, 0);
}

static GString *fill_in(const uint8_t *data, size_t size)
{
    static char *boot_id;
    static ProcessIdentity self = { .pidfd = -1 };
    GString *text = g_string_new_len((const char *)data, (gssize)size);

    if (boot_id == NULL) {
        boot_id = process_boot_id(NULL);
        g_assert_nonnull(boot_id);
        g_assert_true(process_identity_from_pid(&self, getpid(), 0, NULL));
    }
    /* These work on C strings: behind a NUL nothing is filled in. */
    if (memchr(text->str, '\0', text->len) == NULL) {
        g_string_replace(text, "@BOOT@", boot_id, 0);
        put_number(text, "@PID@", (guint64)self.pid);
        put_number(text, "@START@", self.start_time);
    }
    return text;
}

/* With the checksum that it needs to be looked at. */
static void seal(GString *text)
{
    g_autofree char *head = g_strdup_printf("# bailiff crc32c %08x\n",
                                            ~crc32c(0xFFFFFFFFu, text->str, text->len));

    g_string_prepend(text, head);
}

/* May this record be passed over by one who wants to join lockspace "one"? */
static gboolean must_refuse(const char *text, gsize length)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    if (!g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, NULL))
        return TRUE;

    g_auto(GStrv) names = g_key_file_get_string_list(file, GROUP, "Lockspaces", NULL, NULL);
    if (names != NULL && !g_strv_contains((const char *const *)names, "one"))
        return FALSE;
    g_autofree char *boot = g_key_file_get_string(file, GROUP, "BootId", NULL);
    g_autofree char *this_boot = process_boot_id(NULL);
    if (boot == NULL)
        return TRUE;
    if (strcmp(boot, this_boot) != 0)
        return FALSE;
    guint64 start_time = g_key_file_get_uint64(file, GROUP, "StartTime", NULL);
    gint64 pid = g_key_file_get_int64(file, GROUP, "Pid", NULL);
    g_auto(ProcessIdentity) process = { .pidfd = -1 };
    if (start_time == 0 || pid <= 0 || pid > G_MAXINT32)
        return TRUE;
    return process_identity_from_pid(&process, (pid_t)pid, start_time, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;

    if (directory == NULL)
        make_directory();
    GString *text = fill_in(data, size);
    seal(text);
    /* GLib 2.74 leaves the tail of a longer file that is there. */
    g_unlink(file_path);
    g_assert_true(g_file_set_contents_full(file_path, text->str, (gssize)text->len,
                                           G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    gboolean refuse = must_refuse(text->str, text->len);
    gboolean passed = held_records_check(directory, 100, NULL, NULL, "one", &error);

    g_assert_true(!refuse || !passed);
    g_assert_cmpuint(held_records_highest_id(directory), <=, 7);
    if (!passed) {
        fuzz_assert_error(error);
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
        /* The evidence stays. */
        g_assert_cmpint(g_access(file_path, F_OK), ==, 0);
    } else {
        g_assert_no_error(error);
        g_assert_true(held_records_check(directory, 100, NULL, NULL, "one", NULL));
    }
    g_string_free(text, TRUE);
    return 0;
}
