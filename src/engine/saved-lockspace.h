/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lockspace that is held, written down for the bailiffd that comes after this one in the same
 * boot: RUNTIME/lockspaces/NAME, from the end of its join until it is lost or left. With each good
 * renewal, so that the successor counts the same deadlines.
 */
#pragma once

#include <glib.h>

#include "ondisk/leader-record.h"

typedef enum SavedLockspaceState {
    SAVED_LOCKSPACE_HELD,
    SAVED_LOCKSPACE_FAILING, /* failure policies are being walked, from fail_us on */
    SAVED_LOCKSPACE_LEAVING,
} SavedLockspaceState;

typedef struct SavedLockspace {
    char *name;
    char *path;
    char *host_name; /* under which its host lease is held */
    guint64 offset;
    guint64 host_id;
    guint32 io_timeout; /* seconds */
    SavedLockspaceState state;
    guint64 fail_us;         /* FAILING: boottime */
    guint64 last_renewal_us; /* start of the last good renewal, boottime */
    LeaderRecord last;       /* the record that it wrote */
} SavedLockspace;

void saved_lockspace_free(SavedLockspace *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SavedLockspace, saved_lockspace_free)

/* Only reads `lockspace`. IoError. */
gboolean saved_lockspace_write(const char *runtime_dir, const SavedLockspace *lockspace,
                               GError **error);
void saved_lockspace_remove(const char *runtime_dir, const char *name);

/* The names of all that there are, NULL-terminated; also of those that cannot be read. */
char **saved_lockspaces_list(const char *runtime_dir);
/* FALSE: there may be some, and nobody can tell which. */
gboolean saved_lockspaces_can_be_listed(const char *runtime_dir);
/* Errors as those of runtime_file_load(); what it holds has been checked for what it can be. */
SavedLockspace *saved_lockspace_load(const char *runtime_dir, const char *name, GError **error);
