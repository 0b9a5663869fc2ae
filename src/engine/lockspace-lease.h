/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a lockspace keeps this host's lease, in parts:
 *
 *   lockspace-lease.c   renewals, deadlines, failing
 *   lockspace-join.c    from the open of the storage to the first renewal
 *   lockspace-leave.c   leaving, and giving the host lease back
 *   lockspace-watchdog.c  what stands behind it when somebody cannot be made harmless
 *   lockspace-saved.c   from one daemon to the next
 *
 * What they call in each other. All of it in the main loop.
 */
#pragma once

#include "engine/lockspace-private.h"
#include "engine/machine-driver.h"

void lockspace_arm(BoottimeTimer **timer, guint64 when_us, BoottimeTimerFunc callback,
                   BailiffLockspace *self);
void lockspace_disarm(BoottimeTimer **timer);

/* Runs self->machine; one operation at a time. The callback gets a reference to `self` and clears
 * self->operating. */
void lockspace_operate(BailiffLockspace *self, MachineJob *job, GAsyncReadyCallback callback);
GError *lockspace_describe_fault(BailiffLockspace *self, const LeaseFault *fault);

/* What later joins have to know (lease/host-lease-past.h). note_: after an operation, whether the
 * lease is held. */
gboolean lockspace_write_past(BailiffLockspace *self, HostLeasePast past, GError **error);
void lockspace_note_past(BailiffLockspace *self, gboolean held);

/* lockspace-join.c */
LeaseWorker *lockspace_make_renewal_worker(GError **error);

/* lockspace-lease.c */
void lockspace_start_renewal(BailiffLockspace *self);
void lockspace_on_deadline(gpointer lockspace);
/* From now on this host does not rely on its lease. For good: whatever the storage does next.
 * Failure policies count from `fail_us`. */
void lockspace_fail(BailiffLockspace *self, guint64 fail_us, const char *reason);
void lockspace_become_lost(BailiffLockspace *self, const char *reason);
/* Every resource in every phase; owned. */
GPtrArray *lockspace_list_resources(BailiffLockspace *self);
/* Every one of them comes to its end: policies are walked for those in use, from `fail_us` on. */
void lockspace_fail_resources(BailiffLockspace *self, guint64 fail_us);

/* lockspace-watchdog.c */
/* Whether the watchdog can guard a lockspace with this io timeout. InvalidArgument. */
gboolean lockspace_check_watchdog(BailiffEngine *engine, const char *name, guint32 io_timeout,
                                  GError **error);
/* `error` NULL: it is guarded, or there is no watchdog. At once, or later; not when the lockspace
 * was abandoned meanwhile. An operation, as those of lockspace_operate(). */
typedef void (*LockspaceGuarded)(BailiffLockspace *self, const GError *error);
void lockspace_guard(BailiffLockspace *self, LockspaceGuarded guarded);
/* This deadline is in force. */
void lockspace_confirm_guard(BailiffLockspace *self, guint64 fail_us, LockspaceGuarded guarded);
void lockspace_guard_renewed(BailiffLockspace *self);
void lockspace_guard_failed(BailiffLockspace *self, guint64 fail_us);
/* Somebody was cleared: those who are left may be those who are to be ignored. */
void lockspace_review_guard(BailiffLockspace *self);
/* Nobody uses its leases any more. */
void lockspace_unguard(BailiffLockspace *self);
/* One that is taken over, with self->guard_fail_us. */
void lockspace_guard_inherited(BailiffLockspace *self);

/* lockspace-leave.c */
gboolean lockspace_may_give_back(BailiffLockspace *self);
void lockspace_give_back(BailiffLockspace *self);
void lockspace_go_on_leaving(BailiffLockspace *self);
