/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Words that are fit to be printed.
 */
#include "common/printable-word.h"

#include <glib.h>

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
