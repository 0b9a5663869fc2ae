/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/safe-text.h"

#include <string.h>

static gboolean is_visible(gunichar c)
{
    switch (g_unichar_type(c)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT: /* among them those that turn the direction of writing */
    case G_UNICODE_UNASSIGNED:
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
        return FALSE;
    default:
        return TRUE;
    }
}

char *safe_text(const char *text)
{
    GString *safe = g_string_new(NULL);
    const char *p = text ? text : "";
    while (*p) {
        gunichar c = g_utf8_get_char_validated(p, -1);
        if (c == (gunichar)-1 || c == (gunichar)-2) {
            g_string_append_printf(safe, "\\x%02x", (guint)(guchar)*p++);
            continue;
        }
        if (c == '\\')
            g_string_append(safe, "\\\\");
        else if (is_visible(c))
            g_string_append_unichar(safe, c);
        else
            g_string_append_printf(safe, "\\u{%x}", c);
        p = g_utf8_next_char(p);
    }
    return g_string_free(safe, FALSE);
}

char *safe_json(const char *json)
{
    GString *safe = g_string_new(NULL);
    for (const char *p = json; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (c < 0x80 || is_visible(c))
            g_string_append_unichar(safe, c);
        else if (c < 0x10000)
            g_string_append_printf(safe, "\\u%04x", c);
        else /* a surrogate pair, as JSON wants it */
            g_string_append_printf(safe, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10),
                                   0xdc00 + (c & 0x3ff));
    }
    return g_string_free(safe, FALSE);
}

guint text_width(const char *text)
{
    guint width = 0;
    for (const char *p = text; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (g_unichar_iszerowidth(c))
            continue;
        width += g_unichar_iswide(c) ? 2 : 1;
    }
    return width;
}
