/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource lease from the first attempt to acquire it until its last write has landed.
 *
 *   acquiring --> granted (held on disk, not shown yet) --> published --> releasing --> gone
 *       |             |                                          |            ^
 *       |             +------------------------------------------|------------+
 *       +--> releasing (the attempt failed where others may still make us the owner) --> gone
 *       +--> gone
 *
 * From acquiring to gone it has its place in the lockspace's table, so that nobody on this host
 * starts a second lease machine on the same resource.
 */
#pragma once

#include "blockio/block-device.h"
#include "engine/resource.h"

typedef enum ResourcePhase {
    RESOURCE_ACQUIRING,
    RESOURCE_GRANTED,
    RESOURCE_PUBLISHED,
    RESOURCE_RELEASING,
    RESOURCE_GONE,
} ResourcePhase;

BailiffResource *bailiff_resource_new(BailiffLockspace *lockspace,
                                      BailiffRegistration *registration, const char *name,
                                      const char *path, guint64 offset);

ResourcePhase bailiff_resource_get_phase(BailiffResource *self);
/* NULL until it is open. */
const BlockDevice *bailiff_resource_get_device(BailiffResource *self);
/* Shown to others: published, and until it is gone. */
gboolean bailiff_resource_is_visible(BailiffResource *self);
/* Its registration uses it or is about to: acquiring, granted, published. */
gboolean bailiff_resource_is_used(BailiffResource *self);

/* One attempt, in phase acquiring. The phase is granted on success; on failure it is releasing or
 * gone by the time of the callback. */
void bailiff_resource_acquire_async(BailiffResource *self, gboolean patient,
                                    guint64 required_version, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_resource_acquire_finish(BailiffResource *self, GAsyncResult *result,
                                         GError **error);

/* Granted -> published: the lockspace announces it. */
void bailiff_resource_publish(BailiffResource *self);

/* Gives it back; answers after the first attempt, goes on in the background. When the lockspace
 * does not hold its lease any more (or leaves) nothing is written: the resource is abandoned, which
 * is success for the caller. */
void bailiff_resource_release_async(BailiffResource *self, GAsyncReadyCallback callback,
                                    gpointer user_data);
gboolean bailiff_resource_release_finish(BailiffResource *self, GAsyncResult *result,
                                         GError **error);

/* The lockspace's lease is lost, or given back: no more I/O is started. Gone as soon as nothing of
 * it is in flight. */
void bailiff_resource_abandon(BailiffResource *self);

/* The lockspace itself is gone: so is this, whatever is still in flight (and stays fenced). Not for
 * one that is in use. */
void bailiff_resource_forget(BailiffResource *self);
