/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of a lockspace, shared by its parts: lockspace.c (what is shown), lockspace-resources.c,
 * and lockspace-lease.c (how the host lease is kept).
 */
#pragma once

#include "blockio/block-device.h"
#include "common/boottime-timer.h"
#include "engine/device-opener.h"
#include "engine/lease-error.h"
#include "engine/lease-sight.h"
#include "engine/lease-worker.h"
#include "engine/lockspace.h"
#include "engine/renewal-history.h"
#include "engine/saved-lockspace.h"
#include "engine/turn-queue.h"
#include "lease/host-id-choice.h"
#include "lease/host-lease-join.h"
#include "lease/host-lease-leave.h"
#include "lease/host-lease-past.h"
#include "lease/host-lease-renew.h"
#include "lease/resource-lease.h"
#include "watchdog/watchdog.h"

/* lockspace-events.c */
typedef struct LockspaceEvents LockspaceEvents;

struct _BailiffLockspace {
    GObject parent_instance;

    BailiffEngine *engine; /* owns us; NULL once removed */
    char *name;
    char *path;
    guint64 offset;
    guint64 host_id;
    guint32 io_timeout;

    BailiffLockspaceState state;
    char *reason;
    guint64 generation;
    Layout layout;
    guint64 join_ends_us;
    guint64 last_renewal_us;

    /* The host lease and its machine belong to the worker while `operating`, to us otherwise. One
     * operation at a time: its machine must not be touched before the last one's is done. */
    HostLease lease;
    SavedLockspace *saved; /* as it is written down; NULL: not (any more) */
    gboolean distrusted;   /* what was written down of its leases is damaged */
    /* Of an earlier daemon, and not proved yet: no new leases, and shown as late. */
    gboolean inherited;
    gboolean leaves_when_proved; /* the earlier daemon was about to */
    guint proofs;                /* of resources, under way */
    guint proof_round;
    HostLeasePast past;        /* of this lease, as written down */
    HostLeasePast past_before; /* what was known before the join */
    union {
        HostIdChoice *choice; /* self->choice */
        HostLeaseJoin join;
        HostLeaseRenew renew;
        HostLeaseLeave leave;
    } machine;
    gboolean operating;
    GCancellable *cancellable; /* of the operation */
    HostIdChoice *choice;      /* bailiffd chooses the host id; NULL: it was given */
    GError *join_error;        /* why the join has failed; NULL: it has not */
    gboolean is_retried;       /* its failure is told by whoever tries again */
    gboolean last_renewal_worked;
    guint64 attempt_started_us;

    BlockDevice *device;
    DeviceOpeners *openers; /* of the devices of resource leases */
    LeaseWorker *renewal_worker;
    LeaseWorker *resource_worker; /* made with the first resource lease */
    LeaseSight *sight;            /* NULL until joined */
    WritePermit *permit;          /* of the host lease's writes */
    WritePermit *resource_permit; /* of the writes into resources: ends when the lockspace fails */
    gboolean resource_writes_ended; /* it is revoked */

    BoottimeTimer *renewal_timer;
    BoottimeTimer *deadline_timer;
    BoottimeTimer *leave_timer;

    FrozenWatch frozen_watch; /* the worker's, as `lease` is */
    gboolean is_taken;        /* others have what it holds: it is not renewed any more */
    gboolean is_suspected;    /* the clocks of others disagree whether this host stood still */
    guint64 looks;            /* at what is held, so far */

    GHashTable *hosts;     /* guint64* -> BailiffHost */
    GHashTable *resources; /* name -> BailiffResource, in every phase */
    TurnQueues *turns;     /* who waits here for a resource */
    RenewalHistory history;
    LockspaceEvents *events; /* NULL as long as this host has nothing to say */

    WatchdogGuard *guard;  /* NULL: there is no watchdog, or not yet */
    guint64 guard_fail_us; /* the deadline that it has, or will have */
    void (*guarded)(BailiffLockspace *self, const GError *error); /* lockspace-watchdog.c */
    BoottimeTimer *guard_timer;

    guint64 kill_line; /* of the kill guard; 0: nobody has wanted leases here (last-kill.h) */

