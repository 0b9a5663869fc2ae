/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Held records: a process of an earlier daemon keeps a lockspace from being joined until it is
 * gone.
 */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actions/process-target.h"
#include "common/bailiff-error.h"
#include "engine/held-record.h"

#define FIRST_OWN_ID 100

typedef struct Fixture {
    char *directory;
    pid_t child;
    BailiffTarget *target;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    g_auto(ProcessIdentity) process = { .pidfd = -1 };
    g_autoptr(GError) error = NULL;

    fixture->directory = g_dir_make_tmp("held-XXXXXX", &error);
    g_assert_no_error(error);
    fixture->child = fork();
    if (fixture->child == 0) {
        pause();
        _exit(0);
    }
    g_assert_true(process_identity_from_pid(&process, fixture->child, 0, &error));
    g_assert_no_error(error);
    fixture->target = bailiff_process_target_new(&process, FALSE);
}

static void end_child(Fixture *fixture)
{
    if (fixture->child == 0)
        return;
    kill(fixture->child, SIGKILL);
    g_assert_cmpint(waitpid(fixture->child, NULL, 0), ==, fixture->child);
    fixture->child = 0;
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    g_autofree char *held = g_build_filename(fixture->directory, "held", NULL);
    g_autoptr(GDir) dir = g_dir_open(held, 0, NULL);
    const char *entry;

    end_child(fixture);
    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(held, entry, NULL);
        g_unlink(path);
    }
    g_rmdir(held);
    g_rmdir(fixture->directory);
    g_object_unref(fixture->target);
    g_free(fixture->directory);
}

static void write_record(Fixture *fixture, guint64 id)
{
    static const char *const lockspaces[] = { "one", "two", NULL };
    g_autoptr(GError) error = NULL;
    g_autoptr(GKeyFile) record = held_record_new("writer", fixture->target, lockspaces, &error);

    g_assert_no_error(error);
    g_assert_true(held_record_write(fixture->directory, id, record, &error));
    g_assert_no_error(error);
}

static void assert_refused(Fixture *fixture, const char *lockspace, const char *words)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(
        held_records_check(fixture->directory, FIRST_OWN_ID, NULL, NULL, lockspace, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, words));
}

static void assert_allowed(Fixture *fixture, const char *lockspace)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(
        held_records_check(fixture->directory, FIRST_OWN_ID, NULL, NULL, lockspace, &error));
    g_assert_no_error(error);
}

static void overwrite(Fixture *fixture, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(fixture->directory, "held", name, NULL);
    g_autoptr(GError) error = NULL;

    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
}

static void test_nothing(Fixture *fixture, gconstpointer data)
{
    assert_allowed(fixture, "one");
    g_assert_cmpuint(held_records_highest_id(fixture->directory), ==, 0);
}

static void test_living(Fixture *fixture, gconstpointer data)
{
    write_record(fixture, 7);
    g_assert_cmpuint(held_records_highest_id(fixture->directory), ==, 7);
    assert_refused(fixture, "one", "writer");
    assert_refused(fixture, "two", "writer");
    assert_allowed(fixture, "three");
}

static void test_ended(Fixture *fixture, gconstpointer data)
{
    write_record(fixture, 7);
    end_child(fixture);
    assert_allowed(fixture, "one");
    g_assert_cmpuint(held_records_highest_id(fixture->directory), ==, 0);
}

static void test_own(Fixture *fixture, gconstpointer data)
{
    write_record(fixture, FIRST_OWN_ID);
    assert_allowed(fixture, "one");
}

/* What a daemon that died in the middle of a write has left does not show in the next record. */
static void test_interrupted_write(Fixture *fixture, gconstpointer data)
{
    GString *left = g_string_new(NULL);
    g_autofree char *text = NULL;
    g_autofree char *held = g_build_filename(fixture->directory, "held", NULL);

    for (int i = 0; i < 40; i++)
        g_string_append(left, "\n[registration]\nLockspaces=other;\n");
    text = g_string_free(left, FALSE);
    g_assert_cmpint(g_mkdir(held, 0700), ==, 0);
    overwrite(fixture, "%new-7", text);
    write_record(fixture, 7);
    assert_refused(fixture, "one", "writer");
    assert_allowed(fixture, "other");
}

static void test_removed(Fixture *fixture, gconstpointer data)
{
    write_record(fixture, 7);
    held_record_remove(fixture->directory, 7);
    assert_allowed(fixture, "one");
}

static void test_other_process_with_the_pid(Fixture *fixture, gconstpointer data)
{
    /* The record's, so that it is of one that had this number before. */
    ProcessIdentity *written = (ProcessIdentity *)bailiff_target_get_process(fixture->target);

    written->start_time++;
    write_record(fixture, 7);
    written->start_time--;
    assert_allowed(fixture, "one");
}

