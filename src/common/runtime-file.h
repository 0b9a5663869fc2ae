/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A small key file in the runtime directory: memory, gone with the boot, but not with the daemon.
 *
 * The first line is a comment with a checksum of the rest. A file is written whole or not at all:
 * when it is new, or larger than a page, by a rename; otherwise in its place by one write(). That
 * is three times as fast and needs no room that may be missing. A process that is killed does not
 * leave a page half written; should it ever, the checksum tells.
 */
#pragma once

#include <glib.h>

/* With the keys Format and BootId in `group`: what every file has. NULL with IoError when the boot
 * is not known. */
GKeyFile *runtime_file_new(const char *group, int format, GError **error);

/* Writes `directory`/`name` (made if need be). No fsync: it has to outlive the daemon, not the
 * host. IoError, with `cure` as what to do. `name` must not begin with RUNTIME_FILE_NEW. */
gboolean runtime_file_write(const char *directory, const char *name, GKeyFile *file,
                            const char *cure, GError **error);

/* The same of a text that is made without a GKeyFile (runtime-text.h), which is not changed but
 * padded. It begins with room for the line with the checksum. */
gboolean runtime_file_write_text(const char *directory, const char *name, GString *text,
                                 const char *cure, GError **error);
#define RUNTIME_FILE_HEAD_LENGTH 26u
#define RUNTIME_FILE_PAGE 4096u

/* What it told of is over, and there may soon be something to tell again: the file keeps its place
 * and its size, so that the next write is one in place, and says that it is void. To a reader that
 * is the same as no file: NotFound. A third of the time of removing it and making it anew. FALSE:
 * that is not possible; remove it. */
gboolean runtime_file_make_void(const char *path);
gboolean runtime_file_is_void(const char *path);

/* What BootId says in every file. Never changes. NULL with IoError. */
const char *runtime_file_boot(GError **error);

/* What is not finished, and void. */
#define RUNTIME_FILE_NEW "%new-"

/* Corrupt when it is no such file, has a bad checksum, or belongs to somebody else; Unsupported
 * when its key Format in `group` is not `format` (it was written by a later bailiffd); IoError;
 * NotFound, also when it is of an earlier boot, and so about nothing that still is. */
GKeyFile *runtime_file_load(const char *directory, const char *name, const char *group, int format,
                            GError **error);

/* The same of a file without a checksum, of `max` bytes at the most: one that is always written by
 * a rename. */
GKeyFile *runtime_file_load_unsealed(const char *directory, const char *name, const char *group,
                                     int format, gsize max, GError **error);

/* A name of a lockspace or resource as a file name, and back; NULL when it is none. */
char *runtime_file_name(const char *name);
char *runtime_file_name_of(const char *file_name);
