/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A signal. A target may need a moment before it can be sent: the processes that its first signal
 * could leave behind have to be known.
 */
#include "actions/action-functions.h"

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"

#define PAUSE_US (USEC_PER_SECOND / 100)

typedef struct SignalStep {
    int signal_number;
    BoottimeTimer *timer; /* NULL: not needed yet */
} SignalStep;

static void step_free(gpointer data)
{
    SignalStep *step = data;

    g_clear_pointer(&step->timer, boottime_timer_free);
    g_free(step);
}

static void go_on(gpointer user_data)
{
    GTask *task = user_data;
    SignalStep *step = g_task_get_task_data(task);
    g_autoptr(GError) error = NULL;

    if (g_cancellable_is_cancelled(g_task_get_cancellable(task))) {
        action_return(task, ACTION_FAILED, "not sent in time");
    } else if (bailiff_target_signal(g_task_get_source_object(task), step->signal_number, &error)) {
        action_return(task, ACTION_WORKED, "SIG%s was sent",
                      failure_signal_name(step->signal_number));
    } else if (!g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY)) {
        action_return(task, ACTION_FAILED, "%s", error->message);
    } else {
        if (step->timer == NULL)
            step->timer = boottime_timer_new(go_on, task);
        boottime_timer_set(step->timer, time_add(boottime_now(), PAUSE_US));
    }
}

void action_signal_start(const ActionServices *services, const ActionRequest *request, GTask *task)
{
    SignalStep *step = g_new0(SignalStep, 1);

    step->signal_number = request->step->signal_number;
    g_task_set_task_data(task, step, step_free);
    go_on(task);
}
