/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Places on storage as people type them: PATH[:OFFSET] and RESOURCE@PATH[:OFFSET].
 */
#pragma once

#include <glib.h>

typedef struct StoragePlace {
    char *path; /* absolute */
    guint64 offset;
} StoragePlace;

/* What follows the last colon is the offset when it begins with a digit and looks like a size, also
 * a mistyped one; else the colon belongs to the path (/dev/disk/by-path is full of them). A
 * relative path is made absolute, for bailiffd has another working directory. Errors: CTL_ERROR,
 * usage. */
gboolean storage_place_parse(StoragePlace *ret, const char *text, GError **error);
void storage_place_clear(StoragePlace *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StoragePlace, storage_place_clear)

typedef struct ResourcePlace {
    char *resource;
    StoragePlace place;
} ResourcePlace;

ResourcePlace *resource_place_parse(const char *text, GError **error);
void resource_place_free(ResourcePlace *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ResourcePlace, resource_place_free)
