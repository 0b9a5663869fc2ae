/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kill guard (actions/kill-guard.h) is told: when each lockspace's budget ends, and who
 * holds leases there.
 *
 *   last good renewal      fail                        fail + FAILURE_BUDGET_SECONDS
 *   ------+------------------+------------------------------+------------------------------>
 *         | the deadline is  | the main loop walks the      | whoever still stands here is
 *         | moved on by the  | failure policies; who is     | killed by the guard's threads,
 *         | next renewal     | cleared is taken out         | also when the main loop hangs
 *
 * A registration stands under the line of each lockspace in which it holds or is acquiring leases:
 * from before the first one is granted, until it holds none there, has ended, or is paused for
 * certain. Whose failure policy for that lockspace is `ignore` does not.
 */
#pragma once

#include "actions/target.h"
#include "engine/lockspace.h"

/* From the last good renewal of a lockspace with this io timeout (seconds) to the last kill, in
 * microseconds: as long, a main loop that hangs is better left alone than ended. */
guint64 last_kill_delay(guint32 io_timeout);

/* Of a lockspace. */

/* A good renewal: the deadline is moved on. */
void last_kill_renewed(BailiffLockspace *lockspace);
/* The lockspace has failed, by this deadline, which may be earlier than that of the renewal. */
void last_kill_failed(BailiffLockspace *lockspace, guint64 fail_us);
/* It is lost, or removed: it has nobody any more. */
void last_kill_forget_lockspace(BailiffLockspace *lockspace);

/* Of a registration. */

typedef struct LastKill LastKill;

LastKill *last_kill_new(KillGuard *guard);
/* Does not tell the guard any more: see last_kill_uncover_all(). */
void last_kill_free(LastKill *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LastKill, last_kill_free)

/* From now on `target` dies with this lockspace's lease; TRUE at once when it is so already. FALSE
 * with an error when the guard cannot do it: then it must not be given leases there. A target that
 * has no process yet is taken care of when it has one: last_kill_target_changed(). */
gboolean last_kill_cover(LastKill *self, BailiffTarget *target, BailiffLockspace *lockspace,
                         GError **error);
/* It is harmless everywhere, on proof. */
void last_kill_uncover_all(LastKill *self);

/* The same of those lockspaces where `keep` says FALSE. */
typedef gboolean (*LastKillKeep)(BailiffLockspace *lockspace, gpointer user_data);
void last_kill_uncover_unless(LastKill *self, LastKillKeep keep, gpointer user_data);

/* Its process is another one. */
void last_kill_target_changed(LastKill *self, BailiffTarget *target);
/* Tells the log that it holds leases there and the guard does not know of it. */
void last_kill_tell_unprepared(BailiffLockspace *lockspace, BailiffTarget *target,
                               const GError *error);
