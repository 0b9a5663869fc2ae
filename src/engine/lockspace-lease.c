/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a lockspace keeps this host's lease: renewals, deadlines, failing. Joining and leaving have
 * files of their own.
 *
 * The deadlines are main-loop timers on CLOCK_BOOTTIME, armed from the start of the last good
 * renewal. They need no thread and no I/O to fire: storage that hangs delays nothing here.
 *
 * A renewal counts only if it was started (its time stamp taken) before the fail deadline of the
 * one before it. A later one keeps other hosts away for a little longer, which is welcome while
 * failure policies run, but never brings the lockspace back.
 */
#include "engine/lockspace-lease.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/device-opener.h"
#include "engine/engine-private.h"
#include "engine/last-kill.h"
#include "engine/lockspace-past.h"
#include "engine/machine-driver.h"
#include "engine/registration-private.h"
#include "engine/resource-private.h"
#include "lease/lease-timing.h"

/* Pause after a renewal that did not work, before the next attempt. */
#define RETRY_PAUSE_US (USEC_PER_SECOND / 2)

/* --- timers ---------------------------------------------------------------------------------- */

void lockspace_arm(BoottimeTimer **timer, guint64 when_us, BoottimeTimerFunc callback,
                   BailiffLockspace *self)
{
    if (*timer == NULL)
        *timer = boottime_timer_new(callback, self);
    boottime_timer_set(*timer, when_us);
}

void lockspace_disarm(BoottimeTimer **timer)
{
    g_clear_pointer(timer, boottime_timer_free);
}

void bailiff_lockspace_stop_timers(BailiffLockspace *self)
{
    lockspace_disarm(&self->renewal_timer);
    lockspace_disarm(&self->deadline_timer);
    lockspace_disarm(&self->leave_timer);
    lockspace_disarm(&self->guard_timer);
}

/* --- one operation at a time ----------------------------------------------------------------- */

static MachineStep resume_renew(void *machine, const MachineInput *input)
{
    return host_lease_renew_resume(machine, input);
}

void lockspace_operate(BailiffLockspace *self, MachineJob *job, GAsyncReadyCallback callback)
{
    g_assert(!self->operating);
    self->operating = TRUE;
    g_clear_object(&self->cancellable);
    self->cancellable = g_cancellable_new();
    self->attempt_started_us = boottime_now();
    job->machine = &self->machine;
    job->lockspace_device = self->device;
    job->permit = self->permit;
    /* The reference keeps the machine's memory for as long as the worker may use it. */
    machine_run_async(self->renewal_worker, job, self->cancellable, callback, g_object_ref(self));
}

/* What is in flight then is all that will ever land. */
static void end_resource_writes(BailiffLockspace *self)
{
    write_permit_revoke(self->resource_permit);
    self->resource_writes_ended = TRUE;
}

void bailiff_lockspace_abandon(BailiffLockspace *self)
{
    self->abandoned = TRUE;
    write_permit_revoke(self->permit);
    end_resource_writes(self);
    bailiff_lockspace_stop_timers(self);
    if (self->sight != NULL)
        lease_sight_set_valid_until(self->sight, 0);
    if (self->cancellable != NULL)
        g_cancellable_cancel(self->cancellable);
}

GError *lockspace_describe_fault(BailiffLockspace *self, const LeaseFault *fault)
{
    LeaseErrorContext context;

    bailiff_lockspace_describe(self, &context);
    return lease_error_new(fault, &context);
}

/* For the log: its number; 0: none. */
static guint64 last_incident(BailiffLockspace *self)
{
    return self->engine != NULL ? bailiff_incident_log_find_last(
                                      bailiff_engine_get_incidents(self->engine), self->name)
                                : 0;
}

/* --- what later joins have to know ------------------------------------------------------------ */

gboolean lockspace_write_past(BailiffLockspace *self, HostLeasePast past, GError **error)
{
    self->past = past;
    return lockspace_past_store(bailiff_engine_get_runtime_dir(self->engine), self->name,
                                self->host_id, &past, error);
}

