/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource lease that is written down: read back as it was, or not at all; and the same of leases
 * that were given up.
 */
#include "common/bailiff-error.h"
#include "common/runtime-file.h"
#include "engine/given-up.h"
#include "engine/saved-resource.h"
#include "support/runtime-directory.h"

#define LOCKSPACE "vg0"
#define NAME "disk/1"

typedef struct Fixture {
    char *directory;
    char *path;
    SavedResource *one;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    const guint64 ids[] = { 7, 1, G_MAXUINT64 - 1 };
    g_autofree char *file_name = runtime_file_name(NAME);

    f->directory = runtime_directory_make();
    f->path = g_build_filename(f->directory, "resources", "n-" LOCKSPACE, file_name, NULL);
    f->one = saved_resource_new(NAME, "/dev/vg0/leases", 3 << 20);
    g_array_append_vals(f->one->holders, ids, G_N_ELEMENTS(ids));
    f->one->use = SAVED_RESOURCE_HELD;
    f->one->won_version = 12;
    f->one->leader = (LeaderRecord){ .magic = 1, .owner_id = 3, .version_of_lease = 12 };
    leader_record_seal(&f->one->leader);
    f->one->ballot = (BallotRecord){ .mbal = 3, .bal = 3, .inp = 3, .inp2 = 4, .lver = 12 };
    ballot_record_seal(&f->one->ballot);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    saved_resource_free(f->one);
    runtime_directory_remove(f->directory);
    g_free(f->directory);
    g_free(f->path);
}

static void write_it(Fixture *f)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(saved_resource_write(f->directory, LOCKSPACE, f->one, &error));
    g_assert_no_error(error);
}

static void assert_same(const SavedResource *got, const SavedResource *one)
{
    g_assert_cmpstr(got->name, ==, NAME);
    g_assert_cmpstr(got->path, ==, one->path);
    g_assert_cmpuint(got->offset, ==, one->offset);
    g_assert_cmpint(got->use, ==, one->use);
    g_assert_cmpint(got->mode, ==, one->mode);
    g_assert_cmpuint(got->won_version, ==, one->won_version);
    g_assert_cmpint(got->persistent, ==, one->persistent);
    g_assert_cmpint(got->orphan, ==, one->orphan);
    g_assert_cmpstr(got->former_holder, ==, one->former_holder);
    g_assert_cmpmem(got->holders->data, got->holders->len * sizeof(guint64), one->holders->data,
                    one->holders->len * sizeof(guint64));
    if (one->use == SAVED_RESOURCE_UNUSED)
        return;
    g_assert_true(leader_record_equal(&got->leader, &one->leader));
    g_assert_cmpmem(&got->ballot, sizeof got->ballot, &one->ballot, sizeof one->ballot);
}

static void test_round_trip(Fixture *f, gconstpointer data)
{
    for (guint i = 0; i < 24; i++) {
        g_autoptr(GError) error = NULL;

        f->one->use = (SavedResourceUse)(i % 3);
        f->one->mode = i % 2 == 0 ? RESOURCE_EXCLUSIVE : RESOURCE_SHARED;
        f->one->persistent = i % 4 >= 2;
        f->one->orphan = i >= 12;
        g_free(f->one->former_holder);
        f->one->former_holder = g_strdup(i >= 12 ? "a \"b\"; c\\d\ne" : "");
        if (i == 20)
            g_array_set_size(f->one->holders, 0);
        write_it(f);
        g_autoptr(SavedResource) got = saved_resource_load(f->directory, LOCKSPACE, NAME, &error);
        g_assert_no_error(error);
        assert_same(got, f->one);
    }
    g_assert_cmpstr(saved_resource_use_name(SAVED_RESOURCE_CONVERTING), ==, "converting");
}

static void test_list(Fixture *f, gconstpointer data)
{
    g_auto(GStrv) none = saved_resources_list(f->directory, LOCKSPACE);

    g_assert_cmpuint(g_strv_length(none), ==, 0);
    write_it(f);
    runtime_directory_seal(f->path, "nonsense");
    g_auto(GStrv) one = saved_resources_list(f->directory, LOCKSPACE);
    g_assert_cmpuint(g_strv_length(one), ==, 1);
    g_assert_cmpstr(one[0], ==, NAME);
    g_auto(GStrv) others = saved_resources_list(f->directory, "vg1");
    g_assert_cmpuint(g_strv_length(others), ==, 0);
    saved_resource_remove(f->directory, LOCKSPACE, NAME);
    saved_resource_remove(f->directory, LOCKSPACE, NAME);
    g_auto(GStrv) gone = saved_resources_list(f->directory, LOCKSPACE);
    g_assert_cmpuint(g_strv_length(gone), ==, 0);
}

