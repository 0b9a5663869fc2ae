/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Persistent records: what keeps a lockspace from being joined, and what does not.
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "common/bailiff-error.h"
#include "engine/persistent-record.h"

#define SPACE "vg/0 %s"

static char *directory;

static char *path_of_record(void)
{
    g_autofree char *within = g_build_filename(directory, "persistent", NULL);
    g_autoptr(GDir) dir = g_dir_open(within, 0, NULL);
    const char *name = dir != NULL ? g_dir_read_name(dir) : NULL;

    return name != NULL ? g_build_filename(within, name, NULL) : NULL;
}

static void write_record(const char *first, const char *second)
{
    const char *const names[] = { first, second, NULL };
    g_autoptr(GError) error = NULL;

    g_assert_true(persistent_record_write(directory, SPACE, names, &error));
    g_assert_no_error(error);
}

static void check(const char *lockspace, const char *named)
{
    g_autoptr(GError) error = NULL;

    if (named == NULL) {
        g_assert_true(persistent_record_check(directory, lockspace, &error));
        g_assert_no_error(error);
        return;
    }
    g_assert_false(persistent_record_check(directory, lockspace, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, named));
}

static void test_kept_until_there_is_none(void)
{
    check(SPACE, NULL);
    write_record("disk", "tape");
    check(SPACE, "disk");
    check(SPACE, "tape");
    check("other", NULL);
    write_record("tape", NULL);
    check(SPACE, "(tape)");
    write_record(NULL, NULL);
    check(SPACE, NULL);
    write_record(NULL, NULL);
    g_assert_null(path_of_record());
}

/* Damaged is not the same as not there; of another boot is. */
static void test_contents(void)
{
    static const struct {
        const char *contents;
        gboolean void_of_meaning;
    } rows[] = {
        { "", FALSE },
        { "what?", FALSE },
        { "[persistent]\nFormat=1\n", FALSE },
        { "[persistent]\nFormat=1\nResources=disk;\n", FALSE },
        { "[persistent]\nFormat=1\nBootId=another\nResources=disk;\n", TRUE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = NULL;

        write_record("disk", NULL);
        path = path_of_record();
        g_assert_true(g_file_set_contents(path, rows[i].contents, -1, NULL));
        check(SPACE, rows[i].void_of_meaning ? NULL : "left behind");
        g_assert_cmpint(g_file_test(path, G_FILE_TEST_EXISTS), ==, !rows[i].void_of_meaning);
    }
    write_record(NULL, NULL);
}

static void test_cannot_be_written(void)
{
    static const char *const names[] = { "disk", NULL };
    g_autoptr(GError) error = NULL;

    g_assert_false(persistent_record_write("/proc/none", SPACE, names, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
}

int main(int argc, char **argv)
{
    g_autofree char *within = NULL;
    int status;

    g_test_init(&argc, &argv, NULL);
    directory = g_dir_make_tmp("persistent-XXXXXX", NULL);
    g_assert_nonnull(directory);
    g_test_add_func("/persistent-record/kept-until-there-is-none", test_kept_until_there_is_none);
    g_test_add_func("/persistent-record/contents", test_contents);
    g_test_add_func("/persistent-record/cannot-be-written", test_cannot_be_written);
    status = g_test_run();
    within = g_build_filename(directory, "persistent", NULL);
    g_rmdir(within);
    g_rmdir(directory);
    g_free(directory);
    return status;
}
