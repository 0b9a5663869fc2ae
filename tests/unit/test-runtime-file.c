/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of the runtime directory: what is read is what was written, whole, by this user, in this
 * boot, in this format; everything else is refused by name.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "common/runtime-file.h"
#include "support/runtime-directory.h"

#define GROUP "thing"
#define FORMAT 3
#define NAME "one"
#define CURE "Make room."

typedef struct Fixture {
    char *directory;
    char *path;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    f->directory = runtime_directory_make();
    f->path = g_build_filename(f->directory, NAME, NULL);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    runtime_directory_remove(f->directory);
    g_free(f->directory);
    g_free(f->path);
}

static void write_value(Fixture *f, const char *value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GKeyFile) file = runtime_file_new(GROUP, FORMAT, &error);

    g_assert_no_error(error);
    g_key_file_set_string(file, GROUP, "Value", value);
    g_assert_true(runtime_file_write(f->directory, NAME, file, CURE, &error));
    g_assert_no_error(error);
}

static void assert_value(Fixture *f, const char *value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GKeyFile) file = runtime_file_load(f->directory, NAME, GROUP, FORMAT, &error);

    g_assert_no_error(error);
    g_autofree char *got = g_key_file_get_string(file, GROUP, "Value", NULL);
    g_assert_cmpstr(got, ==, value);
}

static void assert_refused(Fixture *f, BailiffError code, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GKeyFile) file = runtime_file_load(f->directory, NAME, GROUP, FORMAT, &error);

    g_assert_null(file);
    g_assert_error(error, BAILIFF_ERROR, (int)code);
    g_assert_nonnull(strstr(error->message, f->path));
    g_assert_nonnull(strstr(error->message, words));
}

static void put(Fixture *f, const char *bytes, gsize length)
{
    int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, bytes, length), ==, (gssize)length);
    close(fd);
}

static char *get(Fixture *f, gsize *ret_length)
{
    char *bytes = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(f->path, &bytes, ret_length, &error);
    g_assert_no_error(error);
    return bytes;
}

static struct stat look(Fixture *f)
{
    struct stat facts;

    g_assert_cmpint(stat(f->path, &facts), ==, 0);
    return facts;
}

static void test_round_trip(Fixture *f, gconstpointer data)
{
    static const char *const values[] = { "", "a", "two\nlines; \\ = [group]\t", "ö", NULL };

    for (guint i = 0; values[i] != NULL; i++) {
        write_value(f, values[i]);
        assert_value(f, values[i]);
        g_assert_cmpuint(look(f).st_mode & 07777, ==, 0600);
        g_assert_cmpint(look(f).st_size, ==, 4096);
    }
}

/* Whatever a write that was cut off has left. */
static void test_truncated(Fixture *f, gconstpointer data)
{
    gsize length;

    write_value(f, "value");
    g_autofree char *good = get(f, &length);
    for (gsize i = 0; i < length; i++) {
        put(f, good, i);
        assert_refused(f, BAILIFF_ERROR_CORRUPT, "damaged");
    }
    put(f, good, length);
    assert_value(f, "value");
    /* Nor anything behind it. */
    g_autofree char *longer = g_strconcat(good, "\n", NULL);
    put(f, longer, length + 1);
    assert_refused(f, BAILIFF_ERROR_CORRUPT, "damaged");
}

static void test_flipped_bits(Fixture *f, gconstpointer data)
{
    gsize length;

    write_value(f, "value");
    g_autofree char *bytes = get(f, &length);
    int fd = open(f->path, O_WRONLY | O_CLOEXEC);
    for (gsize i = 0; i < 8 * length; i++) {
        char bad = (char)(bytes[i / 8] ^ (1 << (i % 8)));

        g_assert_cmpint(pwrite(fd, &bad, 1, (off_t)(i / 8)), ==, 1);
        assert_refused(f, BAILIFF_ERROR_CORRUPT, "damaged");
        g_assert_cmpint(pwrite(fd, &bytes[i / 8], 1, (off_t)(i / 8)), ==, 1);
    }
    close(fd);
    assert_value(f, "value");
}

