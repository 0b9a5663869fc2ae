/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leaving, and giving the host lease back.
 */
#include "engine/lockspace-lease.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/engine-private.h"
#include "engine/machine-driver.h"
#include "engine/records.h"
#include "engine/registration-private.h"
#include "engine/resource-private.h"
#include "lease/lease-timing.h"

static MachineStep resume_leave(void *machine, const MachineInput *input)
{
    return host_lease_leave_resume(machine, input);
}

gboolean lockspace_may_give_back(BailiffLockspace *self)
{
    return !self->abandoned && !self->operating && self->last_renewal_worked &&
           !self->left_persistent;
}

static void forget_resources(BailiffLockspace *self)
{
    g_autoptr(GPtrArray) list = lockspace_list_resources(self);

    for (guint i = 0; i < list->len; i++)
        bailiff_resource_forget(list->pdata[i]);
}

static void finish_leaving(BailiffLockspace *self)
{
    g_autoptr(BailiffLockspace) hold = g_object_ref(self);
    g_autoptr(GPtrArray) tasks = g_steal_pointer(&self->leave_tasks);

    self->leave_tasks = g_ptr_array_new_with_free_func(g_object_unref);
    bailiff_lockspace_abandon(self);
    forget_resources(self);
    lockspace_unguard(self);
    bailiff_lockspace_unsave(self);
    if (self->engine != NULL) {
        log_message(MESSAGE_LOCKSPACE_LEFT,
                    LOG_SUBJECT(.lockspace = self->name, .host_id = self->host_id),
                    "Lockspace %s is left%s.", self->name,
                    self->gave_back         ? ""
                    : self->left_persistent ? "; because of orphans its host lease stays on disk"
                                            : "; its host lease could not be given back");
        bailiff_engine_remove_lockspace(self->engine, self);
    }
    for (guint i = 0; i < tasks->len; i++)
        g_task_return_boolean(tasks->pdata[i], TRUE);
}

static void on_gave_back(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffLockspace) self = user_data;
    LeaseFault fault;

    self->operating = FALSE;
    self->last_renewal_worked = FALSE; /* nothing to give back a second time */
    self->gave_back = machine_run_finish(result, &fault);
    lockspace_note_past(self, FALSE);
    if (self->leave_tasks->len > 0 || self->state == BAILIFF_LOCKSPACE_LEAVING)
        finish_leaving(self);
}

void lockspace_give_back(BailiffLockspace *self)
{
    MachineJob job = { .resume = resume_leave };

    lockspace_disarm(&self->renewal_timer);
    host_lease_leave_init(&self->machine.leave, &self->lease);
    lockspace_operate(self, &job, on_gave_back);
}

/* Storage that does not answer cannot hold up a leave for longer than its io timeout once nothing
 * uses the lease any more. What is in flight then stays fenced, for the next join too; and the host
 * lease is not given back, so that other hosts wait until it has expired. */
static void on_leave_timeout(gpointer user_data)
{
    finish_leaving(user_data);
}

static gboolean is_used(BailiffLockspace *self)
{
    GHashTableIter iter;
    gpointer resource;

    g_hash_table_iter_init(&iter, self->resources);
    while (g_hash_table_iter_next(&iter, NULL, &resource))
        if (bailiff_resource_is_used(resource))
            return TRUE;
    return FALSE;
}

char *bailiff_lockspace_describe_unknown(BailiffLockspace *self)
{
    g_autoptr(GPtrArray) orphans = bailiff_lockspace_list_orphans(self);
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < orphans->len; i++)
        if (bailiff_resource_has_unknown(orphans->pdata[i])) {
            g_autofree char *who = bailiff_resource_describe_unknown(orphans->pdata[i]);

            g_string_append_printf(text, "%s%s (resource %s)", text->len > 0 ? ", " : "", who,
                                   bailiff_resource_get_name(orphans->pdata[i]));
        }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean is_used_by_known(BailiffLockspace *self)
{
    g_autoptr(GPtrArray) resources = lockspace_list_resources(self);

    for (guint i = 0; i < resources->len; i++)
        if (bailiff_resource_is_used(resources->pdata[i]) &&
            !(bailiff_resource_is_orphan(resources->pdata[i]) &&
              bailiff_resource_has_unknown(resources->pdata[i])))
            return TRUE;
    return FALSE;
}

/* Nothing ends that use but somebody who looks, and nobody waits for him: a daemon that is to end
 * does so as if it were killed, with the guard armed and all written down. The lockspace goes on
 * leaving when he has. */
