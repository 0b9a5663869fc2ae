/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a registration holds.
 */
#include "engine/registration-state.h"

#include "actions/domain-target.h"
#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/acquisition.h"
#include "engine/engine-private.h"
#include "engine/lockspace.h"
#include "engine/release-call.h"
#include "engine/resource-private.h"

/* --- the last kill --------------------------------------------------------------------------- */

static gboolean may_be_killed_for(BailiffRegistration *self, BailiffLockspace *lockspace)
{
    const FailurePolicy *policy =
        bailiff_registration_get_policy_for(self, bailiff_lockspace_get_name(lockspace));

    return policy->steps[0].action != FAILURE_ACTION_IGNORE;
}

static gboolean dies_with(BailiffLockspace *lockspace, gpointer user_data)
{
    BailiffRegistration *self = user_data;

    if (!may_be_killed_for(self, lockspace))
        return FALSE;
    if (self->acquiring > 0)
        return TRUE;
    for (guint i = 0; i < self->resources->len; i++)
        if (bailiff_resource_get_lockspace(self->resources->pdata[i]) == lockspace)
            return TRUE;
    return FALSE;
}

void registration_review_last_kill(BailiffRegistration *self)
{
    last_kill_uncover_unless(self->last_kill, dies_with, self);
}

/* Nothing is taken back on failure: a review follows. */
static gboolean cover(BailiffRegistration *self, BailiffLockspace *lockspace, GError **error)
{
    return !may_be_killed_for(self, lockspace) ||
           last_kill_cover(self->last_kill, self->target, lockspace, error);
}

gboolean registration_prepare_last_kill(BailiffRegistration *self, GError **error)
{
    for (guint i = 0; i < self->resources->len; i++)
        if (!cover(self, bailiff_resource_get_lockspace(self->resources->pdata[i]), error))
            return FALSE;
    return TRUE;
}

/* Before a lease is granted there. */
static gboolean prepare_last_kill_for(BailiffRegistration *self, const BailiffLeaseWish *wishes,
                                      gsize n_wishes, GError **error)
{
    for (gsize i = 0; i < n_wishes; i++) {
        BailiffLockspace *lockspace =
            bailiff_engine_find_lockspace(self->engine, wishes[i].lockspace);

        if (lockspace != NULL && !cover(self, lockspace, error))
            return FALSE;
    }
    return TRUE;
}

gboolean bailiff_registration_record_held(BailiffRegistration *self, const BailiffLeaseWish *wishes,
                                          gsize n_wishes, GError **error)
{
    g_autoptr(GPtrArray) added = g_ptr_array_new();

    if (!prepare_last_kill_for(self, wishes, n_wishes, error))
        return FALSE;
    for (gsize i = 0; i < n_wishes; i++)
        if (g_hash_table_add(self->recorded, g_strdup(wishes[i].lockspace)))
            g_ptr_array_add(added, (gpointer)wishes[i].lockspace);
    if (added->len == 0 || registration_save(self, error))
        return TRUE;
    /* What stood there before still stands on disk, and may be held. */
    for (guint i = 0; i < added->len; i++)
        g_hash_table_remove(self->recorded, added->pdata[i]);
    return FALSE;
}

/* --- acquiring ------------------------------------------------------------------------------- */

gboolean bailiff_registration_check_ready(BailiffRegistration *self, GError **error)
{
    gboolean recovering = self->recovery != NULL && recovery_is_acquiring(self->recovery);

    if (self->ended || self->engine == NULL ||
        (!recovering && bailiff_target_has_ended(self->target))) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, "Register a process that runs.",
                          "The %s (%s) has ended.", bailiff_target_get_description(self->target),
                          self->name);
        return FALSE;
    }
    if (self->state == BAILIFF_REGISTRATION_FAILING) {
        bailiff_set_error(error, BAILIFF_ERROR_LOST,
                          "Release what it holds in the failed lockspace, or register again.",
                          "The failure policy of %s is being walked: no new leases for it.",
                          self->name);
        return FALSE;
    }
    if (self->recovery != NULL && !recovering) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                          "Wait for that, or let it go on: its leases are taken again then.",
                          "%s (%s) lost its leases and waits to get them again.", self->name,
                          bailiff_target_get_description(self->target));
        return FALSE;
    }
    if (bailiff_engine_is_shutting_down(self->engine)) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait for bailiffd to be started again.",
                          "bailiffd is shutting down: no new leases.");
        return FALSE;
    }
    return bailiff_engine_check_runtime_dir(self->engine, error);
}

void bailiff_registration_begin_acquiring(BailiffRegistration *self)
{
    self->acquiring++;
}

void bailiff_registration_end_acquiring(BailiffRegistration *self)
{
    self->acquiring--;
    registration_review_last_kill(self);
    registration_check_removable(self);
}

GCancellable *bailiff_registration_get_cancellable(BailiffRegistration *self)
{
    return self->cancellable;
}

static void log_holding(BailiffRegistration *self, BailiffResource *resource, MessageId message,
                        const char *verb)
{
    const char *lockspace = bailiff_lockspace_get_name(bailiff_resource_get_lockspace(resource));
    LogSubject subject = registration_log_subject(self);

    subject.lockspace = lockspace;
    subject.resource = bailiff_resource_get_name(resource);
    subject.incident = 0;
    log_message(message, &subject, "%s (%s) %s resource %s of lockspace %s.", self->name,
                bailiff_target_get_description(self->target), verb, subject.resource, lockspace);
}

