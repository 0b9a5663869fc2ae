/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of 48 bytes: what users may give, and what fields may hold.
 */
#include "base/fixed-name.h"

#include <glib.h>
#include <string.h>

#include "support/disk-vectors.h"

#define NAME_47 "12345678901234567890123456789012345678901234567"
#define NAME_48 NAME_47 "8"
#define NAME_49 NAME_48 "9"

static NameFault check(const char *text, unsigned max_length)
{
    /* At its exact size: a check that looks behind the end is seen by the memory checkers. */
    g_autofree char *name = g_strdup(text);

    return fixed_name_check(name, max_length);
}

static void test_check_length(void)
{
    g_assert_cmpint(check("", FIXED_NAME_SIZE), ==, NAME_EMPTY);
    g_assert_cmpint(check("a", FIXED_NAME_SIZE), ==, NAME_OK);
    g_assert_cmpint(check(NAME_47, FIXED_NAME_SIZE), ==, NAME_OK);
    g_assert_cmpint(check(NAME_48, FIXED_NAME_SIZE), ==, NAME_OK);
    g_assert_cmpint(check(NAME_49, FIXED_NAME_SIZE), ==, NAME_TOO_LONG);
    g_assert_cmpint(check(NAME_47, HOST_NAME_MAX_LENGTH), ==, NAME_OK);
    g_assert_cmpint(check(NAME_48, HOST_NAME_MAX_LENGTH), ==, NAME_TOO_LONG);
}

static void test_check_characters(void)
{
    for (int c = 1; c < 256; c++) {
        char name[4] = { 'a', (char)c, 'z', '\0' };
        gboolean good = c > ' ' && c < 0x7F && !strchr("/:\\", c);

        g_test_message("character 0x%02x", (unsigned)c);
        g_assert_cmpint(check(name, FIXED_NAME_SIZE), ==, good ? NAME_OK : NAME_BAD_CHARACTER);
    }
    /* The first and the last place count too. */
    g_assert_cmpint(check("/a", FIXED_NAME_SIZE), ==, NAME_BAD_CHARACTER);
    g_assert_cmpint(check("a/", FIXED_NAME_SIZE), ==, NAME_BAD_CHARACTER);
    g_assert_cmpint(check(NAME_47 ":", FIXED_NAME_SIZE), ==, NAME_BAD_CHARACTER);
}

static void test_store(void)
{
    g_autofree uint8_t *field = g_malloc(FIXED_NAME_SIZE);
    static const uint8_t zeros[FIXED_NAME_SIZE];

    memset(field, 0xAA, FIXED_NAME_SIZE);
    fixed_name_store(field, "LS");
    g_assert_cmpmem(field, 2, "LS", 2);
    g_assert_cmpmem(field + 2, FIXED_NAME_SIZE - 2, zeros, FIXED_NAME_SIZE - 2);

    fixed_name_store(field, NAME_48);
    g_assert_cmpmem(field, FIXED_NAME_SIZE, NAME_48, FIXED_NAME_SIZE);

    fixed_name_store(field, "");
    g_assert_cmpmem(field, FIXED_NAME_SIZE, zeros, FIXED_NAME_SIZE);
}

static void test_load(void)
{
    g_autofree uint8_t *field = g_malloc(FIXED_NAME_SIZE);
    g_autofree char *text = g_malloc(FIXED_NAME_SIZE + 1);

    fixed_name_store(field, NAME_48);
    memset(text, 'x', FIXED_NAME_SIZE + 1);
    fixed_name_load(text, field);
    g_assert_cmpstr(text, ==, NAME_48);

    /* What is behind the first NUL is no part of the name. */
    memset(field, 'y', FIXED_NAME_SIZE);
    memcpy(field, "abc", 4);
    memset(text, 'x', FIXED_NAME_SIZE + 1);
    fixed_name_load(text, field);
    g_assert_cmpstr(text, ==, "abc");
    for (unsigned i = 3; i <= FIXED_NAME_SIZE; i++)
        g_assert_cmpint(text[i], ==, 0);
}

static void test_equal(void)
{
    g_autofree uint8_t *field = g_malloc(FIXED_NAME_SIZE);

    fixed_name_store(field, "abc");
    g_assert_true(fixed_name_equal(field, "abc"));
    g_assert_false(fixed_name_equal(field, "ab"));
    g_assert_false(fixed_name_equal(field, "abcd"));
    g_assert_false(fixed_name_equal(field, ""));
    field[10] = 'x';
    g_assert_true(fixed_name_equal(field, "abc"));

    fixed_name_store(field, NAME_48);
    g_assert_true(fixed_name_equal(field, NAME_48));
    g_assert_false(fixed_name_equal(field, NAME_47));
    fixed_name_store(field, NAME_47);
    g_assert_false(fixed_name_equal(field, NAME_48));

    fixed_name_store(field, "");
    g_assert_true(fixed_name_equal(field, ""));
    g_assert_false(fixed_name_equal(field, "a"));
}

/* Whatever a disk holds, loading and comparing stay inside the field and agree. */
static void test_hostile_fields(void)
{
    for (int round = 0; round < 1000; round++) {
        g_autofree uint8_t *field = random_bytes(FIXED_NAME_SIZE);
        char text[FIXED_NAME_SIZE + 1];

        if (round % 2)
            memset(field, 0xFF, FIXED_NAME_SIZE);
        fixed_name_load(text, field);
        g_assert_cmpuint(strlen(text), <=, FIXED_NAME_SIZE);
        g_assert_true(fixed_name_equal(field, text));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fixed-name/check-length", test_check_length);
    g_test_add_func("/fixed-name/check-characters", test_check_characters);
    g_test_add_func("/fixed-name/store", test_store);
    g_test_add_func("/fixed-name/load", test_load);
    g_test_add_func("/fixed-name/equal", test_equal);
    g_test_add_func("/fixed-name/hostile-fields", test_hostile_fields);
    return g_test_run();
}
