/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource lease that this daemon has in hand, written down for the bailiffd that comes after it
 * in the same boot: RUNTIME/resources/LOCKSPACE/NAME, from before its first write until nothing of
 * it is left on disk.
 *
 * What its successor does about it depends on the use (see succession.h):
 *   unused       nobody has been told that it is held, or its holder has let go of it: given back
 *   held         used by its holders, as the records say; looked at, and kept
 *   converting   used by its holders, shared at least; read back, and kept
 */
#pragma once

#include <glib.h>

#include "lease/resource-lease.h"

typedef enum SavedResourceUse {
    SAVED_RESOURCE_UNUSED,
    SAVED_RESOURCE_HELD,
    SAVED_RESOURCE_CONVERTING,
} SavedResourceUse;

typedef struct SavedResource {
    char *name;
    char *path;
    char *former_holder; /* "" when it never was an orphan */
    GArray *holders;     /* of guint64: ids of registrations; the first one first */
    guint64 offset;
    SavedResourceUse use;
    ResourceMode mode;
    guint64 won_version;
    gboolean persistent;
    gboolean orphan;
    LeaderRecord leader; /* as it was held last; HELD and CONVERTING */
    BallotRecord ballot;
} SavedResource;

SavedResource *saved_resource_new(const char *name, const char *path, guint64 offset);
void saved_resource_free(SavedResource *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SavedResource, saved_resource_free)

/* Only reads `resource`. IoError. */
gboolean saved_resource_write(const char *runtime_dir, const char *lockspace,
                              const SavedResource *resource, GError **error);
/* Where what has become of it cannot be written: the next bailiffd finds something that it cannot
 * read, and makes everybody harmless who may hold it. */
void saved_resource_spoil(const char *runtime_dir, const char *lockspace, const char *name);

/* Of its file. */
char *saved_resource_path(const char *runtime_dir, const char *lockspace, const char *name);
void saved_resource_remove(const char *runtime_dir, const char *lockspace, const char *name);

/* The names of all of a lockspace, NULL-terminated; also of those that cannot be read. */
char **saved_resources_list(const char *runtime_dir, const char *lockspace);
/* FALSE: there may be some, and nobody can tell which. */
gboolean saved_resources_can_be_listed(const char *runtime_dir, const char *lockspace);
/* The names of the lockspaces of which there are some, or were; NULL-terminated. */
char **saved_resources_list_lockspaces(const char *runtime_dir);
/* Errors as those of runtime_file_load(); what it holds has been checked for what it can be. */
SavedResource *saved_resource_load(const char *runtime_dir, const char *lockspace, const char *name,
                                   GError **error);

const char *saved_resource_use_name(SavedResourceUse use); /* "unused", "held", "converting" */