void bailiff_registration_add_resource(BailiffRegistration *self, BailiffResource *resource)
{
    g_autoptr(GError) error = NULL;

    /* Again: while it was being acquired its policy may have been `ignore`, and is not any more. */
    if (!cover(self, bailiff_resource_get_lockspace(resource), &error))
        last_kill_tell_unprepared(bailiff_resource_get_lockspace(resource), self->target, error);
    g_ptr_array_add(self->resources, g_object_ref(resource));
    log_holding(self, resource, MESSAGE_RESOURCE_ACQUIRED, "holds");
    registration_emit_resources_changed(self);
}

/* It is to be made harmless for the sake of this one. */
static gboolean has_to_leave(BailiffRegistration *self, BailiffResource *resource)
{
    BailiffLockspaceState state =
        bailiff_lockspace_get_state(bailiff_resource_get_lockspace(resource));

    return self->drilling || state == BAILIFF_LOCKSPACE_FAILING ||
           state == BAILIFF_LOCKSPACE_LEAVING;
}

gboolean registration_is_clear_of_failed(BailiffRegistration *self)
{
    for (guint i = 0; i < self->resources->len; i++)
        if (has_to_leave(self, self->resources->pdata[i]))
            return FALSE;
    return TRUE;
}

void bailiff_registration_resource_gone(BailiffRegistration *self, BailiffResource *resource)
{
    g_autoptr(BailiffRegistration) hold = g_object_ref(self);

    if (!g_ptr_array_remove(self->resources, resource))
        return; /* was never published */
    log_holding(self, resource, MESSAGE_RESOURCE_RELEASED, "has let go of");
    registration_review_last_kill(self);
    registration_emit_resources_changed(self);
    registration_became_clear(self);
    recovery_consider(self);
    registration_check_removable(self);
}

void bailiff_registration_acquire_async(BailiffRegistration *self, const BailiffLeaseWish *wishes,
                                        gsize n_wishes, GCancellable *cancellable,
                                        GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, cancellable, callback, user_data);

    g_task_set_check_cancellable(task, FALSE);
    if (self->engine == NULL) {
        g_task_return_error(task, bailiff_error_make(BAILIFF_ERROR_NOT_FOUND, "Register again.",
                                                     "This registration is gone."));
        return;
    }
    if (self->state == BAILIFF_REGISTRATION_CLEARED && !self->ended && self->recovery == NULL)
        registration_set_state(self, BAILIFF_REGISTRATION_ACTIVE);
    acquisition_start(self->engine, self, wishes, n_wishes, task);
}

GPtrArray *bailiff_registration_acquire_finish(BailiffRegistration *self, GAsyncResult *result,
                                               GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}

static void on_all_released(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    GError *error = NULL;

    if (release_call_finish(result, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

/* A process says by it that it does not use them any more. A domain does not do so itself, and does
 * not know of it; and what a recovery has in hand it is about to let go on with. */
gboolean bailiff_registration_check_may_release(BailiffRegistration *self, GError **error)
{
    if (self->recovery != NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait until it has gone on, or has ended.",
                          "%s (%s) has its leases to go on with, or to be started again.",
                          self->name, bailiff_target_get_description(self->target));
        return FALSE;
    }
    if (BAILIFF_IS_DOMAIN_TARGET(self->target) &&
        bailiff_domain_target_may_run(BAILIFF_DOMAIN_TARGET(self->target))) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                          "Shut it down; its leases are given back when its process has ended.",
                          "The %s (%s) runs, or may.", bailiff_target_get_description(self->target),
                          self->name);
        return FALSE;
    }
    return TRUE;
}

void bailiff_registration_release_async(BailiffRegistration *self, GPtrArray *resources,
                                        GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GPtrArray) all = bailiff_registration_list_resources(self);
    g_autoptr(GPtrArray) last = g_ptr_array_new();
    GTask *task = g_task_new(self, NULL, callback, user_data);
    GPtrArray *list = resources != NULL && resources->len > 0 ? resources : all;
    GError *error = NULL;

    if (self->runner != NULL)
        failure_runner_announce(self->runner);
    if (!bailiff_registration_check_may_release(self, &error)) {
        g_task_return_error(task, error);
        g_object_unref(task);
        return;
    }
    /* Where others on this host share it that is all; those who are the last release it. */
    for (guint i = 0; i < list->len; i++)
        if (!bailiff_resource_leave(list->pdata[i], self))
            g_ptr_array_add(last, list->pdata[i]);
    release_call_start(last, on_all_released, task);
}

void bailiff_registration_take_back(BailiffRegistration *self, GPtrArray *resources)
{
    for (guint i = 0; i < resources->len; i++)
        bailiff_resource_take_back(resources->pdata[i], self);
}

gboolean bailiff_registration_release_finish(BailiffRegistration *self, GAsyncResult *result,
                                             GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

void registration_let_go(BailiffRegistration *self)
{
    g_autoptr(GPtrArray) resources = bailiff_registration_list_resources(self);

    for (guint i = 0; i < resources->len; i++)
        bailiff_resource_holder_ended(resources->pdata[i], self);
}
