/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One thread for each open().
 *
 *   waiting ──► under way ──► answered      the thread's result comes first
 *      │            └───────► answered ──►  the time limit comes first; the thread keeps its place
 * in └────────────────────► answered      the set until open() returns
 */
#include "engine/device-opener.h"

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"

struct DeviceOpeners {
    guint references;
    guint under_way;
    GQueue waiting; /* OpenCall, a reference each */
};

/* Shared by the caller's side (time limit) and the thread (result). But for `device` and `error`,
 * which the thread fills before it hands the call back, everything is the main context's. */
typedef struct OpenCall {
    gatomicrefcount references;
    DeviceOpeners *openers;
    GTask *task; /* NULL once answered */
    GMainContext *context;
    GSource *timer;
    char *path;
    gboolean read_only;
    gboolean started;
    BlockDevice *device;
    GError *error;
} OpenCall;

static void start_waiting(DeviceOpeners *self);

DeviceOpeners *device_openers_new(void)
{
    DeviceOpeners *self = g_new0(DeviceOpeners, 1);

    self->references = 1;
    g_queue_init(&self->waiting);
    return self;
}

static DeviceOpeners *device_openers_ref(DeviceOpeners *self)
{
    self->references++;
    return self;
}

void device_openers_unref(DeviceOpeners *self)
{
    /* Each call that waits has a reference, so the queue is empty at the end. */
    if (--self->references == 0)
        g_free(self);
}

static DeviceOpeners *default_openers(void)
{
    static DeviceOpeners *openers;

    if (openers == NULL)
        openers = device_openers_new();
    return openers;
}

static void open_call_unref(gpointer data)
{
    OpenCall *call = data;

    if (!g_atomic_ref_count_dec(&call->references))
        return;
    g_clear_pointer(&call->device, block_device_unref);
    g_clear_error(&call->error);
    g_clear_pointer(&call->timer, g_source_unref); /* one that has fired */
    g_main_context_unref(call->context);
    device_openers_unref(call->openers);
    g_free(call->path);
    g_free(call);
}

static OpenCall *open_call_ref(OpenCall *call)
{
    g_atomic_ref_count_inc(&call->references);
    return call;
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
    call->openers->under_way--;
    start_waiting(call->openers);
    if (task == NULL)
        return G_SOURCE_REMOVE;
    if (call->device != NULL)
        g_task_return_pointer(task, g_steal_pointer(&call->device),
                              (GDestroyNotify)block_device_unref);
    else
        g_task_return_error(task, g_steal_pointer(&call->error));
    return G_SOURCE_REMOVE;
}

static GError *too_many(const OpenCall *call)
{
    return bailiff_error_make(
        BAILIFF_ERROR_BUSY,
        "Check the storage that these calls name; wait until it answers or fails.",
        "%s cannot be opened now: %u devices that do not answer are being opened already.",
        call->path, call->openers->under_way);
}

static gboolean on_timeout(gpointer data)
{
    OpenCall *call = data;
    g_autoptr(GTask) task = g_steal_pointer(&call->task);

    if (task != NULL && call->started)
        g_task_return_error(
            task, bailiff_error_make(BAILIFF_ERROR_IO_TIMEOUT,
                                     "Check the storage and its connection, then try again.",
                                     "%s could not be opened in time.", call->path));
    else if (task != NULL)
        g_task_return_error(task, too_many(call));
    if (!call->started && g_queue_remove(&call->openers->waiting, call))
        open_call_unref(call);
    return G_SOURCE_REMOVE;
}

/* Only `path`, `read_only`, `device`, `error` and `context` are touched here. The reference goes
 * back with the call, and is dropped in the main context: so are those of the set. */
static gpointer opener_thread(gpointer data)
{
    OpenCall *call = data;
    g_autoptr(GSource) source = g_idle_source_new();

    call->device = block_device_open(call->path, call->read_only, &call->error);
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, on_opened, call, open_call_unref);
    g_source_attach(source, call->context);
    return NULL;
}

static void no_thread(OpenCall *call)
{
    g_autoptr(GTask) task = g_steal_pointer(&call->task);

    drop_timer(call);
    call->openers->under_way--;
    g_task_return_error(
        task,
        bailiff_error_make(BAILIFF_ERROR_BUSY,
                           "Raise the limit of threads for bailiffd (TasksMax, RLIMIT_NPROC).",
                           "No thread could be started to open %s.", call->path));
}

static void start_waiting(DeviceOpeners *self)
{
    while (self->under_way < DEVICE_OPENERS_MAX && self->waiting.length > 0) {
        OpenCall *call = g_queue_pop_head(&self->waiting);
        GThread *thread;

        self->under_way++;
        call->started = TRUE;
        thread = g_thread_try_new("bailiff-open", opener_thread, open_call_ref(call), NULL);
        if (thread != NULL) {
            g_thread_unref(thread);
        } else {
            no_thread(call);
            open_call_unref(call);
        }
        open_call_unref(call);
    }
}

void device_open_async(DeviceOpeners *openers, const char *path, gboolean read_only,
                       guint64 timeout_us, GAsyncReadyCallback callback, gpointer user_data)
{
    DeviceOpeners *self = openers != NULL ? openers : default_openers();
    OpenCall *call = g_new0(OpenCall, 1);

    g_atomic_ref_count_init(&call->references);
    call->openers = device_openers_ref(self);
    call->context = g_main_context_ref_thread_default();
    call->path = g_strdup(path);
    call->read_only = read_only;
    call->task = g_task_new(NULL, NULL, callback, user_data);
    g_task_set_source_tag(call->task, device_open_async);
    call->timer = boottime_source_new(time_add(boottime_now(), timeout_us));
    g_source_set_callback(call->timer, on_timeout, open_call_ref(call), open_call_unref);
    g_source_attach(call->timer, call->context);
    g_queue_push_tail(&self->waiting, call);
    start_waiting(self);
}

BlockDevice *device_open_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}
