/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is kept of a host lease in the runtime directory; and what counts as not understood.
 */
#include <glib.h>
#include <glib/gstdio.h>

#include "common/bailiff-error.h"
#include "engine/lockspace-past.h"

typedef struct Fixture {
    char *directory;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    fixture->directory = g_dir_make_tmp("past-XXXXXX", &error);
    g_assert_no_error(error);
}

static char *past_directory(const Fixture *fixture)
{
    return g_build_filename(fixture->directory, "past", NULL);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    g_autofree char *past = past_directory(fixture);
    g_autoptr(GDir) dir = g_dir_open(past, 0, NULL);
    const char *entry;

    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(past, entry, NULL);
        g_unlink(path);
    }
    g_rmdir(past);
    g_rmdir(fixture->directory);
    g_free(fixture->directory);
}

static guint64 load(const Fixture *fixture, const char *name, guint64 host_id)
{
    return lockspace_past_load(fixture->directory, name, host_id).doubt_from_us;
}

static void store(const Fixture *fixture, const char *name, guint64 host_id, guint64 from_us)
{
    HostLeasePast past = { .doubt_from_us = from_us };
    g_autoptr(GError) error = NULL;

    g_assert_true(lockspace_past_store(fixture->directory, name, host_id, &past, &error));
    g_assert_no_error(error);
}

static void test_kept(Fixture *fixture, gconstpointer data)
{
    g_assert_cmpuint(load(fixture, "space", 1), ==, 0);
    store(fixture, "space", 1, 0); /* nothing to remove is no error */
    store(fixture, "space", 1, 123456789);
    store(fixture, "space", 2, 1);
    store(fixture, "../up/..", 1, 77);
    g_assert_cmpuint(load(fixture, "space", 1), ==, 123456789);
    g_assert_cmpuint(load(fixture, "space", 2), ==, 1);
    g_assert_cmpuint(load(fixture, "space", 12), ==, 0);
    g_assert_cmpuint(load(fixture, "../up/..", 1), ==, 77);
    store(fixture, "space", 1, 0);
    g_assert_cmpuint(load(fixture, "space", 1), ==, 0);
    g_assert_cmpuint(load(fixture, "space", 2), ==, 1);
}

static void put_text(const Fixture *fixture, const char *text)
{
    g_autofree char *past = past_directory(fixture);
    g_autofree char *path = g_build_filename(past, "1-space", NULL);

    g_assert_cmpint(g_mkdir_with_parents(past, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void test_not_understood(Fixture *fixture, gconstpointer data)
{
    const char *const texts[] = {
        "",
        "noise",
        "[host-lease]\nFormat=1\nDoubtFromUsec=5\n",
        "[host-lease]\nFormat=1\nBootId=another\nDoubtFromUsec=99999999\n",
    };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        put_text(fixture, texts[i]);
        g_assert_cmpuint(load(fixture, "space", 1), ==, 1);
    }
}

static void test_cannot_be_written(Fixture *fixture, gconstpointer data)
{
    HostLeasePast past = { .doubt_from_us = 1 };
    g_autofree char *in_the_way = past_directory(fixture);
    g_autoptr(GError) error = NULL;

    g_assert_true(g_file_set_contents(in_the_way, "", 0, NULL));
    g_assert_false(lockspace_past_store(fixture->directory, "space", 1, &past, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    g_unlink(in_the_way);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/lockspace-past/kept", Fixture, NULL, set_up, test_kept, tear_down);
    g_test_add("/lockspace-past/not-understood", Fixture, NULL, set_up, test_not_understood,
               tear_down);
    g_test_add("/lockspace-past/cannot-be-written", Fixture, NULL, set_up, test_cannot_be_written,
               tear_down);
    return g_test_run();
}
