/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A change of a resource index:
 *
 *   acquire the index's lease -> read the index under it -> (delete: acquire the resource)
 *       -> the change's machine -> nothing of ours is in flight -> release -> answer
 *
 * The index's lease is released by the release machine as any other, with the flag RELEASED:
 * sanlock leaves that out, and where another host has written the leader meanwhile its index stays
 * locked for everybody until the named owner uses it again. When that is this host the next change
 * does it: what names us is acquired, and released as it should be.
 *
 * Both leases are pinned while a machine writes under them: a lockspace that is left or fails makes
 * the machine stop, and gets them back only when nothing of it is in flight. A write that timed out
 * could land when the next holder of the index's lease has given the same area to somebody else,
 * who uses it: that is why nothing is released before it has ended. The caller hears of such an end
 * at once; the lockspace takes no other change until then.
 */
#include "engine/index-job.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "engine/engine-private.h"
#include "engine/registration.h"
#include "engine/storage-claims.h"

/* Another host that changes the index is done soon; less than a D-Bus caller's patience. */
#define INDEX_PATIENCE_US (10 * USEC_PER_SECOND)
#define INDEX_PAUSE_MIN_US (USEC_PER_SECOND / 10)
#define INDEX_PAUSE_SPREAD_US (USEC_PER_SECOND / 2)
/* How often to look whether a write that timed out has ended. */
#define DRAIN_POLL_US (USEC_PER_SECOND / 4)

static void acquire_index_lease(IndexJob *job);
static void end_change(IndexJob *job);

static void arm(IndexJob *job, guint64 when_us, GSourceFunc callback)
{
    if (job->timer == NULL) {
        job->timer = boottime_source_new(when_us);
        g_source_attach(job->timer, NULL);
    } else {
        boottime_source_set(job->timer, when_us);
    }
    g_source_set_callback(job->timer, callback, job, NULL);
}

static void fail_change(IndexJob *job, GError *error)
{
    job->error = error;
    end_change(job);
}

static GError *stopped_error(const IndexJob *job)
{
    const LeaseFault stopped = { .kind = LEASE_STOPPED };

    return index_job_error(job, &stopped);
}

/* Why a lease was not acquired. The cure of one that is held is another than for those who acquire
 * it themselves; `prefix` goes before its cause. */
static GError *acquire_error(const IndexJob *job, const GError *error, const char *cure,
                             const char *prefix)
{
    g_auto(GStrv) lines = NULL;

    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return stopped_error(job);
    if (!g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_HELD))
        return g_error_copy(error);
    lines = g_strsplit(error->message, "\n", 2);
    return bailiff_error_make(BAILIFF_ERROR_HELD, cure, "%s%s", prefix, lines[0]);
}

/* --- the end --------------------------------------------------------------------------------- */

static GVariant *answer_of(const IndexJob *job)
{
    if (job->call.verb == INDEX_CREATE)
        return g_variant_new("(t)", index_resource_offset(&job->index.place, job->number));
    return g_variant_new("()");
}

static void finish(IndexJob *job)
{
    index_job_answer(job, job->error == NULL ? answer_of(job) : NULL);
    index_job_free(job);
}

static void on_index_lease_released(GObject *source, GAsyncResult *result, gpointer user_data)
{
    /* What did not work goes on in the background, and what was changed is changed. */
    bailiff_resource_release_finish(BAILIFF_RESOURCE(source), result, NULL);
    finish(user_data);
}

static void release_index_lease(IndexJob *job)
{
    if (job->index_lease == NULL) {
        finish(job);
        return;
    }
    bailiff_resource_unpin(job->index_lease);
    bailiff_resource_release_async(job->index_lease, on_index_lease_released, job);
}

static void on_subject_released(GObject *source, GAsyncResult *result, gpointer user_data)
{
    bailiff_resource_release_finish(BAILIFF_RESOURCE(source), result, NULL);
    release_index_lease(user_data);
}

/* Nothing of ours is in flight any more. */
static void release_all(IndexJob *job)
{
    if (job->subject == NULL) {
        release_index_lease(job);
        return;
    }
    /* Deleted: there is nothing left to release. */
    if (job->error == NULL)
        bailiff_resource_abandon(job->subject);
    bailiff_resource_unpin(job->subject);
    bailiff_resource_release_async(job->subject, on_subject_released, job);
}

static gboolean is_in_flight(const IndexJob *job)
{
    const IndexPlace *place = &job->index.place;
    guint64 align_size = place->layout.align_size;

    return aio_write_in_flight(job->device, place->offset, INDEX_AREAS * align_size) ||
           (job->number_known &&
            aio_write_in_flight(job->device, index_resource_offset(place, job->number),
                                align_size));
}

static gboolean on_drain_poll(gpointer user_data)
{
    IndexJob *job = user_data;

    boottime_source_set(job->timer, TIME_NEVER);
    end_change(job);
    return G_SOURCE_CONTINUE;
}

static void end_change(IndexJob *job)
{
    if (!is_in_flight(job)) {
        release_all(job);
        return;
    }
    if (job->error != NULL)
        index_job_answer(job, NULL);
    arm(job, time_add(boottime_now(), DRAIN_POLL_US), on_drain_poll);
}

