/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines and entries of the kill guard. A lockspace has a line from the first time that somebody
 * wants leases there.
 */
#include "engine/last-kill.h"

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/engine-private.h"
#include "engine/lockspace-private.h"
#include "failure/failure-policy.h"
#include "lease/lease-timing.h"

typedef struct Covered {
    BailiffLockspace *lockspace;
    guint64 line;
    guint64 entry; /* 0: the target has no process yet, or could not be had */
} Covered;

struct LastKill {
    KillGuard *guard;
    GArray *covered; /* of Covered */
};

/* --- lockspaces ------------------------------------------------------------------------------ */

static guint64 kill_time(guint64 fail_us)
{
    return time_add(fail_us, time_from_seconds(FAILURE_BUDGET_SECONDS));
}

guint64 last_kill_delay(guint32 io_timeout)
{
    return kill_time(timing_fail(io_timeout));
}

static KillGuard *guard_of(BailiffLockspace *lockspace)
{
    return lockspace->engine != NULL ? bailiff_engine_get_kill_guard(lockspace->engine) : NULL;
}

static void set_line(BailiffLockspace *lockspace, guint64 fail_us)
{
    KillGuard *guard = guard_of(lockspace);

    if (guard != NULL && lockspace->kill_line != 0)
        kill_guard_set_line(guard, lockspace->kill_line, kill_time(fail_us));
}

void last_kill_renewed(BailiffLockspace *lockspace)
{
    set_line(lockspace, bailiff_lockspace_get_fail_at(lockspace));
}

void last_kill_failed(BailiffLockspace *lockspace, guint64 fail_us)
{
    set_line(lockspace, MIN(fail_us, bailiff_lockspace_get_fail_at(lockspace)));
}

void last_kill_forget_lockspace(BailiffLockspace *lockspace)
{
    KillGuard *guard = guard_of(lockspace);

    if (guard != NULL && lockspace->kill_line != 0)
        kill_guard_remove_line(guard, lockspace->kill_line);
    lockspace->kill_line = 0;
}

static gboolean ensure_line(KillGuard *guard, BailiffLockspace *lockspace, GError **error)
{
    if (lockspace->kill_line != 0)
        return TRUE;
    /* Not held yet, or not any more: nothing is granted there. Who waits until it is not late any
     * more has a deadline. */
    if (bailiff_lockspace_get_state(lockspace) != BAILIFF_LOCKSPACE_LATE &&
        !bailiff_lockspace_check_usable(lockspace, error))
        return FALSE;
    lockspace->kill_line = kill_guard_add_line(guard, error);
    if (lockspace->kill_line == 0)
        return FALSE;
    last_kill_renewed(lockspace);
    return TRUE;
}

/* --- registrations --------------------------------------------------------------------------- */

void last_kill_tell_unprepared(BailiffLockspace *lockspace, BailiffTarget *target,
                               const GError *error)
{
    const ProcessIdentity *process = bailiff_target_get_process(target);

    log_message(
        MESSAGE_LAST_KILL_UNPREPARED,
        LOG_SUBJECT(.lockspace = lockspace->name, .pid = process != NULL ? process->pid : 0),
        "The last kill cannot be prepared for %s: %s", bailiff_target_get_description(target),
        error->message);
}

static void clear_covered(gpointer data)
{
    g_clear_object(&((Covered *)data)->lockspace);
}

LastKill *last_kill_new(KillGuard *guard)
{
    LastKill *self = g_new0(LastKill, 1);

    self->guard = guard;
    self->covered = g_array_new(FALSE, FALSE, sizeof(Covered));
    g_array_set_clear_func(self->covered, clear_covered);
    return self;
}

void last_kill_free(LastKill *self)
{
    g_array_unref(self->covered);
    g_free(self);
}

static Covered *covered_at(LastKill *self, guint i)
{
    return &g_array_index(self->covered, Covered, i);
}

/* A domain that is registered before it is started, or what is started again when it has its
 * leases.
 */
static gboolean is_to_come(BailiffTarget *target)
{
    return bailiff_target_has_ended(target) ||
           (bailiff_target_get_kind(target) == FAILURE_TARGET_DOMAIN &&
            bailiff_target_get_process(target) == NULL);
}

static gboolean add_entry(LastKill *self, Covered *covered, BailiffTarget *target, GError **error)
{
    KillGuardTarget what;

    bailiff_target_fill_guard(target, &what);
    if (what.pidfd < 0 && what.cgroup_kill_fd < 0 && is_to_come(target))
        return TRUE;
    covered->entry = kill_guard_add(self->guard, covered->line, &what, error);
    return covered->entry != 0;
}

/* A lockspace that was lost and joined again is another one, under the same name. */
gboolean last_kill_cover(LastKill *self, BailiffTarget *target, BailiffLockspace *lockspace,
                         GError **error)
{
    Covered covered = { .lockspace = lockspace };

    for (guint i = 0; i < self->covered->len; i++)
        if (covered_at(self, i)->lockspace == lockspace &&
            covered_at(self, i)->line == lockspace->kill_line)
            return covered_at(self, i)->entry != 0 ||
                   add_entry(self, covered_at(self, i), target, error);

    if (!ensure_line(self->guard, lockspace, error))
        return FALSE;
    covered.line = lockspace->kill_line;
    if (!add_entry(self, &covered, target, error))
        return FALSE;
    g_object_ref(lockspace);
    g_array_append_val(self->covered, covered);
    return TRUE;
}

static void uncover_at(LastKill *self, guint i)
{
    kill_guard_remove(self->guard, covered_at(self, i)->entry);
    g_array_remove_index_fast(self->covered, i);
}

void last_kill_uncover_unless(LastKill *self, LastKillKeep keep, gpointer user_data)
{
    for (guint i = self->covered->len; i-- > 0;)
        if (!keep(covered_at(self, i)->lockspace, user_data))
            uncover_at(self, i);
}

void last_kill_uncover_all(LastKill *self)
{
    for (guint i = self->covered->len; i-- > 0;)
        uncover_at(self, i);
}

void last_kill_target_changed(LastKill *self, BailiffTarget *target)
{
    for (guint i = 0; i < self->covered->len; i++) {
        Covered *covered = covered_at(self, i);
        guint64 old_entry = covered->entry;
        g_autoptr(GError) error = NULL;

        covered->entry = 0;
        /* It has its leases. The failure policy stands, as long as the main loop runs. */
        if (!add_entry(self, covered, target, &error))
            last_kill_tell_unprepared(covered->lockspace, target, error);
        kill_guard_remove(self->guard, old_entry);
    }
}
