/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Format and inspect, as machines for the machine driver: all I/O in a worker's thread, each with
 * its time limit.
 */
#include "engine/area-job.h"

#include <string.h>

#include "base/bytes.h"
#include "base/fixed-name.h"
#include "common/bailiff-error.h"
#include "engine/area-report.h"
#include "engine/device-opener.h"
#include "engine/engine-private.h"
#include "engine/index-error.h"
#include "engine/lease-error.h"
#include "engine/machine-driver.h"
#include "engine/name-error.h"
#include "engine/storage-claims.h"
#include "lease/lease-timing.h"
#include "ondisk/area-image.h"
#include "ondisk/leader-record.h"

typedef enum AreaState {
    AREA_START,
    AREA_HEAD,
    AREA_WHOLE,
    AREA_WRITTEN,
    AREA_OPENED_UP,
} AreaState;

typedef struct AreaJob {
    BailiffEngine *engine;
    GTask *task;
    char *path;
    guint64 offset;
    char *lockspace_name;
    char *resource_name;
    BailiffAreaKind kind;
    gboolean format;
    guint32 sector_size, align_size, io_timeout, max_hosts;
    gboolean overwrite;

    Layout layout;
    IndexPlace index; /* of an index that is inspected */
    AreaState state;
    guint8 *area;
    guint64 claim; /* of the engine, while formatting; 0: none */
    GError *error; /* what the machine found; it then ends with STEP_FAILED and LEASE_OK */
    GVariant *report;
} AreaJob;

static void area_job_free(AreaJob *job)
{
    bailiff_engine_unclaim(job->engine, job->claim);
    g_clear_object(&job->task);
    g_clear_object(&job->engine);
    g_free(job->path);
    g_free(job->lockspace_name);
    g_free(job->resource_name);
    g_free(job->area);
    g_clear_error(&job->error);
    g_clear_pointer(&job->report, g_variant_unref);
    g_free(job);
}

static void describe(const AreaJob *job, LeaseErrorContext *ret)
{
    *ret = (LeaseErrorContext){
        .path = job->path,
        .offset = job->offset,
        .lockspace = job->lockspace_name,
        .resource = job->kind == BAILIFF_AREA_RESOURCE
                        ? (job->resource_name != NULL ? job->resource_name : "")
                        : NULL,
    };
}

static MachineStep found(AreaJob *job, GError *error)
{
    job->error = error;
    return step_failed((LeaseFault){ .kind = LEASE_OK });
}

static MachineStep io_failed(const MachineInput *input, bool wrote)
{
    LeaseFault fault = { .kind = LEASE_IO_ERROR, .io_errno = input->io_errno, .wrote = wrote };

    if (input->io == IO_TIMED_OUT || input->io == IO_TOO_LATE)
        fault.kind = LEASE_IO_TIMEOUT;
    else if (input->io == IO_SHORT)
        fault.kind = LEASE_IO_SHORT;
    return step_failed(fault);
}

/* --- format ---------------------------------------------------------------------------------- */

static GError *occupied_error(const AreaJob *job, const guint8 *area)
{
    guint32 magic = load_le32(area);
    LeaderRecord record;
    char raw[FIXED_NAME_SIZE + 1];
    g_autofree char *name = NULL;

    leader_record_decode(&record, area);
    if (magic == HOST_LEASE_MAGIC)
        fixed_name_load(raw, record.lockspace_name);
    else
        fixed_name_load(raw, record.name);
    name = printable_from_disk(raw);
    if (magic == HOST_LEASE_MAGIC || magic == RESOURCE_MAGIC || magic == RESOURCE_CLEARED_MAGIC)
        return bailiff_error_make(
            BAILIFF_ERROR_ALREADY_EXISTS,
            "Make sure that no host uses it; then format with the option overwrite.",
            "The %s %s is already on %s at offset %" G_GUINT64_FORMAT ".",
            magic == HOST_LEASE_MAGIC ? "lockspace" : "resource", name, job->path, job->offset);
    return bailiff_error_make(
        BAILIFF_ERROR_ALREADY_EXISTS,
        "Check path and offset; if the data may be destroyed, format with the option overwrite.",
        "There is other data on %s at offset %" G_GUINT64_FORMAT ".", job->path, job->offset);
}