/* As bailiffd writes it, but for one key. */
static void write_with(Fixture *fixture, const char *key, const char *value)
{
    static const char *const lockspaces[] = { "one", NULL };
    g_autoptr(GError) error = NULL;
    g_autoptr(GKeyFile) record = held_record_new("writer", fixture->target, lockspaces, &error);

    g_assert_no_error(error);
    g_key_file_set_string(record, HELD_RECORD_GROUP, key, value);
    g_assert_true(held_record_write(fixture->directory, 7, record, &error));
    g_assert_no_error(error);
}

static void test_other_boot(Fixture *fixture, gconstpointer data)
{
    write_with(fixture, "BootId", "00000000-0000-0000-0000-000000000000");
    assert_allowed(fixture, "one");
    g_assert_cmpuint(held_records_highest_id(fixture->directory), ==, 0);
}

/* What cannot be understood is held, for every lockspace. */
static void test_unreadable(Fixture *fixture, gconstpointer data)
{
    static const char *const texts[] = {
        "",
        "\xff\xfe",
        "[registration",
        "[registration]\nFormat=2\n",
    };

    write_record(fixture, 7);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        overwrite(fixture, "7", texts[i]);
        assert_refused(fixture, "three", "cannot be read");
    }
    write_with(fixture, "Format", "99");
    assert_refused(fixture, "three", "cannot be read");
}

static gboolean is_seven(guint64 id, gpointer data)
{
    return id == 7;
}

/* What was taken over is no earlier daemon's any more. */
static void test_successor_owns(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    write_record(fixture, 7);
    g_assert_true(
        held_records_check(fixture->directory, FIRST_OWN_ID, is_seven, NULL, "one", &error));
    g_assert_no_error(error);
    write_record(fixture, 8);
    g_assert_false(
        held_records_check(fixture->directory, FIRST_OWN_ID, is_seven, NULL, "one", &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
}

/* Cut off anywhere, or with any bit another one: held. */
/* Thousands of times: in its place, since a file system may write one that is replaced through to
 * its disk. */
static void put_bytes(const char *path, const char *text, gsize length)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    g_assert_no_errno(fd);
    g_assert_no_errno(ftruncate(fd, (off_t)length));
    g_assert_cmpint(pwrite(fd, text, length, 0), ==, length);
    close(fd);
}

static void test_damaged(Fixture *fixture, gconstpointer data)
{
    g_autofree char *path = g_build_filename(fixture->directory, "held", "7", NULL);
    g_autofree char *text = NULL;
    gsize length;

    write_record(fixture, 7);
    g_assert_true(g_file_get_contents(path, &text, &length, NULL));
    for (gsize cut = 0; cut < length; cut++) {
        put_bytes(path, text, cut);
        assert_refused(fixture, "three", "cannot be read");
    }
    for (gsize bit = 0; bit < 8 * length; bit += 7) {
        text[bit / 8] ^= (char)(1 << (bit % 8));
        put_bytes(path, text, length);
        assert_refused(fixture, "three", "cannot be read");
        text[bit / 8] ^= (char)(1 << (bit % 8));
    }
}

static void write_of_length(Fixture *fixture, gsize length, char letter)
{
    static const char *const lockspaces[] = { "one", NULL };
    g_autoptr(GError) error = NULL;
    g_autoptr(GKeyFile) record = held_record_new("worker", fixture->target, lockspaces, &error);
    g_autofree char *value = g_strnfill(length, letter);

    g_assert_no_error(error);
    g_key_file_set_string(record, HELD_RECORD_GROUP, "Value", value);
    g_assert_true(held_record_write(fixture->directory, 1, record, &error));
    g_assert_no_error(error);
}

/* A write() of several pages ends between two of them when the process is killed. */
static void test_only_one_page_is_written_in_place(Fixture *fixture, gconstpointer data)
{
    g_autofree char *path = g_build_filename(fixture->directory, "held", "1", NULL);
    GStatBuf before, after;

    write_of_length(fixture, 10, 'a');
    g_assert_cmpint(g_stat(path, &before), ==, 0);
    write_of_length(fixture, 10, 'b');
    g_assert_cmpint(g_stat(path, &after), ==, 0);
    g_assert_cmpuint(after.st_ino, ==, before.st_ino);
    write_of_length(fixture, 5000, 'a');
    g_assert_cmpint(g_stat(path, &before), ==, 0);
    write_of_length(fixture, 5000, 'b');
    g_assert_cmpint(g_stat(path, &after), ==, 0);
    g_assert_cmpuint(after.st_ino, !=, before.st_ino);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/held-record/" #name, Fixture, NULL, set_up, test_##name, tear_down)
    ADD(nothing);
    ADD(living);
    ADD(ended);
    ADD(own);
    ADD(interrupted_write);
    ADD(removed);
    ADD(other_process_with_the_pid);
    ADD(other_boot);
    ADD(successor_owns);
    ADD(damaged);
    ADD(unreadable);
    ADD(only_one_page_is_written_in_place);
    return g_test_run();
}