void lockspace_note_past(BailiffLockspace *self, gboolean held)
{
    g_autoptr(GError) error = NULL;
    HostLeasePast past;

    /* Replaced or removed: the place belongs to a later join. */
    if (self->abandoned || self->operating || self->engine == NULL)
        return;
    past = held ? host_lease_past_held(&self->lease, &self->past)
                : host_lease_past_ended(&self->lease, &self->past, &self->past_before);
    /* When it cannot be written the older one stays, which is the more careful one. */
    if (past.doubt_from_us != self->past.doubt_from_us && !lockspace_write_past(self, past, &error))
        log_message(MESSAGE_RECORD_FAILED,
                    LOG_SUBJECT(.lockspace = self->name, .host_id = self->host_id), "%s",
                    error->message);
}

/* --- losing it ------------------------------------------------------------------------------- */

void lockspace_become_lost(BailiffLockspace *self, const char *reason)
{
    gboolean was_joining = self->state == BAILIFF_LOCKSPACE_JOINING;

    bailiff_lockspace_set_join_ends(self, 0);
    lockspace_disarm(&self->deadline_timer);
    lockspace_disarm(&self->renewal_timer);
    if (self->sight != NULL)
        lease_sight_set_valid_until(self->sight, 0);
    if (self->renewal_worker != NULL)
        lockspace_note_past(self, FALSE);
    last_kill_forget_lockspace(self);
    lockspace_unguard(self);
    bailiff_lockspace_unsave(self);
    if (!was_joining || !self->is_retried)
        log_message(was_joining ? MESSAGE_LOCKSPACE_JOIN_FAILED : MESSAGE_LOCKSPACE_LOST,
                    LOG_SUBJECT(.lockspace = self->name, .host_id = self->host_id,
                                .incident = was_joining ? 0 : last_incident(self)),
                    was_joining ? "Lockspace %s is not joined. %s" : "Lockspace %s is lost. %s",
                    self->name, reason);
    bailiff_lockspace_set_state(self, BAILIFF_LOCKSPACE_LOST, reason);
    if (self->leave_tasks->len > 0)
        lockspace_go_on_leaving(self);
}

GPtrArray *lockspace_list_resources(BailiffLockspace *self)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_object_unref);
    GHashTableIter iter;
    gpointer resource;

    g_hash_table_iter_init(&iter, self->resources);
    while (g_hash_table_iter_next(&iter, NULL, &resource))
        g_ptr_array_add(list, g_object_ref(resource));
    return list;
}

static void on_granted_given_back(GObject *source, GAsyncResult *result, gpointer user_data)
{
    bailiff_resource_release_finish(BAILIFF_RESOURCE(source), result, NULL);
}

void lockspace_fail_resources(BailiffLockspace *self, guint64 fail_us)
{
    g_autoptr(GPtrArray) list = lockspace_list_resources(self);

    for (guint i = 0; i < list->len; i++) {
        BailiffResource *one = list->pdata[i];

        /* What is still being acquired is used by nobody; an orphan has nobody to make harmless,
         * unless it is not known whom (resource-unknown.c). */
        if (bailiff_resource_is_orphan(one) && bailiff_resource_has_unknown(one))
            bailiff_resource_tell_unknown(one);
        else if (bailiff_resource_is_orphan(one))
            bailiff_resource_abandon(one);
        else if (bailiff_resource_get_phase(one) == RESOURCE_ACQUIRING)
            bailiff_resource_stop_acquiring(one);
        else if (bailiff_resource_get_phase(one) == RESOURCE_PUBLISHED)
            bailiff_resource_start_failing(one, fail_us);
        else if (bailiff_resource_get_phase(one) == RESOURCE_GRANTED)
            /* Of a call that still waits for other leases, and will not get this one. */
            bailiff_resource_release_async(one, on_granted_given_back, NULL);
        else if (bailiff_resource_get_phase(one) == RESOURCE_RELEASING)
            bailiff_resource_abandon(one);
    }
}

