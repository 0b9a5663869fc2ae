/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options that format-lockspace and format-resource share, and their form on the bus.
 */
#pragma once

#include <glib.h>

typedef struct FormatOptions {
    char *sector_size;
    char *align_size;
    gboolean overwrite;
    /* Either of them, or none: a verb has only its own. */
    char *io_timeout;
    char *max_hosts;
} FormatOptions;

void format_options_clear(FormatOptions *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FormatOptions, format_options_clear)

/* a{sv}, floating; NULL with a usage error. */
GVariant *format_options_build(const FormatOptions *self, GError **error);

/* "io-timeout" u in seconds into `dict`, unless `text` is NULL. */
gboolean io_timeout_insert(GVariantDict *dict, const char *text, GError **error);

/* For GOption tables: the shared entries of a FormatOptions variable. */
#define FORMAT_OPTION_ENTRIES(self)                                                                \
    { "sector-size",                                                                               \
      0,                                                                                           \
      0,                                                                                           \
      G_OPTION_ARG_STRING,                                                                         \
      &(self).sector_size,                                                                         \
      N_("Bytes of a sector: 512 or 4096 (default: what the device has)"),                         \
      N_("SIZE") },                                                                                \
        { "align-size",                                                                            \
          0,                                                                                       \
          0,                                                                                       \
          G_OPTION_ARG_STRING,                                                                     \
          &(self).align_size,                                                                      \
          N_("Bytes of an area: 1M, 2M, 4M or 8M (default: 1M, or 8M for sectors of 4096)"),       \
          N_("SIZE") },                                                                            \
    {                                                                                              \
        "overwrite", 0, 0, G_OPTION_ARG_NONE, &(self).overwrite,                                   \
            N_("Destroy the lockspace or resource that is already there"), NULL                    \
    }
