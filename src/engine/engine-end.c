/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's end: every lockspace is left, whoever holds leases there, and what could not be read
 * is waited for.
 */
#include "engine/engine-private.h"
#include "engine/forsaken.h"
#include "engine/lockspace.h"
#include "engine/records.h"

/* The task's data is how many ends are still waited for. */
static void one_less(GTask *task)
{
    guint *left = g_task_get_task_data(task);

    if (--*left == 0)
        g_task_return_boolean(task, TRUE);
}

static void on_left(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;

    bailiff_lockspace_leave_finish(BAILIFF_LOCKSPACE(source), result, NULL);
    one_less(task);
}

static void on_forsaken_gone(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;

    forsaken_wait_finish(result);
    one_less(task);
}

void bailiff_engine_shut_down_async(BailiffEngine *self, GAsyncReadyCallback callback,
                                    gpointer user_data)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(self);
    g_autoptr(GTask) task = NULL;
    guint *left;

    g_return_if_fail(!bailiff_engine_is_shutting_down(self));
    bailiff_engine_begin_to_shut_down(self);
    bailiff_records_forget_left(bailiff_engine_get_records(self));
    task = g_task_new(self, NULL, callback, user_data);
    left = g_new(guint, 1);
    *left = lockspaces->len + 1;
    g_task_set_task_data(task, left, g_free);
    forsaken_wait_async(bailiff_engine_get_forsaken(self), on_forsaken_gone, g_object_ref(task));
    for (guint i = 0; i < lockspaces->len; i++)
        bailiff_lockspace_leave_async(lockspaces->pdata[i], TRUE, on_left, g_object_ref(task));
}

gboolean bailiff_engine_shut_down_finish(BailiffEngine *self, GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
