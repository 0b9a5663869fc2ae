/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How I/Os of a queue end: by the kernel's event, by their deadline, or without ever having
 * started.
 */
#include "blockio/aio-queue-state.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "blockio/aligned-buffer.h"
#include "common/boottime.h"

/* The list of requests by the time at which something is due. */

static void due_remove(AioQueue *self, AioRequest *request)
{
    if (request->due_us == 0)
        return;
    g_queue_unlink(&self->due, &request->due_link);
    request->due_us = 0;
}

/* From the end: most requests have the same timeout, so the newest is due last. */
void aio_queue_set_due(AioQueue *self, AioRequest *request, guint64 due_us)
{
    GList *before = self->due.tail;

    due_remove(self, request);
    request->due_us = MAX(due_us, 1);
    while (before != NULL && ((AioRequest *)before->data)->due_us > request->due_us)
        before = before->prev;
    g_queue_insert_after_link(&self->due, before, &request->due_link);
}

/* Ends of requests. */

static void push_done(AioQueue *self, AioRequest *request)
{
    due_remove(self, request);
    request->undelivered = TRUE;
    g_queue_push_tail_link(&self->done, &request->done_link);
    self->has_work = TRUE;
}

/* For a request that the kernel never had. */
void aio_queue_finish_unstarted(AioQueue *self, AioRequest *request, AioStatus status,
                                int error_number, guint64 now_us)
{
    write_register_leave(&request->fence);
    request->state = AIO_REQUEST_ENDED;
    request->result.status = status;
    request->result.error_number = error_number;
    request->result.ended_us = now_us;
    push_done(self, request);
}

static gboolean is_too_late(const AioRequest *request, guint64 now_us)
{
    return now_us > request->start_by_us;
}

gboolean aio_queue_is_expired(const AioRequest *request, guint64 now_us)
{
    return now_us >= request->deadline_us || is_too_late(request, now_us);
}

void aio_queue_finish_expired(AioQueue *self, AioRequest *request, guint64 now_us)
{
    aio_queue_finish_unstarted(
        self, request, is_too_late(request, now_us) ? AIO_TOO_LATE : AIO_TIMED_OUT, 0, now_us);
}

void aio_queue_adopt(AioRequest *parent, AioRequest *request)
{
    request->state = AIO_REQUEST_ADOPTING;
    request->adopted = parent;
    g_queue_push_tail_link(&parent->adopters, &request->place);
}

/* The overdue read `parent` has ended: so have those that waited for it. Its own caller has been
 * told of the timeout, so the first adopter can have the buffer; the others, which are rare, get a
 * copy. */
static void answer_adopters(AioQueue *self, AioRequest *parent, long outcome, guint64 now_us)
{
    GList *link;

    while ((link = g_queue_pop_head_link(&parent->adopters)) != NULL) {
        AioRequest *request = link->data;

        if (parent->adopters.length == 0)
            request->buffer = g_steal_pointer(&parent->buffer);
        else
            request->buffer = aligned_buffer_take(parent->length);
        if (parent->buffer != NULL && request->buffer != NULL)
            memcpy(request->buffer, parent->buffer, parent->length);
        aio_request_count(request);
        request->state = AIO_REQUEST_ENDED;
        request->adopted = NULL;
        request->result.started_us = parent->result.started_us;
        aio_request_set_outcome(request, request->buffer != NULL ? outcome : -ENOMEM, now_us);
        push_done(self, request);
    }
}

static void take_event(AioQueue *self, AioRequest *request, long outcome, guint64 now_us)
{
    AioLane *lane = request->lane;
    gboolean was_overdue = request->state == AIO_REQUEST_OVERDUE;

    g_queue_unlink(&lane->in_flight, &request->place);
    self->in_kernel--;
    request->state = AIO_REQUEST_ENDED;
    write_register_leave(&request->fence);

    if (was_overdue) {
        lane->overdue--;
        self->overdue--;
        answer_adopters(self, request, outcome, now_us);
        if (!request->undelivered)
            aio_request_free(request);
    } else {
        aio_lane_note_answer(lane);
        aio_request_set_outcome(request, outcome, now_us);
        push_done(self, request);
    }
    aio_queue_forget_lane_if_idle(self, lane);
}

void aio_queue_take_events(AioQueue *self)
{
    struct io_event events[AIO_BATCH_MAX];
    struct timespec at_once = { 0, 0 };
    guint64 counter;
    int n;

    /* Only to make it unreadable, and before the events are taken: one that comes later makes it
     * readable again. */
    if (read(self->event_fd, &counter, sizeof(counter)) < 0)
        counter = 0;
    do {
        n = io_getevents(self->context, 0, AIO_BATCH_MAX, events, &at_once);
        if (n > 0)
            self->retry_us = TIME_NEVER;
        for (int i = 0; i < n; i++)
            take_event(self, events[i].data, (long)events[i].res, boottime_now());
    } while (n == (int)AIO_BATCH_MAX || n == -EINTR);
}

/* Deadlines. */

/* The caller is told now; the kernel keeps the buffer, and the fence stays closed. */
static void become_overdue(AioQueue *self, AioRequest *request, guint64 now_us)
{
    AioLane *lane = request->lane;
    GList *next;

    request->state = AIO_REQUEST_OVERDUE;
    request->result.status = AIO_TIMED_OUT;
    request->result.ended_us = now_us;
    lane->overdue++;
    self->overdue++;
    push_done(self, request);

    if (request->is_write)
        return;
    for (GList *link = lane->pending.head; link != NULL; link = next) {
        AioRequest *other = link->data;

        next = link->next;
        if (other->adopt_overdue && other->offset == request->offset &&
            other->length == request->length) {
            g_queue_unlink(&lane->pending, link);
            aio_queue_adopt(request, other);
        }
    }
}

static void expire_one(AioQueue *self, AioRequest *request, guint64 now_us)
{
    switch (request->state) {
    case AIO_REQUEST_PENDING:
        g_queue_unlink(&request->lane->pending, &request->place);
        aio_queue_finish_expired(self, request, now_us);
        break;
    case AIO_REQUEST_ADOPTING:
        g_queue_unlink(&request->adopted->adopters, &request->place);
        request->result.submitted = TRUE;
        request->result.started_us = request->adopted->result.started_us;
        request->adopted = NULL;
        aio_queue_finish_expired(self, request, now_us);
        break;
    case AIO_REQUEST_IN_FLIGHT:
        become_overdue(self, request, now_us);
        break;
    case AIO_REQUEST_OVERDUE:
    case AIO_REQUEST_ENDED:
        due_remove(self, request);
        break;
    }
}

void aio_queue_expire(AioQueue *self)
{
    guint64 now_us = boottime_now();

    while (self->due.head != NULL) {
        AioRequest *request = self->due.head->data;

        if (request->due_us > now_us)
            break;
        expire_one(self, request, now_us);
    }
    if (self->retry_us <= now_us) {
        self->retry_us = TIME_NEVER;
        self->has_work = TRUE;
    }
}