static void assert_load(Fixture *f, const char *key, const char *value, int code)
{
    g_autoptr(GError) error = NULL;

    write_it(f);
    runtime_directory_change(f->path, key, value);
    g_autoptr(SavedResource) got = saved_resource_load(f->directory, LOCKSPACE, NAME, &error);
    runtime_directory_assert_load(key, value, got != NULL, error, code);
}

static void test_hostile(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *key, *value;
    } bad[] = {
        { "Name", "other" },      { "Name", NULL },    { "Lockspace", "other" },
        { "Lockspace", NULL },    { "Path", "a" },     { "Path", NULL },
        { "Use", "used" },        { "Use", NULL },     { "Mode", "" },
        { "Mode", NULL },         { "Holders", "0;" }, { "Holders", "x;" },
        { "Holders", "-1;" },     { "Holders", NULL }, { "Holders", "7;;1;" },
        { "FormerHolder", NULL }, { "Leader", NULL },  { "Leader", "12ab" },
        { "Ballot", NULL },       { "Ballot", "" },    { "Holders", "18446744073709551615;" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_load(f, bad[i].key, bad[i].value, BAILIFF_ERROR_CORRUPT);
    /* Of what nobody uses the records on disk are not known, and not looked at. */
    f->one->use = SAVED_RESOURCE_UNUSED;
    assert_load(f, "Leader", "12ab", -1);
    assert_load(f, "Format", "2", BAILIFF_ERROR_UNSUPPORTED);
    assert_load(f, "BootId", "another", BAILIFF_ERROR_NOT_FOUND);
}

/* --- given up --- */

static void add(GPtrArray *list, const char *resource, guint64 version, gboolean shared)
{
    GivenUp *one = g_new0(GivenUp, 1);

    *one = (GivenUp){ .lockspace = g_strdup(LOCKSPACE),
                      .resource = g_strdup(resource),
                      .path = g_strdup("/dev/vg0/leases"),
                      .offset = 4096 * version,
                      .version = version,
                      .shared = shared,
                      .persistent = !shared };
    g_ptr_array_add(list, one);
}

static void test_given_up(void)
{
    g_autoptr(GPtrArray) list = given_up_list_new();
    g_autoptr(GPtrArray) got = given_up_list_new();
    g_autoptr(GKeyFile) record = g_key_file_new();

    g_assert_true(given_up_list_load(got, record));
    g_assert_cmpuint(got->len, ==, 0);
    add(list, "a", 1, FALSE);
    add(list, "b; [c]\n=", G_MAXUINT64, TRUE);
    given_up_list_save(list, record);
    g_autofree char *text = g_key_file_to_data(record, NULL, NULL);
    g_autoptr(GKeyFile) back = g_key_file_new();
    g_assert_true(g_key_file_load_from_data(back, text, (gsize)-1, G_KEY_FILE_NONE, NULL));
    g_assert_true(given_up_list_load(got, back));
    g_assert_cmpuint(got->len, ==, 2);
    for (guint i = 0; i < 2; i++) {
        const GivenUp *x = list->pdata[i], *y = got->pdata[i];

        g_assert_cmpstr(x->lockspace, ==, y->lockspace);
        g_assert_cmpstr(x->resource, ==, y->resource);
        g_assert_cmpstr(x->path, ==, y->path);
        g_assert_cmpuint(x->offset, ==, y->offset);
        g_assert_cmpuint(x->version, ==, y->version);
        g_assert_cmpint(x->shared, ==, y->shared);
        g_assert_cmpint(x->persistent, ==, y->persistent);
    }
}

/* One that lacks something makes the whole record senseless. */
static void test_given_up_hostile(void)
{
    static const char *const keys[] = { "Lockspace", "Resource", "Path", "Version" };

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autoptr(GPtrArray) list = given_up_list_new();
        g_autoptr(GPtrArray) got = given_up_list_new();
        g_autoptr(GKeyFile) record = g_key_file_new();

        add(list, "a", 1, FALSE);
        add(list, "b", 2, FALSE);
        given_up_list_save(list, record);
        g_assert_true(g_key_file_remove_key(record, "given-up 2", keys[i], NULL));
        g_assert_false(given_up_list_load(got, record));
    }
}

#define TEST(name, function)                                                                       \
    g_test_add("/saved-resource/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("round-trip", test_round_trip);
    TEST("list", test_list);
    TEST("hostile", test_hostile);
    g_test_add_func("/given-up/round-trip", test_given_up);
    g_test_add_func("/given-up/hostile", test_given_up_hostile);
    return g_test_run();
}
