/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all fuzz targets share; see the header.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* GLib 2.74 sets one error over another by itself where a key file has two bad escapes in one
 * value.
 */
static bool is_known(const char *message)
{
    return strstr(message, "The overwriting error message was: Key file contains") != NULL;
}

/* Not left to GLib's own fatal messages: they end the program by SIGTRAP, with which libFuzzer does
 * not save the input. */
static void on_message(GLogLevelFlags level, const char *message)
{
    if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) == 0 ||
        is_known(message))
        return;
    fprintf(stderr, "ERROR: a warning: %s\n", message);
    abort();
}

static void on_old_message(const char *domain, GLogLevelFlags level, const char *message,
                           gpointer user_data)
{
    on_message(level, message);
}

static GLogWriterOutput on_structured_message(GLogLevelFlags level, const GLogField *fields,
                                              gsize n_fields, gpointer user_data)
{
    for (gsize i = 0; i < n_fields; i++)
        if (strcmp(fields[i].key, "MESSAGE") == 0)
            on_message(level, fields[i].value);
    return G_LOG_WRITER_HANDLED;
}

/* Our own warnings and GLib's (about arguments that it should not have been given) are findings. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    g_log_set_default_handler(on_old_message, NULL);
    g_log_set_writer_func(on_structured_message, NULL, NULL);
    return 0;
}

uint64_t fuzz_number(FuzzBytes *self, unsigned n_bytes)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < n_bytes && self->left > 0; i++) {
        number |= (uint64_t)*self->at++ << (8 * i);
        self->left--;
    }
    return number;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    size_t length = size > 0 ? strnlen((const char *)data, size) : 0;
    char *text = g_malloc(length + 1);
    if (length > 0)
        memcpy(text, data, length);
    text[length] = '\0';
    return text;
}

void fuzz_assert_error(const GError *error)
{
    g_assert_nonnull(error);
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
    const char *cure = strchr(error->message, '\n');
    g_assert_nonnull(cure);
    g_assert_true(cure > error->message && cure[1] != '\0');
    g_assert_null(strchr(cure + 1, '\n'));
}
