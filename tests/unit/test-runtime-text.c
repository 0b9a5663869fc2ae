/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Texts that are made without a GKeyFile: byte for byte what one would have given.
 */
#include <string.h>

#include "common/runtime-file.h"
#include "common/runtime-text.h"
#include "support/runtime-directory.h"

#define GROUP "thing"
#define FORMAT 3

static char *get(const char *directory, const char *name, gsize *ret_length)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    char *bytes = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(path, &bytes, ret_length, &error);
    g_assert_no_error(error);
    return bytes;
}

static void write_both(const char *directory, const char *value, guint64 number)
{
    const guint8 bytes[] = { 0x00, 0x9f, 0xff, 0x10 };
    g_autoptr(GError) error = NULL;
    g_autoptr(GKeyFile) file = runtime_file_new(GROUP, FORMAT, &error);
    g_autoptr(GString) text = runtime_text_new(GROUP, FORMAT, &error);

    g_assert_no_error(error);
    g_key_file_set_string(file, GROUP, "String", value);
    g_key_file_set_uint64(file, GROUP, "Number", number);
    g_key_file_set_boolean(file, GROUP, "Odd", number % 2 != 0);
    g_key_file_set_value(file, GROUP, "List", "1;2;");
    g_key_file_set_value(file, GROUP, "Bytes", "009fff10");
    g_assert_true(runtime_file_write(directory, "one", file, "", &error));

    runtime_text_add_string(text, "String", value);
    runtime_text_add_uint64(text, "Number", number);
    runtime_text_add_boolean(text, "Odd", number % 2 != 0);
    runtime_text_add(text, "List", "1;2;");
    runtime_text_add_bytes(text, "Bytes", bytes, sizeof bytes);
    g_assert_true(runtime_file_write_text(directory, "other", text, "", &error));
    g_assert_no_error(error);
}

static void test_same(void)
{
    g_autofree char *page = g_strnfill(4000, 'x');
    g_autofree char *more = g_strnfill(9000, '\n');
    const char *const values[] = {
        "",     "a",   "/dev/vg0/leases", " ", "\t",    " \t a \t b ", "a\tb", "two\nand", "\r",
        "a\\b", "\\n", "[group]",         "#", "a=b;c", "ö \u2028",    page,   more
    };
    const guint64 numbers[] = { 0, 1, G_MAXUINT64 };
    g_autofree char *directory = runtime_directory_make();

    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        gsize length, other_length;

        write_both(directory, values[i], numbers[i % G_N_ELEMENTS(numbers)]);
        g_autofree char *one = get(directory, "one", &length);
        g_autofree char *other = get(directory, "other", &other_length);
        g_assert_cmpmem(one, length, other, other_length);
        g_assert_cmpuint(length % RUNTIME_FILE_PAGE, ==, 0);

        g_autoptr(GKeyFile) file = runtime_file_load(directory, "other", GROUP, FORMAT, NULL);
        g_assert_nonnull(file);
        g_autofree char *value = g_key_file_get_string(file, GROUP, "String", NULL);
        g_assert_cmpstr(value, ==, values[i]);
    }
    runtime_directory_remove(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/runtime-text/same", test_same);
    return g_test_run();
}
