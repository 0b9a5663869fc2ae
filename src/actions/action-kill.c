/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SIGKILL. A target that is many processes may have to be killed in parts: what was killed has to
 * end before the rest can be, and none of it is waited for here.
 */
#include "actions/action-functions.h"

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"

/* How soon an unfinished kill is taken up again: what was killed ends within moments, unless its
 * storage hangs. */
#define UNFINISHED_PAUSE_US (USEC_PER_SECOND / 10)

typedef struct Kill {
    BoottimeTimer *timer;
} Kill;

static void kill_free(gpointer data)
{
    Kill *kill = data;

    g_clear_pointer(&kill->timer, boottime_timer_free);
    g_free(kill);
}

static void go_on(gpointer user_data)
{
    GTask *task = user_data;
    Kill *kill = g_task_get_task_data(task);
    g_autoptr(GError) error = NULL;

    if (g_cancellable_is_cancelled(g_task_get_cancellable(task)))
        action_return(task, ACTION_FAILED, "not finished");
    else if (bailiff_target_kill(g_task_get_source_object(task), &error))
        action_return(task, ACTION_WORKED, "SIGKILL was sent");
    else if (!g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY))
        action_return(task, ACTION_FAILED, "%s", error->message);
    else
        boottime_timer_set(kill->timer, time_add(boottime_now(), UNFINISHED_PAUSE_US));
}

void action_kill_start(const ActionServices *services, const ActionRequest *request, GTask *task)
{
    Kill *kill = g_new0(Kill, 1);

    kill->timer = boottime_timer_new(go_on, task);
    g_task_set_task_data(task, kill, kill_free);
    go_on(task);
}