void lockspace_fail(BailiffLockspace *self, guint64 fail_us, const char *reason)
{
    g_autoptr(BailiffLockspace) hold = g_object_ref(self);
    g_autofree char *kept = g_strdup(reason);

    if (self->state == BAILIFF_LOCKSPACE_FAILING || self->state == BAILIFF_LOCKSPACE_LOST)
        return;
    if (self->state == BAILIFF_LOCKSPACE_JOINING) {
        lockspace_become_lost(self, kept);
        return;
    }
    lease_sight_set_valid_until(self->sight, 0);
    end_resource_writes(self);
    last_kill_failed(self, fail_us);
    lockspace_guard_failed(self, fail_us);
    bailiff_lockspace_save_state(self, SAVED_LOCKSPACE_FAILING, fail_us);
    bailiff_lockspace_set_state(self, BAILIFF_LOCKSPACE_FAILING, kept);
    log_message(MESSAGE_LOCKSPACE_FAILING,
                LOG_SUBJECT(.lockspace = self->name, .host_id = self->host_id,
                            .incident = last_incident(self)),
                "Lockspace %s is failing: failure policies are walked. %s", self->name, kept);
    bailiff_lockspace_emit_lease_lost(self, kept);
    lockspace_fail_resources(self, fail_us);
    bailiff_lockspace_check_cleared(self);
}

/* Who took it had waited until the free deadline. By then the fail deadline was over for a minute,
 * and whatever a policy grants was, too: each step is still asked for, and the kill at once. */
void bailiff_lockspace_fail_taken(BailiffLockspace *self, const char *reason)
{
    self->is_taken = TRUE;
    lockspace_disarm(&self->renewal_timer);
    lockspace_fail(self, time_since(boottime_now(), time_from_seconds(WATCHDOG_FIRE_SECONDS)),
                   reason);
}

void bailiff_lockspace_check_cleared(BailiffLockspace *self)
{
    g_autofree char *reason = NULL;

    /* An earlier daemon may have been asked to leave it: then nobody waits. */
    if (self->state == BAILIFF_LOCKSPACE_LEAVING ||
        (self->leave_tasks->len > 0 && self->state == BAILIFF_LOCKSPACE_FAILING)) {
        lockspace_go_on_leaving(self);
        return;
    }
    /* An empty table: every registration is cleared of its leases here, and no write of ours into
     * a resource is in flight that could land when somebody else holds it. */
    if (self->state != BAILIFF_LOCKSPACE_FAILING || g_hash_table_size(self->resources) > 0) {
        lockspace_review_guard(self);
        return;
    }
    reason = g_strdup(self->reason);
    lockspace_become_lost(self, reason);
    /* Nothing uses the lease any more: if the storage answers again, others need not wait. */
    if (lockspace_may_give_back(self))
        lockspace_give_back(self);
}

/* --- deadlines ------------------------------------------------------------------------------- */

static void arm_deadlines(BailiffLockspace *self)
{
    guint64 next = boottime_now() < bailiff_lockspace_get_late_at(self)
                       ? bailiff_lockspace_get_late_at(self)
                       : bailiff_lockspace_get_fail_at(self);

    lockspace_arm(&self->deadline_timer, next, lockspace_on_deadline, self);
}

static const char *first_line_or(const char *text, const char *otherwise)
{
    return text != NULL && *text != '\0' ? text : otherwise;
}