static void test_of_another(Fixture *f, gconstpointer data)
{
    assert_refused(f, BAILIFF_ERROR_NOT_FOUND, "There is no");
    runtime_directory_seal(f->path, "[thing]\nFormat=3\nBootId=@BOOT@\nValue=v\n");
    assert_value(f, "v");
    runtime_directory_seal(f->path, "[thing]\nFormat=4\nBootId=@BOOT@\nValue=v\n");
    assert_refused(f, BAILIFF_ERROR_UNSUPPORTED, "another version");
    runtime_directory_seal(f->path, "[thing]\nBootId=@BOOT@\nValue=v\n");
    assert_refused(f, BAILIFF_ERROR_UNSUPPORTED, "another version");
    runtime_directory_seal(f->path, "[thing]\nFormat=3\nBootId=0@BOOT@\nValue=v\n");
    assert_refused(f, BAILIFF_ERROR_NOT_FOUND, "earlier boot");
    /* Of which boot is not known: then it may be of this one. */
    runtime_directory_seal(f->path, "[thing]\nFormat=3\nValue=v\n");
    assert_refused(f, BAILIFF_ERROR_UNSUPPORTED, "another version");
    runtime_directory_seal(f->path, "[other]\nFormat=3\nBootId=@BOOT@\nValue=v\n");
    assert_refused(f, BAILIFF_ERROR_UNSUPPORTED, "another version");
    runtime_directory_seal(f->path, "no key file at all");
    assert_refused(f, BAILIFF_ERROR_CORRUPT, "damaged");
}

static void test_no_file_of_ours(Fixture *f, gconstpointer data)
{
    g_autofree char *other = g_build_filename(f->directory, "other", NULL);

    write_value(f, "value");
    g_assert_cmpint(g_rename(f->path, other), ==, 0);
    g_assert_cmpint(symlink(other, f->path), ==, 0);
    assert_refused(f, BAILIFF_ERROR_CORRUPT, "damaged");
    /* It is replaced; what it points to is not written. */
    write_value(f, "another");
    assert_value(f, "another");
    g_assert_false(g_file_test(f->path, G_FILE_TEST_IS_SYMLINK));
    g_assert_cmpint(g_rename(other, f->path), ==, 0);
    assert_value(f, "value");

    g_unlink(f->path);
    g_assert_cmpint(mkfifo(f->path, 0600), ==, 0);
    assert_refused(f, BAILIFF_ERROR_CORRUPT, "damaged"); /* without waiting for a writer */
    g_unlink(f->path);
    g_assert_cmpint(g_mkdir(f->path, 0700), ==, 0);
    assert_refused(f, BAILIFF_ERROR_CORRUPT, "damaged");
    g_rmdir(f->path);
    put(f, "", 0);
    g_assert_cmpint(truncate(f->path, G_GINT64_CONSTANT(1) << 40), ==, 0);
    assert_refused(f, BAILIFF_ERROR_CORRUPT, "damaged");
}

static void test_of_somebody_else(Fixture *f, gconstpointer data)
{
    if (geteuid() != 0) {
        g_test_skip("only root can give a file away");
        return;
    }
    write_value(f, "value");
    guint64 inode = look(f).st_ino;
    g_assert_cmpint(chown(f->path, 1, 1), ==, 0);
    assert_refused(f, BAILIFF_ERROR_CORRUPT, "another user");
    /* Nor is it written: he may have it open. */
    write_value(f, "other");
    assert_value(f, "other");
    g_assert_cmpuint(look(f).st_ino, !=, inode);
    g_assert_cmpuint(look(f).st_uid, ==, 0);
}

/* In its place when it has the same number of pages, else as a new file. */
static void test_in_place(Fixture *f, gconstpointer data)
{
    g_autofree char *large = g_strnfill(5000, 'x');

    write_value(f, "a");
    guint64 inode = look(f).st_ino;
    write_value(f, "b, which is longer");
    assert_value(f, "b, which is longer");
    g_assert_cmpuint(look(f).st_ino, ==, inode);

    int kept = open(f->path, O_RDONLY | O_CLOEXEC); /* so that the number is not used again */
    write_value(f, large);
    assert_value(f, large);
    g_assert_cmpuint(look(f).st_ino, !=, inode);
    g_assert_cmpint(look(f).st_size, ==, 8192);
    close(kept);
    write_value(f, "a");
    assert_value(f, "a");
    g_assert_cmpint(look(f).st_size, ==, 4096);
}

