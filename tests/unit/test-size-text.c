/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes and numbers as people type them. */
#include <glib.h>

#include "ctl/size-text.h"

static void test_good(void)
{
    static const struct {
        const char *text;
        uint64_t size;
    } cases[] = {
        { "0", 0 },
        { "512", 512 },
        { "4K", 4096 },
        { "4k", 4096 },
        { "1M", 1048576 },
        { "3G", UINT64_C(3221225472) },
        { "18446744073709551615", UINT64_MAX },
        { "18014398509481983K", UINT64_C(18014398509481983) * 1024 },
        { "0G", 0 },
        { "007", 7 },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t size = 1;
        g_assert_cmpint(size_text_parse(&size, cases[i].text), ==, SIZE_OK);
        g_assert_cmpuint(size, ==, cases[i].size);
    }
}

static void test_bad(void)
{
    static const struct {
        const char *text;
        SizeFault fault;
    } cases[] = {
        { "", SIZE_NOT_A_NUMBER },
        { "K", SIZE_NOT_A_NUMBER },
        { "-1", SIZE_NOT_A_NUMBER },
        { "+1", SIZE_NOT_A_NUMBER },
        { " 1", SIZE_NOT_A_NUMBER },
        { "1 ", SIZE_BAD_SUFFIX },
        { "1T", SIZE_BAD_SUFFIX },
        { "1KB", SIZE_BAD_SUFFIX },
        { "1MiB", SIZE_BAD_SUFFIX },
        { "0x10", SIZE_BAD_SUFFIX },
        { "1.5M", SIZE_BAD_SUFFIX },
        { "18446744073709551616", SIZE_TOO_LARGE },
        { "99999999999999999999999999", SIZE_TOO_LARGE },
        { "18014398509481984K", SIZE_TOO_LARGE },
        { "17179869184G", SIZE_TOO_LARGE },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t size = 4711;
        g_test_message("%s", cases[i].text);
        g_assert_cmpint(size_text_parse(&size, cases[i].text), ==, cases[i].fault);
        g_assert_cmpuint(size, ==, 4711);
    }
}

static void test_number(void)
{
    uint64_t number = 4711;
    g_assert_cmpint(number_text_parse(&number, "1K"), ==, SIZE_BAD_SUFFIX);
    g_assert_cmpint(number_text_parse(&number, ""), ==, SIZE_NOT_A_NUMBER);
    g_assert_cmpuint(number, ==, 4711);
    g_assert_cmpint(number_text_parse(&number, "2000"), ==, SIZE_OK);
    g_assert_cmpuint(number, ==, 2000);
}

static void test_print(void)
{
    static const struct {
        uint64_t size;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 1, "1" },
        { 1000, "1000" },
        { 1024, "1K" },
        { 1536, "1536" },
        { 1048576, "1M" },
        { 1049600, "1025K" },
        { UINT64_MAX, "18446744073709551615" },
        { UINT64_C(1) << 40, "1024G" },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        char text[SIZE_TEXT_MAX];
        uint64_t back;
        size_text_print(text, cases[i].size);
        g_assert_cmpstr(text, ==, cases[i].text);
        g_assert_cmpint(size_text_parse(&back, text), ==, SIZE_OK);
        g_assert_cmpuint(back, ==, cases[i].size);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/size-text/good", test_good);
    g_test_add_func("/size-text/bad", test_bad);
    g_test_add_func("/size-text/number", test_number);
    g_test_add_func("/size-text/print", test_print);
    return g_test_run();
}
