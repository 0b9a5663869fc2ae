/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Joins lost lockspaces again, as long as a registration waits in one to come back by itself
 * (registration-recovery.h): with growing delay, until it works, or nobody waits any more, or
 * somebody leaves the lockspace or joins it with other words.
 */
#pragma once

#include "engine/engine.h"

typedef struct Rejoin Rejoin;

/* `engine` owns it. */
Rejoin *rejoin_new(BailiffEngine *engine);
void rejoin_free(Rejoin *self);

/* The state of a lockspace has changed. */
void rejoin_lockspace_changed(Rejoin *self, BailiffLockspace *lockspace);
