/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Coming back after leases were lost.
 */
#include "engine/registration-recovery.h"

#include "actions/domain-target.h"
#include "actions/unit-target.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/acquisition.h"
#include "engine/engine-private.h"
#include "engine/given-up.h"
#include "engine/lockspace-private.h"
#include "engine/registration-state.h"
#include "engine/registration-stop.h"
#include "engine/resource-private.h"

/* Between attempts: 1, 2, 4, ... seconds, a minute at the longest; after so many it stays as it is.
 */
#define DELAY_MAX_SECONDS 60u
#define ATTEMPTS_MAX 20u

/* What somebody resumed or started runs without leases meanwhile. On storage that is well they are
 * acquired in some milliseconds. */
#define RESUMED_PATIENCE_US (5 * USEC_PER_SECOND)

typedef enum RecoveryPhase {
    RECOVERY_WAITING, /* for lockspaces, for the next attempt, or for ever */
    RECOVERY_ACQUIRING,
    RECOVERY_STARTING, /* leases are held; it is started or resumed */
} RecoveryPhase;

struct Recovery {
    BailiffRegistration *registration; /* owns us */
    GPtrArray *given_up;
    RecoveryPhase phase;
    gboolean paused;  /* else it has ended */
    gboolean resumed; /* or started, by others: it runs */
    guint attempts;
    BoottimeTimer *timer;
    gboolean delayed;          /* until the timer */
    GCancellable *cancellable; /* of what is under way */
    char *text;
};

/* One asynchronous call of a recovery; void once the recovery has another cancellable. */
typedef struct Attempt {
    BailiffRegistration *registration;
    GCancellable *cancellable;
} Attempt;

static Attempt *attempt_new(Recovery *self)
{
    Attempt *one = g_new(Attempt, 1);

    one->registration = g_object_ref(self->registration);
    one->cancellable = g_object_ref(self->cancellable);
    return one;
}

/* Frees it. The recovery that it is of, or NULL when that has ended or does something else. */
static Recovery *attempt_end(Attempt *one, BailiffRegistration **ret_registration)
{
    Recovery *self = one->registration->recovery;

    if (self != NULL && self->cancellable != one->cancellable)
        self = NULL;
    *ret_registration = one->registration;
    g_object_unref(one->cancellable);
    g_free(one);
    return self;
}

static void on_timer(gpointer user_data)
{
    g_autoptr(BailiffRegistration) registration =
        g_object_ref(((Recovery *)user_data)->registration);
    Recovery *self = registration->recovery;

    self->delayed = FALSE;
    if (self->resumed)
        recovery_runs_by_others(registration);
    else
        recovery_consider(registration);
}

static Recovery *ensure(BailiffRegistration *registration)
{
    Recovery *self = registration->recovery;

    if (self != NULL)
        return self;
    self = g_new0(Recovery, 1);
    self->registration = registration;
    self->given_up = given_up_list_new();
    self->timer = boottime_timer_new(on_timer, self);
    self->text = g_strdup("");
    registration->recovery = self;
    return self;
}

/* What is under way; the delay before the next attempt goes on. */
static void stop(Recovery *self)
{
    if (!self->delayed)
        boottime_timer_set(self->timer, TIME_NEVER);
    self->phase = RECOVERY_WAITING;
    if (self->cancellable != NULL)
        g_cancellable_cancel(self->cancellable);
    g_clear_object(&self->cancellable);
}

void recovery_free(Recovery *self)
{
    stop(self);
    boottime_timer_free(self->timer);
    g_ptr_array_unref(self->given_up);
    g_free(self->text);
    g_free(self);
}

const char *recovery_describe(Recovery *self)
{
    return self->text;
}

static void set_text(Recovery *self, const char *text)
{
    if (g_strcmp0(self->text, text) == 0)
        return;
    g_free(self->text);
    self->text = g_strdup(text);
    registration_notify_recovery(self->registration);
}

static void set_text_of(Recovery *self, const char *format, const char *name)
{
    g_autofree char *text = g_strdup_printf(format, name);

    set_text(self, text);
}

