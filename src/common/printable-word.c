/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Words that are fit to be printed.
 */
#include "common/printable-word.h"

#include <glib.h>
#include <string.h>

#include "base/printable-text.h"

#define WORD_MAX_CHARACTERS 64u

char *printable_word(const char *word)
{
    GString *text = g_string_new(NULL);
    guint n = 0;

    for (const char *at = word; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar character = g_utf8_get_char(at);
        if (n++ == WORD_MAX_CHARACTERS) {
            g_string_append(text, "…");
            break;
        }
        if (g_unichar_isprint(character))
            g_string_append_unichar(text, character);
        else
            g_string_append_c(text, '?');
    }
    return g_string_free(text, FALSE);
}

char *printable_bytes(const char *text)
{
    char *valid = g_utf8_make_valid(text, -1);
    gsize length = strlen(valid);
    gsize at;

    while ((at = printable_text_length(valid, length)) < length)
        do
            valid[at++] = '?';
        while (((guchar)valid[at] & 0xc0) == 0x80);
    return valid;
}
