/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stopping a unit as its own file says it is stopped (ExecStop=, its stop signal, its time-out).
 *
 * That the job is done is systemd's word; whether the unit has ended its target proves. A stop that
 * systemd carries out late, after the grace, comes before any start that is asked for later, and to
 * a unit that has ended already it does nothing.
 */
#include "actions/action-functions.h"

#include <string.h>

#include "actions/systemd-calls.h"
#include "actions/unit-target.h"
#include "common/bailiff-error.h"

static void on_stopped(GObject *source, GAsyncResult *result, gpointer user_data)
{
    GTask *task = user_data;
    g_autoptr(GError) error = NULL;
    g_autofree char *outcome = systemd_run_job_finish(result, &error);
    g_autofree char *message = error != NULL ? bailiff_error_in_one_line(error->message) : NULL;

    if (bailiff_target_has_ended(g_task_get_source_object(task)))
        action_return(task, ACTION_WORKED, "it has ended");
    else if (error != NULL)
        action_return(task, ACTION_FAILED, "%s", message);
    else if (strcmp(outcome, "done") == 0)
        action_return(task, ACTION_WORKED, "systemd has stopped it");
    else
        action_return(task, ACTION_FAILED, "systemd's job to stop it ended with: %s",
                      systemd_job_word(outcome));
}

void action_stop_unit_start(const ActionServices *services, const ActionRequest *request,
                            GTask *task)
{
    if (!BAILIFF_IS_UNIT_TARGET(request->target) || services->systemd == NULL) {
        action_return(task, ACTION_FAILED, "not an action for %s",
                      bailiff_target_get_description(request->target));
        return;
    }
    if (bailiff_target_has_ended(request->target)) {
        action_return(task, ACTION_WORKED, "it has ended");
        return;
    }
    systemd_run_job_async(services->systemd, "StopUnit",
                          bailiff_unit_target_get_unit(BAILIFF_UNIT_TARGET(request->target)),
                          request->until_us, g_task_get_cancellable(task), on_stopped, task);
}
