/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Freezing a unit: none of its processes runs until it is thawed or killed.
 *
 * systemd is asked, so that it knows; that it is so is the kernel's word ("frozen 1" in
 * cgroup.events). A frozen unit is not quiet: what its processes have given to the kernel to write
 * is written all the same, at any time. So this clears nobody. What it is good for is time to look,
 * or to let other steps work, before the kill, which frozen processes obey.
 *
 * A freeze that systemd carries out late, after the grace, finds the processes killed; asked to
 * stop or start the unit after that, systemd thaws it.
 */
#include "actions/action-functions.h"

#include "actions/systemd-calls.h"
#include "actions/unit-target.h"
#include "common/bailiff-error.h"

/* Ends when systemd has answered, and the action has. */
typedef struct Freeze {
    GTask *task; /* NULL: it has answered */
    BailiffUnitTarget *target;
    gulong group_changed;
    GSource *cancelled; /* NULL: cannot be */
    gboolean asking;
} Freeze;

static void freeze_unref_if_over(Freeze *freeze)
{
    if (freeze->task != NULL || freeze->asking)
        return;
    g_object_unref(freeze->target);
    g_free(freeze);
}

static void answer(Freeze *freeze, ActionOutcome outcome, const char *detail)
{
    if (freeze->task == NULL)
        return;
    g_signal_handler_disconnect(freeze->target, freeze->group_changed);
    if (freeze->cancelled != NULL) {
        g_source_destroy(freeze->cancelled);
        g_source_unref(freeze->cancelled);
    }
    action_return(g_steal_pointer(&freeze->task), outcome, "%s", detail);
}

static void on_group_changed(BailiffUnitTarget *target, gpointer user_data)
{
    Freeze *freeze = user_data;

    if (!bailiff_unit_target_is_frozen(target))
        return;
    answer(freeze, ACTION_WORKED, "all its processes are frozen");
    freeze_unref_if_over(freeze);
}

static gboolean on_cancelled(GCancellable *cancellable, gpointer user_data)
{
    Freeze *freeze = user_data;

    answer(freeze, ACTION_FAILED, "it was not frozen in time");
    freeze_unref_if_over(freeze);
    return G_SOURCE_REMOVE;
}

static void on_asked(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Freeze *freeze = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = systemd_call_finish(result, &error);
    g_autofree char *message = error != NULL ? bailiff_error_in_one_line(error->message) : NULL;

    freeze->asking = FALSE;
    if (bailiff_unit_target_is_frozen(freeze->target))
        answer(freeze, ACTION_WORKED, "all its processes are frozen");
    else if (reply == NULL)
        answer(freeze, ACTION_FAILED, message);
    freeze_unref_if_over(freeze);
}

void action_freeze_start(const ActionServices *services, const ActionRequest *request, GTask *task)
{
    GCancellable *cancellable = g_task_get_cancellable(task);
    Freeze *freeze;

    if (!BAILIFF_IS_UNIT_TARGET(request->target) || services->systemd == NULL) {
        action_return(task, ACTION_FAILED, "not an action for %s",
                      bailiff_target_get_description(request->target));
        return;
    }
    freeze = g_new0(Freeze, 1);
    freeze->task = task;
    freeze->target = g_object_ref(BAILIFF_UNIT_TARGET(request->target));
    freeze->group_changed =
        g_signal_connect(freeze->target, "group-changed", G_CALLBACK(on_group_changed), freeze);
    if (cancellable != NULL) {
        freeze->cancelled = g_cancellable_source_new(cancellable);
        g_source_set_callback(freeze->cancelled, G_SOURCE_FUNC(on_cancelled), freeze, NULL);
        g_source_attach(freeze->cancelled, NULL);
    }
    freeze->asking = TRUE;
    systemd_call_async(services->systemd, "FreezeUnit",
                       g_variant_new("(s)", bailiff_unit_target_get_unit(freeze->target)),
                       G_VARIANT_TYPE_UNIT, request->until_us, cancellable, on_asked, freeze);
}
