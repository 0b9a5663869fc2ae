/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queue: requests in, io_submit, events and deadlines, callbacks out.
 *
 * Everything happens in run_queue(), which three sources of the queue's context call: the eventfd
 * (the kernel ended something, or another queue woke us because its write left a fence), the
 * deadline timer, and a source that is ready whenever a call has left something to do. Calls
 * themselves only file a request. So no callback runs inside a call, and what is asked for within
 * one iteration of the main loop goes out in one io_submit.
 *
 * The order inside run_queue() matters: what the kernel has ended is taken first, so that an I/O
 * that ended is never reported as timed out because this thread was late; callbacks run before the
 * submission, so that what they ask for joins it.
 *
 * A callback may free the queue, which empties its lists: run_queue() holds a reference, finds
 * nothing more to deliver, and submits nothing to a queue that is closed.
 */
#include "blockio/aio-queue.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "blockio/aio-queue-state.h"
#include "blockio/aio-reaper.h"
#include "blockio/aligned-buffer.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"

#define DEPTH_MAX 1024u

typedef struct FlushSource {
    GSource source;
    AioQueue *queue;
} FlushSource;

static void queue_unref(AioQueue *self)
{
    if (--self->references > 0)
        return;
    g_hash_table_unref(self->lanes);
    close(self->event_fd);
    g_free(self);
}

static void arm_deadline(AioQueue *self)
{
    guint64 wanted_us = self->retry_us;

    if (self->due.head != NULL)
        wanted_us = MIN(wanted_us, ((AioRequest *)self->due.head->data)->due_us);
    if (wanted_us < self->armed_us) {
        self->armed_us = wanted_us;
        boottime_source_set(self->deadline_source, wanted_us);
    }
}

/* Callbacks. */

static void deliver(AioQueue *self)
{
    GList *link;

    while ((link = g_queue_pop_head_link(&self->done)) != NULL) {
        AioRequest *request = link->data;
        /* An overdue request stays with the kernel, and after the callback perhaps with the reaper:
         * it must not be looked at again. */
        gboolean is_last_use = request->state == AIO_REQUEST_ENDED;
        AioResult result = request->result;

        request->undelivered = FALSE;
        request->callback(&result, request->user_data);
        if (is_last_use)
            aio_request_free(request);
    }
}

static void run_queue(AioQueue *self)
{
    self->references++;
    aio_queue_take_events(self);
    aio_queue_expire(self);
    deliver(self);
    if (!self->closed) {
        self->has_work = FALSE;
        aio_queue_submit(self);
        self->has_work = self->done.length > 0;
        arm_deadline(self);
    }
    queue_unref(self);
}

static gboolean on_event_fd(gint fd, GIOCondition condition, gpointer user_data)
{
    run_queue(user_data);
    return G_SOURCE_CONTINUE;
}

static gboolean on_deadline(gpointer user_data)
{
    AioQueue *self = user_data;

    self->armed_us = TIME_NEVER;
    run_queue(self);
    return G_SOURCE_CONTINUE;
}

static gboolean flush_source_prepare(GSource *source, gint *timeout)
{
    *timeout = -1;
    return ((FlushSource *)source)->queue->has_work;
}

static gboolean flush_source_check(GSource *source)
{
    return ((FlushSource *)source)->queue->has_work;
}

static gboolean flush_source_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    run_queue(((FlushSource *)source)->queue);
    return G_SOURCE_CONTINUE;
}

/* Construction and end. */

static GSource *new_flush_source(AioQueue *self)
{
    static GSourceFuncs functions = { .prepare = flush_source_prepare,
                                      .check = flush_source_check,
                                      .dispatch = flush_source_dispatch };
    GSource *source = g_source_new(&functions, sizeof(FlushSource));

    ((FlushSource *)source)->queue = self;
    g_source_set_static_name(source, "aio-flush");
    /* Above the others: once the sources of one iteration have asked for I/O, it goes out before
     * any of them runs again. */
    g_source_set_priority(source, G_PRIORITY_HIGH);
    return source;
}

/* A callback may run the loop itself, and what it waits for may be an I/O of this queue. */
static void attach(GSource *source, GMainContext *context)
{
    g_source_set_can_recurse(source, TRUE);
    g_source_attach(source, context);
}

static void attach_sources(AioQueue *self, GMainContext *context)
{
    self->event_source = g_unix_fd_source_new(self->event_fd, G_IO_IN);
    g_source_set_callback(self->event_source, G_SOURCE_FUNC(on_event_fd), self, NULL);
    g_source_set_static_name(self->event_source, "aio-events");
    attach(self->event_source, context);

    self->armed_us = TIME_NEVER;
    self->deadline_source = boottime_source_new(TIME_NEVER);
    g_source_set_callback(self->deadline_source, on_deadline, self, NULL);
    attach(self->deadline_source, context);

    self->flush_source = new_flush_source(self);
    attach(self->flush_source, context);
}

AioQueue *aio_queue_new(GMainContext *context, unsigned depth, GError **error)
{
    AioQueue *self = g_new0(AioQueue, 1);
    int error_number = 0;

    self->references = 1;
    self->depth = CLAMP(depth, 1, DEPTH_MAX);
    self->retry_us = TIME_NEVER;
    self->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->event_fd < 0)
        error_number = errno;
    else
        error_number = -io_setup((int)(self->depth + AIO_ROOM_FOR_OVERDUE), &self->context);
    if (error_number != 0) {
        bailiff_set_error(
            error, BAILIFF_ERROR_IO_ERROR, "Raise the limit fs.aio-max-nr, or that on open files.",
            "The kernel has no room for another queue of I/O: %s.", g_strerror(error_number));
        if (self->event_fd >= 0)
            close(self->event_fd);
        g_free(self);
        return NULL;
    }

    self->lanes = g_hash_table_new_full(storage_key_hash, storage_key_equal, NULL,
                                        (GDestroyNotify)aio_lane_free);
    g_queue_init(&self->busy);
    g_queue_init(&self->due);
    g_queue_init(&self->done);
    attach_sources(self, context);
    return self;
}

