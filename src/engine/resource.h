/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource lease that this host holds, or is giving back.
 */
#pragma once

#include "engine/engine.h"
#include "lease/resource-lease.h"

typedef enum BailiffResourceState {
    BAILIFF_RESOURCE_HELD,
    BAILIFF_RESOURCE_RELEASING,
} BailiffResourceState;

/* Properties that notify: state (int), orphan (boolean), mode (int; the version changes with it),
 * registrations (GPtrArray of BailiffRegistration; changes with orphan, too). All else is constant.
 */
#define BAILIFF_TYPE_RESOURCE (bailiff_resource_get_type())
G_DECLARE_FINAL_TYPE(BailiffResource, bailiff_resource, BAILIFF, RESOURCE, GObject)

const char *bailiff_resource_get_name(BailiffResource *self);
BailiffLockspace *bailiff_resource_get_lockspace(BailiffResource *self); /* borrowed */
const char *bailiff_resource_get_path(BailiffResource *self);
guint64 bailiff_resource_get_offset(BailiffResource *self);
/* 0: it is shared, and has none of its own. */
guint64 bailiff_resource_get_version(BailiffResource *self);
gboolean bailiff_resource_is_shared(BailiffResource *self);
const char *bailiff_resource_get_mode_name(BailiffResource *self); /* "exclusive", "shared" */
/* The first who holds it. Borrowed; NULL: it is an orphan, or was one. */
BailiffRegistration *bailiff_resource_get_registration(BailiffResource *self);
GPtrArray *bailiff_resource_list_registrations(BailiffResource *self);
gboolean bailiff_resource_is_held_by(BailiffResource *self, BailiffRegistration *registration);
/* Persistent, and its holder has ended without releasing it: it is held by nobody but this host. */
gboolean bailiff_resource_is_orphan(BailiffResource *self);
BailiffResourceState bailiff_resource_get_state(BailiffResource *self);

/* One sector, as it is on disk now. Errors: Unsupported (the layout has no room for a value), Busy,
 * IoTimeout, IoError, Lost. */
void bailiff_resource_read_value_async(BailiffResource *self, GAsyncReadyCallback callback,
                                       gpointer user_data);
GBytes *bailiff_resource_read_value_finish(BailiffResource *self, GAsyncResult *result,
                                           GError **error);
/* Written at once; what is missing to a sector is zeroes. Also: InvalidArgument (longer than that),
 * Held (not held exclusively, or by somebody else on disk). */
void bailiff_resource_write_value_async(BailiffResource *self, const guint8 *data, gsize length,
                                        GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_resource_write_value_finish(BailiffResource *self, GAsyncResult *result,
                                             GError **error);

const char *bailiff_resource_state_name(BailiffResourceState state); /* "held", "releasing" */

/* Makes it shared, or exclusive. To shared: it is to be used as shared from the call on; when that
 * fails for the storage's sake it is tried again in the background. To exclusive: it stays shared
 * until this has worked; Held names who else shares it, on this host or another. Busy while it is
 * being converted or released; Lost when its lockspace is failing. */
void bailiff_resource_convert_async(BailiffResource *self, ResourceMode mode,
                                    GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_resource_convert_finish(BailiffResource *self, GAsyncResult *result,
                                         GError **error);

/* Gives it back; answers after the first attempt, goes on in the background. When the lockspace
 * does not hold its lease any more (or leaves) nothing is written: the resource is abandoned, which
 * is success for the caller. Busy while it is an orphan that is being adopted. */
void bailiff_resource_release_async(BailiffResource *self, GAsyncReadyCallback callback,
                                    gpointer user_data);
/* The same of an exclusive one, which gets a new name on disk in the same write. Errors of a
 * release, and InvalidArgument, Busy. Where it was released, but not renamed, the error says so.
 * Finish with bailiff_resource_release_finish(). */
void bailiff_resource_rename_async(BailiffResource *self, const char *new_name,
                                   GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_resource_release_finish(BailiffResource *self, GAsyncResult *result,
                                         GError **error);
