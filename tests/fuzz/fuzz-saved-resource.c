/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is written down of a resource lease. Whatever stands there under a good sum: what is taken
 * can be, and is the same when it is written down again. In the input, @BOOT@ stands for the id of
 * this boot.
 */
#include "engine/saved-resource.h"
#include "fuzz.h"
#include "support/runtime-directory.h"

static char *directory;
static char *path;

static void remove_directory(void)
{
    runtime_directory_remove(directory);
    g_clear_pointer(&directory, g_free);
    g_clear_pointer(&path, g_free);
}

static void make_directory(void)
{
    directory = runtime_directory_make();
    g_autofree char *below = g_build_filename(directory, "resources", "n-one", NULL);
    g_assert_cmpint(g_mkdir_with_parents(below, 0700), ==, 0);
    path = g_build_filename(below, "n-thing", NULL);
    atexit(remove_directory);
}

static void check(const SavedResource *got)
{
    g_assert_cmpstr(got->name, ==, "thing");
    g_assert_true(g_path_is_absolute(got->path));
    g_assert_nonnull(got->former_holder);
    g_assert_nonnull(saved_resource_use_name(got->use));
    g_assert_true(got->mode == RESOURCE_EXCLUSIVE || got->mode == RESOURCE_SHARED);
    for (guint i = 0; i < got->holders->len; i++) {
        guint64 id = g_array_index(got->holders, guint64, i);

        g_assert_cmpuint(id, >, 0);
        g_assert_cmpuint(id, <, G_MAXUINT64);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = fuzz_text(data, size);

    if (directory == NULL)
        make_directory();
    runtime_directory_seal(path, text);
    g_autoptr(SavedResource) got = saved_resource_load(directory, "one", "thing", &error);
    if (got == NULL) {
        fuzz_assert_error(error);
        g_assert_cmpint(g_access(path, F_OK), ==, 0); /* the evidence stays */
        return 0;
    }
    check(got);
    g_assert_true(saved_resource_write(directory, "one", got, NULL));
    g_autoptr(SavedResource) again = saved_resource_load(directory, "one", "thing", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(again->path, ==, got->path);
    g_assert_cmpuint(again->offset, ==, got->offset);
    g_assert_cmpint(again->use, ==, got->use);
    g_assert_cmpint(again->mode, ==, got->mode);
    g_assert_cmpuint(again->won_version, ==, got->won_version);
    g_assert_cmpint(again->persistent, ==, got->persistent);
    g_assert_cmpint(again->orphan, ==, got->orphan);
    g_assert_cmpstr(again->former_holder, ==, got->former_holder);
    g_assert_cmpmem(again->holders->data, again->holders->len * sizeof(guint64), got->holders->data,
                    got->holders->len * sizeof(guint64));
    return 0;
}
