/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Releasing several resources in one call.
 */
#include "engine/release-call.h"

#include "engine/resource-private.h"

typedef struct ReleaseCall {
    guint left;
    GError *error; /* the first one */
} ReleaseCall;

static void release_call_free(gpointer data)
{
    ReleaseCall *call = data;

    g_clear_error(&call->error);
    g_free(call);
}

static void release_call_step(GTask *task)
{
    ReleaseCall *call = g_task_get_task_data(task);

    if (--call->left > 0)
        return;
    if (call->error != NULL)
        g_task_return_error(task, g_steal_pointer(&call->error));
    else
        g_task_return_boolean(task, TRUE);
}

static void on_one_released(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    ReleaseCall *call = g_task_get_task_data(task);

    bailiff_resource_release_finish(BAILIFF_RESOURCE(source), result,
                                    call->error == NULL ? &call->error : NULL);
    release_call_step(task);
}

void release_call_start(GPtrArray *resources, GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, user_data);
    ReleaseCall *call = g_new0(ReleaseCall, 1);

    g_task_set_task_data(task, call, release_call_free);
    call->left = 1;
    for (guint i = 0; i < resources->len; i++) {
        call->left++;
        bailiff_resource_release_async(resources->pdata[i], on_one_released, g_object_ref(task));
    }
    release_call_step(task);
}

gboolean release_call_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
