/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The programs of a failure policy, all looked at at the same time.
 */
#include "engine/policy-programs.h"

#include "common/bailiff-error.h"
#include "engine/engine-private.h"

typedef struct Check {
    guint waiting;
    GError *errors[FAILURE_POLICY_MAX_STEPS];
} Check;

typedef struct StepCheck {
    GTask *task; /* reference */
    gsize step;
} StepCheck;

static void check_free(gpointer data)
{
    Check *check = data;

    for (gsize i = 0; i < FAILURE_POLICY_MAX_STEPS; i++)
        g_clear_error(&check->errors[i]);
    g_free(check);
}

gboolean bailiff_policy_has_programs(const FailurePolicy *policy)
{
    for (gsize i = 0; i < policy->n_steps; i++)
        if (policy->steps[i].action == FAILURE_ACTION_EXEC)
            return TRUE;
    return FALSE;
}

static void return_first_error(GTask *task)
{
    Check *check = g_task_get_task_data(task);

    for (gsize i = 0; i < FAILURE_POLICY_MAX_STEPS; i++) {
        if (check->errors[i] == NULL)
            continue;
        if (check->errors[i]->domain == BAILIFF_ERROR)
            g_prefix_error(&check->errors[i], "Step %u (exec): ", (guint)i + 1);
        g_task_return_error(task, g_steal_pointer(&check->errors[i]));
        return;
    }
    g_task_return_boolean(task, TRUE);
}

static void one_is_done(GTask *task)
{
    Check *check = g_task_get_task_data(task);

    if (--check->waiting == 0)
        return_first_error(task);
    g_object_unref(task);
}

static void on_checked(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autofree StepCheck *step_check = user_data;
    Check *check = g_task_get_task_data(step_check->task);

    (void)launcher_check_finish(NULL, result, &check->errors[step_check->step]);
    one_is_done(step_check->task);
}

void bailiff_engine_check_programs_async(BailiffEngine *self, const FailurePolicy *policy,
                                         uid_t uid, GCancellable *cancellable,
                                         GAsyncReadyCallback callback, gpointer user_data)
{
    GTask *task = g_task_new(self, cancellable, callback, user_data);
    Launcher *launcher = bailiff_engine_get_services(self)->launcher;
    Check *check = g_new0(Check, 1);

    g_task_set_task_data(task, check, check_free);
    check->waiting = 1; /* this function */
    for (gsize i = 0; i < policy->n_steps; i++) {
        if (policy->steps[i].action != FAILURE_ACTION_EXEC)
            continue;
        if (launcher == NULL) {
            bailiff_set_error(&check->errors[i], BAILIFF_ERROR_UNSUPPORTED,
                              "Use other actions than exec.", "This daemon runs no programs.");
            continue;
        }
        StepCheck *step_check = g_new(StepCheck, 1);
        *step_check = (StepCheck){ .task = g_object_ref(task), .step = i };
        check->waiting++;
        launcher_check_async(launcher, failure_policy_get_word(policy, &policy->steps[i], 0), uid,
                             cancellable, on_checked, step_check);
    }
    one_is_done(task);
}

gboolean bailiff_engine_check_programs_finish(BailiffEngine *self, GAsyncResult *result,
                                              GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
