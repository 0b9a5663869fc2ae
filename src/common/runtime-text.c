/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Key files, appended key by key.
 */
#include "common/runtime-text.h"

#include <string.h>

#include "common/runtime-file.h"

static void begin(GString *text, const char *key)
{
    g_string_append(text, key);
    g_string_append_c(text, '=');
}

GString *runtime_text_new(const char *group, int format, GError **error)
{
    const char *boot_id = runtime_file_boot(error);
    GString *text;

    if (boot_id == NULL)
        return NULL;
    text = g_string_sized_new(RUNTIME_FILE_PAGE);
    g_string_set_size(text, RUNTIME_FILE_HEAD_LENGTH);
    g_string_append_c(text, '[');
    g_string_append(text, group);
    g_string_append(text, "]\n");
    runtime_text_add_uint64(text, "Format", (guint64)format);
    runtime_text_add_string(text, "BootId", boot_id);
    return text;
}

void runtime_text_add(GString *text, const char *key, const char *value)
{
    begin(text, key);
    g_string_append(text, value);
    g_string_append_c(text, '\n');
}

/* White space counts at the beginning only: GKeyFile drops it there. */
void runtime_text_add_string(GString *text, const char *key, const char *value)
{
    gboolean leading = TRUE;

    begin(text, key);
    for (const char *at = value; *at != '\0'; at++) {
        const char *escaped = *at == '\\'              ? "\\\\"
                              : *at == '\n'            ? "\\n"
                              : *at == '\r'            ? "\\r"
                              : leading && *at == ' '  ? "\\s"
                              : leading && *at == '\t' ? "\\t"
                                                       : NULL;

        leading = leading && (*at == ' ' || *at == '\t');
        if (escaped != NULL)
            g_string_append(text, escaped);
        else
            g_string_append_c(text, *at);
    }
    g_string_append_c(text, '\n');
}

void runtime_text_add_boolean(GString *text, const char *key, gboolean value)
{
    runtime_text_add(text, key, value ? "true" : "false");
}

void runtime_text_add_uint64(GString *text, const char *key, guint64 value)
{
    char digits[20 + 1];

    g_snprintf(digits, sizeof digits, "%" G_GUINT64_FORMAT, value);
    runtime_text_add(text, key, digits);
}

void runtime_text_add_bytes(GString *text, const char *key, const guint8 *bytes, gsize length)
{
    static const char digits[] = "0123456789abcdef";
    gsize at;

    begin(text, key);
    at = text->len;
    g_string_set_size(text, at + 2 * length);
    for (gsize i = 0; i < length; i++) {
        text->str[at + 2 * i] = digits[bytes[i] >> 4];
        text->str[at + 2 * i + 1] = digits[bytes[i] & 15];
    }
    g_string_append_c(text, '\n');
}
