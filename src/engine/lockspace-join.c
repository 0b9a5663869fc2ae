/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Joining: from the open of the storage to the first renewal.
 */
#include "engine/lockspace-lease.h"

#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/device-opener.h"
#include "engine/engine-private.h"
#include "engine/lockspace-past.h"
#include "engine/machine-driver.h"
#include "engine/storage-claims.h"
#include "lease/lease-timing.h"

/* Renewals need two I/Os at a time at most; the rest is room for some that hang. */
#define RENEWAL_QUEUE_DEPTH 4u
/* How long an open of the storage may take before the join is called failed. */
#define OPEN_TIMEOUT_US (30 * USEC_PER_SECOND)
/* So many host ids are tried before a join that may choose is called failed. */
#define CHOICES_MAX 16u

LeaseWorker *lockspace_make_renewal_worker(GError **error)
{
    LeaseWorker *worker = lease_worker_new("bailiff-renew", RENEWAL_QUEUE_DEPTH, error);

    if (worker != NULL)
        lease_worker_hurry(worker);
    return worker;
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

/* NULL: it is being left, and would not have gone on anyway. */
static void join_failed(BailiffLockspace *self, const GError *error)
{
    g_clear_error(&self->join_error);
    self->join_error = error != NULL ? g_error_copy(error) : NULL;
    if (self->state == BAILIFF_LOCKSPACE_JOINING)
        lockspace_become_lost(self, self->join_error->message);
    else if (self->state == BAILIFF_LOCKSPACE_LEAVING)
        lockspace_go_on_leaving(self);
}

static gboolean choose_again(BailiffLockspace *self, const LeaseFault *fault);

/* It is ours on disk, and nobody may rely on it. */
static void give_back_lost(BailiffLockspace *self)
{
    if (self->state == BAILIFF_LOCKSPACE_LOST && lockspace_may_give_back(self))
        lockspace_give_back(self);
}

/* The lease is as old as the settle time by now: it is shown as held after one renewal. */
static void on_guard_confirmed(BailiffLockspace *self, const GError *error)
{
    if (self->state == BAILIFF_LOCKSPACE_LEAVING) {
        lockspace_go_on_leaving(self);
    } else if (self->state != BAILIFF_LOCKSPACE_JOINING || error == NULL) {
        lockspace_start_renewal(self);
    } else {
        lockspace_become_lost(self, error->message);
        give_back_lost(self);
    }
}

static void on_joined(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffLockspace) self = user_data;
    LeaseFault fault;
    gboolean worked = machine_run_finish(result, &fault);
    g_autoptr(GError) save_error = NULL;
    guint64 first_fail_us;

    self->operating = FALSE;
    if (self->abandoned)
        return;
    if (!worked) {
        g_autoptr(GError) error = lockspace_describe_fault(self, &fault);

        lockspace_note_past(self, FALSE);
        if (!choose_again(self, &fault))
            join_failed(self, error);
        return;
    }
    self->last_renewal_us = self->lease.last_renewal_us;
    self->last_renewal_worked = TRUE;
    self->sight = lease_sight_new(self->name, &self->lease.layout, self->host_id,
                                  self->lease.last.owner_generation, self->io_timeout);
    bailiff_lockspace_watch_clocks(self);
    bailiff_lockspace_set_joined(self, self->lease.last.owner_generation, &self->lease.layout);
    /* Nobody holds anything yet. Who follows a daemon that has crashed would not know of this
     * lease: whatever was given then would be held by nobody. */
    if (!bailiff_lockspace_save(self, &save_error)) {
        join_failed(self, save_error);
        give_back_lost(self);
        return;
    }
    /* Where the io timeout on disk was long the lease can be past its own deadlines by now. Nobody
     * relies on it yet: the first renewal has a whole term from now on. */
    first_fail_us = time_add(boottime_now(), timing_fail(self->io_timeout));
    lockspace_arm(&self->deadline_timer, first_fail_us, lockspace_on_deadline, self);
    if (self->state == BAILIFF_LOCKSPACE_LEAVING)
        lockspace_go_on_leaving(self);
    else
        lockspace_confirm_guard(self, first_fail_us, on_guard_confirmed);
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
        join_failed(self, error);
        return;
    }
    const HostLeaseWish wish = {
        .lockspace_name = self->name,
        .host_name = bailiff_engine_get_host_name(self->engine),
        .lockspace_offset = self->offset,
        .host_id = self->host_id,
        .io_timeout = self->io_timeout,
        .doubt_from_us = self->past_before.doubt_from_us,
        .any_host_id = self->choice != NULL,
    };
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