static void answer_for_unknown(BailiffLockspace *self)
{
    g_autoptr(GPtrArray) tasks = g_steal_pointer(&self->leave_tasks);
    g_autofree char *unknown = bailiff_lockspace_describe_unknown(self);

    self->leave_tasks = g_ptr_array_new_with_free_func(g_object_unref);
    for (guint i = 0; i < tasks->len; i++)
        g_task_return_error(
            tasks->pdata[i],
            bailiff_error_make(BAILIFF_ERROR_BUSY,
                               "Make sure that it does not run any more, then remove that file: "
                               "the lockspace is left then.",
                               "Lockspace %s may be in use by %s, which cannot be read.",
                               self->name, unknown));
}

void lockspace_go_on_leaving(BailiffLockspace *self)
{
    if (self->abandoned)
        return;
    if (is_used(self)) {
        if (!is_used_by_known(self)) /* else failure policies are being walked */
            answer_for_unknown(self);
        return;
    }
    if (self->operating || g_hash_table_size(self->resources) > 0) {
        if (self->leave_timer == NULL)
            lockspace_arm(&self->leave_timer, time_add(boottime_now(), timing_io(self->io_timeout)),
                          on_leave_timeout, self);
        return;
    }
    if (self->sight != NULL && lockspace_may_give_back(self) && !self->gave_back)
        lockspace_give_back(self);
    else
        finish_leaving(self);
}

void bailiff_lockspace_start_leave(BailiffLockspace *self)
{
    g_autoptr(BailiffLockspace) hold = g_object_ref(self);
    gboolean joining = self->state == BAILIFF_LOCKSPACE_JOINING;

    if (self->state == BAILIFF_LOCKSPACE_FAILING || self->state == BAILIFF_LOCKSPACE_LEAVING) {
        lockspace_go_on_leaving(self);
        return;
    }
    bailiff_lockspace_set_state(self, BAILIFF_LOCKSPACE_LEAVING, "");
    bailiff_lockspace_save_state(self, SAVED_LOCKSPACE_LEAVING, 0);
    if (self->sight != NULL)
        lease_sight_close(self->sight);
    if (joining && self->cancellable != NULL)
        g_cancellable_cancel(self->cancellable);
    lockspace_fail_resources(self, boottime_now());
    lockspace_go_on_leaving(self);
}

/* --- who asks for it ------------------------------------------------------------------------- */

/* Who and what is in the way of leaving, in words; empty: nobody. */
static char *describe_users(BailiffLockspace *self)
{
    g_autoptr(GPtrArray) registrations = bailiff_lockspace_list_registrations(self);
    g_autoptr(GPtrArray) orphans = bailiff_lockspace_list_orphans(self);
    g_autoptr(GString) names = g_string_new(NULL);
    g_autofree char *unknown = bailiff_lockspace_describe_unknown(self);

    for (guint i = 0; i < registrations->len; i++)
        g_string_append_printf(names, "%s%s (%s)", names->len > 0 ? ", " : "",
                               bailiff_registration_get_name(registrations->pdata[i]),
                               bailiff_registration_describe(registrations->pdata[i]));
    for (guint i = 0; i < orphans->len; i++)
        if (!bailiff_resource_has_unknown(orphans->pdata[i]))
            g_string_append_printf(names, "%sthe orphan of resource %s", names->len > 0 ? ", " : "",
                                   bailiff_resource_get_name(orphans->pdata[i]));
    if (*unknown != '\0')
        g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", unknown);
    return g_string_free(g_steal_pointer(&names), FALSE);
}

void bailiff_lockspace_leave_async(BailiffLockspace *self, gboolean force,
                                   GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    g_autofree char *users = describe_users(self);

    if (*users != '\0' && !force) {
        g_task_return_error(
            task, bailiff_error_make(BAILIFF_ERROR_BUSY,
                                     "Release the leases, give orphans back (bailiffctl "
                                     "release-orphans), or leave with the option force: it walks "
                                     "failure policies, and leaves orphans on disk.",
                                     "Lockspace %s is in use by %s.", self->name, users));
        return;
    }
    if (self->engine == NULL) {
        g_task_return_boolean(task, TRUE); /* already gone */
        return;
    }
    bailiff_records_lockspace_left(bailiff_engine_get_records(self->engine), self->name);
    if (self->state == BAILIFF_LOCKSPACE_LOST) {
        bailiff_lockspace_abandon(self);
        bailiff_engine_remove_lockspace(self->engine, self);
        g_task_return_boolean(task, TRUE);
        return;
    }
    g_ptr_array_add(self->leave_tasks, g_steal_pointer(&task));
    bailiff_lockspace_start_leave(self);
}

gboolean bailiff_lockspace_leave_finish(BailiffLockspace *self, GAsyncResult *result,
                                        GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
