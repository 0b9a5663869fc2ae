/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the actions on domains have in common: one answer, given in time, whatever is still out.
 *
 * An action ends at its caller's wish, at the end of its grace, when the domain has ended, or by
 * itself: whatever comes first. All that it has asked is given up then (libvirt-calls.h says what
 * becomes of that); the answers come back to it all the same, and find it done.
 */
#pragma once

#include "actions/action.h"
#include "actions/domain-target-private.h"

typedef struct DomainAction {
    BailiffDomainTarget *target;
    GCancellable *cancellable; /* of everything that it asks */
    gboolean done;
    ProcessIdentity process; /* who it is done to; `pidfd` is borrowed and of no use: see
                              * domain_action_is_same_process() */

    /*< private >*/
    GTask *task;
    GSource *cancelled;
    gpointer limit;
    gulong ended_handler;
    const char *silence;
} DomainAction;

/* Takes over the reference to `task`. NULL when the action has been answered already: the domain
 * has ended, no process of it is known, or there is no libvirt. The reference that is returned
 * belongs to the first question. */
DomainAction *domain_action_new(const ActionServices *services, const ActionRequest *request,
                                GTask *task);

/* A reference for each question that is asked; to be given back with its answer. */
DomainAction *domain_action_ref(DomainAction *self);
void domain_action_unref(DomainAction *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainAction, domain_action_unref)

/* What to say when its time is over: "libvirt has not answered Suspend". A literal. */
void domain_action_set_silence(DomainAction *self, const char *silence);

/* Answers; nothing when it is done. */
void domain_action_return(DomainAction *self, ActionOutcome outcome, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* FAILED, with the cause of `error` behind `what`. */
void domain_action_return_error(DomainAction *self, const char *what, const GError *error);

/* Asks libvirt for something; `callback` gets a reference to this as its user data. */
void domain_action_call(DomainAction *self, LibvirtMethod method, GAsyncReadyCallback callback);

/* TRUE while a call of ours is out that would make the domain run. */
gboolean domain_action_may_be_started(DomainAction *self);

/* TRUE when the domain's process is the one that it was at the beginning, and lives. */
gboolean domain_action_is_same_process(DomainAction *self);
