/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One I/O of an AioQueue, from the call to the moment when both the kernel and the caller are done
 * with it. The two ends come in either order: a request that timed out has been answered and is
 * still the kernel's.
 *
 *      PENDING ──► IN_FLIGHT ──► ENDED
 *         │            └───► OVERDUE ──► ENDED
 *         ├──► ADOPTING ──► ENDED            (a read answered by another request, which is overdue)
 *         └──► ENDED                         (never handed to the kernel)
 */
#pragma once

#include <libaio.h>

#include "blockio/aio-queue.h"
#include "blockio/write-register.h"

typedef struct AioLane AioLane;

typedef enum AioRequestState {
    AIO_REQUEST_PENDING,
    AIO_REQUEST_IN_FLIGHT,
    AIO_REQUEST_OVERDUE,
    AIO_REQUEST_ADOPTING,
    AIO_REQUEST_ENDED,
} AioRequestState;

typedef struct AioRequest AioRequest;
struct AioRequest {
    struct iocb iocb;
    AioRequestState state;
    BlockDevice *device; /* a reference */
    AioLane *lane;       /* NULL when refused at once, and after the queue was freed */
    gboolean is_write;
    gboolean adopt_overdue;
    gboolean counted; /* in aio_total_in_flight() */
    guint64 offset;
    guint32 length;
    guint8 *buffer; /* reads: from the start of the I/O on */
    WriteFence fence;

    guint64 deadline_us;
    guint64 start_by_us;
    guint64 due_us; /* when the queue must look at it: the order of the queue's `due` list */

    AioCallback callback;
    gpointer user_data;
    AioResult result;
    gboolean undelivered; /* in the queue's `done` list */

    AioRequest *adopted; /* state ADOPTING: who will answer it */
    GQueue adopters;

    GList place; /* in the lane's `pending` or `in_flight`, or in `adopters` */
    GList due_link;
    GList done_link;
};

AioRequest *aio_request_new(BlockDevice *device, guint64 offset, guint32 length, guint64 timeout_us,
                            AioCallback callback, gpointer user_data);

/* Only when the kernel has ended it. Any thread, when no queue knows it any more. */
void aio_request_free(AioRequest *self);

/* Fills the control block. FALSE: no memory for a read. */
gboolean aio_request_prepare(AioRequest *self, int event_fd);

/* From now on aio_total_in_flight() has it, until it is freed. */
void aio_request_count(AioRequest *self);

/* Fills `result` from what the kernel said: bytes, or a negative errno. */
void aio_request_set_outcome(AioRequest *self, long outcome, guint64 now_us);
