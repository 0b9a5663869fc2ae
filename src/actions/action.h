/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One action of a failure policy, done to one target. Each has a file of its own; all are
 * asynchronous, none waits for another, and none is waited for longer than its step's grace: then
 * the caller cancels it and goes on.
 *
 * An answer is given on proof only. What was asked of another service and is still out when the
 * action is cancelled may be carried out later: each action sees to it that this does no harm.
 */
#pragma once

#include <gio/gio.h>

#include "actions/action-services.h"
#include "actions/target.h"

typedef enum ActionOutcome {
    ACTION_FAILED, /* it could not be done, or had no effect: the next step is due at once */
    ACTION_WORKED, /* it was done; the target shows by its end whether that was enough */
    /* The target uses nothing any more until somebody lets it go on, and that is proved: a pause
     * that has returned. */
    ACTION_QUIET,
} ActionOutcome;

/* Everything is borrowed for the call of action_start(). */
typedef struct ActionRequest {
    BailiffTarget *target;
    const FailurePolicy *policy;
    const FailureStep *step; /* of `policy` */
    guint64 until_us;        /* the end of the step's grace (CLOCK_BOOTTIME); the action's limit */
    const char *lockspace;   /* that failed; "" when the walk is a drill */
    guint64 registration_id;
    const char *registration_name;
    uid_t owner_uid; /* the user whose policy it is: `exec` runs as this user */
    /* An earlier daemon has begun it, or was about to; whether it was done is not known. */
    gboolean is_resumed;
} ActionRequest;

/* Always calls back, from the main loop, also when it is cancelled. */
void action_start(const ActionServices *services, const ActionRequest *request,
                  GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/* `ret_detail`: what happened, in a few words for people (full reference, never NULL). */
ActionOutcome action_finish(GAsyncResult *result, char **ret_detail);

/* It is done by another service, over the bus: systemd, libvirt or logind. */
gboolean action_needs_bus(FailureAction action);

/* For the implementations: each has a function of this form, in the table of action.c; it keeps
 * what it needs of `request`, and ends `task` by action_return(), once. The source object of `task`
 * is the target; its cancellable is the caller's. */
typedef void (*ActionStart)(const ActionServices *services, const ActionRequest *request,
                            GTask *task);

/* Takes over the reference to `task`. */
void action_return(GTask *task, ActionOutcome outcome, const char *format, ...) G_GNUC_PRINTF(3, 4);
