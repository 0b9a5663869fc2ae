/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names from disk on their way to a terminal or onto the bus: what comes out is visible text, and
 * tells apart what was different.
 */
#include <string.h>

#include "ctl/safe-text.h"
#include "engine/lease-error.h"
#include "fuzz.h"

/* The text that `safe` stands for. */
static char *read_back(const char *safe)
{
    GString *text = g_string_new(NULL);
    const char *p = safe;
    while (*p != '\0') {
        if (*p != '\\') {
            g_string_append_c(text, *p++);
        } else if (p[1] == '\\') {
            g_string_append_c(text, '\\');
            p += 2;
        } else if (p[1] == 'x') {
            g_string_append_c(text,
                              (char)(g_ascii_xdigit_value(p[2]) * 16 + g_ascii_xdigit_value(p[3])));
            p += 4;
        } else {
            char *end;
            g_assert_true(p[1] == 'u' && p[2] == '{');
            g_string_append_unichar(text, (gunichar)g_ascii_strtoull(p + 3, &end, 16));
            g_assert_cmpint(*end, ==, '}');
            p = end + 1;
        }
    }
    return g_string_free(text, FALSE);
}

static void assert_visible(const char *text)
{
    g_assert_true(g_utf8_validate(text, -1, NULL));
    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
        GUnicodeType type = g_unichar_type(g_utf8_get_char(p));
        g_assert_cmpint(type, !=, G_UNICODE_CONTROL);
        g_assert_cmpint(type, !=, G_UNICODE_FORMAT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    g_autofree char *safe = safe_text(text);
    g_autofree char *printable = printable_from_disk(text);
    g_autofree char *again = read_back(safe);

    assert_visible(safe);
    assert_visible(printable);
    g_assert_cmpstr(again, ==, text);
    g_assert_cmpuint(text_width(safe), <=, 2 * strlen(safe));
    return 0;
}
