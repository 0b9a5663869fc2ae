/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One call that acquires some leases for a registration: all of them or none.
 *
 * Without `wait` all are tried at the same time. With `wait` one after the other in the order of
 * lockspace and resource name, whatever order was asked for: two hosts that want the same two
 * leases and wait for them cannot each hold one for ever. Those of one host that wait for the same
 * lease get it in the order in which they came (turn-queue.h).
 */
#pragma once

#include "engine/registration.h"

void acquisition_start(BailiffEngine *engine, BailiffRegistration *registration,
                       const BailiffLeaseWish *wishes, gsize n_wishes, GTask *task);
