/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes and numbers as people type them; and, of the first eight bytes as a number, as they are
 * printed.
 */
#include <string.h>

#include "ctl/size-text.h"
#include "fuzz.h"

static void take_text(const char *text)
{
    const uint64_t untouched = 0xC3C3C3C3C3C3C3C3;
    uint64_t size = untouched, number = untouched, again;
    char printed[SIZE_TEXT_MAX];
    bool is_size = size_text_parse(&size, text) == SIZE_OK;
    bool is_number = number_text_parse(&number, text) == SIZE_OK;

    g_assert_true(is_size || size == untouched);
    g_assert_true(is_number || number == untouched);
    if (is_number)
        g_assert_true(is_size && size == number);
    if (!is_size)
        return;
    g_assert_true(g_ascii_isdigit(text[0]));
    /* Digits and at most one letter: GLib's own reading of the digits must be the same. */
    size_t digits = strspn(text, "0123456789");
    g_assert_cmpuint(strlen(text) - digits, <=, 1);
    static const char suffixes[] = "KkMmGg";
    const char *suffix = text[digits] != '\0' ? strchr(suffixes, text[digits]) : NULL;
    unsigned shift = suffix != NULL ? 10 * (unsigned)((suffix - suffixes) / 2 + 1) : 0;
    g_assert_cmpuint(g_ascii_strtoull(text, NULL, 10), ==, size >> shift);
    size_text_print(printed, size);
    g_assert_cmpint(size_text_parse(&again, printed), ==, SIZE_OK);
    g_assert_cmpuint(again, ==, size);
}

static void take_number(uint64_t number)
{
    char printed[SIZE_TEXT_MAX];
    uint64_t again;

    memset(printed, 'x', sizeof printed);
    size_text_print(printed, number);
    size_t length = strnlen(printed, sizeof printed);
    g_assert_cmpuint(length, <, sizeof printed);
    g_assert_cmpint(size_text_parse(&again, printed), ==, SIZE_OK);
    g_assert_cmpuint(again, ==, number);
    /* No exact form is shorter. */
    for (unsigned shift = 0; shift <= 30; shift += 10) {
        if (number >> shift << shift != number)
            continue;
        g_autofree char *other =
            g_strdup_printf("%" G_GUINT64_FORMAT "%s", number >> shift, shift > 0 ? "K" : "");
        g_assert_true(length <= strlen(other));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    FuzzBytes input = { data, size };
    take_text(text);
    take_number(fuzz_number(&input, 8));
    return 0;
}
