/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From one mode to the other while a resource lease is held.
 *
 *   exclusive -> shared   it is shared from the call on, whatever is on disk: the disk follows. If
 *                         that fails the call fails, and it is tried again until it is done.
 *   shared -> exclusive   it stays shared until it is exclusive on disk. What a failed attempt has
 *                         left there is given back before the call fails with the attempt's error;
 *                         if that cannot be done at once it is tried again until it is.
 *
 * While the leader has to be given back no new conversion to exclusive begins; a release goes ahead
 * of it, and takes care of the same.
 */
#include "engine/resource-state.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/lockspace-private.h"
#include "engine/registration-private.h"
#include "lease/lease-timing.h"

static MachineStep resume_share(void *machine, const MachineInput *input)
{
    return resource_share_resume(machine, input);
}

static MachineStep resume_convert(void *machine, const MachineInput *input)
{
    return resource_convert_resume(machine, input);
}

/* Takes over `error`; NULL: it worked. */
static void answer(BailiffResource *self, GError *error)
{
    g_autoptr(GTask) task = g_steal_pointer(&self->convert_task);

    g_clear_object(&self->stop_converting);
    if (task == NULL)
        g_clear_error(&error);
    else if (error != NULL)
        g_task_return_error(task, error);
    else
        g_task_return_boolean(task, TRUE);
}

void resource_end_conversion(BailiffResource *self)
{
    if (self->stop_converting != NULL)
        g_cancellable_cancel(self->stop_converting);
    g_clear_error(&self->convert_error);
    answer(self, bailiff_error_make(BAILIFF_ERROR_BUSY, "Acquire it again in that mode.",
                                    "Resource %s of lockspace %s was released meanwhile.",
                                    self->name, self->lockspace->name));
}

/* A host to which this one was dead has wiped the shared lease out, and may use the resource. */
static void fail_taken(BailiffResource *self, const LeaseFault *fault)
{
    g_autoptr(GError) error = resource_describe_fault(self, fault);

    bailiff_lockspace_fail_taken(self->lockspace, error->message);
}

static void on_settled(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffResource) self = user_data;
    LeaseFault fault;
    gboolean worked = machine_run_finish(result, &fault);

    self->operating = FALSE;
    if (resource_moved_on(self))
        return;
    if (worked) {
        resource_resave(self, SAVED_RESOURCE_HELD);
        answer(self, g_steal_pointer(&self->convert_error));
        turn_resource_shared(self->lockspace->turns, self->name, boottime_now());
        return;
    }
    g_autoptr(GError) error = resource_describe_fault(self, &fault);

    log_message(MESSAGE_RESOURCE_NOT_RELEASED,
                LOG_SUBJECT(.lockspace = self->lockspace->name, .resource = self->name),
                "The leader of resource %s of lockspace %s could not be given back yet%s: %s",
                self->name, self->lockspace->name,
                resource_is_worth_a_retry(&fault) ? ", trying again" : "", error->message);
    answer(self, self->convert_error != NULL ? g_steal_pointer(&self->convert_error)
                                             : g_steal_pointer(&error));
    if (fault.kind == LEASE_SHARE_LOST)
        fail_taken(self, &fault);
    else if (resource_is_worth_a_retry(&fault))
        resource_arm(self, time_add(boottime_now(), 2 * timing_io(self->lockspace->io_timeout)));
}

void resource_settle(BailiffResource *self)
{
    if (self->operating || self->phase != RESOURCE_PUBLISHED || !self->lease.may_be_owner ||
        !bailiff_lockspace_can_release(self->lockspace))
        return;
    resource_share_of_held_init(&self->machine.share, &self->lease);
    resource_operate(self, resume_share, NULL, on_settled);
}

static void start_sharing(BailiffResource *self)
{
    self->mode = RESOURCE_SHARED;
    self->version = 0;
    resource_resave(self, SAVED_RESOURCE_CONVERTING);
    resource_notify_mode(self);
    resource_share_of_held_init(&self->machine.share, &self->lease);
    resource_operate(self, resume_share, NULL, on_settled);
}