gboolean recovery_is_acquiring(Recovery *self)
{
    return self->phase == RECOVERY_ACQUIRING;
}

static FailureRecovery wished(const Recovery *self)
{
    return failure_policy_get_recovery(&self->registration->policy);
}

gboolean recovery_wants_lockspace(Recovery *self, const char *lockspace)
{
    if (wished(self) == FAILURE_RECOVERY_LEAVE || self->attempts >= ATTEMPTS_MAX)
        return FALSE;
    for (guint i = 0; i < self->given_up->len; i++)
        if (g_strcmp0(((GivenUp *)self->given_up->pdata[i])->lockspace, lockspace) == 0)
            return TRUE;
    return FALSE;
}

/* --- what was given up ----------------------------------------------------------------------- */

static void note_resources(Recovery *self)
{
    g_autoptr(GPtrArray) resources = bailiff_registration_list_resources(self->registration);

    for (guint i = 0; i < resources->len; i++)
        given_up_list_note(self->given_up, resources->pdata[i]);
}

void recovery_note_paused(BailiffRegistration *registration)
{
    Recovery *self = ensure(registration);

    stop(self);
    self->paused = TRUE;
    self->resumed = FALSE;
    note_resources(self);
}

static void try_later(Recovery *self, const char *why);

/* A domain that was registered and has not been started yet: nobody said that it should be. */
static gboolean never_ran(BailiffTarget *target)
{
    return BAILIFF_IS_DOMAIN_TARGET(target) && bailiff_target_get_process(target) == NULL;
}

gboolean recovery_note_ended(BailiffRegistration *registration, gboolean was_failing)
{
    gboolean lost = was_failing || registration->recovery != NULL;
    gboolean was_starting;
    Recovery *self;

    if (!lost || registration->killing || never_ran(registration->target) ||
        registration->engine == NULL ||
        bailiff_target_get_kind(registration->target) == FAILURE_TARGET_PROCESS ||
        failure_policy_get_recovery(&registration->policy) != FAILURE_RECOVERY_RESTART ||
        bailiff_engine_is_shutting_down(registration->engine)) {
        g_clear_pointer(&registration->recovery, recovery_free);
        return FALSE;
    }
    self = ensure(registration);
    was_starting = self->phase == RECOVERY_STARTING;
    stop(self);
    self->paused = FALSE;
    self->resumed = FALSE;
    note_resources(self);
    if (was_starting)
        try_later(self, "It ended while it was being started.");
    return TRUE;
}

/* --- attempts -------------------------------------------------------------------------------- */

/* It runs without leases, or must not go on. */
static void stop_again(Recovery *self)
{
    if (self->paused && self->resumed)
        registration_pause_again(self->registration);
    else
        registration_stop_without_leases(self->registration);
}

static void try_later(Recovery *self, const char *why)
{
    guint delay = MIN(DELAY_MAX_SECONDS, 1u << MIN(self->attempts, 6u));
    const LogSubject subject = registration_log_subject(self->registration);
    g_autofree char *line = bailiff_error_in_one_line(why);
    g_autofree char *text = NULL;

    self->phase = RECOVERY_WAITING;
    g_clear_object(&self->cancellable);
    self->attempts++;
    if (self->attempts < ATTEMPTS_MAX) {
        text = g_strdup_printf("attempt %u failed, the next one follows in %u s: %s",
                               self->attempts, delay, line);
        self->delayed = TRUE;
        boottime_timer_set(self->timer, time_add(boottime_now(), time_from_seconds(delay)));
    } else {
        text = g_strdup_printf("given up after %u attempts: %s", self->attempts, line);
    }
    log_message(self->attempts < ATTEMPTS_MAX ? MESSAGE_RECOVERY_DELAYED
                                              : MESSAGE_RECOVERY_GIVEN_UP,
                &subject, "Recovery of %s (%s): %s", self->registration->name,
                bailiff_registration_describe(self->registration), text);
    set_text(self, text);
}

