/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of a file of the runtime directory, made from its beginning to its end: what GKeyFile
 * would make of the same keys. To make a GKeyFile and its text takes as long as to write the file;
 * this is for what is written with every lease.
 */
#pragma once

#include <glib.h>

/* With room for the first line, and the keys Format and BootId in `group`. NULL with IoError when
 * the boot is not known. For runtime_file_write_text(). */
GString *runtime_text_new(const char *group, int format, GError **error);

/* `value` as it is; has no end of line. */
void runtime_text_add(GString *text, const char *key, const char *value);
/* For g_key_file_get_string(). */
void runtime_text_add_string(GString *text, const char *key, const char *value);
void runtime_text_add_boolean(GString *text, const char *key, gboolean value);
void runtime_text_add_uint64(GString *text, const char *key, guint64 value);
/* In hexadecimal digits. */
void runtime_text_add_bytes(GString *text, const char *key, const guint8 *bytes, gsize length);
