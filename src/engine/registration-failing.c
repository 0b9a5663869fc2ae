/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The failure policy of a registration is walked, until it is provably harmless: its target has
 * ended (exited), it has let go of its leases by itself (released), or it was paused and the pause
 * is verified (paused).
 */
#include "engine/registration-state.h"

#include <signal.h>

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/engine-private.h"
#include "engine/lockspace.h"
#include "engine/resource.h"
#include "failure/failure-policy-parser.h"
#include "lease/lease-timing.h"

/* From fail: when a watchdog that is fed in time can fire at the earliest (lease-algorithms facts,
 * section 2). */
#define LEFT_TO_WATCHDOG_SECONDS (WATCHDOG_FIRE_SECONDS - 10u)

static void log_policy(BailiffRegistration *self)
{
    char text[FAILURE_POLICY_TEXT_MAX];

    self->told_failing = TRUE;
    failure_policy_print(self->walked, text);
    const LogSubject subject = registration_log_subject(self);

    log_message(MESSAGE_REGISTRATION_FAILING, &subject, "%s (%s) is failing: %s.", self->name,
                bailiff_target_get_description(self->target), text);
}

static void on_step_started(guint index, const FailureStep *step, gpointer user_data)
{
    BailiffRegistration *self = user_data;

    if (!self->told_failing)
        log_policy(self);
    registration_set_step(self, (int)index);
    LogSubject subject = registration_log_subject(self);

    subject.step = failure_action_name(step->action);
    log_message(MESSAGE_STEP_STARTED, &subject, "%s (%s): step %u, %s%s.", self->name,
                bailiff_target_get_description(self->target), index + 1, subject.step,
                self->inherited_step == (int)index ? ", goes on" : "");
    self->inherited_step = -1;
    registration_emit_step_started(self, index, failure_action_name(step->action));
}

static void on_step_finished(guint index, const FailureStep *step, gboolean worked,
                             const char *detail, gpointer user_data)
{
    BailiffRegistration *self = user_data;
    LogSubject subject = registration_log_subject(self);

    subject.step = failure_action_name(step->action);
    log_message(
        worked ? MESSAGE_STEP_FINISHED : MESSAGE_STEP_FAILED, &subject,
        worked ? "%s (%s): step %u, %s, has worked: %s" : "%s (%s): step %u, %s, has failed: %s",
        self->name, bailiff_target_get_description(self->target), index + 1, subject.step, detail);
    registration_emit_step_finished(self, index, failure_action_name(step->action), worked, detail);
}

/* A program is not to be run twice: that it may run is written down before it does. Where that does
 * not work it runs all the same. It may be what makes this host harmless, and a walk that stops
 * keeps no promise, while a second run by the next bailiffd is what authors of programs are told to
 * reckon with (bailiff-failure-policy(7), exec). */
static void note_program(BailiffRegistration *self)
{
    const LogSubject subject = registration_log_subject(self);
    g_autoptr(GError) error = NULL;
    g_autofree char *why = NULL;

    if (registration_save(self, &error))
        return;
    why = bailiff_error_in_one_line(error->message);
    log_message(MESSAGE_RECORD_FAILED, &subject,
                "%s (%s): that its program is begun could not be written down. It is run all the "
                "same; should bailiffd end before it can be, the next one may run it a second "
                "time. %s",
                self->name, bailiff_target_get_description(self->target), why);
    registration_save_soon(self);
}

/* Everything but programs can be written down after it is done, and is when the main loop comes
 * round. */
static void on_point(const FailureStep *step, const FailureRunnerPoint *point, gpointer user_data)
{
    BailiffRegistration *self = user_data;

    g_free(self->walk_detail);
    self->walk_detail = g_strdup(point->detail);
    self->walk_point = *point;
    self->walk_point.detail = self->walk_detail;
    if (step->action == FAILURE_ACTION_EXEC && !point->worked)
        note_program(self);
    else
        registration_save_soon(self);
}

/* --- what should not happen ------------------------------------------------------------------ */

/* The guard logs nothing, and the main loop may have stood still while it killed. */
static void tell_last_kills(BailiffRegistration *self)
{
    guint64 kills = self->engine != NULL ? bailiff_engine_take_last_kills(self->engine) : 0;
    LogSubject subject = registration_log_subject(self);

    subject.registration = 0;
    subject.registration_name = NULL;
    subject.pid = 0;
    if (kills > 0)
        log_message(
            MESSAGE_LAST_KILL, &subject,
            "The last kill was sent to those whose leases were over and who were not cleared "
            "in time (%" G_GUINT64_FORMAT " of them).",
            kills);
}