static gboolean is_blank(const guint8 *area, gsize length)
{
    return area[0] == 0 && memcmp(area, area + 1, length - 1) == 0;
}

static MachineStep write_area(AreaJob *job)
{
    MachineStep step = {
        .kind = STEP_WRITE,
        .offset = job->offset,
        .length = job->layout.align_size,
        .timeout_us = time_from_seconds(AREA_WRITE_TIMEOUT_SECONDS),
        .start_by_us = TIME_NEVER,
        .fence_offset = job->offset,
        .fence_length = job->layout.align_size,
    };

    job->area = g_malloc0(job->layout.align_size);
    if (job->kind == BAILIFF_AREA_RESOURCE) {
        resource_area_fill(job->area, &job->layout, job->lockspace_name, job->resource_name,
                           job->max_hosts);
    } else {
        lockspace_area_fill(job->area, &job->layout, job->lockspace_name, job->io_timeout);
        area_hide_magic(job->area);
    }
    step.data = job->area;
    job->state = AREA_WRITTEN;
    return step;
}

/* A lockspace becomes visible with its first sector: nobody joins a half written one. */
static MachineStep open_up(AreaJob *job)
{
    MachineStep step = {
        .kind = STEP_WRITE,
        .offset = job->offset,
        .length = job->layout.sector_size,
        .timeout_us = time_from_seconds(AREA_WRITE_TIMEOUT_SECONDS),
        .data = job->area,
        .start_by_us = TIME_NEVER,
        .fence_offset = job->offset,
        .fence_length = job->layout.align_size,
    };

    lockspace_area_fill(job->area, &job->layout, job->lockspace_name, job->io_timeout);
    job->state = AREA_OPENED_UP;
    return step;
}

static MachineStep format_resume(void *machine, const MachineInput *input)
{
    AreaJob *job = machine;

    if (job->state != AREA_START && input->io != IO_OK)
        return io_failed(input, job->state != AREA_WHOLE);
    switch (job->state) {
    case AREA_START:
        job->state = AREA_WHOLE;
        return step_read(TARGET_LOCKSPACE, job->offset, job->layout.align_size,
                         time_from_seconds(AREA_READ_TIMEOUT_SECONDS));
    case AREA_WHOLE:
        if (!job->overwrite && !is_blank(input->data, job->layout.align_size))
            return found(job, occupied_error(job, input->data));
        return write_area(job);
    case AREA_WRITTEN:
        return job->kind == BAILIFF_AREA_RESOURCE ? step_done() : open_up(job);
    case AREA_HEAD:
    case AREA_OPENED_UP:
        break;
    }
    return step_done();
}

/* --- inspect --------------------------------------------------------------------------------- */

/* What the head says of the area's sizes; else *ret_error. */
static gboolean check_head(AreaJob *job, const guint8 *head, GError **ret_error)
{
    LeaseErrorContext context;
    LeaderRecord record;
    IndexHeader header;
    RecordFault fault;

    describe(job, &context);
    leader_record_decode(&record, head);
    if (job->kind == BAILIFF_AREA_INDEX) {
        index_header_decode(&header, head);
        fault = index_header_check(&header, NULL, job->offset, &job->index);
        job->layout = job->index.layout;
    } else {
        fault = job->kind == BAILIFF_AREA_RESOURCE
                    ? resource_record_check(&record, NULL, NULL, 0, &job->layout)
                    : host_lease_record_check(&record, NULL, &job->layout);
    }
    if (fault == RECORD_OK)
        return TRUE;
    *ret_error = job->kind == BAILIFF_AREA_INDEX ? index_header_error_new(fault, &context)
                                                 : record_error_new(fault, &context);
    return FALSE;
}

static MachineStep inspect_head(AreaJob *job, const guint8 *head)
{
    GError *error = NULL;

    if (!check_head(job, head, &error))
        return found(job, error);
    job->state = AREA_WHOLE;
    return step_read(TARGET_LOCKSPACE, job->offset, job->layout.align_size,
                     time_from_seconds(AREA_READ_TIMEOUT_SECONDS));
}

