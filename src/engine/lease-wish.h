/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether leases can be asked for as they are named, before anything is done for them.
 */
#pragma once

#include "engine/engine.h"
#include "engine/registration.h"

/* InvalidArgument: none, too many, one that is named twice, or a name or path that cannot be one;
 * NotJoined; and what bailiff_registration_check_ready() says. */
gboolean lease_wishes_check(BailiffEngine *engine, BailiffRegistration *registration,
                            const BailiffLeaseWish *wishes, gsize n_wishes, GError **error);