static gboolean is_watched(BailiffRegistration *self)
{
    const char *watchdog =
        self->engine != NULL ? bailiff_engine_get_watchdog_state(self->engine) : "disarmed";

    return g_str_equal(watchdog, "armed") || g_str_equal(watchdog, "firing");
}

static void on_overdue(gpointer user_data)
{
    BailiffRegistration *self = user_data;
    guint64 watchdog_us = time_add(self->walk_fail_us, time_from_seconds(LEFT_TO_WATCHDOG_SECONDS));

    tell_last_kills(self);
    if (boottime_now() < watchdog_us) {
        boottime_timer_set(self->overdue_timer, watchdog_us);
        return;
    }
    const LogSubject subject = registration_log_subject(self);

    log_message(MESSAGE_REGISTRATION_LEFT_TO_WATCHDOG, &subject,
                "%s (%s) is not cleared: %s, and other hosts may take the leases %u seconds after "
                "the fail deadline.",
                self->name, bailiff_target_get_description(self->target),
                is_watched(self) ? "the watchdog may reset this host at any moment"
                                 : "no watchdog is armed, so that it goes on",
                WATCHDOG_FIRE_SECONDS);
}

static gboolean is_ignored(const FailurePolicy *policy)
{
    return policy->steps[0].action == FAILURE_ACTION_IGNORE;
}

/* A second after the last kill, by when the guard has counted it; and a second after now, where a
 * lease was found to be over long ago and all is done at once. */
static void watch_for_overdue(BailiffRegistration *self)
{
    guint64 killed_us = time_add(self->walk_fail_us, time_from_seconds(FAILURE_BUDGET_SECONDS + 1));

    if (is_ignored(self->walked) || self->failed_lockspace[0] == '\0')
        return;
    if (self->overdue_timer == NULL)
        self->overdue_timer = boottime_timer_new(on_overdue, self);
    boottime_timer_set(self->overdue_timer,
                       MAX(killed_us, time_add(boottime_now(), time_from_seconds(1))));
}

/* --- the walk -------------------------------------------------------------------------------- */

/* The walk is over; new leases are possible again. */
static void end_walk(BailiffRegistration *self)
{
    if (self->overdue_timer != NULL)
        boottime_timer_set(self->overdue_timer, TIME_NEVER);
    tell_last_kills(self);
    if (self->runner != NULL) {
        failure_runner_cleared(self->runner);
        g_ptr_array_add(self->ended_runners, g_steal_pointer(&self->runner));
    }
    self->told_failing = FALSE; /* what was still to be told was told by that */
    registration_set_step(self, -1);
    if (!self->ended && g_cancellable_is_cancelled(self->cancellable)) {
        g_object_unref(self->cancellable);
        self->cancellable = g_cancellable_new();
    }
}

static void tell_cleared(BailiffRegistration *self, const char *how)
{
    const LogSubject subject = registration_log_subject(self);

    log_message(MESSAGE_REGISTRATION_CLEARED, &subject, "%s (%s) is cleared: %s.", self->name,
                bailiff_target_get_description(self->target), how);
    registration_emit_cleared(self, how);
}

/* It runs no more instruction until somebody lets it, and what it had written has landed. */
static void on_quiet(gpointer user_data)
{
    g_autoptr(BailiffRegistration) self = g_object_ref(user_data);

    /* Another host asked for it by force: nothing but its end is enough. */
    if (self->killing)
        return;
    recovery_note_paused(self);
    end_walk(self);
    registration_set_state(self, BAILIFF_REGISTRATION_PAUSED);
    tell_cleared(self, "paused");
    /* From now on it need not die for anything. */
    last_kill_uncover_all(self->last_kill);
    registration_let_go(self);
    self->drilling = FALSE;
    recovery_consider(self);
}

static const FailureRunnerEvents runner_events = {
    .at_point = on_point,
    .step_started = on_step_started,
    .step_finished = on_step_finished,
    .quiet = on_quiet,
};