static void free_waiting(GQueue *requests)
{
    GList *link;

    while ((link = g_queue_pop_head_link(requests)) != NULL)
        aio_request_free(link->data);
}

/* What the kernel has goes to `in_flight`; what only waited is freed. */
static void empty_lane(AioQueue *self, AioLane *lane, GQueue *in_flight)
{
    GList *link;

    free_waiting(&lane->pending);
    while ((link = g_queue_pop_head_link(&lane->in_flight)) != NULL) {
        AioRequest *request = link->data;

        free_waiting(&request->adopters);
        if (request->undelivered)
            g_queue_unlink(&self->done, &request->done_link);
        request->undelivered = FALSE;
        request->lane = NULL;
        g_queue_push_tail_link(in_flight, link);
    }
}

static void destroy_source(GSource **source)
{
    g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

void aio_queue_free(AioQueue *self)
{
    GQueue in_flight = G_QUEUE_INIT;
    GHashTableIter iterator;
    gpointer lane;
    GList *link;

    self->closed = TRUE;
    destroy_source(&self->event_source);
    destroy_source(&self->deadline_source);
    destroy_source(&self->flush_source);

    g_hash_table_iter_init(&iterator, self->lanes);
    while (g_hash_table_iter_next(&iterator, NULL, &lane))
        empty_lane(self, lane, &in_flight);
    while ((link = g_queue_pop_head_link(&self->done)) != NULL)
        aio_request_free(link->data);
    aio_reaper_start(self->context, &in_flight);
    queue_unref(self);
}

/* Calls. */

static AioLane *find_lane(AioQueue *self, const BlockDevice *device)
{
    StorageKey key = { block_device_get_key_major(device), block_device_get_key_minor(device) };
    AioLane *lane = g_hash_table_lookup(self->lanes, &key);

    if (lane == NULL) {
        lane = aio_lane_new(&key);
        g_hash_table_insert(self->lanes, &lane->key, lane);
    }
    return lane;
}

static gboolean is_valid_range(const BlockDevice *device, guint64 offset, guint32 length)
{
    guint32 block_size = block_device_get_block_size(device);

    return length > 0 && length % block_size == 0 && offset % block_size == 0 &&
           offset <= (guint64)G_MAXINT64 - length;
}

static gboolean is_valid_fence(const AioWrite *write)
{
    return write->fence_length <= G_MAXUINT64 - write->fence_offset &&
           write->fence_offset <= write->offset &&
           write->fence_offset + write->fence_length >= write->offset + write->length;
}

static void file_request(AioQueue *self, AioRequest *request)
{
    AioLane *lane = request->lane;
    guint64 due_us = MIN(request->deadline_us, time_add(request->start_by_us, 1));

    g_queue_push_tail_link(&lane->pending, &request->place);
    aio_queue_set_due(self, request, due_us);
    aio_queue_mark_busy(self, lane);
}

void aio_queue_read(AioQueue *self, const AioRead *read, AioCallback callback, gpointer user_data)
{
    AioRequest *request = aio_request_new(read->device, read->offset, read->length,
                                          read->timeout_us, callback, user_data);
    AioRequest *overdue = NULL;

    if (!is_valid_range(read->device, read->offset, read->length)) {
        aio_queue_finish_unstarted(self, request, AIO_FAILED, EINVAL, boottime_now());
        return;
    }
    request->lane = find_lane(self, read->device);
    request->adopt_overdue = read->adopt_overdue;
    if (read->adopt_overdue)
        overdue = aio_lane_find_overdue_read(request->lane, read->offset, read->length);
    if (overdue == NULL) {
        file_request(self, request);
        return;
    }
    aio_queue_adopt(overdue, request);
    aio_queue_set_due(self, request, request->deadline_us);
    self->has_work = TRUE; /* the timer is armed in the next run */
}

void aio_queue_write(AioQueue *self, const AioWrite *write, AioCallback callback,
                     gpointer user_data)
{
    AioRequest *request = aio_request_new(write->device, write->offset, write->length,
                                          write->timeout_us, callback, user_data);

    request->is_write = TRUE;
    request->start_by_us = write->start_by_us;
    if (!is_valid_range(write->device, write->offset, write->length) || !is_valid_fence(write)) {
        aio_queue_finish_unstarted(self, request, AIO_FAILED, EINVAL, boottime_now());
        return;
    }
    request->buffer = aligned_buffer_take(write->length);
    if (request->buffer == NULL) {
        aio_queue_finish_unstarted(self, request, AIO_FAILED, ENOMEM, boottime_now());
        return;
    }
    memcpy(request->buffer, write->data, write->length);
    request->lane = find_lane(self, write->device);
    request->fence = (WriteFence){ .key_major = request->lane->key.major,
                                   .key_minor = request->lane->key.minor,
                                   .offset = write->fence_offset,
                                   .length = write->fence_length,
                                   .wake_fd = self->event_fd };
    if (write->permit != NULL)
        request->fence.permit = write_permit_ref(write->permit);
    file_request(self, request);
}

unsigned aio_queue_get_overdue(const AioQueue *self)
{
    return self->overdue;
}

gboolean aio_write_in_flight(const BlockDevice *device, guint64 offset, guint64 length)
{
    if (length > G_MAXUINT64 - offset)
        length = G_MAXUINT64 - offset;
    return write_register_overlaps(block_device_get_key_major(device),
                                   block_device_get_key_minor(device), offset, length);
}
