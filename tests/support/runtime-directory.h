/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A runtime directory for tests, and files in it whose bytes are the test's own: sealed with the
 * checksum that they need to be looked at.
 */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/crc32c.h"
#include "common/bailiff-error.h"
#include "common/process-identity.h"

static inline char *runtime_directory_make(void)
{
    g_autoptr(GError) error = NULL;
    char *directory = g_dir_make_tmp("bailiff-runtime-XXXXXX", &error);

    g_assert_no_error(error);
    return directory;
}

static inline void runtime_directory_remove(const char *directory)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(directory, name, NULL);

        if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK) && g_file_test(path, G_FILE_TEST_IS_DIR))
            runtime_directory_remove(path);
        else
            g_unlink(path);
    }
    g_rmdir(directory);
}

/* `text` behind the line with its sum; @BOOT@ in it stands for the id of this boot. */
static inline void runtime_directory_seal(const char *path, const char *text)
{
    g_autofree char *boot_id = process_boot_id(NULL);
    g_auto(GStrv) parts = g_strsplit(text, "@BOOT@", -1);
    g_autofree char *body = g_strjoinv(boot_id, parts);
    g_autofree char *whole = g_strdup_printf("# bailiff crc32c %08x\n%s",
                                             ~crc32c(0xFFFFFFFFu, body, strlen(body)), body);
    g_autoptr(GError) error = NULL;

    g_unlink(path);
    g_file_set_contents_full(path, whole, -1, G_FILE_SET_CONTENTS_NONE, 0600, &error);
    g_assert_no_error(error);
}

/* With `key=` of the first group set to `value`, and sealed anew; NULL: without that line. */
static inline void runtime_directory_change(const char *path, const char *key, const char *value)
{
    g_autofree char *text = NULL;
    g_autofree char *changed = NULL;
    g_autofree char *begin = g_strdup_printf("\n%s=", key);
    g_autoptr(GError) error = NULL;
    const char *found, *end;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    found = strstr(text, begin);
    g_assert_nonnull(found);
    end = strchr(found + 1, '\n');
    g_autofree char *head = g_strndup(text, (gsize)(found - text));
    /* Behind the line with the sum. */
    const char *body = strchr(head, '\n');
    g_assert_nonnull(body);
    changed = value == NULL ? g_strconcat(body + 1, end, NULL)
                            : g_strconcat(body + 1, begin, value, end, NULL);
    runtime_directory_seal(path, changed);
}

/* What became of a file that was changed so: `taken`, or refused with `error`; `code` < 0: it was
 * to be taken. */
static inline void runtime_directory_assert_load(const char *key, const char *value, gboolean taken,
                                                 const GError *error, int code)
{
    if (code < 0) {
        g_assert_no_error(error);
        return;
    }
    if (taken)
        g_error("%s=%s was taken", key, value);
    g_assert_error(error, BAILIFF_ERROR, code);
}
