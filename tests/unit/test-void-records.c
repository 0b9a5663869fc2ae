/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of leases that are over: void at once, there for a moment, and removed unless they are
 * written again.
 */
#include <sys/stat.h>

#include "common/bailiff-error.h"
#include "common/runtime-file.h"
#include "engine/saved-resource.h"
#include "engine/void-records.h"
#include "support/runtime-directory.h"

#define LOCKSPACE "vg0"

typedef struct Fixture {
    char *directory;
    VoidRecords *records;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    f->directory = runtime_directory_make();
    f->records = void_records_new(f->directory);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    g_clear_pointer(&f->records, void_records_free);
    runtime_directory_remove(f->directory);
    g_free(f->directory);
}

static void write_one(Fixture *f, const char *name)
{
    g_autoptr(SavedResource) one = saved_resource_new(name, "/dev/vg0/leases", 0);
    g_autoptr(GError) error = NULL;

    g_assert_true(saved_resource_write(f->directory, LOCKSPACE, one, &error));
    g_assert_no_error(error);
}

/* 0: there is none. */
static ino_t file_of(Fixture *f, const char *name)
{
    g_autofree char *path = saved_resource_path(f->directory, LOCKSPACE, name);
    struct stat facts;

    return stat(path, &facts) == 0 ? facts.st_ino : 0;
}

static gboolean tells(Fixture *f, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SavedResource) one = saved_resource_load(f->directory, LOCKSPACE, name, &error);

    if (one == NULL)
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    return one != NULL;
}

static void test_removed(Fixture *f, gconstpointer data)
{
    write_one(f, "a/b");
    void_records_put(f->records, LOCKSPACE, "a/b");
    g_assert_false(tells(f, "a/b"));
    g_assert_true(file_of(f, "a/b") != 0);
    while (file_of(f, "a/b") != 0)
        g_main_context_iteration(NULL, TRUE);
    /* Again, when the timer had ended. */
    write_one(f, "a/b");
    void_records_put(f->records, LOCKSPACE, "a/b");
    while (file_of(f, "a/b") != 0)
        g_main_context_iteration(NULL, TRUE);
    void_records_put(f->records, LOCKSPACE, "never written");
    g_assert_true(file_of(f, "never written") == 0);
}

static void test_taken(Fixture *f, gconstpointer data)
{
    write_one(f, "one");
    write_one(f, "other");
    ino_t file = file_of(f, "one");

    void_records_put(f->records, LOCKSPACE, "one");
    void_records_take(f->records, LOCKSPACE, "one");
    write_one(f, "one");
    g_assert_cmpuint(file_of(f, "one"), ==, file);
    /* The other one became void later. */
    void_records_put(f->records, LOCKSPACE, "other");
    while (file_of(f, "other") != 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_true(tells(f, "one"));
    /* Nor is it at the end. */
    void_records_remove_all(f->records);
    g_assert_true(tells(f, "one"));
}

static void test_remove_all(Fixture *f, gconstpointer data)
{
    for (guint i = 0; i < VOID_RECORDS_MAX + 3; i++) {
        g_autofree char *name = g_strdup_printf("r%u", i);

        write_one(f, name);
        void_records_put(f->records, LOCKSPACE, name);
        g_assert_cmpint(file_of(f, name) != 0, ==, i < VOID_RECORDS_MAX);
    }
    g_clear_pointer(&f->records, void_records_free);
    g_auto(GStrv) left = saved_resources_list(f->directory, LOCKSPACE);
    g_assert_cmpuint(g_strv_length(left), ==, 0);
}

#define TEST(name, function)                                                                       \
    g_test_add("/void-records/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("removed", test_removed);
    TEST("taken", test_taken);
    TEST("remove-all", test_remove_all);
    return g_test_run();
}
