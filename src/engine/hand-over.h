/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last that an engine does before another process, or another program in this one, goes on with
 * what is written down: all of it is written down.
 */
#pragma once

#include "engine/engine.h"

/* `how`, for people: what follows. Blocks for some milliseconds. */
void hand_over_write(BailiffEngine *engine, const char *how);
/* Nobody followed: this one goes on. `why`, for people. */
void hand_over_failed(BailiffEngine *engine, const char *why);