void lockspace_on_deadline(gpointer user_data)
{
    g_autoptr(BailiffLockspace) self = g_object_ref(user_data);
    guint64 now = boottime_now();
    guint64 fail_at = bailiff_lockspace_get_fail_at(self);
    g_autofree char *reason = g_strdup(first_line_or(
        self->reason, "The storage does not answer.\nCheck the storage and the way to it."));

    if (now >= fail_at || self->state == BAILIFF_LOCKSPACE_JOINING) {
        g_autofree char *text = g_strdup_printf("No renewal has worked for %u seconds: %s",
                                                8 * self->io_timeout, reason);

        lockspace_fail(self, fail_at, text);
        return;
    }
    arm_deadlines(self);
    if (now >= bailiff_lockspace_get_late_at(self) && self->state == BAILIFF_LOCKSPACE_HELD) {
        guint64 left = time_since(fail_at, now) / USEC_PER_SECOND;

        bailiff_lockspace_set_state(self, BAILIFF_LOCKSPACE_LATE, reason);
        bailiff_lockspace_emit_renewal_late(self, left, reason);
        log_message(MESSAGE_LOCKSPACE_LATE,
                    LOG_SUBJECT(.lockspace = self->name, .host_id = self->host_id,
                                .incident = last_incident(self)),
                    "Lockspace %s is late: %" G_GUINT64_FORMAT " seconds until it fails. %s",
                    self->name, left, reason);
    }
}

/* --- renewing -------------------------------------------------------------------------------- */

static void on_renewal_due(gpointer user_data)
{
    lockspace_start_renewal(user_data);
}

/* In the second after that of the last one at the earliest: its time stamp must be another one.
 *
 * Up to a sixteenth of the interval early, at random: hundreds of lockspaces that were joined at
 * the same time, or whose storage came back to all of them at once, would otherwise be renewed at
 * the same time for ever, each with a buffer for its area. */
static guint64 next_renewal_at(BailiffLockspace *self)
{
    guint64 interval_us = timing_renewal_interval(self->io_timeout);
    guint64 early_us = g_random_int() % (interval_us / 16);

    if (bailiff_lockspace_has_events_waiting(self))
        return time_from_seconds(self->last_renewal_us / USEC_PER_SECOND + 1);
    return time_add(self->last_renewal_us, interval_us - early_us);
}

static void schedule_renewal(BailiffLockspace *self, guint64 when_us)
{
    if (!self->abandoned && !self->is_taken && self->state != BAILIFF_LOCKSPACE_LOST)
        lockspace_arm(&self->renewal_timer, when_us, on_renewal_due, self);
}

void bailiff_lockspace_renew_soon(BailiffLockspace *self)
{
    /* After one that failed the next attempt is near. */
    if (!self->operating && self->last_renewal_worked)
        schedule_renewal(self, next_renewal_at(self));
}

static void note_renewal(BailiffLockspace *self, const GError *error)
{
    renewal_history_add(&self->history, self->attempt_started_us, self->machine.renew.read_us,
                        self->machine.renew.write_us,
                        error != NULL ? g_strdup(error->message) : NULL);
    bailiff_lockspace_emit_renewal_ended(
        self, error == NULL, time_add(self->machine.renew.read_us, self->machine.renew.write_us));
}

