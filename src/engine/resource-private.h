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
 * A published one whose holder has ended is an orphan if it is persistent, until somebody adopts or
 * releases it. One that somebody unknown may use is not touched (resource-unknown.c).
 *
 * From acquiring to gone it has its place in the lockspace's table, so that nobody on this host
 * starts a second lease machine on the same resource.
 */
#pragma once

#include "blockio/block-device.h"
#include "engine/resource.h"
#include "engine/saved-resource.h"
#include "lease/resource-lease.h"

typedef enum ResourcePhase {
    RESOURCE_ACQUIRING,
    RESOURCE_GRANTED,
    RESOURCE_PUBLISHED,
    RESOURCE_RELEASING,
    RESOURCE_GONE,
} ResourcePhase;

/* registration NULL: for this daemon's own use, see pin. It is granted at most, never published. */
BailiffResource *bailiff_resource_new(BailiffLockspace *lockspace,
                                      BailiffRegistration *registration, const char *name,
                                      const char *path, guint64 offset, ResourceMode mode);

ResourcePhase bailiff_resource_get_phase(BailiffResource *self);
/* The version that this host won when it acquired it, or made it exclusive: what requests of others
 * are compared with, also while it is shared and has no version to show. */
guint64 bailiff_resource_get_won_version(BailiffResource *self);
/* The looks at it (lockspace-recheck.c). */
typedef struct ResourceLook {
    guint64 number;  /* of the last good one, or when it was first seen; 0: not yet */
    guint64 version; /* of what it saw */
    ResourceMode mode;
    gboolean under_way;
    gboolean troubled; /* the last one showed nothing */
} ResourceLook;

ResourceLook *bailiff_resource_get_look(BailiffResource *self);
/* FALSE while it is not held or is pinned, or an operation on it is under way. *ret: a copy. */
gboolean bailiff_resource_copy_held(BailiffResource *self, ResourceLease *ret);
/* Around an operation of somebody else (resource-value.c) on one that bailiff_resource_copy_held()
 * has just given: no other begins, and a release waits for its end. */
void bailiff_resource_begin_operation(BailiffResource *self);
void bailiff_resource_end_operation(BailiffResource *self);
/* NULL until it is open. */
BlockDevice *bailiff_resource_get_device(BailiffResource *self);
/* While it is pinned: held, and touched by nobody. */
const ResourceLease *bailiff_resource_get_lease(BailiffResource *self);
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

/* After an attempt that failed: of the leader that was found; 0 when none was. */
guint64 bailiff_resource_get_found_version(BailiffResource *self);

/* Granted -> published: the lockspace announces it. */
void bailiff_resource_publish(BailiffResource *self);

/* While it is being acquired or adopted: whether it outlives its holder. */
void bailiff_resource_set_persistent(BailiffResource *self, gboolean persistent);
gboolean bailiff_resource_is_persistent(BailiffResource *self);
/* One who holds it has ended without releasing it: others go on sharing it, else it is released, or
 * an orphan from now on. */
void bailiff_resource_holder_ended(BailiffResource *self, BailiffRegistration *registration);
/* Published, joined or adopted, and nobody was told: released, or an orphan again. */
void bailiff_resource_take_back(BailiffResource *self, BailiffRegistration *registration);
/* An orphan that one call is about to adopt: nobody else may touch it. Busy. Ends with either of
 * the others, or with its being abandoned. */
gboolean bailiff_resource_reserve(BailiffResource *self, GError **error);
void bailiff_resource_unreserve(BailiffResource *self);
void bailiff_resource_adopt(BailiffResource *self, BailiffRegistration *registration);
/* Who held it before it became an orphan; never NULL. */
const char *bailiff_resource_get_former_holder(BailiffResource *self);

/* A shared one that is held: whether `registration` can hold it, too, without any I/O. */
gboolean bailiff_resource_check_joinable(BailiffResource *self, BailiffRegistration *registration,
                                         const char *path, guint64 offset, GError **error);
void bailiff_resource_join(BailiffResource *self, BailiffRegistration *registration);
/* FALSE: nobody else holds it, so it has to be released. */
gboolean bailiff_resource_leave(BailiffResource *self, BailiffRegistration *registration);

/* The failure policies of all who hold it are walked. */
void bailiff_resource_start_failing(BailiffResource *self, guint64 fail_us);

/* Somebody writes under this lease: whatever wants to release or abandon it meanwhile (the
 * lockspace that is left or fails does), it is not over before it is unpinned. FALSE when it is not
 * granted any more. */
gboolean bailiff_resource_pin(BailiffResource *self);
void bailiff_resource_unpin(BailiffResource *self);

/* The lockspace's lease is lost, or given back: no more I/O is started. Gone as soon as nothing of
 * it is in flight. */
void bailiff_resource_abandon(BailiffResource *self);

/* Phase acquiring, and the lockspace fails or leaves: the machine stops at its next chance. If it
 * has none for two io timeouts, because the kernel does not let go of its thread, the call is
 * answered all the same, and the resource abandoned. */
void bailiff_resource_stop_acquiring(BailiffResource *self);

/* As an earlier daemon has written it down (saved-resource.h), published at once; `holders`: of
 * BailiffRegistration, who use it; none: it is an orphan, or nobody does; `unknown`: of guint64,
 * who may. Nothing is done to it before bailiff_resource_prove(). */
BailiffResource *bailiff_resource_restore(BailiffLockspace *lockspace, const SavedResource *saved,
                                          GPtrArray *holders, const GArray *unknown);
gboolean bailiff_resource_is_restored(BailiffResource *self);
/* Somebody may use it who is not known (resource-unknown.c). */
gboolean bailiff_resource_has_unknown(BailiffResource *self);
/* "whoever DIR/held/7 is about"; owned. */
char *bailiff_resource_describe_unknown(BailiffResource *self);
/* Its lockspace fails or is left, and nothing can be done about them: who they are is told. */
void bailiff_resource_tell_unknown(BailiffResource *self);
/* Whose record was removed does not use it: somebody has made sure. `never_there`: as
 * held_records_drop_removed(). TRUE when nobody unknown is left: it is what it would be if they had
 * ended. */
gboolean bailiff_resource_acknowledge(BailiffResource *self, const char *runtime_dir,
                                      const GArray *never_there);
/* It is inherited, not proved yet, and has not had its turn in this round. */
gboolean bailiff_resource_wants_proof(BailiffResource *self, guint round);
/* Looks on disk what is so. Done when it is known: kept, or being given back. FALSE with an error
 * when that could not be learned, Lost or Held when somebody else has it. The lockspace is held,
 * and has a worker for resources. */
void bailiff_resource_prove_async(BailiffResource *self, guint round, GAsyncReadyCallback callback,
                                  gpointer user_data);
gboolean bailiff_resource_prove_finish(BailiffResource *self, GAsyncResult *result, GError **error);

/* The lockspace itself is gone: so is this, whatever is still in flight (and stays fenced). Not for
 * one that is in use. */
void bailiff_resource_forget(BailiffResource *self);