static GVariant *report(const AreaJob *job, const guint8 *area)
{
    switch (job->kind) {
    case BAILIFF_AREA_RESOURCE:
        return area_report_resource(area, &job->layout);
    case BAILIFF_AREA_INDEX:
        return area_report_index(area, &job->index);
    case BAILIFF_AREA_LOCKSPACE:
        break;
    }
    return area_report_lockspace(area, &job->layout);
}

static MachineStep inspect_resume(void *machine, const MachineInput *input)
{
    AreaJob *job = machine;

    if (job->state != AREA_START && input->io != IO_OK)
        return io_failed(input, false);
    switch (job->state) {
    case AREA_START:
        job->state = AREA_HEAD;
        return step_read(TARGET_LOCKSPACE, job->offset, LAYOUT_PROBE_SIZE,
                         time_from_seconds(AREA_READ_TIMEOUT_SECONDS));
    case AREA_HEAD:
        return inspect_head(job, input->data);
    default:
        job->report = g_variant_ref_sink(report(job, input->data));
        return step_done();
    }
}

/* --- both ------------------------------------------------------------------------------------ */

static void on_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    AreaJob *job = user_data;
    LeaseFault fault;

    if (machine_run_finish(result, &fault)) {
        if (job->format)
            g_task_return_boolean(job->task, TRUE);
        else
            g_task_return_pointer(job->task, g_steal_pointer(&job->report),
                                  (GDestroyNotify)g_variant_unref);
    } else if (job->error != NULL) {
        g_task_return_error(job->task, g_steal_pointer(&job->error));
    } else {
        LeaseErrorContext context;

        describe(job, &context);
        g_task_return_error(job->task, lease_error_new(&fault, &context));
    }
    area_job_free(job);
}

/* And claims the range. */
static gboolean check_area(AreaJob *job, BlockDevice *device, GError **error)
{
    guint32 sector_size = job->sector_size != 0                                   ? job->sector_size
                          : block_device_get_block_size(device) > SECTOR_SIZE_MIN ? SECTOR_SIZE_MAX
                                                                                  : SECTOR_SIZE_MIN;

    if (layout_from_sizes(&job->layout, sector_size, job->align_size) != RECORD_OK) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Use 512 with 1 MiB, or 4096 with 1, 2, 4 or 8 MiB.",
                          "Sector size %u and area size %u bytes do not go together.", sector_size,
                          job->align_size);
        return FALSE;
    }
    if (sector_size < block_device_get_block_size(device)) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Use sector size 4096.",
                          "%s cannot read or write less than %u bytes.", job->path,
                          block_device_get_block_size(device));
        return FALSE;
    }
    if (job->offset % job->layout.align_size != 0 || !layout_offset_ok(&job->layout, job->offset)) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Use a multiple of the area size.",
                          "Offset %" G_GUINT64_FORMAT
                          " is not a multiple of the area size, %u bytes.",
                          job->offset, job->layout.align_size);
        return FALSE;
    }
    if (job->max_hosts > job->layout.max_hosts) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Ask for fewer hosts, or for a larger area.",
                          "An area of this size has room for %u hosts, not for %u.",
                          job->layout.max_hosts, job->max_hosts);
        return FALSE;
    }
    if (block_device_get_size(device) >= job->layout.align_size &&
        job->offset <= block_device_get_size(device) - job->layout.align_size) {
        job->claim =
            bailiff_engine_claim(job->engine, device, job->offset, job->layout.align_size, error);
        return job->claim != 0;
    }
    bailiff_set_error(
        error, BAILIFF_ERROR_INVALID_ARGUMENT,
        "Make it larger (truncate -s for a file), or use a lower offset.",
        "%s has %" G_GUINT64_FORMAT " bytes; the area would end at %" G_GUINT64_FORMAT ".",
        job->path, block_device_get_size(device), time_add(job->offset, job->layout.align_size));
    return FALSE;
}

