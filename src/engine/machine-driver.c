/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One machine, one worker: takes steps, carries them out, resumes.
 *
 * Everything here runs in the worker's thread, but for machine_run_async() and _finish(). The task
 * carries the outcome back to the context that asked.
 */
#include "engine/machine-driver.h"

#include "common/boottime.h"

typedef struct MachineRun {
    MachineJob job;
    LeaseWorker *worker;
    GTask *task;
    GSource *wait_source;
    GSource *cancel_source;
    MachineStep step;
    MachineInput input;
    gboolean waiting; /* between steps: a wait, and nothing in flight */
    gboolean in_line; /* not begun: see engine/machine-turns.h */
    LeaseFault fault;
    gboolean done;
} MachineRun;

static void run_on(MachineRun *run);

static void machine_run_free(gpointer data)
{
    MachineRun *run = data;

    g_clear_pointer(&run->job.lockspace_device, block_device_unref);
    g_clear_pointer(&run->job.resource_device, block_device_unref);
    g_clear_pointer(&run->job.sight, lease_sight_unref);
    g_clear_pointer(&run->job.permit, write_permit_unref);
    lease_worker_unref(run->worker);
    g_free(run);
}

static void drop_source(GSource **source)
{
    if (*source != NULL) {
        g_source_destroy(*source);
        g_clear_pointer(source, g_source_unref);
    }
}

static BlockDevice *turn_device(const MachineRun *run)
{
    return run->job.resource_device != NULL ? run->job.resource_device : run->job.lockspace_device;
}

static void begin_turn(gpointer user_data)
{
    MachineRun *run = user_data;

    run_on(run);
}

static void take_turn_at_once(MachineRun *run)
{
    machine_turns_take_at_once(lease_worker_get_turns(run->worker), turn_device(run), run);
    run->in_line = FALSE;
}

/* The next one begins from the worker's loop, not from inside this one. */
static void give_turn(MachineRun *run)
{
    MachineRun *next = machine_turns_give(lease_worker_get_turns(run->worker), turn_device(run));

    if (next == NULL)
        return;
    next->in_line = FALSE;
    lease_worker_invoke(run->worker, begin_turn, next);
}

static void end_run(MachineRun *run)
{
    g_autoptr(GTask) task = g_steal_pointer(&run->task);

    give_turn(run);
    drop_source(&run->wait_source);
    drop_source(&run->cancel_source);
    run->done = run->step.kind == STEP_DONE;
    run->fault = run->step.fault;
    g_task_return_boolean(task, TRUE); /* `run` is the task's data and may be gone after this */
}

static IoOutcome outcome_of(const AioResult *result)
{
    switch (result->status) {
    case AIO_OK:
        return IO_OK;
    case AIO_FAILED:
        return IO_FAILED;
    case AIO_SHORT:
        return IO_SHORT;
    case AIO_TOO_LATE:
        return IO_TOO_LATE;
    case AIO_TIMED_OUT:
        break;
    }
    return IO_TIMED_OUT;
}

static void on_io(const AioResult *result, gpointer user_data)
{
    MachineRun *run = user_data;

    run->input.io = outcome_of(result);
    run->input.io_errno = result->error_number;
    run->input.io_started_us = result->started_us;
    run->input.data = result->data;
    if (result->status == AIO_OK && run->step.kind == STEP_READ && run->job.observe_length > 0 &&
        run->step.target == TARGET_LOCKSPACE && run->step.offset == run->job.observe_offset &&
        run->step.length == run->job.observe_length)
        lease_sight_observe(run->job.sight, result->data, run->step.length, result->started_us,
                            result->ended_us);
    run_on(run);
}

static gboolean on_wait_over(gpointer user_data)
{
    MachineRun *run = user_data;

    run->waiting = FALSE;
    take_turn_at_once(run);
    run_on(run);
    return G_SOURCE_CONTINUE;
}

/* A wait of an impatient caller ends now, in line too; an I/O under way has to end by itself. */
static gboolean on_cancelled(GCancellable *cancellable, gpointer user_data)
{
    MachineRun *run = user_data;

    run->input.stop = true;
    if (run->waiting) {
        run->waiting = FALSE;
        boottime_source_set(run->wait_source, TIME_NEVER);
        take_turn_at_once(run);
        run_on(run);
    } else if (run->in_line) {
        take_turn_at_once(run);
        run_on(run);
    }
    return G_SOURCE_REMOVE;
}

static BlockDevice *step_device(const MachineRun *run)
{
    return run->step.target == TARGET_RESOURCE ? run->job.resource_device
                                               : run->job.lockspace_device;
}

static void on_area(const AioResult *result, const guint8 *occupied, gpointer user_data)
{
    MachineRun *run = user_data;

    run->input.occupied = occupied;
    on_io(result, run);
}

