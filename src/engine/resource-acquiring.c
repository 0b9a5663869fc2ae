/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Acquiring a resource lease, in either mode: from its device's being opened until it is published,
 * or until nothing of the attempt is left on disk.
 */
#include "engine/resource-state.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "engine/descriptor-budget.h"
#include "engine/device-opener.h"
#include "engine/engine-private.h"
#include "engine/lockspace-private.h"
#include "engine/registration-private.h"
#include "engine/storage-claims.h"
#include "lease/lease-timing.h"

static MachineStep resume_acquire(void *machine, const MachineInput *input)
{
    return resource_acquire_resume(machine, input);
}

static MachineStep resume_share(void *machine, const MachineInput *input)
{
    return resource_share_resume(machine, input);
}

static void on_taken_back(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;

    /* Where that did not work it goes on in the background; the caller gets the first error. */
    bailiff_resource_release_finish(BAILIFF_RESOURCE(source), result, NULL);
    g_task_return_error(task, g_error_copy(g_task_get_task_data(task)));
}

/* The answer waits until nothing of the attempt is left on disk: whoever comes next, from this host
 * or another, finds the resource as the error describes it. */
static void acquire_failed(BailiffResource *self, GError *error)
{
    GTask *task = g_steal_pointer(&self->acquire_task);

    g_task_set_task_data(task, error, (GDestroyNotify)g_error_free);
    if (!self->lease.may_be_owner)
        bailiff_resource_abandon(self);
    bailiff_resource_release_async(self, on_taken_back, task);
}

static void on_acquired(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffResource) self = user_data;
    LeaseFault fault;
    gboolean worked = machine_run_finish(result, &fault);

    self->operating = FALSE;
    if (self->acquire_task == NULL) { /* given up */
        resource_try_to_go(self);
        return;
    }
    if (worked && self->phase == RESOURCE_GONE) {
        worked = FALSE; /* forgotten meanwhile: nobody holds it, whatever the disk says */
        fault = (LeaseFault){ .kind = LEASE_EXPIRED };
    }
    if (!worked) {
        GError *error = fault.kind == LEASE_STOPPED
                            ? g_error_new_literal(G_IO_ERROR, G_IO_ERROR_CANCELLED, "Cancelled")
                            : resource_describe_fault(self, &fault);

        acquire_failed(self, error);
        return;
    }
    g_autoptr(GTask) task = g_steal_pointer(&self->acquire_task);

    self->won_version = self->lease.leader.version_of_lease;
    self->version = self->mode == RESOURCE_SHARED ? 0 : self->won_version;
    resource_set_phase(self, RESOURCE_GRANTED);
    g_task_return_boolean(task, TRUE);
}

void resource_give_up_acquiring(BailiffResource *self)
{
    const LeaseFault fault = { .kind = LEASE_IO_TIMEOUT };
    g_autoptr(BailiffResource) hold = g_object_ref(self);

    if (!self->operating)
        return; /* it still waits for its device, which has a time limit of its own */
    g_autoptr(GTask) task = g_steal_pointer(&self->acquire_task);

    bailiff_resource_abandon(self);
    g_task_return_error(task, resource_describe_fault(self, &fault));
}

void bailiff_resource_stop_acquiring(BailiffResource *self)
{
    resource_arm(self, time_add(boottime_now(), 2 * timing_io(self->lockspace->io_timeout)));
}

static void start_acquire_machine(BailiffResource *self)
{
    BailiffLockspace *lockspace = self->lockspace;
    ResourceRemains remains;
    g_autoptr(GError) error = NULL;

    bailiff_lockspace_init_lease(lockspace, self->name, self->offset, &self->lease);
    /* Its device is open by now, and others were let in while it was opened. */
    if (!bailiff_lockspace_check_usable(lockspace, &error) ||
        (lockspace->engine != NULL &&
         !bailiff_engine_check_descriptors(lockspace->engine, 1, &error))) {
        acquire_failed(self, g_steal_pointer(&error));
        return;
    }
    if (!layout_offset_ok(&lockspace->layout, self->offset)) {
        acquire_failed(self,
                       bailiff_error_make(BAILIFF_ERROR_INVALID_ARGUMENT,
                                          "Use the offset that the resource was formatted at.",
                                          "Offset %" G_GUINT64_FORMAT
                                          " is not a multiple of the sector size, %u bytes.",
                                          self->offset, lockspace->layout.sector_size));
        return;
    }
    if (!bailiff_lockspace_ensure_resource_worker(lockspace, &error)) {
        acquire_failed(self, g_steal_pointer(&error));
        return;
    }
    if (!resource_save(self, SAVED_RESOURCE_UNUSED, &error)) {
        acquire_failed(self, g_steal_pointer(&error));
        return;
    }
    /* Once, whatever it is taken for. */
    remains = remains_table_take(lease_sight_get_remains(lockspace->sight), self->name,
                                 self->device, self->offset);
    if (self->mode == RESOURCE_SHARED) {
        resource_share_init(&self->machine.share, &self->lease, self->patient,
                            self->required_version);
    } else {
        resource_acquire_init(&self->machine.acquire, &self->lease, self->patient,
                              self->required_version);
        self->machine.acquire.remains = remains;
    }
    resource_operate(self, self->mode == RESOURCE_SHARED ? resume_share : resume_acquire,
                     g_task_get_cancellable(self->acquire_task), on_acquired);
}

static gboolean check_device(BailiffResource *self, GError **error)
{
    BailiffLockspace *lockspace = self->lockspace;

    return bailiff_lockspace_check_device(lockspace, self->path, self->device, error) &&
           (lockspace->engine == NULL ||
            bailiff_engine_check_unclaimed(lockspace->engine, self->device, self->offset,
                                           lockspace->layout.align_size, error));
}

static void on_device_opened(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffResource) self = user_data;
    g_autoptr(GError) error = NULL;

    self->device = device_open_finish(result, &error);
    if (self->device != NULL && check_device(self, &error))
        start_acquire_machine(self);
    else
        acquire_failed(self, g_steal_pointer(&error));
}

void bailiff_resource_acquire_async(BailiffResource *self, gboolean patient,
                                    guint64 required_version, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data)
{
    g_assert(self->phase == RESOURCE_ACQUIRING && self->acquire_task == NULL);
    self->acquire_task = g_task_new(self, cancellable, callback, user_data);
    /* What was acquired on disk is not forgotten because the caller lost interest. */
    g_task_set_check_cancellable(self->acquire_task, FALSE);
    self->patient = patient;
    self->required_version = required_version;
    /* Opened anew each time: a path can lead to other storage than it did. */
    device_open_async(self->lockspace->openers, self->path, FALSE,
                      timing_io(self->lockspace->io_timeout), on_device_opened, g_object_ref(self));
}

gboolean bailiff_resource_acquire_finish(BailiffResource *self, GAsyncResult *result,
                                         GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

void bailiff_resource_publish(BailiffResource *self)
{
    resource_set_phase(self, RESOURCE_PUBLISHED);
    resource_resave(self, SAVED_RESOURCE_HELD);
    self->visible = TRUE;
    bailiff_lockspace_publish_resource(self->lockspace, self);
    bailiff_registration_add_resource(self->registration, self);
    bailiff_lockspace_registrations_changed(self->lockspace);
    bailiff_lockspace_found_request(self->lockspace, self, &self->lease);
}