/* As if there were none; and it can be written again where it is. */
static void test_void(Fixture *f, gconstpointer data)
{
    g_autofree char *large = g_strnfill(5000, 'x');

    g_assert_false(runtime_file_make_void(f->path));
    g_assert_false(runtime_file_is_void(f->path));
    write_value(f, "a");
    guint64 inode = look(f).st_ino;
    g_assert_false(runtime_file_is_void(f->path));
    for (guint i = 0; i < 2; i++) {
        g_assert_true(runtime_file_make_void(f->path));
        g_assert_true(runtime_file_is_void(f->path));
        assert_refused(f, BAILIFF_ERROR_NOT_FOUND, "over");
    }
    write_value(f, "b");
    assert_value(f, "b");
    g_assert_false(runtime_file_is_void(f->path));
    g_assert_cmpuint(look(f).st_ino, ==, inode);
    /* What cannot be written in its place is not made void either. */
    write_value(f, large);
    g_assert_false(runtime_file_make_void(f->path));
    assert_value(f, large);
    g_assert_cmpint(truncate(f->path, 0), ==, 0);
    g_assert_false(runtime_file_make_void(f->path));
    g_assert_false(runtime_file_is_void(f->path));
}

/* A write that ended half way is in nobody's way, however long what it left is. */
static void test_remains_of_a_write(Fixture *f, gconstpointer data)
{
    g_autofree char *remains = g_build_filename(f->directory, RUNTIME_FILE_NEW NAME, NULL);
    g_autofree char *large = g_strnfill(20000, 'x');
    g_autoptr(GError) error = NULL;

    g_file_set_contents(remains, large, -1, &error);
    g_assert_no_error(error);
    write_value(f, "value");
    assert_value(f, "value");
    g_assert_false(g_file_test(remains, G_FILE_TEST_EXISTS));
}

static void test_cannot_be_written(Fixture *f, gconstpointer data)
{
    g_autofree char *below = g_build_filename(f->path, "below", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GKeyFile) file = runtime_file_new(GROUP, FORMAT, NULL);

    put(f, "", 0); /* a file where a directory is wanted */
    g_assert_false(runtime_file_write(below, NAME, file, CURE, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    g_assert_nonnull(strstr(error->message, CURE));
    g_clear_error(&error);
    /* A directory that is not there yet is made, for nobody else. */
    g_autofree char *deeper = g_build_filename(f->directory, "a", "b", NULL);
    g_assert_true(runtime_file_write(deeper, NAME, file, CURE, &error));
    struct stat facts;
    g_assert_cmpint(stat(deeper, &facts), ==, 0);
    g_assert_cmpuint(facts.st_mode & 0777, ==, 0700);
}

static void test_names(void)
{
    static const char *const names[] = {
        "a", "", ".", "..", "a/b", "/", "%", "%new-a", "n-", "ö", "\x01\x1b", "a b", NULL,
    };

    for (guint i = 0; names[i] != NULL; i++) {
        g_autofree char *file_name = runtime_file_name(names[i]);
        g_autofree char *back = runtime_file_name_of(file_name);

        g_assert_null(strchr(file_name, '/'));
        g_assert_cmpstr(file_name, !=, ".");
        g_assert_cmpstr(file_name, !=, "..");
        g_assert_false(g_str_has_prefix(file_name, RUNTIME_FILE_NEW));
        g_assert_cmpstr(back, ==, names[i]);
    }
    g_assert_null(runtime_file_name_of(""));
    g_assert_null(runtime_file_name_of("7"));
    g_assert_null(runtime_file_name_of(RUNTIME_FILE_NEW "n-a"));
    g_assert_null(runtime_file_name_of("n-%00"));
    g_assert_null(runtime_file_name_of("n-%"));
}

#define TEST(name, function)                                                                       \
    g_test_add("/runtime-file/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("round-trip", test_round_trip);
    TEST("truncated", test_truncated);
    TEST("flipped-bits", test_flipped_bits);
    TEST("of-another", test_of_another);
    TEST("no-file-of-ours", test_no_file_of_ours);
    TEST("of-somebody-else", test_of_somebody_else);
    TEST("in-place", test_in_place);
    TEST("void", test_void);
    TEST("remains-of-a-write", test_remains_of_a_write);
    TEST("cannot-be-written", test_cannot_be_written);
    g_test_add_func("/runtime-file/names", test_names);
    return g_test_run();
}
