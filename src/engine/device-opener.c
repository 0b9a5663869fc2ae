/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One thread for each open().
 *
 *   waiting ──► under way ──► answered      the thread's result comes first
 *      │            └───────► answered ──►  the time limit comes first; the thread keeps its place
 * in └────────────────────► answered      the set until open() returns
 *
 * Hundreds of leases on one device are wanted at the same moment, and its path must be opened anew
 * each time, since it can lead elsewhere than it did. So who asks while that path is being opened
 * waits for the next open of it, which begins after he has asked, and shares it with all who wait
 * then. One that takes long may never end: then nobody waits for it.
 */
#include "engine/device-opener.h"

#include "base/checked-time.h"
#include "blockio/io-gate.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"

/* After that an open under way is none to wait for any more. */
#define SHARE_WITHIN_US (USEC_PER_SECOND / 10)

struct DeviceOpeners {
    guint references;
    guint under_way;
    GQueue started; /* OpenCall of each thread, borrowed */
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
    guint64 started_us;
    GPtrArray *companions; /* OpenCall: who shares this open */
    BlockDevice *device;
    GError *error;
} OpenCall;

static void start_waiting(DeviceOpeners *self);

DeviceOpeners *device_openers_new(void)
{
    DeviceOpeners *self = g_new0(DeviceOpeners, 1);

    self->references = 1;
    g_queue_init(&self->waiting);
    g_queue_init(&self->started);
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
    g_ptr_array_unref(call->companions);
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

static void answer(OpenCall *call, BlockDevice *device, const GError *error)
{
    g_autoptr(GTask) task = g_steal_pointer(&call->task);

    drop_timer(call);
    if (task == NULL)
        return;
    if (device != NULL)
        g_task_return_pointer(task, block_device_ref(device), (GDestroyNotify)block_device_unref);
    else
        g_task_return_error(task, g_error_copy(error));
}

static void answer_all(OpenCall *call)
{
    answer(call, call->device, call->error);
    for (guint i = 0; i < call->companions->len; i++)
        answer(call->companions->pdata[i], call->device, call->error);
}

static gboolean on_opened(gpointer data)
{
    OpenCall *call = data;

    call->openers->under_way--;
    g_queue_remove(&call->openers->started, call);
    answer_all(call);
    start_waiting(call->openers);
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

    if (task != NULL && (call->started || call->openers->under_way < DEVICE_OPENERS_MAX))
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

    io_gate_wait_and_enter();
    call->device = block_device_open(call->path, call->read_only, &call->error);
    io_gate_leave();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, on_opened, call, open_call_unref);
    g_source_attach(source, call->context);
    return NULL;
}

static void no_thread(OpenCall *call)
{
    call->openers->under_way--;
    g_queue_remove(&call->openers->started, call);
    call->error = bailiff_error_make(
        BAILIFF_ERROR_BUSY, "Raise the limit of threads for bailiffd (TasksMax, RLIMIT_NPROC).",
        "No thread could be started to open %s.", call->path);
    answer_all(call);
}

static gboolean is_same_open(const OpenCall *a, const OpenCall *b)
{
    return a->read_only == b->read_only && g_str_equal(a->path, b->path);
}

static gboolean has_to_wait(const DeviceOpeners *self, const OpenCall *call)
{
    guint64 now_us = boottime_now();

    for (const GList *link = self->started.head; link != NULL; link = link->next) {
        const OpenCall *other = link->data;

        if (is_same_open(other, call) && time_since(now_us, other->started_us) < SHARE_WITHIN_US)
            return TRUE;
    }
    return FALSE;
}

/* Takes all that wait for the same out of the queue; they are after `call` in it. */
static void take_companions(DeviceOpeners *self, OpenCall *call)
{
    GList *next;

    for (GList *link = self->waiting.head; link != NULL; link = next) {
        OpenCall *other = link->data;

        next = link->next;
        if (!is_same_open(other, call))
            continue;
        g_queue_delete_link(&self->waiting, link);
        other->started = TRUE;
        g_ptr_array_add(call->companions, other);
    }
}

static void start(OpenCall *call)
{
    GThread *thread;

    call->openers->under_way++;
    call->started = TRUE;
    call->started_us = boottime_now();
    g_queue_push_tail(&call->openers->started, call);
    thread = g_thread_try_new("bailiff-open", opener_thread, open_call_ref(call), NULL);
    if (thread != NULL) {
        g_thread_unref(thread);
    } else {
        no_thread(call);
        open_call_unref(call);
    }
}

static void start_waiting(DeviceOpeners *self)
{
    GList *link = self->waiting.head;

    while (link != NULL && self->under_way < DEVICE_OPENERS_MAX) {
        OpenCall *call = link->data;

        if (has_to_wait(self, call)) {
            link = link->next;
            continue;
        }
        g_queue_delete_link(&self->waiting, link);
        take_companions(self, call);
        start(call);
        open_call_unref(call);
        link = self->waiting.head;
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
    call->companions = g_ptr_array_new_with_free_func(open_call_unref);
    call->task = g_task_new(NULL, NULL, callback, user_data);
    g_task_set_source_tag(call->task, device_open_async);
    /* Nothing but patience: no descriptor for each of hundreds. */
    call->timer = g_timeout_source_new((guint)MIN(timeout_us / 1000, G_MAXUINT));
    g_source_set_callback(call->timer, on_timeout, open_call_ref(call), open_call_unref);
    g_source_attach(call->timer, call->context);
    g_queue_push_tail(&self->waiting, call);
    if (!has_to_wait(self, call))
        start_waiting(self);
}

BlockDevice *device_open_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}
