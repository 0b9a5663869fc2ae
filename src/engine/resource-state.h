/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a resource lease is made of, for the files that drive it:
 *
 *   resource.c             its life: releasing, being gone
 *   resource-acquiring.c   how it comes about
 *   resource-conversion.c  from one mode to the other while it is held
 *   resource-holders.c     who holds it on this host
 *   resource-orphan.c      when nobody does, and yet it stays held
 *   resource-unknown.c     when somebody may hold it who is not known
 *   resource-saved.c       how it is written down for the next daemon, and read back
 */
#pragma once

#include "engine/machine-driver.h"
#include "engine/resource-private.h"
#include "engine/saved-resource.h"
#include "lease/resource-acquire.h"
#include "lease/resource-convert.h"
#include "lease/resource-recheck.h"
#include "lease/resource-reclaim.h"
#include "lease/resource-release.h"
#include "lease/resource-share.h"

struct _BailiffResource {
    GObject parent_instance;

    BailiffLockspace *lockspace;
    BailiffRegistration *registration; /* the first who holds it */
    GPtrArray *sharers;                /* others, of a shared one */
    GArray *unknown;                   /* of guint64: registrations that cannot be read */
    char *name;
    char *path;
    guint64 offset;
    ResourcePhase phase;
    gboolean visible;

    BlockDevice *device;
    /* The worker's while `operating`. */
    ResourceLease lease;
    union {
        ResourceAcquire acquire;
        ResourceShare share;
        ResourceConvert convert;
        ResourceRelease release;
        ResourceRecheck recheck;
        ResourceReclaim reclaim;
    } machine;
    gboolean operating;
    gboolean pinned;
    ResourceLook look;
    ResourceMode mode;   /* as its holders may use it; wished for, until it is granted */
    guint64 version;     /* 0: shared */
    guint64 won_version; /* of the ballot that was won last, in either mode */

    GTask *acquire_task;
    gboolean patient;
    guint64 required_version;
    GTask *convert_task;
    GCancellable *stop_converting;
    GError *convert_error; /* why the conversion failed that has left something on disk */
    GPtrArray *release_tasks;
    char *new_name; /* to be given with the release */
    GSource *timer; /* the next release attempt, or look at what is in flight */
    gboolean abandoned;
    guint attempts;

    gboolean restored;  /* an earlier daemon had it */
    gboolean inherited; /* and it is not known yet what is so */
    guint proof_round;
    GTask *prove_task;
    SavedResource *saved; /* as it is written down; NULL: not yet, or not any more */
    gboolean persistent;
    gboolean left_behind; /* on disk, persistent, when the lockspace failed or was left */
    gboolean orphan;      /* then, and ever after if it is not adopted, there is no registration */
    gboolean reserved;    /* an orphan that somebody is about to adopt */
    gboolean adopted;     /* was an orphan before its present holder */
    char *former_holder;
};

/* Starts the machine in self->machine; `callback` gets a reference to the resource. */
void resource_operate(BailiffResource *self, MachineResume resume, GCancellable *cancellable,
                      GAsyncReadyCallback callback);
GError *resource_describe_fault(BailiffResource *self, const LeaseFault *fault);
/* Worth another attempt: the storage may answer then. */
gboolean resource_is_worth_a_retry(const LeaseFault *fault);
/* Calls on_timer at the time; it goes on with what the phase is about. */
void resource_arm(BailiffResource *self, guint64 when_us);

/* After its machine has ended: goes on with being released or gone, if that was asked for
 * meanwhile, and says so. */
gboolean resource_moved_on(BailiffResource *self);
/* It is released or abandoned: a conversion that is under way stops at its next chance, and its
 * call is answered. */
void resource_end_conversion(BailiffResource *self);
/* Gives the leader back that a conversion has left to us, until it is done. */
void resource_settle(BailiffResource *self);

/* resource-saved.c. Not while its lease is the worker's, but for UNUSED. */
gboolean resource_save(BailiffResource *self, SavedResourceUse use, GError **error);
/* The same where nobody can be told of an error: then it is not written down at all, so that the
 * next daemon does not touch it. */
void resource_resave(BailiffResource *self, SavedResourceUse use);
/* Who holds it is somebody else. */
void resource_save_holders(BailiffResource *self);
void resource_unsave(BailiffResource *self);

/* resource.c. Busy unless it is held, known to be, and nothing is being done to it. */
gboolean resource_check_idle(BailiffResource *self, GError **error);

/* resource-unknown.c. Busy while somebody unknown may use it. */
gboolean resource_check_known(BailiffResource *self, GError **error);
/* The last one that is known has let go of it. */
void resource_leave_to_unknown(BailiffResource *self);

/* All its holders are told that it is gone. */
void resource_tell_gone(BailiffResource *self);
/* Whether it can be released with a new name. */
gboolean resource_check_rename(BailiffResource *self, const char *new_name, GError **error);

/* Gone as soon as nothing of ours can land on disk any more. */
void resource_try_to_go(BailiffResource *self);
void resource_set_phase(BailiffResource *self, ResourcePhase phase);
/* Its thread is held up by the storage for longer than anybody should wait. */
void resource_give_up_acquiring(BailiffResource *self);

void resource_notify_orphan(BailiffResource *self);
void resource_notify_mode(BailiffResource *self);
void resource_notify_registrations(BailiffResource *self);
