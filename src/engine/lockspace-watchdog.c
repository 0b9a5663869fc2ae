/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lockspace and the watchdog that stands behind it.
 *
 *   join begins            the watchdog is made sure of; where that fails the join does
 *   host id is ours        the first deadline is in force (lease-algorithms facts, trap A27), then
 *                          the first renewal
 *   each good renewal      moves it on
 *   failed                 stays what it is, or comes earlier
 *   lost, left             safe: nobody uses its leases any more. No sooner: until then it may be
 * the watchdog that makes somebody harmless
 *
 * Who is to be ignored is nobody that this host would be reset for: a failed lockspace that only
 * those still use is safe as far as the watchdog goes. (A main loop that stands still makes no such
 * difference: then the lockspace has failed without anybody's noticing, and the host is reset.)
 *
 * One that is inherited from an earlier daemon may be in use already. It is guarded as soon as that
 * can be had, and it is tried again until then: what runs of the earlier daemon's watchdog goes by
 * the deadline that it knew.
 */
#include "engine/lockspace-lease.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/engine-private.h"
#include "engine/registration-private.h"
#include "engine/resource-private.h"
#include "failure/reset-plan.h"
#include "lease/lease-timing.h"

#define RETRY_US (2 * USEC_PER_SECOND)

static Watchdog *watchdog_of(BailiffLockspace *self)
{
    Watchdog *watchdog = self->engine != NULL
                             ? engine_watchdog_get(bailiff_engine_get_watchdog(self->engine))
                             : NULL;

    return watchdog != NULL && watchdog_get_kind(watchdog) != WATCHDOG_NONE ? watchdog : NULL;
}

gboolean lockspace_check_watchdog(BailiffEngine *engine, const char *name, guint32 io_timeout,
                                  GError **error)
{
    g_autofree char *warning = NULL;

    if (!watchdog_check_io_timeout(engine_watchdog_get(bailiff_engine_get_watchdog(engine)),
                                   io_timeout, &warning, error))
        return FALSE;
    if (warning != NULL)
        log_line(LOG_WARNING, LOG_SUBJECT(.lockspace = name), "Lockspace %s: %s", name, warning);
    return TRUE;
}

/* --- joining --------------------------------------------------------------------------------- */

static void on_guarded(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffLockspace) self = user_data;
    g_autoptr(GError) error = NULL;

    self->operating = FALSE;
    self->guard = watchdog_guard_finish(result, &error);
    if (self->engine != NULL)
        engine_watchdog_asked_for(bailiff_engine_get_watchdog(self->engine), error);
    if (self->abandoned)
        lockspace_unguard(self);
    else
        self->guarded(self, error);
}

void lockspace_guard(BailiffLockspace *self, LockspaceGuarded guarded)
{
    Watchdog *watchdog = watchdog_of(self);

    if (watchdog == NULL) {
        guarded(self, NULL);
        return;
    }
    self->operating = TRUE;
    self->guarded = guarded;
    watchdog_guard_async(watchdog, self->name, self->io_timeout, TIME_NEVER, on_guarded,
                         g_object_ref(self));
}

static void on_confirmed(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffLockspace) self = user_data;
    g_autoptr(GError) error = NULL;

    self->operating = FALSE;
    watchdog_guard_confirm_finish(result, &error);
    if (!self->abandoned)
        self->guarded(self, error);
}

void lockspace_confirm_guard(BailiffLockspace *self, guint64 fail_us, LockspaceGuarded guarded)
{
    if (self->guard == NULL) {
        guarded(self, NULL);
        return;
    }
    self->operating = TRUE;
    self->guarded = guarded;
    watchdog_guard_confirm_async(self->guard, fail_us, on_confirmed, g_object_ref(self));
}

/* --- its life -------------------------------------------------------------------------------- */

void lockspace_guard_renewed(BailiffLockspace *self)
{
    self->guard_fail_us = bailiff_lockspace_get_fail_at(self);
    if (self->guard != NULL)
        watchdog_guard_renewed(self->guard, self->guard_fail_us);
}

/* Of those who use it, writes that are still out among them. */
static gboolean only_ignored_are_left(BailiffLockspace *self)
{
    g_autoptr(GPtrArray) resources = lockspace_list_resources(self);
    g_autoptr(GPtrArray) registrations = bailiff_lockspace_list_registrations(self);

    for (guint i = 0; i < resources->len; i++)
        if (bailiff_resource_get_phase(resources->pdata[i]) != RESOURCE_PUBLISHED ||
            bailiff_resource_is_orphan(resources->pdata[i]))
            return FALSE;
    for (guint i = 0; i < registrations->len; i++)
        if (bailiff_registration_get_policy_for(registrations->pdata[i], self->name)
                ->steps[0]
                .action != FAILURE_ACTION_IGNORE)
            return FALSE;
    return registrations->len > 0;
}

/* With nobody who uses anything it is lost in a moment. */
static void tell_failed(BailiffLockspace *self)
{
    if (self->guard == NULL || g_hash_table_size(self->resources) == 0)
        return;
    if (only_ignored_are_left(self))
        watchdog_guard_excuse(self->guard);
    else
        watchdog_guard_failed(self->guard, self->guard_fail_us);
}

void lockspace_guard_failed(BailiffLockspace *self, guint64 fail_us)
{
    self->guard_fail_us = reset_fail_deadline(self->guard_fail_us, fail_us, boottime_now());
    tell_failed(self);
}

/* By the deadline of its failing: it is not put off by whatever happens meanwhile. */
void lockspace_review_guard(BailiffLockspace *self)
{
    if (self->state == BAILIFF_LOCKSPACE_FAILING)
        tell_failed(self);
}

void lockspace_unguard(BailiffLockspace *self)
{
    lockspace_disarm(&self->guard_timer);
    g_clear_pointer(&self->guard, watchdog_guard_free);
}

/* --- inherited ------------------------------------------------------------------------------- */

static void on_guard_retry(gpointer user_data)
{
    lockspace_guard_inherited(user_data);
}

static void on_inherited_guarded(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffLockspace) self = user_data;
    g_autoptr(GError) error = NULL;

    self->guard = watchdog_guard_finish(result, &error);
    if (self->abandoned || self->state == BAILIFF_LOCKSPACE_LOST) {
        lockspace_unguard(self);
    } else if (self->guard == NULL) {
        engine_watchdog_trouble(bailiff_engine_get_watchdog(self->engine), error);
        lockspace_arm(&self->guard_timer, time_add(boottime_now(), RETRY_US), on_guard_retry, self);
    } else {
        /* As it has become meanwhile. */
        engine_watchdog_trouble(bailiff_engine_get_watchdog(self->engine), NULL);
        watchdog_guard_renewed(self->guard, self->guard_fail_us);
        lockspace_review_guard(self);
    }
}

void lockspace_guard_inherited(BailiffLockspace *self)
{
    Watchdog *watchdog = watchdog_of(self);

    if (watchdog != NULL && !self->abandoned && self->state != BAILIFF_LOCKSPACE_LOST)
        watchdog_guard_async(watchdog, self->name, self->io_timeout, self->guard_fail_us,
                             on_inherited_guarded, g_object_ref(self));
}
