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

/* Properties that notify: state (int). All else is constant. */
#define BAILIFF_TYPE_RESOURCE (bailiff_resource_get_type())
G_DECLARE_FINAL_TYPE(BailiffResource, bailiff_resource, BAILIFF, RESOURCE, GObject)

const char *bailiff_resource_get_name(BailiffResource *self);
BailiffLockspace *bailiff_resource_get_lockspace(BailiffResource *self); /* borrowed */
const char *bailiff_resource_get_path(BailiffResource *self);
guint64 bailiff_resource_get_offset(BailiffResource *self);
guint64 bailiff_resource_get_version(BailiffResource *self);
BailiffRegistration *bailiff_resource_get_registration(BailiffResource *self); /* borrowed */
BailiffResourceState bailiff_resource_get_state(BailiffResource *self);
const char *bailiff_resource_state_name(BailiffResourceState state); /* "held", "releasing" */
