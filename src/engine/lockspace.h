/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lockspace that this host has joined, is joining, or has lost.
 *
 *   joining --> held <--> late --> failing --> lost
 *      |          \________\_____________> leaving --> (removed)
 *      +--> lost (the join failed)
 *
 * `failing` is never left for `held`: once this host could not trust its lease it takes no chances.
 */
#pragma once

#include "engine/engine.h"

typedef enum BailiffLockspaceState {
    BAILIFF_LOCKSPACE_JOINING,
    BAILIFF_LOCKSPACE_HELD,
    BAILIFF_LOCKSPACE_LATE,
    BAILIFF_LOCKSPACE_FAILING,
    BAILIFF_LOCKSPACE_LEAVING,
    BAILIFF_LOCKSPACE_LOST,
} BailiffLockspaceState;

/*
 * Properties (all readable, notify on change): state (enum as int), reason (string), host-id,
 * generation (uint64), sector-size, align-size (uint), join-ends-at (uint64), registrations-changed
 * is no property but a signal.
 *
 * Signals:
 *   host-added (BailiffHost), host-state-changed (BailiffHost, int old, int new)
 *   resource-added, resource-removed (BailiffResource)
 *   registrations-changed ()
 *   renewal-late (uint64 seconds_left, string reason)
 *   lease-lost (string reason)
 *   renewal-ended (boolean worked, uint64 took_us): storage time of its read and write
 *   host-event (uint64 host_id, uint64 generation, uint64 event, uint64 data): of the sender
 */
#define BAILIFF_TYPE_LOCKSPACE (bailiff_lockspace_get_type())
G_DECLARE_FINAL_TYPE(BailiffLockspace, bailiff_lockspace, BAILIFF, LOCKSPACE, GObject)

/* The design page's word: "joining", "held", … */
const char *bailiff_lockspace_state_name(BailiffLockspaceState state);

const char *bailiff_lockspace_get_name(BailiffLockspace *self);
const char *bailiff_lockspace_get_path(BailiffLockspace *self);
guint64 bailiff_lockspace_get_offset(BailiffLockspace *self);
guint64 bailiff_lockspace_get_host_id(BailiffLockspace *self); /* 0: not chosen yet */
/* The host id is bailiffd's to choose. */
gboolean bailiff_lockspace_get_chooses_host_id(BailiffLockspace *self);
guint64 bailiff_lockspace_get_generation(BailiffLockspace *self);
guint32 bailiff_lockspace_get_sector_size(BailiffLockspace *self);
guint32 bailiff_lockspace_get_align_size(BailiffLockspace *self);
guint32 bailiff_lockspace_get_io_timeout(BailiffLockspace *self);
BailiffLockspaceState bailiff_lockspace_get_state(BailiffLockspace *self);
const char *bailiff_lockspace_get_reason(BailiffLockspace *self); /* never NULL */
/* Of a lockspace that is lost because its join has failed: why. Else NULL. Borrowed. */
const GError *bailiff_lockspace_get_join_error(BailiffLockspace *self);

/* Points in time, CLOCK_BOOTTIME microseconds; 0: not known yet. */
guint64 bailiff_lockspace_get_join_ends_at(BailiffLockspace *self);
guint64 bailiff_lockspace_get_last_renewal(BailiffLockspace *self);
guint64 bailiff_lockspace_get_late_at(BailiffLockspace *self);
guint64 bailiff_lockspace_get_fail_at(BailiffLockspace *self);
guint64 bailiff_lockspace_get_free_at(BailiffLockspace *self);

/* New arrays with references. */
GPtrArray *bailiff_lockspace_list_hosts(BailiffLockspace *self);
GPtrArray *bailiff_lockspace_list_resources(BailiffLockspace *self);
GPtrArray *bailiff_lockspace_list_registrations(BailiffLockspace *self);

/* Resources that are orphans. */
GPtrArray *bailiff_lockspace_list_orphans(BailiffLockspace *self);
/* Who is not known and may use orphans of it (resource-unknown.c), in words; owned; empty: nobody.
 */
char *bailiff_lockspace_describe_unknown(BailiffLockspace *self);
/* All of them; how many there were, when all are released on disk. Else the first error, while it
 * is tried again in the background. */
void bailiff_lockspace_release_orphans_async(BailiffLockspace *self, GAsyncReadyCallback callback,
                                             gpointer user_data);
gboolean bailiff_lockspace_release_orphans_finish(BailiffLockspace *self, GAsyncResult *result,
                                                  guint *ret_count, GError **error);

/* aa{sv} as Lockspace.GetRenewalHistory() documents; floating. max 0: all. */
GVariant *bailiff_lockspace_get_renewal_history(BailiffLockspace *self, guint max);

/* Every host of the lockspace but this one. */
#define BAILIFF_ALL_HOSTS G_GUINT64_CONSTANT(0)

typedef struct BailiffHostEvent {
    guint64 host_id;    /* to whom */
    guint64 generation; /* to which incarnation; 0: whichever it is */
    guint64 event;      /* 0: takes the present one back; else as sender and reader have agreed */
    guint64 data;
    gboolean replace; /* also if others may not have read the present one yet */
} BailiffHostEvent;

/* Done when it is on disk, where its readers find it with their next renewals. Errors: Busy
 * (another event is out, or was put in its place meanwhile), NotFound (nobody has that host id),
 * InvalidArgument (this host), NotJoined, Lost. */
void bailiff_lockspace_send_event_async(BailiffLockspace *self, const BailiffHostEvent *event,
                                        GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_lockspace_send_event_finish(BailiffLockspace *self, GAsyncResult *result,
                                             GError **error);

/* What the owner of a resource is asked for; strings are borrowed for the call. */
typedef struct BailiffReleaseRequest {
    const char *resource;
    const char *path;
    guint64 offset;
    guint64 version;   /* that somebody wants; 0: the next one */
    gboolean force;    /* its users are to be killed, not told */
    gboolean withdraw; /* takes back what was asked for, by whomever */
} BailiffReleaseRequest;

/* Done when it is on disk, and the owner has been pointed to it; at once when nobody holds the
 * resource exclusively. Errors: Held (that version is over), Busy (a later version was asked for),
 * Corrupt, Unsupported, NotFound, InvalidArgument, IoTimeout, IoError, NotJoined, Lost. */
void bailiff_lockspace_request_release_async(BailiffLockspace *self,
                                             const BailiffReleaseRequest *request,
                                             GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_lockspace_request_release_finish(BailiffLockspace *self, GAsyncResult *result,
                                                  GError **error);

/* Reads the requests for all resources that are held here, and heeds them. */
void bailiff_lockspace_examine_requests_async(BailiffLockspace *self, GAsyncReadyCallback callback,
                                              gpointer user_data);
gboolean bailiff_lockspace_examine_requests_finish(BailiffLockspace *self, GAsyncResult *result,
                                                   GError **error);

/* Busy while registrations hold leases, or there are orphans, and `force` is not set. Orphans stay
 * on disk then. */
void bailiff_lockspace_leave_async(BailiffLockspace *self, gboolean force,
                                   GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_lockspace_leave_finish(BailiffLockspace *self, GAsyncResult *result,
                                        GError **error);