    gboolean changing_index; /* one at a time, of whatever index */

    GPtrArray *leave_tasks; /* GTask: who waits for the end of leaving */
    gboolean abandoned;     /* no further operation may be started: replaced or removed */
    gboolean gave_back;     /* the leave machine has run */
    /* A persistent lease that nobody has released stays on disk: what uses it may be no process, so
     * the host lease is not given back, and other hosts wait until it has expired. */
    gboolean left_persistent;
    GHashTable *persistent; /* set of names in the persistent record */
};

/* lockspace.c */
void bailiff_lockspace_set_state(BailiffLockspace *self, BailiffLockspaceState state,
                                 const char *reason);
void bailiff_lockspace_set_joined(BailiffLockspace *self, guint64 generation, const Layout *layout);
void bailiff_lockspace_set_join_ends(BailiffLockspace *self, guint64 join_ends_us);
void bailiff_lockspace_update_hosts(BailiffLockspace *self);
void bailiff_lockspace_describe(BailiffLockspace *self, LeaseErrorContext *ret);
void bailiff_lockspace_emit_renewal_late(BailiffLockspace *self, guint64 seconds_left,
                                         const char *reason);
void bailiff_lockspace_emit_lease_lost(BailiffLockspace *self, const char *reason);
void bailiff_lockspace_emit_renewal_ended(BailiffLockspace *self, gboolean worked, guint64 took_us);
void bailiff_lockspace_emit_host_event(BailiffLockspace *self, const HostEventIn *event);

void bailiff_lockspace_set_host_id(BailiffLockspace *self, guint64 host_id);

BailiffLockspace *bailiff_lockspace_new(BailiffEngine *engine, const char *name, const char *path,
                                        guint64 offset, guint64 host_id, guint32 io_timeout);

/* A resource is there to be shown, and is no more. */
void bailiff_lockspace_publish_resource(BailiffLockspace *self, BailiffResource *resource);
void bailiff_lockspace_emit_resource_removed(BailiffLockspace *self, BailiffResource *resource);
void bailiff_lockspace_registrations_changed(BailiffLockspace *self);

/* lockspace-resources.c */
/* Of a resource, with what this host is in the lockspace now: not held, nothing known of it. */
void bailiff_lockspace_init_lease(BailiffLockspace *self, const char *resource, guint64 offset,
                                  ResourceLease *ret);
/* The worker of resource leases, made with the first use; FALSE with an error without one. */
gboolean bailiff_lockspace_ensure_resource_worker(BailiffLockspace *self, GError **error);
BailiffResource *bailiff_lockspace_find_resource(BailiffLockspace *self, const char *name);
void bailiff_lockspace_add_resource(BailiffLockspace *self, BailiffResource *resource);
void bailiff_lockspace_resource_gone(BailiffLockspace *self, BailiffResource *resource);
/* TRUE when new leases may be acquired; else Busy, NotJoined or Lost. */
gboolean bailiff_lockspace_check_usable(BailiffLockspace *self, GError **error);
/* FALSE with Lost when `path` is the lockspace's own and `device`, which it led to now, is not what
 * it led to when the lockspace was joined: another file, whose leases no other host sees. */
gboolean bailiff_lockspace_check_device(BailiffLockspace *self, const char *path,
                                        const BlockDevice *device, GError **error);
/* TRUE while leases may be given back on disk. */
gboolean bailiff_lockspace_can_release(BailiffLockspace *self);

/* TRUE while a persistent lease can outlive its holder here. */
gboolean bailiff_lockspace_holds_orphans(BailiffLockspace *self);

/* lockspace-orphans.c */
/* Writes down that the lease on this resource is persistent, before it is granted, or that it is
 * not (any more). */
gboolean bailiff_lockspace_note_persistent(BailiffLockspace *self, const char *resource,
                                           GError **error);
void bailiff_lockspace_forget_persistent(BailiffLockspace *self, const char *resource);
/* Borrowed; reserved for the caller (see resource-private.h). NotFound when there is no orphan of
 * that name, InvalidArgument when it lies elsewhere, Held when it has another version, Busy. */