static void start_area_read(MachineRun *run)
{
    const AreaRead read = {
        .worker = run->worker,
        .sight = run->job.sight,
        .device = step_device(run),
        .offset = run->step.offset,
        .length = run->step.length,
        .timeout_us = run->step.timeout_us,
        .lockspace_device = run->job.lockspace_device,
        .lockspace_offset = run->job.observe_offset,
    };

    area_reader_read(lease_sight_get_area_reader(run->job.sight), &read, on_area, run);
}

static void start_read(MachineRun *run)
{
    AioRead read = {
        .device = step_device(run),
        .offset = run->step.offset,
        .length = run->step.length,
        .timeout_us = run->step.timeout_us,
        .adopt_overdue = run->step.adopt_overdue,
    };

    aio_queue_read(lease_worker_get_queue(run->worker), &read, on_io, run);
}

static void start_write(MachineRun *run)
{
    AioWrite write = {
        .device = step_device(run),
        .offset = run->step.offset,
        .length = run->step.length,
        .data = run->step.data,
        .timeout_us = run->step.timeout_us,
        .start_by_us = run->step.start_by_us,
        .fence_offset = run->step.fence_offset,
        .fence_length = run->step.fence_length,
        .permit = run->job.permit,
    };

    aio_queue_write(lease_worker_get_queue(run->worker), &write, on_io, run);
}

static void start_wait(MachineRun *run)
{
    run->waiting = TRUE;
    give_turn(run);
    if (run->wait_source == NULL) {
        run->wait_source = boottime_source_new(run->step.until_us);
        g_source_set_callback(run->wait_source, on_wait_over, run, NULL);
        g_source_attach(run->wait_source, lease_worker_get_context(run->worker));
    } else {
        boottime_source_set(run->wait_source, run->step.until_us);
    }
}

/* Resumes the machine until it has to wait for something. */
static void run_on(MachineRun *run)
{
    for (;;) {
        run->input.now_us = boottime_now();
        run->input.random = g_random_int();
        if (run->job.acquiring && lease_sight_is_closed(run->job.sight))
            run->input.stop = true;
        run->input.valid_until_us =
            run->job.bounded ? lease_sight_get_valid_until(run->job.sight) : TIME_NEVER;
        run->step = run->job.resume(run->job.machine, &run->input);
        run->input.data = NULL;
        run->input.occupied = NULL;
        if (run->job.stepped != NULL)
            run->job.stepped(run->job.machine, run->job.stepped_data);

        switch (run->step.kind) {
        case STEP_READ:
            if (run->step.area && run->job.observe_length > 0)
                start_area_read(run);
            else
                start_read(run);
            return;
        case STEP_WRITE:
            start_write(run);
            return;
        case STEP_WAIT:
            if (run->input.stop)
                continue;
            start_wait(run);
            return;
        case STEP_LOOK:
            run->input.host = lease_sight_view(run->job.sight, run->step.host_id);
            continue;
        case STEP_DONE:
        case STEP_FAILED:
            end_run(run);
            return;
        }
    }
}

static void start_in_worker(gpointer user_data)
{
    MachineRun *run = user_data;
    GCancellable *cancellable = g_task_get_cancellable(run->task);

    if (cancellable != NULL) {
        run->cancel_source = g_cancellable_source_new(cancellable);
        g_source_set_callback(run->cancel_source, G_SOURCE_FUNC(on_cancelled), run, NULL);
        g_source_attach(run->cancel_source, lease_worker_get_context(run->worker));
        run->input.stop = g_cancellable_is_cancelled(cancellable);
    }
    if (run->input.stop)
        take_turn_at_once(run);
    else
        run->in_line =
            !machine_turns_take(lease_worker_get_turns(run->worker), turn_device(run), run);
    if (!run->in_line)
        run_on(run);
}

void machine_run_async(LeaseWorker *worker, const MachineJob *job, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
    MachineRun *run = g_new0(MachineRun, 1);

    run->job = *job;
    if (job->lockspace_device != NULL)
        block_device_ref(job->lockspace_device);
    if (job->resource_device != NULL)
        block_device_ref(job->resource_device);
    if (job->sight != NULL)
        lease_sight_ref(job->sight);
    if (job->permit != NULL)
        write_permit_ref(job->permit);
    run->worker = lease_worker_ref(worker);
    run->task = g_task_new(NULL, cancellable, callback, user_data);
    /* The machine decides what a cancellation leads to; its outcome must never be thrown away. */
    g_task_set_check_cancellable(run->task, FALSE);
    g_task_set_source_tag(run->task, machine_run_async);
    g_task_set_task_data(run->task, run, machine_run_free);
    lease_worker_invoke(worker, start_in_worker, run);
}

gboolean machine_run_finish(GAsyncResult *result, LeaseFault *ret_fault)
{
    MachineRun *run = g_task_get_task_data(G_TASK(result));

    g_return_val_if_fail(g_async_result_is_tagged(result, machine_run_async), FALSE);
    *ret_fault = run->fault;
    return run->done;
}
