/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Somebody who holds resource leases through this daemon: a process, a systemd unit, a libvirt
 * domain.
 *
 * Its target ends: leases are released on disk, then the registration is removed. A lockspace of
 * its fails: its failure policy is walked until it is cleared. Cleared is said only on proof: the
 * target has ended (exited), every lease was released on disk by its own wish (released), or a
 * pause has returned (paused); a paused one has given up its leases and gets them again before it
 * goes on (registration-recovery.h).
 */
#pragma once

#include "engine/engine.h"

typedef enum BailiffRegistrationState {
    BAILIFF_REGISTRATION_ACTIVE,
    BAILIFF_REGISTRATION_FAILING,
    BAILIFF_REGISTRATION_PAUSED,
    BAILIFF_REGISTRATION_CLEARED,
} BailiffRegistrationState;

/*
 * Properties that notify: state (int), step (int), failure-policy (pointer), pid (int),
 * recovery (string).
 *
 * Signals:
 *   resources-changed ()
 *   step-started (uint index, string action)
 *   step-finished (uint index, string action, boolean worked, string detail)
 *   release-requested (BailiffResource, string how)   "graceful" or "force"
 *   cleared (string how)                          "exited", "released", "paused"
 */
#define BAILIFF_TYPE_REGISTRATION (bailiff_registration_get_type())
G_DECLARE_FINAL_TYPE(BailiffRegistration, bailiff_registration, BAILIFF, REGISTRATION, GObject)

const char *bailiff_registration_state_name(BailiffRegistrationState state);

guint64 bailiff_registration_get_id(BailiffRegistration *self); /* unique in this daemon's life */
const char *bailiff_registration_get_kind(BailiffRegistration *self); /* "unit" */
const char *bailiff_registration_get_name(BailiffRegistration *self);
/* Of the process that stands for it; 0: there is none, or it is not known. */
pid_t bailiff_registration_get_pid(BailiffRegistration *self);
uid_t bailiff_registration_get_uid(BailiffRegistration *self);
const char *bailiff_registration_get_unit(BailiffRegistration *self);   /* "" when it is none */
const char *bailiff_registration_get_domain(BailiffRegistration *self); /* its UUID, or "" */
/* How it comes back after its leases were lost, for people; "" when nothing waits for that. */
const char *bailiff_registration_get_recovery(BailiffRegistration *self);
BailiffRegistrationState bailiff_registration_get_state(BailiffRegistration *self);
const FailurePolicy *bailiff_registration_get_failure_policy(BailiffRegistration *self);
int bailiff_registration_get_step(BailiffRegistration *self); /* -1: none is walked */
GPtrArray *bailiff_registration_list_resources(BailiffRegistration *self);

/* One lease that is wanted; the strings are borrowed for the call. */
typedef struct BailiffLeaseWish {
    const char *lockspace;
    const char *resource;
    const char *path;
    guint64 offset;
    guint64 required_version; /* 0: any */
    gboolean wait;            /* as long as it takes */
    gboolean persistent;      /* becomes an orphan when the holder ends without releasing it */
    gboolean adopt;           /* take over an orphan of this host, and nothing else */
    gboolean shared;
} BailiffLeaseWish;

/* All or none: an orphan that was to be adopted stays one then. The result is a GPtrArray of
 * BailiffResource in the order of the wishes. Cancelled: nothing stays acquired (Busy once that is
 * sure). Errors: Held (naming who), NotJoined, NotFound, Busy, Lost, Corrupt, Unsupported,
 * IoTimeout, IoError, InvalidArgument. */
void bailiff_registration_acquire_async(BailiffRegistration *self, const BailiffLeaseWish *wishes,
                                        gsize n_wishes, GCancellable *cancellable,
                                        GAsyncReadyCallback callback, gpointer user_data);
GPtrArray *bailiff_registration_acquire_finish(BailiffRegistration *self, GAsyncResult *result,
                                               GError **error);

/* Busy unless what it holds may be given back, or shared with others, because somebody asks for it:
 * its target does so itself, or does not run. */
gboolean bailiff_registration_check_may_release(BailiffRegistration *self, GError **error);

/* `resources`: of this registration; NULL or empty: all. Busy as above. Done when it is on disk.
 * While storage does not answer it goes on trying in the background and the call fails with
 * IoTimeout; the resources stay in state releasing until it worked or the lockspace is lost. */
void bailiff_registration_release_async(BailiffRegistration *self, GPtrArray *resources,
                                        GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_registration_release_finish(BailiffRegistration *self, GAsyncResult *result,
                                             GError **error);

/* What Acquire gave and nobody was told of: released, or an orphan again if it was one. What does
 * not work at once goes on in the background. */
void bailiff_registration_take_back(BailiffRegistration *self, GPtrArray *resources);

/* Busy while the present one is walked; InvalidArgument, Unsupported or PolicyTooLong when it is no
 * good. */
gboolean bailiff_registration_check_failure_policy(BailiffRegistration *self,
                                                   const FailurePolicy *policy, GError **error);
/* The same. Its programs run as `owner_uid`, who sets it: nobody names a program for another user
 * to run. */
gboolean bailiff_registration_set_failure_policy(BailiffRegistration *self,
                                                 const FailurePolicy *policy, uid_t owner_uid,
                                                 GError **error);

/* Walks its failure policy from now on, as if a lease of its was lost, though none is: it is really
 * paused, stopped or killed. When it is cleared, its leases are given back on disk; where its
 * policy says so it takes them again and goes on. A default policy is that of the lockspace of its
 * first lease. NotFound when it has ended, Busy unless it is active, InvalidArgument when its
 * policy is ignore. */
gboolean bailiff_registration_drill(BailiffRegistration *self, GError **error);

/* Busy while it holds or acquires leases; and, without `force`, while it waits to get lost ones
 * again. */
gboolean bailiff_registration_unregister(BailiffRegistration *self, gboolean force, GError **error);
