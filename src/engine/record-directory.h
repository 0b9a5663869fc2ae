/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of lockspace records: DIRECTORY/NAME.conf.
 *
 * Everything here blocks for as long as the disk wishes: for the store's threads only.
 *
 * What joins a lockspace decides what this host writes to, so that whoever could change a record
 * could have a disk written. Records count only where nobody but root, or the user of bailiffd, can
 * have put or changed them.
 */
#pragma once

#include "engine/lockspace-settings.h"

/* More are not read. */
#define RECORD_FILES_MAX 1000u

/* A file of the directory. */
typedef struct RecordFile {
    char *name;                  /* without .conf; may be anything but a path */
    char *path;                  /* for people: printable */
    LockspaceSettings *settings; /* NULL: refused */
    GError *error;               /* why */
} RecordFile;

void record_file_free(RecordFile *self);

/* (element-type RecordFile) ordered by name; empty when there is no directory. NULL with
 * NotAuthorized or IoError when the directory as a whole cannot be used. What is not called
 * NAME.conf, or begins with a dot, is somebody else's. */
GPtrArray *record_directory_load(const char *directory, GError **error);

/* On disk when it returns: the old content or the new one whatever happens. The directory is made
 * if need be. IoError, NotAuthorized. */
gboolean record_directory_write(const char *directory, const LockspaceSettings *settings,
                                GError **error);

/* No error when there is none. */
gboolean record_directory_remove(const char *directory, const char *name, GError **error);