/* `saved`: where an earlier daemon was; NULL: from the beginning. */
static void start_runner(BailiffRegistration *self, const FailurePolicy *policy, guint64 fail_us,
                         const SavedWalk *saved)
{
    const ActionRequest request = {
        .target = self->target,
        .lockspace = self->failed_lockspace,
        .registration_id = self->id,
        .registration_name = self->name,
        .owner_uid = self->owner_uid,
    };

    self->walk_fail_us = fail_us;
    self->walked = policy;
    self->inherited_step = saved != NULL ? (int)saved->point.step : -1;
    watch_for_overdue(self);
    if (saved != NULL)
        self->runner = failure_runner_resume(bailiff_engine_get_services(self->engine), &request,
                                             policy, fail_us, &saved->point, &runner_events, self);
    else
        self->runner = failure_runner_new(bailiff_engine_get_services(self->engine), &request,
                                          policy, fail_us, &runner_events, self);
}

/* Another lockspace has failed too, longer ago: what may be in use by others already does not wait
 * for the times of the first. */
static void hasten_walk(BailiffRegistration *self, const FailurePolicy *policy, guint64 fail_us)
{
    if (self->runner == NULL || fail_us >= self->walk_fail_us)
        return;
    failure_runner_cleared(self->runner);
    g_ptr_array_add(self->ended_runners, g_steal_pointer(&self->runner));
    start_runner(self, policy, fail_us, NULL);
}

void registration_walk(BailiffRegistration *self, const FailurePolicy *policy,
                       const char *lockspace, guint64 fail_us)
{
    if (self->ended || self->engine == NULL)
        return;
    /* It was to be started again. Its end was told long ago, and nothing would tell it anew. */
    if (self->recovery != NULL && self->state != BAILIFF_REGISTRATION_FAILING &&
        bailiff_target_has_ended(self->target)) {
        registration_target_ended(self);
        return;
    }
    if (self->state == BAILIFF_REGISTRATION_FAILING) {
        hasten_walk(self, policy, fail_us);
        return;
    }
    g_free(self->failed_lockspace);
    self->failed_lockspace = g_strdup(lockspace);
    recovery_interrupt(self);
    registration_set_state(self, BAILIFF_REGISTRATION_FAILING);
    g_cancellable_cancel(self->cancellable);
    bailiff_target_prepare_to_fail(self->target);
    start_runner(self, policy, fail_us, NULL);
}

void registration_resume_walk(BailiffRegistration *self, const SavedWalk *saved)
{
    g_free(self->failed_lockspace);
    self->failed_lockspace = g_strdup(saved->lockspace);
    log_message(MESSAGE_REGISTRATION_FAILING,
                LOG_SUBJECT(.registration = self->id, .registration_name = self->name,
                            .lockspace = saved->lockspace),
                "%s (%s): the failure policy goes on at step %" G_GSIZE_FORMAT ".", self->name,
                bailiff_target_get_description(self->target), saved->point.step + 1);
    g_cancellable_cancel(self->cancellable);
    bailiff_target_prepare_to_fail(self->target);
    self->told_failing = TRUE;
    start_runner(self, &saved->policy, saved->fail_us, saved);
}

void bailiff_registration_bus_came(BailiffRegistration *self)
{
    if (self->runner != NULL)
        failure_runner_bus_came(self->runner);
}

void bailiff_registration_start_failing(BailiffRegistration *self, const char *lockspace,
                                        guint64 fail_us)
{
    /* What is walked for one lockspace is good for all that fail later, since it comes to its kill
     * earlier than they need it; but where one may be ignored, another may not. */
    if (self->state != BAILIFF_REGISTRATION_FAILING) {
        registration_choose_policy(self, lockspace);
    } else if (is_ignored(&self->policy)) {
        registration_choose_policy(self, lockspace);
        if (!is_ignored(&self->policy))
            self->walk_fail_us = TIME_NEVER;
    }
    registration_walk(self, &self->policy, lockspace, fail_us);
}

void bailiff_registration_forsake(BailiffRegistration *self, const char *lockspace, guint64 fail_us)
{
    /* Paused, it would be let go on with what it does not hold any more. */
    self->killing = TRUE;
    bailiff_registration_start_failing(self, lockspace, fail_us);
    registration_save_soon(self);
    bailiff_registration_save_pending(self);
}

