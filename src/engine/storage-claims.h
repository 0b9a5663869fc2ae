/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ranges of storage that are spoken for: by lockspaces and resources of this host, and by whoever
 * formats one. Whoever is about to write somewhere asks here first.
 */
#pragma once

#include "engine/engine-private.h"

/* For the engine, which has one. */
StorageClaims *storage_claims_new(void);
void storage_claims_free(StorageClaims *self);

/* Busy when a lockspace or a resource of this host lies in that range of the device, or it is being
 * formatted. */
gboolean bailiff_engine_check_unused(BailiffEngine *self, const BlockDevice *device, guint64 offset,
                                     guint64 length, GError **error);

/* Somebody is about to write there: lost lockspaces of that place, whatever their names, write
 * nothing any more. */
void bailiff_engine_end_lost(BailiffEngine *self, const BlockDevice *device, guint64 offset,
                             guint64 length);

/* Busy while that range is being formatted: half of the check only. */
gboolean bailiff_engine_check_unclaimed(BailiffEngine *self, const BlockDevice *device,
                                        guint64 offset, guint64 length, GError **error);

/* A format holds its range from its check to its last write, so that nothing is joined or acquired
 * there in between. 0 with Busy; else a number for bailiff_engine_unclaim(). */
guint64 bailiff_engine_claim(BailiffEngine *self, BlockDevice *device, guint64 offset,
                             guint64 length, GError **error);
void bailiff_engine_unclaim(BailiffEngine *self, guint64 claim);