BailiffResource *bailiff_lockspace_reserve_orphan(BailiffLockspace *self, const char *name,
                                                  const char *path, guint64 offset,
                                                  guint64 required_version, GError **error);

/* lockspace-lease.c */
void bailiff_lockspace_start_join(BailiffLockspace *self);
/* The same, with a host id that bailiffd chooses: `kept_host_id` if it can be had (0: none). */
void bailiff_lockspace_start_join_anywhere(BailiffLockspace *self, guint64 kept_host_id);
/* Somebody or something may have become harmless: go on with failing or leaving. */
void bailiff_lockspace_check_cleared(BailiffLockspace *self);
void bailiff_lockspace_start_leave(BailiffLockspace *self);
/* No operation is started any more, the one under way is told to stop, and no write for this
 * lockspace or a resource of it begins any more: from the return on whoever comes after it may
 * write there (what is in flight stays fenced). */
void bailiff_lockspace_abandon(BailiffLockspace *self);
void bailiff_lockspace_stop_timers(BailiffLockspace *self);
/* There is something to say to other hosts. */
void bailiff_lockspace_renew_soon(BailiffLockspace *self);

/* lockspace-events.c */
/* What the renewal that starts now shall carry; NULL: nothing. */
const HostEventOut *bailiff_lockspace_compose_events(BailiffLockspace *self);
/* That renewal is on disk. */
void bailiff_lockspace_carried_events(BailiffLockspace *self);
/* Something was not carried by any renewal yet. */
gboolean bailiff_lockspace_has_events_waiting(BailiffLockspace *self);
void bailiff_lockspace_deliver_events(BailiffLockspace *self);
/* Sets the bit of `host_id`: it shall look at requests. Done as sending an event is. */
void bailiff_lockspace_notify_async(BailiffLockspace *self, guint64 host_id,
                                    GAsyncReadyCallback callback, gpointer user_data);
/* Nothing more is sent; who waits for it is told. */
void bailiff_lockspace_end_events(BailiffLockspace *self);
/* Another host has what is held here, since this one was not heard of for longer than its fail
 * deadline: everything is overdue. Fails at once, and is not renewed any more. */
void bailiff_lockspace_fail_taken(BailiffLockspace *self, const char *reason);

/* lockspace-saved.c */
/* From the join on, and after each good renewal: what the next daemon has to know. IoError. */
gboolean bailiff_lockspace_save(BailiffLockspace *self, GError **error);
/* It fails (from `fail_us` on), or leaves. */
void bailiff_lockspace_save_state(BailiffLockspace *self, SavedLockspaceState state,
                                  guint64 fail_us);
/* Nothing is held any more. */
void bailiff_lockspace_unsave(BailiffLockspace *self);
/* As an earlier daemon has written it down; its resources follow, then bailiff_lockspace_go_on().
 * Corrupt when that cannot be a lease of this host. */
BailiffLockspace *bailiff_lockspace_restore(BailiffEngine *engine, const SavedLockspace *saved,
                                            GError **error);
/* Not all of its resources could be restored: it fails as soon as it counts its deadlines. */
void bailiff_lockspace_distrust(BailiffLockspace *self);
/* The deadlines count from now on; no storage is touched. */
void bailiff_lockspace_count_deadlines(BailiffLockspace *self);
/* The earlier daemon is gone: nothing of it can land any more. */
void bailiff_lockspace_go_on(BailiffLockspace *self);
/* A renewal of one that was inherited has worked: its resources are looked at, then it is held. */
void bailiff_lockspace_prove(BailiffLockspace *self);

/* lockspace-recheck.c */
/* From the join on: each renewal compares the clocks of the other hosts with ours. */
void bailiff_lockspace_watch_clocks(BailiffLockspace *self);
/* After each good renewal: looks whether what is held is still ours on disk. */
void bailiff_lockspace_recheck(BailiffLockspace *self);

/* lockspace-requests.c */
/* Another host may have set our bit: if so, all requests are read and heeded. */
void bailiff_lockspace_heed_notices(BailiffLockspace *self);
/* What was found beside the lease of `resource` when it was acquired: lease->request. */
void bailiff_lockspace_found_request(BailiffLockspace *self, BailiffResource *resource,
                                     const ResourceLease *lease);