static gboolean check_drill(BailiffRegistration *self, const FailurePolicy *policy, GError **error)
{
    if (self->engine == NULL || self->ended || bailiff_target_has_ended(self->target)) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, "Register again.",
                          "The %s (%s) has ended.", bailiff_target_get_description(self->target),
                          self->name);
        return FALSE;
    }
    if (self->state == BAILIFF_REGISTRATION_FAILING || self->recovery != NULL ||
        bailiff_engine_is_shutting_down(self->engine)) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait until it is active again.",
                          "This is no time for a drill: %s (%s) is %s.", self->name,
                          bailiff_target_get_description(self->target),
                          bailiff_registration_state_name(self->state));
        return FALSE;
    }
    if (is_ignored(policy)) {
        bailiff_set_error(
            error, BAILIFF_ERROR_INVALID_ARGUMENT, "Give it another failure policy first.",
            "The failure policy of %s is ignore: there is nothing to drill.", self->name);
        return FALSE;
    }
    return TRUE;
}

gboolean bailiff_registration_drill(BailiffRegistration *self, GError **error)
{
    const char *lockspace =
        self->resources->len > 0
            ? bailiff_lockspace_get_name(bailiff_resource_get_lockspace(self->resources->pdata[0]))
            : NULL;

    if (!check_drill(self, bailiff_registration_get_policy_for(self, lockspace), error))
        return FALSE;
    const LogSubject subject = registration_log_subject(self);

    log_line(LOG_NOTICE, &subject, "%s (%s): a drill begins.", self->name,
             bailiff_target_get_description(self->target));
    registration_choose_policy(self, lockspace);
    self->drilling = TRUE;
    registration_walk(self, &self->policy, "", boottime_now());
    return TRUE;
}

void bailiff_registration_request_release(BailiffRegistration *self, BailiffResource *resource,
                                          gboolean force)
{
    static const FailurePolicy kill_now = { .steps = { { .action = FAILURE_ACTION_KILL } },
                                            .n_steps = 1 };
    const char *lockspace = bailiff_lockspace_get_name(bailiff_resource_get_lockspace(resource));
    g_autoptr(GError) error = NULL;

    registration_emit_release_requested(self, resource, force ? "force" : "graceful");
    if (is_ignored(bailiff_registration_get_policy_for(self, lockspace)) || self->ended)
        return;
    self->killing = self->killing || force;
    if (force)
        registration_walk(self, &kill_now, "", boottime_now());
    else if (!bailiff_target_signal(self->target, SIGTERM, &error)) {
        const LogSubject subject = registration_log_subject(self);

        log_line(LOG_WARNING, &subject, "%s (%s) could not be told: %s", self->name,
                 bailiff_target_get_description(self->target), error->message);
    }
}

void registration_became_clear(BailiffRegistration *self)
{
    if (self->state != BAILIFF_REGISTRATION_FAILING || self->ended || self->killing ||
        self->runner == NULL || !registration_is_clear_of_failed(self))
        return;
    /* One that was paused before, and resumed without leave, is not cleared by holding none. */
    if (self->recovery != NULL)
        return;
    end_walk(self);
    self->drilling = FALSE;
    /* What it holds in other lockspaces it goes on using. */
    registration_set_state(self, self->resources->len == 0 ? BAILIFF_REGISTRATION_CLEARED
                                                           : BAILIFF_REGISTRATION_ACTIVE);
    tell_cleared(self, "released");
}

void registration_target_ended(BailiffRegistration *self)
{
    g_autoptr(BailiffRegistration) hold = g_object_ref(self);
    gboolean was_failing = self->state == BAILIFF_REGISTRATION_FAILING;

    /* Its leases were lost, not given up: it comes back with them where its policy says so. */
    gboolean comes_back = recovery_note_ended(self, was_failing);

    g_cancellable_cancel(self->cancellable);
    last_kill_uncover_all(self->last_kill);
    self->ended = !comes_back;
    self->killing = FALSE;
    self->drilling = FALSE;
    end_walk(self);
    registration_set_state(self, BAILIFF_REGISTRATION_CLEARED);
    if (was_failing)
        tell_cleared(self, "exited");
    else
        registration_emit_cleared(self, "exited");
    registration_let_go(self);
    if (comes_back)
        recovery_consider(self);
    registration_check_removable(self);
}

void registration_target_runs(BailiffRegistration *self)
{
    /* A domain without a process is one that libvirt is about to start, and asks us for. */
    if (self->recovery != NULL && !bailiff_target_has_ended(self->target) &&
        (bailiff_target_get_kind(self->target) != FAILURE_TARGET_DOMAIN ||
         bailiff_target_get_process(self->target) != NULL))
        recovery_runs_by_others(self);
}
