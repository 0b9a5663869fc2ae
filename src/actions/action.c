/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which function carries out which action, and how an action answers.
 */
#include "actions/action.h"

#include "actions/action-functions.h"

typedef struct Answer {
    ActionOutcome outcome;
    char *detail;
} Answer;

static void answer_free(gpointer data)
{
    Answer *answer = data;

    g_free(answer->detail);
    g_free(answer);
}

static void announce_start(const ActionServices *services, const ActionRequest *request,
                           GTask *task)
{
    action_return(task, ACTION_WORKED, "announced");
}

static void restart_start(const ActionServices *services, const ActionRequest *request, GTask *task)
{
    if (bailiff_target_get_kind(request->target) == FAILURE_TARGET_UNIT)
        action_restart_unit_start(services, request, task);
    else
        action_restart_start(services, request, task);
}

static const ActionStart functions[FAILURE_ACTION_COUNT] = {
    [FAILURE_ACTION_NOTIFY] = announce_start,
    [FAILURE_ACTION_IGNORE] = announce_start,
    [FAILURE_ACTION_SIGNAL] = action_signal_start,
    [FAILURE_ACTION_EXEC] = action_exec_start,
    [FAILURE_ACTION_KILL] = action_kill_start,
    [FAILURE_ACTION_PAUSE] = action_pause_start,
    [FAILURE_ACTION_POWEROFF] = action_poweroff_start,
    [FAILURE_ACTION_RESTART] = restart_start,
    [FAILURE_ACTION_FREEZE] = action_freeze_start,
    [FAILURE_ACTION_STOP_UNIT] = action_stop_unit_start,
    [FAILURE_ACTION_HOST_POWEROFF] = action_host_poweroff_start,
    [FAILURE_ACTION_HOST_REBOOT] = action_host_reboot_start,
};

void action_start(const ActionServices *services, const ActionRequest *request,
                  GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
    FailureAction action = request->step->action;
    GTask *task = g_task_new(request->target, cancellable, callback, user_data);

    g_task_set_check_cancellable(task, FALSE);
    if ((guint)action < G_N_ELEMENTS(functions) && functions[action] != NULL)
        functions[action](services, request, task);
    else
        /* Refused at registration: bailiff_failure_policy_check(). */
        action_return(task, ACTION_FAILED, "not an action for %s",
                      bailiff_target_get_description(request->target));
}

gboolean action_needs_bus(FailureAction action)
{
    switch (action) {
    case FAILURE_ACTION_PAUSE:
    case FAILURE_ACTION_POWEROFF:
    case FAILURE_ACTION_RESTART:
    case FAILURE_ACTION_FREEZE:
    case FAILURE_ACTION_STOP_UNIT:
    case FAILURE_ACTION_HOST_POWEROFF:
    case FAILURE_ACTION_HOST_REBOOT:
        return TRUE;
    default:
        return FALSE;
    }
}

ActionOutcome action_finish(GAsyncResult *result, char **ret_detail)
{
    Answer *answer = g_task_propagate_pointer(G_TASK(result), NULL);
    ActionOutcome outcome = answer->outcome;

    *ret_detail = g_steal_pointer(&answer->detail);
    answer_free(answer);
    return outcome;
}

void action_return(GTask *task, ActionOutcome outcome, const char *format, ...)
{
    Answer *answer = g_new(Answer, 1);
    va_list arguments;

    va_start(arguments, format);
    answer->outcome = outcome;
    answer->detail = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_task_return_pointer(task, answer, answer_free);
    g_object_unref(task);
}
