/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Joining: from the open of the storage to the first renewal.
 */
#include "engine/lockspace-lease.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/device-opener.h"
#include "engine/engine-private.h"
#include "engine/lockspace-past.h"
#include "engine/machine-driver.h"
#include "lease/lease-timing.h"

/* Renewals need two I/Os at a time at most; the rest is room for some that hang. */
#define RENEWAL_QUEUE_DEPTH 4u
/* How long an open of the storage may take before the join is called failed. */
#define OPEN_TIMEOUT_US (30 * USEC_PER_SECOND)

LeaseWorker *lockspace_make_renewal_worker(GError **error)
{
    return lease_worker_new("bailiff-renew", RENEWAL_QUEUE_DEPTH, error);
}

static MachineStep resume_join(void *machine, const MachineInput *input)
{
    return host_lease_join_resume(machine, input);
}

typedef struct JoinProgress {
    BailiffLockspace *lockspace;
    guint64 expected_us;
} JoinProgress;

static void join_progress_free(gpointer data)
{
    JoinProgress *progress = data;

    g_object_unref(progress->lockspace);
    g_free(progress);
}

static gboolean show_join_progress(gpointer user_data)
{
    JoinProgress *progress = user_data;

    if (progress->lockspace->state == BAILIFF_LOCKSPACE_JOINING)
        bailiff_lockspace_set_join_ends(progress->lockspace, progress->expected_us);
    return G_SOURCE_REMOVE;
}

/* In the worker's thread. */
static void on_join_stepped(gpointer machine, gpointer user_data)
{
    JoinProgress *latest = user_data;
    guint64 expected_us = host_lease_join_expected_us(machine);
    g_autoptr(GSource) source = NULL;
    JoinProgress *news;

    if (expected_us == latest->expected_us)
        return;
    latest->expected_us = expected_us;
    news = g_new(JoinProgress, 1);
    *news = (JoinProgress){ g_object_ref(latest->lockspace), expected_us };
    source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, show_join_progress, news, join_progress_free);
    g_source_attach(source, NULL);
}

static void join_failed(BailiffLockspace *self, const char *reason)
{
    if (self->state == BAILIFF_LOCKSPACE_JOINING)
        lockspace_become_lost(self, reason);
    else if (self->state == BAILIFF_LOCKSPACE_LEAVING)
        lockspace_go_on_leaving(self);
}

static void on_joined(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffLockspace) self = user_data;
    LeaseFault fault;
    gboolean worked = machine_run_finish(result, &fault);
    g_autoptr(GError) save_error = NULL;

    self->operating = FALSE;
    if (self->abandoned)
        return;
    if (!worked) {
        g_autoptr(GError) error = lockspace_describe_fault(self, &fault);

        lockspace_note_past(self, FALSE);
        join_failed(self, error->message);
        return;
    }
    self->last_renewal_us = self->lease.last_renewal_us;
    self->last_renewal_worked = TRUE;
    self->sight = lease_sight_new(self->name, &self->lease.layout, self->host_id,
                                  self->lease.last.owner_generation, self->io_timeout);
    bailiff_lockspace_watch_clocks(self);
    bailiff_lockspace_set_joined(self, self->lease.last.owner_generation, &self->lease.layout);
    if (!bailiff_lockspace_save(self, &save_error))
        /* Nobody holds anything yet, and gets nothing that is not written down. */
        log_message(MESSAGE_RECORD_FAILED,
                    LOG_SUBJECT(.lockspace = self->name, .host_id = self->host_id), "%s",
                    save_error->message);
    /* Where the io timeout on disk was long the lease can be past its own deadlines by now. Nobody
     * relies on it yet: the first renewal has a whole term from now on. */
    lockspace_arm(&self->deadline_timer, time_add(boottime_now(), timing_fail(self->io_timeout)),
                  lockspace_on_deadline, self);
    if (self->state == BAILIFF_LOCKSPACE_LEAVING)
        lockspace_go_on_leaving(self);
    else
        /* The lease is as old as the settle time by now: it is shown as held after one renewal. */
        lockspace_start_renewal(self);
}

static void start_join_machine(BailiffLockspace *self)
{
    const char *runtime_dir = bailiff_engine_get_runtime_dir(self->engine);
    g_autoptr(GError) error = NULL;
    JoinProgress *progress;
    MachineJob job = { .resume = resume_join };

    self->past_before = lockspace_past_load(runtime_dir, self->name, self->host_id);
    if (!lockspace_write_past(self, host_lease_past_joining(&self->past_before, boottime_now()),
                              &error)) {
        join_failed(self, error->message);
        return;
    }
    const HostLeaseWish wish = {
        .lockspace_name = self->name,
        .host_name = bailiff_engine_get_host_name(self->engine),
        .lockspace_offset = self->offset,
        .host_id = self->host_id,
        .io_timeout = self->io_timeout,
        .doubt_from_us = self->past_before.doubt_from_us,
    };
    self->renewal_worker = lockspace_make_renewal_worker(&error);
    if (self->renewal_worker == NULL) {
        join_failed(self, error->message);
        return;
    }
    lease_worker_hurry(self->renewal_worker);
    /* Lives as long as the lockspace: the worker's last step comes before the task's end. */
    progress = g_new0(JoinProgress, 1);
    progress->lockspace = self;
    g_object_set_data_full(G_OBJECT(self), "bailiff-join-progress", progress, g_free);
    job.stepped = on_join_stepped;
    job.stepped_data = progress;

    host_lease_init(&self->lease, &wish);
    host_lease_join_init(&self->machine.join, &self->lease);
    lockspace_operate(self, &job, on_joined);
}

static void on_device_opened(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffLockspace) self = user_data;
    g_autoptr(GError) error = NULL;

    g_autoptr(BlockDevice) device = device_open_finish(result, &error);

    self->operating = FALSE;
    if (self->abandoned)
        return;
    /* Two lockspaces of one daemon at one place would write into each other, whatever they are
     * called. */
    if (device != NULL && self->state == BAILIFF_LOCKSPACE_JOINING &&
        bailiff_engine_check_unused(self->engine, device, self->offset, SECTOR_SIZE_MIN, &error))
        self->device = g_steal_pointer(&device);
    if (self->device != NULL)
        bailiff_engine_end_lost(self->engine, self->device, self->offset, SECTOR_SIZE_MIN);
    if (self->device == NULL)
        join_failed(self, error != NULL ? error->message : "");
    else
        start_join_machine(self);
}

void bailiff_lockspace_start_join(BailiffLockspace *self)
{
    self->operating = TRUE;
    device_open_async(NULL, self->path, FALSE, OPEN_TIMEOUT_US, on_device_opened,
                      g_object_ref(self));
}
