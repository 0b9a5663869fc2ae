/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One thread for each open().
 */
#include "engine/device-opener.h"

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"

/* Shared by the caller's side (timeout) and the thread (result): whoever comes first answers. */
typedef struct OpenCall {
    gatomicrefcount references;
    GTask *task; /* main context only; NULL once answered */
    GMainContext *context;
    GSource *timer;
    char *path;
    gboolean read_only;
    BlockDevice *device;
    GError *error;
} OpenCall;

static gint openers; /* atomic */

static void open_call_unref(gpointer data)
{
    OpenCall *call = data;

    if (!g_atomic_ref_count_dec(&call->references))
        return;
    g_clear_pointer(&call->device, block_device_unref);
    g_clear_error(&call->error);
    g_main_context_unref(call->context);
    g_free(call->path);
    g_free(call);
}

static void drop_timer(OpenCall *call)
{
    if (call->timer != NULL) {
        g_source_destroy(call->timer);
        g_clear_pointer(&call->timer, g_source_unref);
    }
}

static gboolean on_opened(gpointer data)
{
    OpenCall *call = data;
    g_autoptr(GTask) task = g_steal_pointer(&call->task);

    drop_timer(call);
    if (task == NULL)
        return G_SOURCE_REMOVE;
    if (call->device != NULL)
        g_task_return_pointer(task, g_steal_pointer(&call->device),
                              (GDestroyNotify)block_device_unref);
    else
        g_task_return_error(task, g_steal_pointer(&call->error));
    return G_SOURCE_REMOVE;
}

static gboolean on_timeout(gpointer data)
{
    OpenCall *call = data;
    g_autoptr(GTask) task = g_steal_pointer(&call->task);

    if (task != NULL)
        g_task_return_error(
            task, bailiff_error_make(BAILIFF_ERROR_IO_TIMEOUT,
                                     "Check the storage and its connection, then try again.",
                                     "%s could not be opened in time.", call->path));
    return G_SOURCE_REMOVE;
}

static gpointer opener_thread(gpointer data)
{
    OpenCall *call = data;
    g_autoptr(GSource) source = g_idle_source_new();

    call->device = block_device_open(call->path, call->read_only, &call->error);
    g_atomic_int_add(&openers, -1);
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, on_opened, call, open_call_unref);
    g_source_attach(source, call->context);
    return NULL;
}

void device_open_async(const char *path, gboolean read_only, guint64 timeout_us,
                       GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, user_data);
    OpenCall *call;
    GThread *thread = NULL;

    g_task_set_source_tag(task, device_open_async);
    if (g_atomic_int_add(&openers, 1) < DEVICE_OPENERS_MAX) {
        call = g_new0(OpenCall, 1);
        g_atomic_ref_count_init(&call->references);
        call->context = g_main_context_ref_thread_default();
        call->path = g_strdup(path);
        call->read_only = read_only;
        call->task = g_object_ref(task);
        call->timer = boottime_source_new(time_add(boottime_now(), timeout_us));
        g_atomic_ref_count_inc(&call->references);
        g_source_set_callback(call->timer, on_timeout, call, open_call_unref);
        g_source_attach(call->timer, call->context);
        thread = g_thread_try_new("bailiff-open", opener_thread, call, NULL);
        if (thread == NULL) {
            g_clear_object(&call->task);
            drop_timer(call);
            open_call_unref(call);
        }
    }
    if (thread != NULL) {
        g_thread_unref(thread);
        return;
    }
    g_atomic_int_add(&openers, -1);
    g_task_return_error(
        task,
        bailiff_error_make(
            BAILIFF_ERROR_BUSY,
            "Check the storage that these calls name; wait until it answers or fails.",
            "%s cannot be opened now: %d devices that do not answer are being opened already.",
            path, DEVICE_OPENERS_MAX));
}

BlockDevice *device_open_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}
