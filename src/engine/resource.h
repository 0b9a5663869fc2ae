/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource lease that this host holds, or is giving back.
 */
#pragma once

#include "engine/engine.h"

typedef enum BailiffResourceState {
    BAILIFF_RESOURCE_HELD,
    BAILIFF_RESOURCE_RELEASING,
} BailiffResourceState;

/* Properties that notify: state (int), orphan (boolean; the registration changes with it). All else
 * is constant. */
#define BAILIFF_TYPE_RESOURCE (bailiff_resource_get_type())
G_DECLARE_FINAL_TYPE(BailiffResource, bailiff_resource, BAILIFF, RESOURCE, GObject)

const char *bailiff_resource_get_name(BailiffResource *self);
BailiffLockspace *bailiff_resource_get_lockspace(BailiffResource *self); /* borrowed */
const char *bailiff_resource_get_path(BailiffResource *self);
guint64 bailiff_resource_get_offset(BailiffResource *self);
guint64 bailiff_resource_get_version(BailiffResource *self);
/* Borrowed; NULL: it is an orphan, or was one. */
BailiffRegistration *bailiff_resource_get_registration(BailiffResource *self);
/* Persistent, and its holder has ended without releasing it: it is held by nobody but this host. */
gboolean bailiff_resource_is_orphan(BailiffResource *self);
BailiffResourceState bailiff_resource_get_state(BailiffResource *self);
const char *bailiff_resource_state_name(BailiffResourceState state); /* "held", "releasing" */

/* Gives it back; answers after the first attempt, goes on in the background. When the lockspace
 * does not hold its lease any more (or leaves) nothing is written: the resource is abandoned, which
 * is success for the caller. Busy while it is an orphan that is being adopted. */
void bailiff_resource_release_async(BailiffResource *self, GAsyncReadyCallback callback,
                                    gpointer user_data);
gboolean bailiff_resource_release_finish(BailiffResource *self, GAsyncResult *result,
                                         GError **error);