/* A renewal with time stamp `self->lease.last_renewal_us` is on disk. */
static void accept_renewal(BailiffLockspace *self)
{
    guint64 old_fail_at = bailiff_lockspace_get_fail_at(self);
    g_autoptr(GError) error = NULL;
    gboolean in_time =
        self->state == BAILIFF_LOCKSPACE_JOINING || self->lease.last_renewal_us < old_fail_at;

    self->last_renewal_us = self->lease.last_renewal_us;
    if (self->state == BAILIFF_LOCKSPACE_FAILING || self->state == BAILIFF_LOCKSPACE_LOST)
        return;
    if (!in_time) {
        lockspace_fail(self, old_fail_at,
                       "The latest renewal came after the fail deadline of the one before it.\n"
                       "Find out what stopped this host or its storage for so long; join again.");
        return;
    }
    lockspace_note_past(self, TRUE);
    if (!bailiff_lockspace_save(self, &error))
        log_message(MESSAGE_RECORD_FAILED,
                    LOG_SUBJECT(.lockspace = self->name, .host_id = self->host_id), "%s",
                    error->message);
    lease_sight_set_valid_until(self->sight, bailiff_lockspace_get_fail_at(self));
    arm_deadlines(self);
    last_kill_renewed(self);
    lockspace_guard_renewed(self);
    bailiff_lockspace_set_join_ends(self, 0);
    if (self->state == BAILIFF_LOCKSPACE_JOINING)
        log_message(MESSAGE_LOCKSPACE_JOINED,
                    LOG_SUBJECT(.lockspace = self->name, .host_id = self->host_id),
                    "Lockspace %s is joined: host id %" G_GUINT64_FORMAT
                    ", generation %" G_GUINT64_FORMAT ".",
                    self->name, self->host_id, self->generation);
    if (self->inherited)
        return; /* held when it is proved */
    if (self->state == BAILIFF_LOCKSPACE_LATE)
        log_message(MESSAGE_LOCKSPACE_FRESH,
                    LOG_SUBJECT(.lockspace = self->name, .host_id = self->host_id,
                                .incident = last_incident(self)),
                    "Lockspace %s is renewed again.", self->name);
    if (self->state != BAILIFF_LOCKSPACE_LEAVING)
        bailiff_lockspace_set_state(self, BAILIFF_LOCKSPACE_HELD, "");
}

static void renewal_failed(BailiffLockspace *self, const LeaseFault *fault, const GError *error)
{
    if (renew_fault_is_fatal(fault)) {
        /* A standstill: by the clocks of others the fail deadline was over some time ago. */
        guint64 overdue_us = time_since(fault->unheard_of_us, timing_fail(self->io_timeout));

        lockspace_fail(self, time_since(boottime_now(), overdue_us), error->message);
        lockspace_disarm(&self->renewal_timer);
        return;
    }
    /* Kept for the deadlines; the state itself says nothing yet. */
    if (self->state == BAILIFF_LOCKSPACE_HELD || self->state == BAILIFF_LOCKSPACE_LATE ||
        self->state == BAILIFF_LOCKSPACE_JOINING)
        bailiff_lockspace_set_state(self, self->state, error->message);
}

static void on_renewed(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffLockspace) self = user_data;
    LeaseFault fault;
    gboolean worked = machine_run_finish(result, &fault);
    g_autoptr(GError) error = worked ? NULL : lockspace_describe_fault(self, &fault);

    self->operating = FALSE;
    self->last_renewal_worked = worked;
    if (self->abandoned)
        return;
    note_renewal(self, error);
    bailiff_lockspace_update_hosts(self);
    if (worked) {
        accept_renewal(self);
        bailiff_lockspace_carried_events(self);
        if (self->proof_round > 0 || self->inherited)
            bailiff_lockspace_prove(self);
        bailiff_lockspace_recheck(self);
    } else {
        renewal_failed(self, &fault, error);
    }
    bailiff_lockspace_deliver_events(self);
    bailiff_lockspace_heed_notices(self);

    if (self->abandoned)
        return;
    if (self->state == BAILIFF_LOCKSPACE_LOST) {
        lockspace_note_past(self, FALSE);
        if (lockspace_may_give_back(self))
            lockspace_give_back(self);
        return;
    }
    if (worked || !renew_fault_is_fatal(&fault))
        schedule_renewal(self,
                         worked ? next_renewal_at(self) : time_add(boottime_now(), RETRY_PAUSE_US));
    if (self->state == BAILIFF_LOCKSPACE_LEAVING)
        lockspace_go_on_leaving(self);
}

void lockspace_start_renewal(BailiffLockspace *self)
{
    MachineJob job = {
        .resume = resume_renew,
        .sight = self->sight,
        .observe_offset = self->offset,
        .observe_length = self->layout.align_size,
    };

    if (self->operating || self->abandoned || self->is_taken ||
        self->state == BAILIFF_LOCKSPACE_LOST)
        return;
    host_lease_renew_init(&self->machine.renew, &self->lease,
                          bailiff_lockspace_compose_events(self));
    lockspace_operate(self, &job, on_renewed);
}
