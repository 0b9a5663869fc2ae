/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a queue hands to the kernel: in turn from its lanes, up to the depth, as far as each lane's
 * window and the fences allow, in batches.
 */
#include "blockio/aio-queue-state.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "blockio/io-gate.h"
#include "common/boottime.h"

/* Idle lanes beyond this number are forgotten, with what their window learnt. */
#define LANES_KEPT 64u

/* When the kernel has no room for a request and nothing is out whose end would make some. */
#define RETRY_US (10 * 1000)

void aio_queue_mark_busy(AioQueue *self, AioLane *lane)
{
    if (!lane->is_busy)
        g_queue_push_tail_link(&self->busy, &lane->busy_link);
    lane->is_busy = TRUE;
    self->has_work = TRUE;
}

void aio_queue_forget_lane_if_idle(AioQueue *self, AioLane *lane)
{
    if (lane->pending.length == 0 && lane->in_flight.length == 0 && !lane->is_busy &&
        g_hash_table_size(self->lanes) > LANES_KEPT)
        g_hash_table_remove(self->lanes, &lane->key);
}

/* The part of the batch that was not handed over waits again, first in its lanes. */
static void put_back(AioQueue *self)
{
    while (self->batch_length > 0) {
        AioRequest *request = self->batch[--self->batch_length];

        write_register_leave(&request->fence);
        g_queue_unlink(&request->lane->in_flight, &request->place);
        g_queue_push_head_link(&request->lane->pending, &request->place);
        request->state = AIO_REQUEST_PENDING;
        self->in_kernel--;
        aio_queue_mark_busy(self, request->lane);
    }
}

static void take_out_of_batch(AioQueue *self, unsigned index)
{
    AioRequest *request = self->batch[index];

    g_queue_unlink(&request->lane->in_flight, &request->place);
    self->in_kernel--;
    self->batch_length--;
    memmove(&self->batch[index], &self->batch[index + 1],
            (self->batch_length - index) * sizeof(self->batch[0]));
}

/* The last look before io_submit, with one sample of the clock for both: what is too late is not
 * started, and the start of what is started is not later than it was. */
static void stamp_batch(AioQueue *self)
{
    guint64 now_us = boottime_now();
    unsigned i = 0;

    while (i < self->batch_length) {
        AioRequest *request = self->batch[i];

        if (aio_queue_is_expired(request, now_us)) {
            take_out_of_batch(self, i);
            aio_queue_finish_expired(self, request, now_us);
        } else {
            request->result.started_us = now_us;
            i++;
        }
    }
}

static void mark_handed_over(AioQueue *self, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        AioRequest *request = self->batch[i];

        request->state = AIO_REQUEST_IN_FLIGHT;
        request->result.submitted = TRUE;
        aio_request_count(request);
        aio_queue_set_due(self, request, request->deadline_us);
    }
    self->batch_length -= n;
    memmove(self->batch, self->batch + n, self->batch_length * sizeof(self->batch[0]));
}

/* How often this thread went to sleep of its own will: it grows in an io_submit that had to wait.
 */
static long count_sleeps(void)
{
    struct rusage usage = { .ru_nvcsw = 0 };

    (void)getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

/* io_submit slept: every lane that may have been the reason learns from it. */
static void note_slept(AioQueue *self)
{
    for (unsigned i = 0; i < self->batch_length; i++)
        self->batch[i]->lane->in_batch = 0;
    for (unsigned i = 0; i < self->batch_length; i++)
        self->batch[i]->lane->in_batch++;
    for (unsigned i = 0; i < self->batch_length; i++)
        if (aio_lane_is_deep(self->batch[i]->lane))
            aio_lane_note_slept(self->batch[i]->lane);
}

static int submit_once(AioQueue *self)
{
    struct iocb *blocks[AIO_BATCH_MAX];
    gboolean deep = FALSE;
    long sleeps;
    int n;

    for (unsigned i = 0; i < self->batch_length; i++) {
        blocks[i] = &self->batch[i]->iocb;
        deep = deep || aio_lane_is_deep(self->batch[i]->lane);
    }
    sleeps = deep ? count_sleeps() : 0;
    n = io_submit(self->context, (long)self->batch_length, blocks);
    if (deep && count_sleeps() != sleeps)
        note_slept(self);
    return n;
}

static void submit_batch(AioQueue *self)
{
    for (;;) {
        int n;

        stamp_batch(self);
        if (self->batch_length == 0)
            return;
        n = submit_once(self);
        if (n > 0) {
            mark_handed_over(self, MIN((unsigned)n, self->batch_length));
        } else if (n == 0 || n == -EAGAIN || n == -EINTR) {
            put_back(self);
            self->retry_us = time_add(boottime_now(), RETRY_US);
            return;
        } else {
            /* The error is that of the first; the kernel took none. */
            AioRequest *request = self->batch[0];

            take_out_of_batch(self, 0);
            aio_queue_finish_unstarted(self, request, AIO_FAILED, -n, boottime_now());
        }
    }
}

static gboolean queue_has_room(const AioQueue *self)
{
    return self->in_kernel - self->overdue < self->depth &&
           self->in_kernel < self->depth + AIO_ROOM_FOR_OVERDUE;
}

/* Moves what may start now from the lane into the batch. FALSE: the queue is full. */
static gboolean collect_from_lane(AioQueue *self, AioLane *lane)
{
    GList *next;

    lane->wanted_more = FALSE;
    for (GList *link = lane->pending.head; link != NULL; link = next) {
        AioRequest *request = link->data;

        next = link->next;
        if (self->batch_length == AIO_BATCH_MAX || !queue_has_room(self))
            return FALSE;
        if (!aio_lane_has_room(lane))
            return TRUE;
        if (request->is_write && aio_lane_would_overtake(lane, request))
            continue;
        if (request->is_write && !write_register_enter(&request->fence)) {
            if (request->fence.state == WRITE_FENCE_REVOKED) {
                g_queue_unlink(&lane->pending, link);
                aio_queue_finish_unstarted(self, request, AIO_TOO_LATE, 0, boottime_now());
            }
            continue;
        }
        g_queue_unlink(&lane->pending, link);
        if (!aio_request_prepare(request, self->event_fd)) {
            aio_queue_finish_unstarted(self, request, AIO_FAILED, ENOMEM, boottime_now());
            continue;
        }
        g_queue_push_tail_link(&lane->in_flight, link);
        self->in_kernel++;
        self->batch[self->batch_length++] = request;
    }
    return TRUE;
}

/* One round over the lanes; the one after the last that was served begins the next round. */
static void collect_batch(AioQueue *self)
{
    gboolean has_room = TRUE;

    for (unsigned n = self->busy.length; n > 0 && has_room; n--) {
        AioLane *lane = g_queue_pop_head_link(&self->busy)->data;

        lane->is_busy = FALSE;
        has_room = collect_from_lane(self, lane);
        if (lane->pending.length > 0) {
            g_queue_push_tail_link(&self->busy, &lane->busy_link);
            lane->is_busy = TRUE;
        } else {
            aio_queue_forget_lane_if_idle(self, lane);
        }
    }
}

void aio_queue_submit(AioQueue *self)
{
    gboolean was_full;

    if (self->retry_us != TIME_NEVER)
        return;
    if (!io_gate_enter()) {
        self->retry_us = time_add(boottime_now(), RETRY_US);
        return;
    }
    do {
        collect_batch(self);
        was_full = self->batch_length == AIO_BATCH_MAX;
        submit_batch(self);
    } while (was_full && self->retry_us == TIME_NEVER);
    io_gate_leave();
}