/* --- a host id that nobody has given ------------------------------------------------------------
 */

static MachineStep resume_choice(void *machine, const MachineInput *input)
{
    return host_id_choice_resume(*(HostIdChoice **)machine, input);
}

static void on_chosen(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffLockspace) self = user_data;
    LeaseFault fault;
    gboolean worked = machine_run_finish(result, &fault);

    self->operating = FALSE;
    if (self->abandoned)
        return;
    if (!worked || self->state != BAILIFF_LOCKSPACE_JOINING) {
        g_autoptr(GError) error = worked ? NULL : lockspace_describe_fault(self, &fault);

        join_failed(self, error);
        return;
    }
    log_message(MESSAGE_HOST_ID_CHOSEN,
                LOG_SUBJECT(.lockspace = self->name, .host_id = self->choice->host_id),
                "Lockspace %s is joined with host id %" G_GUINT64_FORMAT
                ", which was chosen for it.",
                self->name, self->choice->host_id);
    bailiff_lockspace_set_host_id(self, self->choice->host_id);
    start_join_machine(self);
}

static void choose_host_id(BailiffLockspace *self)
{
    MachineJob job = { .resume = resume_choice };

    bailiff_lockspace_set_join_ends(self, 0);
    self->machine.choice = self->choice;
    lockspace_operate(self, &job, on_chosen);
}

/* Another host was quicker. */
static gboolean choose_again(BailiffLockspace *self, const LeaseFault *fault)
{
    g_autoptr(GError) error = NULL;

    if (self->choice == NULL || self->choice->n_avoided >= CHOICES_MAX ||
        self->state != BAILIFF_LOCKSPACE_JOINING ||
        (fault->kind != LEASE_HOST_ID_BUSY && fault->kind != LEASE_HOST_ID_LOST))
        return FALSE;
    error = lockspace_describe_fault(self, fault);
    log_line(LOG_NOTICE, LOG_SUBJECT(.lockspace = self->name, .host_id = self->host_id),
             "Lockspace %s: another host id is chosen. %s", self->name, error->message);
    host_id_choice_avoid(self->choice, self->host_id);
    choose_host_id(self);
    return TRUE;
}

/* --- the beginning
 * -------------------------------------------------------------------------------- */

static gboolean make_worker(BailiffLockspace *self, GError **error)
{
    self->renewal_worker = lockspace_make_renewal_worker(error);
    return self->renewal_worker != NULL;
}

static void on_guarded(BailiffLockspace *self, const GError *error)
{
    if (error != NULL || self->state != BAILIFF_LOCKSPACE_JOINING) {
        join_failed(self, error);
        return;
    }
    bailiff_engine_end_lost(self->engine, self->device, self->offset, SECTOR_SIZE_MIN);
    if (self->choice != NULL)
        choose_host_id(self);
    else
        start_join_machine(self);
}

/* The watchdog comes after the storage, which a record may wait for, for days: a device is not
 * armed and stopped with each attempt. */
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
    if (self->device == NULL || !make_worker(self, &error))
        join_failed(self, error);
    else
        lockspace_guard(self, on_guarded);
}

void bailiff_lockspace_start_join_anywhere(BailiffLockspace *self, guint64 kept_host_id)
{
    const HostIdWish wish = {
        .lockspace_name = self->name,
        .host_name = bailiff_engine_get_host_name(self->engine),
        .lockspace_offset = self->offset,
        .io_timeout = self->io_timeout,
        .kept_host_id = kept_host_id,
    };

    self->choice = g_new(HostIdChoice, 1);
    host_id_choice_init(self->choice, &wish);
    bailiff_lockspace_start_join(self);
}

void bailiff_lockspace_start_join(BailiffLockspace *self)
{
    self->operating = TRUE;
    device_open_async(NULL, self->path, FALSE, OPEN_TIMEOUT_US, on_device_opened,
                      g_object_ref(self));
}