static void succeed(BailiffRegistration *registration, const char *how)
{
    const LogSubject subject = registration_log_subject(registration);

    log_message(MESSAGE_REGISTRATION_RECOVERED, &subject, "%s (%s) has its leases again and %s.",
                registration->name, bailiff_registration_describe(registration), how);
    g_clear_pointer(&registration->recovery, recovery_free);
    registration_notify_recovery(registration);
}

/* What was asked for may have been done, or be done later. So the leases are kept until it is known
 * to be quiet or to have ended: a failure policy is walked with them in hand, and gives them up at
 * the versions that they have now. */
static void start_failed(Recovery *self, const char *why)
{
    g_autoptr(BailiffRegistration) registration = g_object_ref(self->registration);

    note_resources(self);
    try_later(self, why);
    if (self->paused) {
        registration_pause_again(registration);
    } else if (!bailiff_target_has_ended(registration->target)) {
        registration_stop_with_leases(registration);
    } else {
        registration_set_state(registration, BAILIFF_REGISTRATION_CLEARED);
        registration_let_go(registration);
    }
}

static void started(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffRegistration) registration = NULL;
    Recovery *self = attempt_end(user_data, &registration);
    gboolean is_domain = BAILIFF_IS_DOMAIN_TARGET(source);
    gboolean was_paused = self != NULL && self->paused;
    g_autoptr(GError) error = NULL;
    gboolean worked;

    if (!is_domain)
        worked = bailiff_unit_target_start_finish(BAILIFF_UNIT_TARGET(source), result, &error);
    else if (g_task_get_source_tag(G_TASK(result)) == bailiff_domain_target_resume_async)
        worked = bailiff_domain_target_resume_finish(BAILIFF_DOMAIN_TARGET(source), result, &error);
    else
        worked = bailiff_domain_target_start_finish(BAILIFF_DOMAIN_TARGET(source), result, &error);
    if (self == NULL)
        return; /* its policy is walked again */
    if (worked) {
        succeed(registration, was_paused ? "goes on" : "was started again");
        return;
    }
    start_failed(self, error->message);
}

static void start(Recovery *self)
{
    BailiffRegistration *registration = self->registration;
    BailiffTarget *target = registration->target;

    self->phase = RECOVERY_STARTING;
    /* Before it runs: from now on a lockspace that fails has its policy walked. */
    registration_set_state(registration, BAILIFF_REGISTRATION_ACTIVE);
    set_text(self, self->paused ? "is being resumed" : "is being started");
    /* The next bailiffd gives back what one that is paused or ended has in hand. */
    bailiff_registration_save_pending(registration);
    if (BAILIFF_IS_UNIT_TARGET(target))
        bailiff_unit_target_start_async(BAILIFF_UNIT_TARGET(target), self->cancellable, started,
                                        attempt_new(self));
    else if (self->paused)
        bailiff_domain_target_resume_async(BAILIFF_DOMAIN_TARGET(target), self->cancellable,
                                           started, attempt_new(self));
    else
        bailiff_domain_target_start_async(BAILIFF_DOMAIN_TARGET(target), self->cancellable, started,
                                          attempt_new(self));
}

/* Of the shared ones: that nobody has won a ballot in between. */
static gboolean check_versions(Recovery *self, GPtrArray *resources, GError **error)
{
    for (guint i = 0; self->paused && i < resources->len; i++) {
        const GivenUp *one = self->given_up->pdata[i];
        guint64 won = bailiff_resource_get_won_version(resources->pdata[i]);

        /* The very one it had: another registration of this host has held it all the time. */
        if (!one->shared || won == one->version || won == one->version + 1)
            continue;
        bailiff_set_error(error, BAILIFF_ERROR_HELD,
                          "It must not go on with what it has in memory.",
                          "Another host has held resource %s of lockspace %s meanwhile: version "
                          "%" G_GUINT64_FORMAT " was given up, and %" G_GUINT64_FORMAT " acquired.",
                          one->resource, one->lockspace, one->version, won);
        return FALSE;
    }
    return TRUE;
}

