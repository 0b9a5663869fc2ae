/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A call on a resource index: opens the device, reads the index, and answers what can be answered
 * from that. Changes go on in index-change.c.
 */
#include "engine/index-job.h"

#include "common/bailiff-error.h"
#include "engine/device-opener.h"
#include "engine/engine-private.h"
#include "engine/index-error.h"
#include "engine/lease-error.h"
#include "engine/name-error.h"
#include "engine/storage-claims.h"
#include "lease/lease-timing.h"

static gboolean is_change(const IndexJob *job)
{
    return job->call.verb >= INDEX_FORMAT;
}

static void describe(const IndexJob *job, LeaseErrorContext *ret)
{
    bailiff_lockspace_describe(job->lockspace, ret);
    ret->path = job->call.path;
    ret->offset = job->call.offset;
    ret->resource = job->call.name;
}

GError *index_job_error(const IndexJob *job, const LeaseFault *fault)
{
    LeaseErrorContext context;

    describe(job, &context);
    return index_error_new(fault, &context);
}

void index_job_free(IndexJob *job)
{
    g_assert(job->task == NULL);
    for (guint i = 0; i < G_N_ELEMENTS(job->claims); i++)
        if (job->claims[i] != 0)
            bailiff_engine_unclaim(job->engine, job->claims[i]);
    if (job->changing)
        job->lockspace->changing_index = FALSE;
    if (job->timer != NULL) {
        g_source_destroy(job->timer);
        g_source_unref(job->timer);
    }
    g_clear_object(&job->index_lease);
    g_clear_object(&job->subject);
    g_clear_object(&job->lockspace);
    g_clear_object(&job->engine);
    g_clear_pointer(&job->device, block_device_unref);
    g_clear_error(&job->error);
    g_free((char *)job->call.path);
    g_free((char *)job->call.name);
    g_free(job->area);
    g_free(job->resource_area);
    g_free(job);
}

void index_job_answer(IndexJob *job, GVariant *answer)
{
    g_autoptr(GTask) task = g_steal_pointer(&job->task);
    g_autoptr(GVariant) sunk = answer != NULL ? g_variant_ref_sink(answer) : NULL;

    if (task == NULL)
        return;
    if (job->error != NULL)
        g_task_return_error(task, g_error_copy(job->error));
    else
        g_task_return_pointer(task, g_steal_pointer(&sunk), (GDestroyNotify)g_variant_unref);
}

/* Before anything was changed or held. */
static void give_up(IndexJob *job, GError *error)
{
    job->error = error;
    index_job_answer(job, NULL);
    index_job_free(job);
}

void index_job_run(IndexJob *job, MachineResume resume, gboolean bounded,
                   GAsyncReadyCallback callback)
{
    const MachineJob machine = {
        .resume = resume,
        .machine = &job->machine,
        .lockspace_device = job->lockspace->device,
        .resource_device = job->device,
        .sight = job->lockspace->sight,
        .permit = job->lockspace->resource_permit,
        .bounded = bounded,
        .acquiring = bounded,
    };

    machine_run_async(job->lockspace->resource_worker, &machine, NULL, callback, job);
}

/* --- looking --------------------------------------------------------------------------------- */

static GVariant *list_entries(const IndexJob *job, LeaseFault *ret_fault)
{
    g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(st)"));

    for (guint32 number = 0; number < job->index.place.count; number++) {
        g_autofree char *name = NULL;
        char raw[FIXED_NAME_SIZE + 1];
        IndexEntry entry;
        RecordFault record;

        resource_index_get(&job->index, number, &entry);
        if (index_entry_is_free(&entry))
            continue;
        record = index_entry_check(&entry, &job->index.place, number);
        if (record != RECORD_OK) {
            *ret_fault = (LeaseFault){ .kind = LEASE_BAD_RECORD,
                                       .record = record,
                                       .offset = index_resource_offset(&job->index.place, number) };
            return NULL;
        }
        fixed_name_load(raw, entry.name);
        name = printable_from_disk(raw);
        g_variant_builder_add(&builder, "(st)", name, entry.resource_offset);
    }
    return g_variant_new("(a(st))", &builder);
}

/* Whatever can be said without the lease. FALSE: *ret_fault. */
static gboolean look(IndexJob *job, GVariant **ret_answer, LeaseFault *ret_fault)
{
    *ret_fault = (LeaseFault){ .kind = LEASE_OK };
    switch (job->call.verb) {
    case INDEX_LIST:
        *ret_answer = list_entries(job, ret_fault);
        break;
    case INDEX_LOOKUP:
    case INDEX_DELETE:
        *ret_fault = resource_index_find(&job->index, job->call.name, job->call.resource_offset,
                                         &job->number);
        if (ret_fault->kind == LEASE_OK)
            *ret_answer = g_variant_new("(t)", ret_fault->offset);
        break;
    case INDEX_CREATE:
        *ret_fault = resource_index_find_free(&job->index, job->call.name, &job->number);
        break;
    case INDEX_FORMAT:
    case INDEX_REBUILD:
        break;
    }
    return ret_fault->kind == LEASE_OK;
}

