/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of an AioQueue, shared by its three files: aio-queue.c (calls, sources, callbacks),
 * aio-submission.c (what goes to the kernel, and when) and aio-outcome.c (events, deadlines,
 * results).
 */
#pragma once

#include "blockio/aio-lane.h"
#include "blockio/aio-request.h"

#define AIO_BATCH_MAX 64u

/* Overdue requests do not count against the depth, or one hung storage would starve the others of
 * the queue: room for four of them. */
#define AIO_ROOM_FOR_OVERDUE (4 * AIO_OVERDUE_LIMIT)

struct AioQueue {
    unsigned references;
    gboolean closed;
    unsigned depth;
    io_context_t context;
    int event_fd;
    GSource *event_source;
    GSource *deadline_source;
    GSource *flush_source;
    gboolean has_work; /* flush_source is ready */
    guint64 armed_us;  /* of deadline_source; may be earlier than needed, never later */
    guint64 retry_us;  /* io_submit had no room: not before this time, or the next event */

    GHashTable *lanes; /* StorageKey → AioLane, owned */
    GQueue busy;       /* AioLane.busy_link: lanes with something pending */
    GQueue due;        /* AioRequest.due_link, by due_us */
    GQueue done;       /* AioRequest.done_link: results that nobody was told of yet */
    unsigned in_kernel;
    unsigned overdue;

    AioRequest *batch[AIO_BATCH_MAX];
    unsigned batch_length;
};

/* aio-outcome.c */

/* Puts the request where `due_us` belongs in the list of deadlines; it may be in it already. */
void aio_queue_set_due(AioQueue *self, AioRequest *request, guint64 due_us);

/* Ends a request that the kernel never had. */
void aio_queue_finish_unstarted(AioQueue *self, AioRequest *request, AioStatus status,
                                int error_number, guint64 now_us);

/* Its deadline or its latest start has passed; to be ended by aio_queue_finish_expired(). */
gboolean aio_queue_is_expired(const AioRequest *request, guint64 now_us);
void aio_queue_finish_expired(AioQueue *self, AioRequest *request, guint64 now_us);

/* `request` will be answered by `parent`, an overdue read of the same range. */
void aio_queue_adopt(AioRequest *parent, AioRequest *request);

/* Takes what the kernel has ended. */
void aio_queue_take_events(AioQueue *self);

/* Ends what is due by now. */
void aio_queue_expire(AioQueue *self);

/* aio-submission.c */

/* The lane has something pending. */
void aio_queue_mark_busy(AioQueue *self, AioLane *lane);

void aio_queue_forget_lane_if_idle(AioQueue *self, AioLane *lane);

/* Hands over what may start now. */
void aio_queue_submit(AioQueue *self);
