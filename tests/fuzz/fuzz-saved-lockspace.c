/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is written down of a lockspace. Whatever stands there under a good sum: what is taken can
 * be, and is the same when it is written down again. In the input, @BOOT@ stands for the id of this
 * boot.
 */
#include "common/boottime.h"
#include "engine/saved-lockspace.h"
#include "fuzz.h"
#include "ondisk/layout.h"
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
    g_autofree char *below = g_build_filename(directory, "lockspaces", NULL);
    g_assert_cmpint(g_mkdir(below, 0700), ==, 0);
    path = g_build_filename(below, "n-one", NULL);
    atexit(remove_directory);
}

static void check(const SavedLockspace *got)
{
    guint64 now_us = boottime_now();

    g_assert_cmpstr(got->name, ==, "one");
    g_assert_true(g_path_is_absolute(got->path));
    g_assert_cmpuint(strlen(got->host_name), >, 0);
    g_assert_cmpuint(got->host_id, >=, 1);
    g_assert_cmpuint(got->host_id, <=, LAYOUT_MAX_HOSTS);
    g_assert_cmpuint(got->io_timeout, >=, 1);
    g_assert_cmpuint(got->io_timeout, <=, 255);
    g_assert_cmpuint(got->last_renewal_us, >, 0);
    g_assert_cmpuint(got->last_renewal_us, <=, now_us);
    if (got->state == SAVED_LOCKSPACE_FAILING)
        g_assert_cmpuint(got->fail_us, <=, now_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = fuzz_text(data, size);

    if (directory == NULL)
        make_directory();
    runtime_directory_seal(path, text);
    g_autoptr(SavedLockspace) got = saved_lockspace_load(directory, "one", &error);
    if (got == NULL) {
        fuzz_assert_error(error);
        g_assert_cmpint(g_access(path, F_OK), ==, 0); /* the evidence stays */
        return 0;
    }
    check(got);
    g_assert_true(saved_lockspace_write(directory, got, NULL));
    g_autoptr(SavedLockspace) again = saved_lockspace_load(directory, "one", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(again->path, ==, got->path);
    g_assert_cmpstr(again->host_name, ==, got->host_name);
    g_assert_cmpuint(again->offset, ==, got->offset);
    g_assert_cmpuint(again->host_id, ==, got->host_id);
    g_assert_cmpuint(again->last_renewal_us, ==, got->last_renewal_us);
    g_assert_cmpint(again->state, ==, got->state);
    g_assert_true(leader_record_equal(&again->last, &got->last));
    return 0;
}