static void on_read(GObject *source, GAsyncResult *result, gpointer user_data)
{
    IndexJob *job = user_data;
    g_autoptr(GVariant) answer = NULL;
    GVariant *floating = NULL;
    LeaseFault fault;

    if (!machine_run_finish(result, &fault) || !look(job, &floating, &fault)) {
        give_up(job, index_job_error(job, &fault));
        return;
    }
    if (floating != NULL)
        answer = g_variant_ref_sink(floating);
    if (is_change(job)) {
        index_change_start(job);
        return;
    }
    index_job_answer(job, answer);
    index_job_free(job);
}

/* --- the beginning --------------------------------------------------------------------------- */

static MachineStep resume_read(void *machine, const MachineInput *input)
{
    return index_read_resume(machine, input);
}

static gboolean check_offset(const IndexJob *job, const IndexPlace *place, GError **error)
{
    if (place->count > index_limit(&place->layout)) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Ask for fewer.",
                          "An index with areas of this size has room for %u resources, not for %u.",
                          index_limit(&place->layout), place->count);
        return FALSE;
    }
    if (index_place_ok(place))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Use a multiple of the area size.",
                      "Offset %" G_GUINT64_FORMAT
                      " is not a multiple of the area size, %u bytes, or too large.",
                      job->call.offset, place->layout.align_size);
    return FALSE;
}

static gboolean check_size(const IndexJob *job, GError **error)
{
    guint64 end =
        time_add(job->call.offset, INDEX_AREAS * (guint64)job->lockspace->layout.align_size);

    if (end <= block_device_get_size(job->device))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "Make it larger (truncate -s for a file), or use a lower offset.",
                      "%s has %" G_GUINT64_FORMAT
                      " bytes; the index would end at %" G_GUINT64_FORMAT
                      ", without the resources.",
                      job->call.path, block_device_get_size(job->device), end);
    return FALSE;
}

static gboolean prepare(IndexJob *job, GError **error)
{
    BailiffLockspace *lockspace = job->lockspace;
    const IndexPlace place = {
        .layout = lockspace->layout,
        .offset = job->call.offset,
        .count = job->call.verb == INDEX_FORMAT && job->call.max_resources == 0
                     ? INDEX_COUNT_DEFAULT
                     : job->call.max_resources,
    };

    if (!check_offset(job, &place, error) || !check_size(job, error) ||
        !bailiff_lockspace_check_device(lockspace, job->call.path, job->device, error) ||
        !bailiff_lockspace_ensure_resource_worker(lockspace, error))
        return FALSE;
    job->area = g_malloc0(place.layout.align_size);
    resource_index_init(&job->index, lockspace->name, &place, lockspace->io_timeout,
                        block_device_get_size(job->device), job->area);
    return TRUE;
}

static void on_opened(GObject *source, GAsyncResult *result, gpointer user_data)
{
    IndexJob *job = user_data;
    GError *error = NULL;

    job->device = device_open_finish(result, &error);
    if (job->device == NULL || !prepare(job, &error)) {
        give_up(job, error);
        return;
    }
    if (job->call.verb == INDEX_FORMAT) {
        index_change_start(job);
        return;
    }
    index_read_init(&job->machine.read, &job->index);
    index_job_run(job, resume_read, FALSE, on_read);
}

static gboolean check_call(BailiffLockspace *self, const IndexCall *call, GError **error)
{
    if (!bailiff_check_path(call->path, error) ||
        (call->name != NULL && !bailiff_check_name("resource", call->name, FIXED_NAME_SIZE, error)))
        return FALSE;
    if (call->verb == INDEX_CREATE && g_strcmp0(call->name, INDEX_LEASE_NAME) == 0) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Choose another name.",
                          "%s is the name of the index's own lease.", call->name);
        return FALSE;
    }
    if (self->layout.sector_size == 0 || self->engine == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_JOINED,
                          "Look at its state and reason, and join it again if it is lost.",
                          "Lockspace %s has not been joined.", self->name);
        return FALSE;
    }
    if (call->max_hosts > self->layout.max_hosts) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Ask for fewer hosts.",
                          "Resources of lockspace %s have room for %u hosts, not for %u.",
                          self->name, self->layout.max_hosts, call->max_hosts);
        return FALSE;
    }
    return call->verb < INDEX_FORMAT || bailiff_lockspace_check_usable(self, error);
}

static gboolean check_first(BailiffLockspace *self, const IndexCall *call, GError **error)
{
    if (call->verb < INDEX_FORMAT || !self->changing_index)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Try again when that is done.",
                      "This host is already changing a resource index of lockspace %s.",
                      self->name);
    return FALSE;
}

void bailiff_lockspace_index_async(BailiffLockspace *self, const IndexCall *call,
                                   GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    GError *error = NULL;
    IndexJob *job;

    if (!check_call(self, call, &error) || !check_first(self, call, &error)) {
        g_task_return_error(task, error);
        return;
    }
    job = g_new0(IndexJob, 1);
    job->lockspace = g_object_ref(self);
    job->engine = g_object_ref(self->engine);
    job->task = g_steal_pointer(&task);
    job->call = *call;
    job->call.path = g_strdup(call->path);
    job->call.name = g_strdup(call->name);
    job->changing = is_change(job);
    if (job->changing)
        self->changing_index = TRUE;
    device_open_async(self->openers, job->call.path, !job->changing, timing_io(self->io_timeout),
                      on_opened, job);
}

GVariant *bailiff_lockspace_index_finish(BailiffLockspace *self, GAsyncResult *result,
                                         GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}
