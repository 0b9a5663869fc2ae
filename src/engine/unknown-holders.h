/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registrations of an earlier daemon that may be anybody: looks, for the resources that they may
 * use (resource-unknown.c) and for forsaken lockspaces, whether somebody has removed their records,
 * which says that they do not run.
 *
 * A record that is missing, though a resource names its registration as a holder, is as bad as one
 * that cannot be read. No daemon leaves it so in a lockspace that can be taken over: a record goes
 * after its registration is named by no resource there any more. A file that cannot be read is put
 * into its place, so that there is something to remove. Somebody who has removed a record while no
 * daemon ran is asked a second time by that; the other way round a record that was lost would set
 * its process free.
 */
#pragma once

#include "engine/engine.h"

typedef struct UnknownHolders UnknownHolders;

/* Before anything is taken over: all that it looks for is added in that turn of the main loop. */
UnknownHolders *unknown_holders_new(BailiffEngine *engine);
void unknown_holders_free(UnknownHolders *self);

void unknown_holders_add_missing(UnknownHolders *self, guint64 id);
/* One that has some. */
void unknown_holders_watch(UnknownHolders *self, BailiffResource *resource);
