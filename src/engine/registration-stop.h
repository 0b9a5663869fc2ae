/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the recovery stops what it cannot let go on: a walk like that of a failure policy, from now.
 */
#pragma once

#include "engine/registration.h"

/* Of a domain: it runs without its leases, and may be resumed later. */
void registration_pause_again(BailiffRegistration *self);

/* It may run, and has its leases in hand until it has ended. */
void registration_stop_with_leases(BailiffRegistration *self);

/* It runs without its leases, or others have had them while it was paused. */
void registration_stop_without_leases(BailiffRegistration *self);
