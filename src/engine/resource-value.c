/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and writing the value of a resource that is held here.
 *
 * A write is an operation on the resource like acquiring and releasing: one at a time. A release
 * that is wanted meanwhile waits for its end.
 */
#include "engine/resource-private.h"

#include <string.h>

#include "common/bailiff-error.h"
#include "engine/lease-error.h"
#include "engine/lockspace-private.h"
#include "engine/machine-driver.h"
#include "lease/resource-value.h"

static MachineStep resume_value(void *machine, const MachineInput *input)
{
    return resource_value_resume(machine, input);
}

/* Sets *error, or returns TRUE with a copy of what is held. */
static gboolean copy_held(BailiffResource *self, ResourceLease *ret, GError **error)
{
    const char *name = bailiff_resource_get_name(self);

    if (bailiff_resource_get_phase(self) != RESOURCE_PUBLISHED) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Acquire it again.",
                          "The lease on %s is being given back.", name);
        return FALSE;
    }
    if (!bailiff_resource_copy_held(self, ret)) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Try again when that has ended.",
                          "Something else is being done to the lease on %s.", name);
        return FALSE;
    }
    if (layout_has_value(&ret->layout))
        return TRUE;
    bailiff_set_error(
        error, BAILIFF_ERROR_UNSUPPORTED,
        "Use sectors of 512 bytes with areas of 1 MiB, or of 4096 bytes with 8 MiB.",
        "Resource %s has no value: with sectors of %u bytes and an area of %u bytes it "
        "would lie outside of the area, in the lease of something else.",
        name, ret->layout.sector_size, ret->layout.align_size);
    return FALSE;
}

static gboolean check_write(BailiffResource *self, const ResourceLease *lease, gsize length,
                            GError **error)
{
    const char *name = bailiff_resource_get_name(self);

    if (length > lease->layout.sector_size) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Write a shorter value.",
                          "%" G_GSIZE_FORMAT " bytes are too many: the value of %s has %u.", length,
                          name, lease->layout.sector_size);
        return FALSE;
    }
    if (lease->mode != RESOURCE_EXCLUSIVE || bailiff_resource_is_shared(self)) {
        bailiff_set_error(error, BAILIFF_ERROR_HELD, "Convert the lease to exclusive first.",
                          "Resource %s is held shared: others may read its value now.", name);
        return FALSE;
    }
    if (bailiff_resource_get_registration(self) == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_HELD, "Adopt the lease first.",
                          "Resource %s is an orphan: nobody uses it who could write its value.",
                          name);
        return FALSE;
    }
    return TRUE;
}

static void run(BailiffResource *self, GTask *task, GAsyncReadyCallback callback)
{
    BailiffLockspace *lockspace = bailiff_resource_get_lockspace(self);
    const MachineJob job = {
        .resume = resume_value,
        .machine = g_task_get_task_data(task),
        .lockspace_device = lockspace->device,
        .resource_device = bailiff_resource_get_device(self),
        .sight = lockspace->sight,
        .permit = lockspace->resource_permit,
        .bounded = TRUE,
    };

    machine_run_async(lockspace->resource_worker, &job, NULL, callback, task);
}

/* NULL on success. */
static GError *take_outcome(BailiffResource *self, GAsyncResult *result, LeaseFault *ret)
{
    LeaseErrorContext context;
    LeaseFault fault;

    *ret = (LeaseFault){ .kind = LEASE_OK };
    if (machine_run_finish(result, &fault))
        return NULL;
    *ret = fault;
    bailiff_lockspace_describe(bailiff_resource_get_lockspace(self), &context);
    context.path = bailiff_resource_get_path(self);
    context.offset = bailiff_resource_get_offset(self);
    context.resource = bailiff_resource_get_name(self);
    return lease_error_new(&fault, &context);
}

/* --- reading --------------------------------------------------------------------------------- */

static void on_read(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    const ResourceValue *value = g_task_get_task_data(task);
    LeaseFault fault;
    GError *error = take_outcome(g_task_get_source_object(task), result, &fault);

    if (error != NULL)
        g_task_return_error(task, error);
    else
        g_task_return_pointer(task, g_bytes_new(value->sector, value->lease.layout.sector_size),
                              (GDestroyNotify)g_bytes_unref);
}

void bailiff_resource_read_value_async(BailiffResource *self, GAsyncReadyCallback callback,
                                       gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    ResourceValue *value = g_new0(ResourceValue, 1);
    GError *error = NULL;
    ResourceLease lease;

    g_task_set_task_data(task, value, g_free);
    if (!copy_held(self, &lease, &error)) {
        g_task_return_error(task, error);
        return;
    }
    resource_value_init_read(value, &lease);
    run(self, g_steal_pointer(&task), on_read);
}

GBytes *bailiff_resource_read_value_finish(BailiffResource *self, GAsyncResult *result,
                                           GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}

/* --- writing --------------------------------------------------------------------------------- */

static void on_written(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    BailiffResource *self = g_task_get_source_object(task);
    LeaseFault fault;
    GError *error = take_outcome(self, result, &fault);

    /* The look before the write shows what any look may show: somebody else has it. */
    if (fault.kind == LEASE_NOT_OURS || fault.kind == LEASE_SHARE_LOST)
        bailiff_lockspace_fail_taken(bailiff_resource_get_lockspace(self), error->message);
    bailiff_resource_end_operation(self);
    if (error != NULL)
        g_task_return_error(task, error);
    else
        g_task_return_boolean(task, TRUE);
}

void bailiff_resource_write_value_async(BailiffResource *self, const guint8 *data, gsize length,
                                        GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    ResourceValue *value = g_new0(ResourceValue, 1);
    GError *error = NULL;
    ResourceLease lease;

    g_task_set_task_data(task, value, g_free);
    if (!copy_held(self, &lease, &error) || !check_write(self, &lease, length, &error)) {
        g_task_return_error(task, error);
        return;
    }
    resource_value_init_write(value, &lease, data, (guint32)length);
    bailiff_resource_begin_operation(self);
    run(self, g_steal_pointer(&task), on_written);
}

gboolean bailiff_resource_write_value_finish(BailiffResource *self, GAsyncResult *result,
                                             GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
