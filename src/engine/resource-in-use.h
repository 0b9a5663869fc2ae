/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why a resource cannot be acquired that is in use on this host already, and what to do about it.
 */
#pragma once

#include "engine/lockspace.h"
#include "engine/resource.h"

/* `here` is `lockspace`'s; `wants`: who would have it. Held, or Busy when it passes by itself;
 * AlreadyExists when `wants` holds it. */
void resource_set_in_use_error(GError **error, BailiffResource *here, BailiffLockspace *lockspace,
                               BailiffRegistration *wants);