static void become_exclusive(BailiffResource *self)
{
    GError *error = NULL;

    self->mode = RESOURCE_EXCLUSIVE;
    self->won_version = self->lease.leader.version_of_lease;
    self->version = self->won_version;
    resource_resave(self, SAVED_RESOURCE_HELD);
    resource_notify_mode(self);
    /* Exclusive on disk, but not to be used so: the same last look as after an acquisition. */
    if (bailiff_lockspace_check_usable(self->lockspace, &error) &&
        boottime_now() >= bailiff_lockspace_get_fail_at(self->lockspace))
        bailiff_set_error(&error, BAILIFF_ERROR_LOST, "Check the storage, then try again.",
                          "Lockspace %s has passed its fail deadline.", self->lockspace->name);
    answer(self, error);
}

static void on_converted(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffResource) self = user_data;
    LeaseFault fault;
    gboolean worked = machine_run_finish(result, &fault);

    self->operating = FALSE;
    if (resource_moved_on(self))
        return;
    if (worked) {
        become_exclusive(self);
        return;
    }
    GError *error = resource_describe_fault(self, &fault);

    if (fault.kind == LEASE_SHARE_LOST) {
        answer(self, error);
        fail_taken(self, &fault);
        return;
    }
    if (!self->lease.may_be_owner) {
        resource_resave(self, SAVED_RESOURCE_HELD);
        answer(self, error);
        return;
    }
    self->convert_error = error;
    resource_settle(self);
    if (!self->operating) /* the lockspace fails: what is on disk expires with its lease */
        answer(self, g_steal_pointer(&self->convert_error));
}

static gboolean check_convertible(BailiffResource *self, ResourceMode mode, GError **error)
{
    if (!resource_check_known(self, error) || !resource_check_idle(self, error))
        return FALSE;
    if (self->registration == NULL)
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Adopt it first.",
                          "Resource %s of lockspace %s is an orphan.", self->name,
                          self->lockspace->name);
    else if (mode == RESOURCE_EXCLUSIVE && self->sharers->len > 0)
        bailiff_set_error(error, BAILIFF_ERROR_HELD, "All but one of them must release it first.",
                          "Resource %s of lockspace %s is shared on this host by %s (%s) "
                          "and others, %u registrations together.",
                          self->name, self->lockspace->name,
                          bailiff_registration_get_name(self->sharers->pdata[0]),
                          bailiff_registration_describe(self->sharers->pdata[0]),
                          self->sharers->len + 1);
    else if (mode == RESOURCE_EXCLUSIVE && self->lease.may_be_owner)
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Check the storage, then try again.",
                          "What an earlier conversion of resource %s has left on disk is still "
                          "being given back.",
                          self->name);
    else
        return bailiff_lockspace_check_usable(self->lockspace, error);
    return FALSE;
}

void bailiff_resource_convert_async(BailiffResource *self, ResourceMode mode,
                                    GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    GError *error = NULL;

    g_task_set_check_cancellable(task, FALSE);
    if (!check_convertible(self, mode, &error)) {
        g_task_return_error(task, error);
        return;
    }
    if (mode == self->mode && !self->lease.may_be_owner) {
        g_task_return_boolean(task, TRUE);
        return;
    }
    self->convert_task = g_steal_pointer(&task);
    if (mode == RESOURCE_SHARED) {
        start_sharing(self);
        return;
    }
    self->stop_converting = g_cancellable_new();
    resource_resave(self, SAVED_RESOURCE_CONVERTING);
    resource_convert_init(&self->machine.convert, &self->lease);
    resource_operate(self, resume_convert, self->stop_converting, on_converted);
}

gboolean bailiff_resource_convert_finish(BailiffResource *self, GAsyncResult *result,
                                         GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