static void refused(BailiffRegistration *registration, const GError *error)
{
    const LogSubject subject = registration_log_subject(registration);
    Recovery *self = registration->recovery;
    gboolean resumed = self->resumed;
    gboolean was_held = g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_HELD);
    g_autofree char *line = bailiff_error_in_one_line(error->message);

    if (!resumed && (!self->paused || !was_held)) {
        try_later(self, error->message);
        return;
    }
    stop(self);
    log_message(MESSAGE_REGISTRATION_STOPPED_AGAIN, &subject, "%s (%s) %s: %s", registration->name,
                bailiff_registration_describe(registration),
                resumed ? "runs without its leases and is stopped again"
                        : "is not resumed but powered off",
                line);
    set_text(self, line);
    stop_again(self);
}

static void acquired(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffRegistration) registration = NULL;
    Recovery *self = attempt_end(user_data, &registration);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) resources =
        bailiff_registration_acquire_finish(registration, result, &error);

    if (self == NULL) {
        if (resources != NULL)
            bailiff_registration_take_back(registration, resources);
        return;
    }
    boottime_timer_set(self->timer, TIME_NEVER);
    if (resources != NULL && !check_versions(self, resources, &error)) {
        bailiff_registration_take_back(registration, resources);
        g_clear_pointer(&resources, g_ptr_array_unref);
    }
    if (resources == NULL) {
        refused(registration, error);
    } else if (self->resumed) {
        registration_set_state(registration, BAILIFF_REGISTRATION_ACTIVE);
        succeed(registration, "goes on, as somebody wished");
    } else {
        start(self);
    }
}

/* It was persistent, in a lockspace that is still held: it waits there as an orphan. */
static gboolean is_orphan_here(Recovery *self, const GivenUp *one)
{
    BailiffLockspace *lockspace =
        bailiff_engine_find_lockspace(self->registration->engine, one->lockspace);
    BailiffResource *here =
        lockspace != NULL ? bailiff_lockspace_find_resource(lockspace, one->resource) : NULL;

    return one->persistent && here != NULL && bailiff_resource_is_orphan(here);
}

static void attempt(Recovery *self)
{
    BailiffRegistration *registration = self->registration;
    g_autofree BailiffLeaseWish *wishes = g_new0(BailiffLeaseWish, self->given_up->len);
    GTask *task;

    for (guint i = 0; i < self->given_up->len; i++) {
        const GivenUp *one = self->given_up->pdata[i];

        wishes[i] = (BailiffLeaseWish){
            .lockspace = one->lockspace,
            .resource = one->resource,
            .path = one->path,
            .offset = one->offset,
            .required_version = self->paused && !one->shared ? one->version : 0,
            .persistent = one->persistent,
            .adopt = is_orphan_here(self, one),
            .shared = one->shared,
        };
    }
    self->phase = RECOVERY_ACQUIRING;
    self->cancellable = g_cancellable_new();
    set_text(self, "acquires its leases again");
    task = g_task_new(registration, self->cancellable, acquired, attempt_new(self));
    g_task_set_check_cancellable(task, FALSE);
    acquisition_start(registration->engine, registration, wishes, self->given_up->len, task);
    g_object_unref(task);
}

/* NULL: all of its lockspaces are held. */
static const char *find_missing_lockspace(Recovery *self)
{
    for (guint i = 0; i < self->given_up->len; i++) {
        const GivenUp *one = self->given_up->pdata[i];
        BailiffLockspace *lockspace =
            bailiff_engine_find_lockspace(self->registration->engine, one->lockspace);

        if (lockspace == NULL || bailiff_lockspace_get_state(lockspace) != BAILIFF_LOCKSPACE_HELD)
            return one->lockspace;
    }
    return NULL;
}

/* What it gave up in a lockspace that is still held is on its way back to the storage: after a
 * drill, and after a start that has failed. Its end is told (bailiff_registration_resource_gone).
 */
static const char *find_own_release(BailiffRegistration *registration)
{
    g_autoptr(GPtrArray) resources = bailiff_registration_list_resources(registration);

    for (guint i = 0; i < resources->len; i++)
        if (!bailiff_resource_is_used(resources->pdata[i]))
            return bailiff_resource_get_name(resources->pdata[i]);
    return NULL;
}

