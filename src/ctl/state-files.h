/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What bailiffd has written down in its runtime directory, read without it: it may have ended, or
 * write at this moment.
 */
#pragma once

#include <glib.h>

typedef struct StateFile {
    char *path;
    GKeyFile *keys; /* NULL when it cannot be read: `error` says why */
    GError *error;
} StateFile;

typedef struct StateFiles {
    /* Of StateFile: those that were read, ordered by path or number. */
    GPtrArray *lockspaces;
    GPtrArray *resources;
    GPtrArray *registrations;
    GPtrArray *incidents;  /* under way */
    GPtrArray *unreadable; /* the others, of all kinds */
} StateFiles;

/* NULL when there is no such directory, bailiffd has never used it, or a directory of it may not be
 * read. */
StateFiles *state_files_read(const char *runtime_dir, GError **error);
void state_files_free(StateFiles *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StateFiles, state_files_free)

/* The registration with this id, as it is written down; NULL. */
const StateFile *state_files_find_registration(const StateFiles *self, guint64 id);
/* The number in the name of a registration's or an incident's file. */
guint64 state_file_id(const StateFile *self);
