/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resource indexes of a lockspace: tables on storage that find room for resources and know where
 * each of them lies.
 */
#pragma once

#include "engine/lockspace.h"

typedef enum IndexVerb {
    INDEX_LOOKUP,
    INDEX_LIST,
    INDEX_FORMAT, /* from here on: changes, one at a time for a lockspace, else Busy */
    INDEX_CREATE,
    INDEX_DELETE,
    INDEX_REBUILD,
} IndexVerb;

/* Strings are borrowed for the call; what a verb does not use is 0. */
typedef struct IndexCall {
    IndexVerb verb;
    const char *path;
    guint64 offset;          /* of the index; bytes, a multiple of the area's size */
    const char *name;        /* create, delete, lookup */
    guint64 resource_offset; /* delete, lookup: 0 wherever it lies */
    guint32 max_hosts;       /* create: 0 as many as fit */
    guint32 max_resources;   /* format: 0 the usual number */
    gboolean overwrite;      /* format */
} IndexCall;

/* Looking works in any state once the lockspace was joined; changes need it held. The answer is
 * what the method of that name on the bus replies: (t) of create and lookup, (a(st)) of list, () of
 * the others. */
void bailiff_lockspace_index_async(BailiffLockspace *self, const IndexCall *call,
                                   GAsyncReadyCallback callback, gpointer user_data);
GVariant *bailiff_lockspace_index_finish(BailiffLockspace *self, GAsyncResult *result,
                                         GError **error);
