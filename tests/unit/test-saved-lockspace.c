/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lockspace that is written down: read back as it was, or not at all.
 */
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/runtime-file.h"
#include "engine/saved-lockspace.h"
#include "support/runtime-directory.h"

#define NAME "vg/0 ö"

typedef struct Fixture {
    char *directory;
    char *path;
    SavedLockspace one;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    g_autofree char *file_name = runtime_file_name(NAME);

    f->directory = runtime_directory_make();
    f->path = g_build_filename(f->directory, "lockspaces", file_name, NULL);
    f->one = (SavedLockspace){
        .name = (char *)NAME,
        .path = (char *)"/dev/vg0/leases",
        .host_name = (char *)"host-a",
        .offset = 1 << 20,
        .host_id = 2000,
        .io_timeout = 10,
        .last_renewal_us = boottime_now() - 1,
        .last = { .magic = 0x12212010,
                  .owner_id = 2000,
                  .owner_generation = G_MAXUINT64,
                  .timestamp = 5,
                  .io_timeout = 10,
                  .name = "host-a" },
    };
    leader_record_seal(&f->one.last);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    runtime_directory_remove(f->directory);
    g_free(f->directory);
    g_free(f->path);
}

static void write_it(Fixture *f)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(saved_lockspace_write(f->directory, &f->one, &error));
    g_assert_no_error(error);
}

static void test_round_trip(Fixture *f, gconstpointer data)
{
    for (int state = SAVED_LOCKSPACE_HELD; state <= SAVED_LOCKSPACE_LEAVING; state++) {
        g_autoptr(GError) error = NULL;

        f->one.state = (SavedLockspaceState)state;
        f->one.fail_us = state == SAVED_LOCKSPACE_FAILING ? boottime_now() - 3 : 0;
        write_it(f);
        g_autoptr(SavedLockspace) got = saved_lockspace_load(f->directory, NAME, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(got->name, ==, NAME);
        g_assert_cmpstr(got->path, ==, f->one.path);
        g_assert_cmpstr(got->host_name, ==, "host-a");
        g_assert_cmpuint(got->offset, ==, f->one.offset);
        g_assert_cmpuint(got->host_id, ==, 2000);
        g_assert_cmpuint(got->io_timeout, ==, 10);
        g_assert_cmpint(got->state, ==, state);
        g_assert_cmpuint(got->last_renewal_us, ==, f->one.last_renewal_us);
        g_assert_true(leader_record_equal(&got->last, &f->one.last));
        if (state == SAVED_LOCKSPACE_FAILING)
            g_assert_cmpuint(got->fail_us, ==, f->one.fail_us);
        else
            g_assert_cmpuint(got->fail_us, ==, f->one.last_renewal_us + 80 * G_USEC_PER_SEC);
    }
}

static void test_list(Fixture *f, gconstpointer data)
{
    g_auto(GStrv) none = saved_lockspaces_list(f->directory);

    g_assert_cmpuint(g_strv_length(none), ==, 0);
    write_it(f);
    f->one.name = (char *)"b";
    write_it(f);
    /* What cannot be read is there all the same; what is not finished is not. */
    runtime_directory_seal(f->path, "nonsense");
    g_autofree char *remains =
        g_build_filename(f->directory, "lockspaces", RUNTIME_FILE_NEW "n-c", NULL);
    runtime_directory_seal(remains, "nonsense");
    g_auto(GStrv) two = saved_lockspaces_list(f->directory);
    g_assert_cmpuint(g_strv_length(two), ==, 2);
    g_assert_true(g_strv_contains((const char *const *)two, NAME));
    g_assert_true(g_strv_contains((const char *const *)two, "b"));
    saved_lockspace_remove(f->directory, "b");
    saved_lockspace_remove(f->directory, "b");
    g_auto(GStrv) one = saved_lockspaces_list(f->directory);
    g_assert_cmpuint(g_strv_length(one), ==, 1);
}

static void assert_load(Fixture *f, const char *key, const char *value, int code)
{
    g_autoptr(GError) error = NULL;

    write_it(f);
    runtime_directory_change(f->path, key, value);
    g_autoptr(SavedLockspace) got = saved_lockspace_load(f->directory, NAME, &error);
    runtime_directory_assert_load(key, value, got != NULL, error, code);
}

/* Sealed, and yet it cannot be. */
static void test_hostile(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *key, *value;
    } bad[] = {
        { "Name", "other" },
        { "Name", NULL },
        { "Path", "relative" },
        { "Path", NULL },
        { "HostName", NULL },
        { "HostName", "" },
        { "HostId", "0" },
        { "HostId", "2001" },
        { "HostId", "-1" },
        { "HostId", NULL },
        { "IoTimeout", "0" },
        { "IoTimeout", "256" },
        { "IoTimeout", NULL },
        { "State", "HELD" },
        { "State", "" },
        { "State", NULL },
        { "Record", NULL },
        { "Record", "" },
        { "Record", "00" },
        { "Record", "zz" },
        { "LastRenewalUsec", "0" },
        { "LastRenewalUsec", NULL },
        { "LastRenewalUsec", "18446744073709551615" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_load(f, bad[i].key, bad[i].value, BAILIFF_ERROR_CORRUPT);
    /* Longer than any name on disk, and one with a control character. */
    g_autofree char *longest = g_strnfill(49, 'x');
    assert_load(f, "HostName", longest, BAILIFF_ERROR_CORRUPT);
    /* A moment that has not come: nothing would fail before it. */
    g_autofree char *future = g_strdup_printf(
        "%" G_GUINT64_FORMAT, boottime_now() + G_GUINT64_CONSTANT(3600) * G_USEC_PER_SEC);
    assert_load(f, "LastRenewalUsec", future, BAILIFF_ERROR_CORRUPT);
    assert_load(f, "FailAtUsec", future, -1); /* only what is failing needs it */
    f->one.state = SAVED_LOCKSPACE_FAILING;
    f->one.fail_us = 1;
    assert_load(f, "FailAtUsec", future, BAILIFF_ERROR_CORRUPT);
    assert_load(f, "FailAtUsec", "7", -1);

    assert_load(f, "Format", "2", BAILIFF_ERROR_UNSUPPORTED);
    assert_load(f, "BootId", "another", BAILIFF_ERROR_NOT_FOUND);
}

#define TEST(name, function)                                                                       \
    g_test_add("/saved-lockspace/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("round-trip", test_round_trip);
    TEST("list", test_list);
    TEST("hostile", test_hostile);
    return g_test_run();
}
