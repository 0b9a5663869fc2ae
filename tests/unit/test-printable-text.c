/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Printable UTF-8: GLib is the oracle for what is UTF-8, for every character that there is and for
 * random bytes.
 */
#include <glib.h>
#include <string.h>

#include "base/printable-text.h"

static void test_every_character(void)
{
    for (gunichar c = 0; c <= 0x110000; c++) {
        char text[8] = { 0 };
        gsize length = (gsize)g_unichar_to_utf8(c, text);
        gboolean control = c < 0x20 || (c >= 0x7f && c < 0xa0);
        gboolean good = c < 0x110000 && !(c >= 0xd800 && c < 0xe000) && !control;

        g_assert_cmpuint(printable_text_length(text, length), ==, good ? length : 0);
        for (gsize n = 0; n < length; n++)
            g_assert_cmpuint(printable_text_length(text, n), ==, 0); /* it is cut off */
    }
}

static void test_where_it_ends(void)
{
    g_assert_cmpuint(printable_text_length("", 0), ==, 0);
    g_assert_cmpuint(printable_text_length("plain text", 10), ==, 10);
    g_assert_cmpuint(printable_text_length("two\nlines", 9), ==, 3);
    g_assert_cmpuint(printable_text_length("a\xc3\xa4\xff", 4), ==, 3);
    g_assert_cmpuint(printable_text_length("a\0b", 3), ==, 1);
}

/* Overlong forms, surrogates, what is too large or cut off: much of it comes up in a million. */
static void test_random_bytes(void)
{
    for (guint i = 0; i < 1000000; i++) {
        guchar bytes[6];
        const char *text = (const char *)bytes;
        const char *end;

        for (gsize k = 0; k < sizeof bytes; k++) {
            bytes[k] = (guchar)g_test_rand_int_range(0x80, 0x100);
            if (g_test_rand_bit() && k > 0)
                bytes[k] = 0x80 | (bytes[k] & 0x3f);
        }
        bytes[0] = (guchar)g_test_rand_int_range(0xc0, 0x100);

        g_utf8_validate(text, sizeof bytes, &end);
        gsize length = printable_text_length(text, sizeof bytes);
        g_assert_cmpuint(length, <=, (gsize)(end - text));
        if (length < (gsize)(end - text)) /* then it is a control character there */
            g_assert_true((guchar)text[length] == 0xc2 && (guchar)text[length + 1] < 0xa0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/printable-text/every-character", test_every_character);
    g_test_add_func("/printable-text/where-it-ends", test_where_it_ends);
    g_test_add_func("/printable-text/random-bytes", test_random_bytes);
    return g_test_run();
}
