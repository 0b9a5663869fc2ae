/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from a disk on a terminal. */
#include <glib.h>

#include "ctl/safe-text.h"

static void test_escapes(void)
{
    static const struct {
        const char *text;
        const char *safe;
    } cases[] = {
        { "host1.example", "host1.example" },
        { "", "" },
        { NULL, "" },
        { "a b", "a b" },
        { "\033[31mred", "\\u{1b}[31mred" },
        { "two\nlines\ttab\r", "two\\u{a}lines\\u{9}tab\\u{d}" },
        { "\x7f", "\\u{7f}" },
        { "\xc2\x9b"
          "31m",
          "\\u{9b}31m" }, /* the 8 bit CSI */
        { "\xe2\x80\xae"
          "txt",
          "\\u{202e}txt" },              /* right to left override */
        { "\xe2\x80\x8b", "\\u{200b}" }, /* zero width space */
        { "\xe2\x80\xa8", "\\u{2028}" },
        { "a\xff"
          "b\xc3",
          "a\\xffb\\xc3" },
        { "\xc0\x80", "\\xc0\\x80" },          /* an overlong NUL */
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" }, /* a surrogate */
        { "\\u{1b}", "\\\\u{1b}" },            /* must not look like an escape */
        { "h\xc3\xa4user \xe6\x97\xa5", "h\xc3\xa4user \xe6\x97\xa5" },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *safe = safe_text(cases[i].text);
        g_assert_cmpstr(safe, ==, cases[i].safe);
        g_assert_true(g_utf8_validate(safe, -1, NULL));
    }
}

/* No text, whatever its bytes, may hold what a terminal obeys. */
static void test_any_bytes(void)
{
    for (guint round = 0; round < 2000; round++) {
        char bytes[17] = { 0 };
        for (gsize i = 0; i < 16; i++)
            bytes[i] = (char)g_test_rand_int_range(1, 256);
        g_autofree char *safe = safe_text(bytes);
        for (const char *p = safe; *p; p = g_utf8_next_char(p)) {
            gunichar c = g_utf8_get_char(p);
            g_assert_false(g_unichar_iscntrl(c));
        }
        g_assert_true(g_utf8_validate(safe, -1, NULL));
    }
}

static void test_json(void)
{
    g_autofree char *safe =
        safe_json("{\n \"a\": \"\xe2\x80\xae\xc2\x9b\xf3\xa0\x80\x81 \xc3\xa4 \\u001b\"}");
    g_assert_cmpstr(safe, ==, "{\n \"a\": \"\\u202e\\u009b\\udb40\\udc01 \xc3\xa4 \\u001b\"}");
}

static void test_width(void)
{
    g_assert_cmpuint(text_width(""), ==, 0);
    g_assert_cmpuint(text_width("abc"), ==, 3);
    g_assert_cmpuint(text_width("\xc3\xa4"), ==, 1);
    g_assert_cmpuint(text_width("a\xcc\x88"), ==, 1); /* a combining diaeresis */
    g_assert_cmpuint(text_width("\xe6\x97\xa5\xe6\x9c\xac"), ==, 4);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/safe-text/escapes", test_escapes);
    g_test_add_func("/safe-text/any-bytes", test_any_bytes);
    g_test_add_func("/safe-text/json", test_json);
    g_test_add_func("/safe-text/width", test_width);
    return g_test_run();
}