static void on_changed(GObject *source, GAsyncResult *result, gpointer user_data)
{
    IndexJob *job = user_data;
    LeaseFault fault;

    if (!machine_run_finish(result, &fault))
        job->error = index_job_error(job, &fault);
    end_change(job);
}

/* --- the changes, with the lease ------------------------------------------------------------- */

/* Nobody on this host formats the range, or joins or acquires what is in it, meanwhile. */
static gboolean claim(IndexJob *job, guint which, guint64 offset, guint64 length, GError **error)
{
    job->claims[which] = bailiff_engine_claim(job->engine, job->device, offset, length, error);
    return job->claims[which] != 0;
}

static MachineStep resume_format(void *machine, const MachineInput *input)
{
    return index_format_resume(machine, input);
}

static void start_format(IndexJob *job)
{
    GError *error = NULL;

    if (!bailiff_lockspace_check_usable(job->lockspace, &error) ||
        !claim(job, 0, job->call.offset, INDEX_AREAS * (guint64)job->index.place.layout.align_size,
               &error)) {
        fail_change(job, error);
        return;
    }
    index_format_init(&job->machine.format, &job->index, job->call.overwrite);
    index_job_run(job, resume_format, TRUE, on_changed);
}

static MachineStep resume_create(void *machine, const MachineInput *input)
{
    return index_create_resume(machine, input);
}

static void start_create(IndexJob *job)
{
    guint32 align_size = job->index.place.layout.align_size;
    GError *error = NULL;
    LeaseFault fault = resource_index_find_free(&job->index, job->call.name, &job->number);

    if (fault.kind != LEASE_OK) {
        fail_change(job, index_job_error(job, &fault));
        return;
    }
    job->number_known = TRUE;
    if (!claim(job, 1, index_resource_offset(&job->index.place, job->number), align_size, &error)) {
        fail_change(job, error);
        return;
    }
    job->resource_area = g_malloc0(align_size);
    index_create_init(&job->machine.create, &job->index, job->number, job->call.name,
                      job->call.max_hosts, job->resource_area);
    index_job_run(job, resume_create, TRUE, on_changed);
}

static MachineStep resume_rebuild(void *machine, const MachineInput *input)
{
    return index_rebuild_resume(machine, input);
}

static MachineStep resume_delete(void *machine, const MachineInput *input)
{
    return index_delete_resume(machine, input);
}

static void start_delete(IndexJob *job)
{
    job->resource_area = g_malloc0(job->index.place.layout.align_size);
    index_delete_init(&job->machine.delete, &job->index, job->number,
                      job->subject != NULL ? bailiff_resource_get_lease(job->subject) : NULL,
                      job->resource_area);
    index_job_run(job, resume_delete, TRUE, on_changed);
}

/* The end of an acquisition: pins the lease. FALSE: it is not held any more, or leads elsewhere
 * than where the index was read. */
static gboolean take(IndexJob *job, BailiffResource *lease, GError **error)
{
    if (!bailiff_resource_pin(lease)) {
        *error = stopped_error(job);
        return FALSE;
    }
    if (block_device_is_same(bailiff_resource_get_device(lease), job->device))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_LOST, "Find out who replaces it, then try again.",
                      "%s leads to other storage than a moment ago.", job->call.path);
    return FALSE;
}

static void on_subject_acquired(GObject *source, GAsyncResult *result, gpointer user_data)
{
    IndexJob *job = user_data;
    BailiffResource *lease = BAILIFF_RESOURCE(source);
    g_autoptr(GError) error = NULL;
    GError *other = NULL;

    if (!bailiff_resource_acquire_finish(lease, result, &error)) {
        g_clear_object(&job->subject);
        fail_change(job, acquire_error(job, error, "Release it there first.", ""));
    } else if (take(job, lease, &other)) {
        start_delete(job);
    } else {
        fail_change(job, other);
    }
}

/* One that is used on this host, or is on its way: a lease machine for each resource, and no more.
 */
static gboolean check_unused_here(const IndexJob *job, GError **error)
{
    BailiffResource *here = bailiff_lockspace_find_resource(job->lockspace, job->call.name);
    BailiffRegistration *registration;

    if (here == NULL)
        return TRUE;
    registration = bailiff_resource_get_registration(here);
    bailiff_set_error(error, BAILIFF_ERROR_HELD, "Release it first.",
                      "Resource %s of lockspace %s is in use on this host, by %s.", job->call.name,
                      job->lockspace->name,
                      registration != NULL ? bailiff_registration_get_name(registration)
                                           : "bailiffd itself");
    return FALSE;
}

static MachineStep resume_look(void *machine, const MachineInput *input)
{
    return index_look_resume(machine, input);
}