static void on_opened(GObject *source, GAsyncResult *result, gpointer user_data)
{
    AreaJob *job = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(BlockDevice) device = device_open_finish(result, &error);
    g_autoptr(LeaseWorker) worker = NULL;
    MachineJob machine = {
        .resume = job->format ? format_resume : inspect_resume,
        .machine = job,
        .lockspace_device = device,
    };

    if (device != NULL && (!job->format || check_area(job, device, &error)))
        worker = lease_worker_new("bailiff-area", 2, &error);
    if (worker == NULL) {
        g_task_return_error(job->task, g_steal_pointer(&error));
        area_job_free(job);
        return;
    }
    machine_run_async(worker, &machine, NULL, on_done, job);
}

static void start(AreaJob *job)
{
    device_open_async(NULL, job->path, !job->format, time_from_seconds(AREA_READ_TIMEOUT_SECONDS),
                      on_opened, job);
}

static void area_format(BailiffEngine *engine, const BailiffFormat *format, GTask *task)
{
    AreaJob *job = g_new0(AreaJob, 1);

    job->engine = g_object_ref(engine);
    job->task = g_object_ref(task);
    job->format = TRUE;
    job->path = g_strdup(format->path);
    job->offset = format->offset;
    job->lockspace_name = g_strdup(format->lockspace_name);
    job->resource_name = g_strdup(format->resource_name);
    job->kind = format->resource_name != NULL ? BAILIFF_AREA_RESOURCE : BAILIFF_AREA_LOCKSPACE;
    job->sector_size = format->sector_size;
    job->align_size = format->align_size;
    job->io_timeout = format->io_timeout != 0 ? format->io_timeout : IO_TIMEOUT_DEFAULT;
    job->max_hosts = format->max_hosts;
    job->overwrite = format->overwrite;
    start(job);
}

static void area_inspect(BailiffEngine *engine, const char *path, guint64 offset,
                         BailiffAreaKind kind, GTask *task)
{
    AreaJob *job = g_new0(AreaJob, 1);

    job->engine = g_object_ref(engine);
    job->task = g_object_ref(task);
    job->path = g_strdup(path);
    job->offset = offset;
    job->kind = kind;
    start(job);
}

/* What is asked for. */

static gboolean check_format(BailiffEngine *self, const BailiffFormat *format, GError **error)
{
    if (!bailiff_engine_check_accepts_work(self, error) ||
        !bailiff_check_path(format->path, error) ||
        !bailiff_check_name("lockspace", format->lockspace_name, FIXED_NAME_SIZE, error))
        return FALSE;
    if (format->resource_name != NULL &&
        !bailiff_check_name("resource", format->resource_name, FIXED_NAME_SIZE, error))
        return FALSE;
    if (format->io_timeout > IO_TIMEOUT_MAX) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Use 1 to 255 seconds.",
                          "An io timeout of %u seconds is not possible.", format->io_timeout);
        return FALSE;
    }
    return TRUE;
}

void bailiff_engine_format_async(BailiffEngine *self, const BailiffFormat *format,
                                 GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    GError *error = NULL;

    if (check_format(self, format, &error))
        area_format(self, format, task);
    else
        g_task_return_error(task, error);
}

gboolean bailiff_engine_format_finish(BailiffEngine *self, GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

void bailiff_engine_inspect_async(BailiffEngine *self, const char *path, guint64 offset,
                                  BailiffAreaKind kind, GAsyncReadyCallback callback,
                                  gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    GError *error = NULL;
    Layout smallest = { .sector_size = SECTOR_SIZE_MIN, .align_size = MEBIBYTE };

    if (!bailiff_check_path(path, &error)) {
        g_task_return_error(task, error);
    } else if (!layout_offset_ok(&smallest, offset)) {
        g_task_return_error(task,
                            bailiff_error_make(BAILIFF_ERROR_INVALID_ARGUMENT,
                                               "Use the offset that the area was formatted at.",
                                               "Offset %" G_GUINT64_FORMAT
                                               " is not a multiple of 512 bytes, or too large.",
                                               offset));
    } else {
        area_inspect(self, path, offset, kind, task);
    }
}

GVariant *bailiff_engine_inspect_finish(BailiffEngine *self, GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}