static gboolean may_go_on(BailiffRegistration *registration)
{
    Recovery *self = registration->recovery;

    return self != NULL && registration->engine != NULL && self->phase == RECOVERY_WAITING &&
           registration->state != BAILIFF_REGISTRATION_FAILING &&
           !bailiff_engine_is_shutting_down(registration->engine);
}

void recovery_consider(BailiffRegistration *registration)
{
    Recovery *self = registration->recovery;
    const char *missing, *releasing;

    if (!may_go_on(registration) || self->delayed ||
        (!self->resumed && self->attempts >= ATTEMPTS_MAX))
        return;
    missing = find_missing_lockspace(self);
    releasing = find_own_release(registration);
    if (!self->resumed && self->paused && wished(self) == FAILURE_RECOVERY_LEAVE)
        set_text(self, "paused until somebody resumes it");
    else if (missing != NULL)
        set_text_of(self, "waits for lockspace %s", missing);
    else if (!self->resumed && self->paused && wished(self) == FAILURE_RECOVERY_RESTART)
        registration_stop_without_leases(registration);
    else if (releasing != NULL)
        set_text_of(self, "waits until its lease of resource %s is given back", releasing);
    else
        attempt(self);
}

void recovery_interrupt(BailiffRegistration *registration)
{
    if (registration->recovery != NULL)
        stop(registration->recovery);
}

void recovery_runs_by_others(BailiffRegistration *registration)
{
    Recovery *self = registration->recovery;
    const char *missing;

    if (self == NULL || (registration->state != BAILIFF_REGISTRATION_PAUSED &&
                         registration->state != BAILIFF_REGISTRATION_CLEARED))
        return;
    if (self->resumed) {
        stop_again(self); /* its leases did not come in time */
        return;
    }
    if (self->phase == RECOVERY_STARTING)
        return; /* it is us */
    self->resumed = TRUE;
    missing = find_missing_lockspace(self);
    if (missing != NULL) {
        g_autoptr(GError) error =
            bailiff_error_make(BAILIFF_ERROR_NOT_JOINED, "Join it first, then let it run.",
                               "Lockspace %s is not held.", missing);

        refused(registration, error);
        return;
    }
    self->delayed = FALSE;
    boottime_timer_set(self->timer, time_add(boottime_now(), RESUMED_PATIENCE_US));
    if (self->phase == RECOVERY_WAITING && find_own_release(registration) == NULL)
        attempt(self);
}

void bailiff_registration_consider_recovery(BailiffRegistration *self)
{
    recovery_consider(self);
}

gboolean bailiff_registration_wants_lockspace(BailiffRegistration *self, const char *lockspace)
{
    return self->recovery != NULL && recovery_wants_lockspace(self->recovery, lockspace);
}

/* --- from one daemon to the next ------------------------------------------------------------- */

/* What is under way is not written down: a call that was out may yet be carried out, which shows
 * then as somebody else's doing. */
void recovery_save(Recovery *self, GKeyFile *record, const char *group)
{
    g_key_file_set_string(record, group, "Recovery", self->paused ? "paused" : "ended");
    given_up_list_save(self->given_up, record);
}

gboolean recovery_restore(BailiffRegistration *registration, GKeyFile *record, const char *group)
{
    g_autofree char *word = g_key_file_get_string(record, group, "Recovery", NULL);
    Recovery *self;

    if (word == NULL)
        return TRUE;
    self = ensure(registration);
    self->paused = g_str_equal(word, "paused");
    return (self->paused || g_str_equal(word, "ended")) &&
           given_up_list_load(self->given_up, record);
}

gboolean recovery_record_is_paused(GKeyFile *record, const char *group)
{
    g_autofree char *word = g_key_file_get_string(record, group, "Recovery", NULL);

    return g_strcmp0(word, "paused") == 0;
}

gboolean recovery_record_is_ended(GKeyFile *record, const char *group)
{
    g_autofree char *word = g_key_file_get_string(record, group, "Recovery", NULL);

    return g_strcmp0(word, "ended") == 0;
}