static void on_looked(GObject *source, GAsyncResult *result, gpointer user_data)
{
    IndexJob *job = user_data;
    GError *error = NULL;
    LeaseFault fault;

    if (!machine_run_finish(result, &fault)) {
        fail_change(job, index_job_error(job, &fault));
        return;
    }
    if (!job->machine.look.live) {
        start_delete(job);
        return;
    }
    if (!bailiff_lockspace_check_usable(job->lockspace, &error) ||
        !check_unused_here(job, &error)) {
        fail_change(job, error);
        return;
    }
    job->subject = bailiff_resource_new(job->lockspace, NULL, job->call.name, job->call.path,
                                        index_resource_offset(&job->index.place, job->number),
                                        RESOURCE_EXCLUSIVE);
    bailiff_lockspace_add_resource(job->lockspace, job->subject);
    bailiff_resource_acquire_async(job->subject, FALSE, 0, NULL, on_subject_acquired, job);
}

static void start_look(IndexJob *job)
{
    LeaseFault fault =
        resource_index_find(&job->index, job->call.name, job->call.resource_offset, &job->number);

    if (fault.kind != LEASE_OK) {
        fail_change(job, index_job_error(job, &fault));
        return;
    }
    job->number_known = TRUE;
    index_look_init(&job->machine.look, &job->index, job->number);
    index_job_run(job, resume_look, TRUE, on_looked);
}

static void on_read_again(GObject *source, GAsyncResult *result, gpointer user_data)
{
    IndexJob *job = user_data;
    GError *error = NULL;
    LeaseFault fault;

    if (!machine_run_finish(result, &fault)) {
        fail_change(job, index_job_error(job, &fault));
        return;
    }
    if (!claim(job, 0, job->call.offset, job->index.place.layout.align_size, &error)) {
        fail_change(job, error);
        return;
    }
    if (job->call.verb == INDEX_CREATE) {
        start_create(job);
    } else if (job->call.verb == INDEX_DELETE) {
        start_look(job);
    } else {
        index_rebuild_init(&job->machine.rebuild, &job->index);
        index_job_run(job, resume_rebuild, TRUE, on_changed);
    }
}

static MachineStep resume_read(void *machine, const MachineInput *input)
{
    return index_read_resume(machine, input);
}

/* --- the index's lease ----------------------------------------------------------------------- */

static gboolean on_pause_over(gpointer user_data)
{
    IndexJob *job = user_data;

    boottime_source_set(job->timer, TIME_NEVER);
    acquire_index_lease(job);
    return G_SOURCE_CONTINUE;
}

static gboolean pause_before_next_try(IndexJob *job)
{
    if (boottime_now() >= job->patient_until_us)
        return FALSE;
    arm(job, time_add(boottime_now(), INDEX_PAUSE_MIN_US + g_random_int() % INDEX_PAUSE_SPREAD_US),
        on_pause_over);
    return TRUE;
}

static void index_lease_not_acquired(IndexJob *job, const GError *error)
{
    static const char cure[] =
        "Try again when no other host changes the index. If none does, change or rebuild it on the "
        "host that is named: that frees its lease.";

    g_clear_object(&job->index_lease);
    if (!g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_HELD) || !pause_before_next_try(job))
        fail_change(job, acquire_error(job, error, cure, "The index is being changed. "));
}

static void on_index_lease_acquired(GObject *source, GAsyncResult *result, gpointer user_data)
{
    IndexJob *job = user_data;
    BailiffResource *lease = BAILIFF_RESOURCE(source);
    g_autoptr(GError) error = NULL;
    GError *other = NULL;

    if (!bailiff_resource_acquire_finish(lease, result, &error)) {
        index_lease_not_acquired(job, error);
    } else if (take(job, lease, &other)) {
        index_read_init(&job->machine.read, &job->index);
        index_job_run(job, resume_read, TRUE, on_read_again);
    } else {
        fail_change(job, other);
    }
}

static void acquire_index_lease(IndexJob *job)
{
    BailiffLockspace *lockspace = job->lockspace;
    GError *error = NULL;

    if (!bailiff_lockspace_check_usable(lockspace, &error)) {
        fail_change(job, error);
        return;
    }
    if (bailiff_lockspace_find_resource(lockspace, INDEX_LEASE_NAME) != NULL) {
        if (!pause_before_next_try(job))
            fail_change(job, bailiff_error_make(
                                 BAILIFF_ERROR_BUSY, "Release it, or wait until it is released.",
                                 "Resource %s of lockspace %s is in use on this host, or "
                                 "still being released.",
                                 INDEX_LEASE_NAME, lockspace->name));
        return;
    }
    job->index_lease =
        bailiff_resource_new(lockspace, NULL, INDEX_LEASE_NAME, job->call.path,
                             index_lease_offset(&job->index.place), RESOURCE_EXCLUSIVE);
    bailiff_lockspace_add_resource(lockspace, job->index_lease);
    bailiff_resource_acquire_async(job->index_lease, FALSE, 0, NULL, on_index_lease_acquired, job);
}

void index_change_start(IndexJob *job)
{
    if (job->call.verb == INDEX_FORMAT) {
        start_format(job);
        return;
    }
    job->patient_until_us = time_add(boottime_now(), INDEX_PATIENCE_US);
    acquire_index_lease(job);
}
