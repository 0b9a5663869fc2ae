/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Direct I/O by libaio for one thread, each I/O with its own deadline, on that thread's
 * GMainContext.
 *
 * What libaio and the kernel do to us (measured), and what follows:
 * - An I/O on hung storage can be neither cancelled nor forgotten: it may complete at any later
 *   time. Its buffer and control block live until then; the caller is told AIO_TIMED_OUT on time.
 * - A late write may overwrite a newer one. A process-wide register of writes in flight (all
 * queues, all devices with the same key) holds back every write whose fence range overlaps one of
 * them. A write that times out while held back was never started and never will be.
 * - io_submit blocks when the device's queue is full of unanswered requests (FUSE: the 13th). A
 * device with AIO_OVERDUE_LIMIT overdue requests gets no more until it answers one; further
 * requests are held back and time out without being started.
 * - io_destroy blocks while I/O is out: a queue that is freed with I/O in flight hands its context
 * to a reaper thread, and so never blocks the caller.
 *
 * Callbacks run on the queue's context, never from inside a submitting call, exactly once for each
 * I/O. Not thread safe: use a queue from its own context's thread only.
 */
#pragma once

#include <glib.h>

#include "base/checked-time.h"
#include "blockio/block-device.h"
#include "blockio/write-permit.h"

typedef struct AioQueue AioQueue;

/* Overdue requests of one device in one queue after which nothing more is handed to it. */
#define AIO_OVERDUE_LIMIT 4u

typedef enum AioStatus {
    AIO_OK,
    AIO_TIMED_OUT, /* effect unknown, unless `submitted` is FALSE: then it did not happen */
    AIO_FAILED,    /* error_number: positive errno */
    AIO_SHORT,     /* fewer bytes than asked */
    AIO_TOO_LATE,  /* a write whose start_by_us had passed, or whose permit was revoked: did not
                      happen */
} AioStatus;

typedef struct AioResult {
    AioStatus status;
    int error_number;
    gboolean submitted; /* it was handed to the kernel */
    guint64 started_us; /* boottime, sampled before it was handed to the kernel */
    guint64 ended_us;   /* boottime */
    const guint8 *data; /* reads with AIO_OK: `length` bytes, good until the callback returns */
} AioResult;

typedef void (*AioCallback)(const AioResult *result, gpointer user_data);

typedef struct AioRead {
    BlockDevice *device;
    guint64 offset;     /* bytes; multiple of the device's block size */
    guint32 length;     /* bytes; the same */
    guint64 timeout_us; /* a duration, counted from now */
    /* Be answered by an earlier read of the same range that is overdue and still in flight, if
     * there is one: at most one such read then piles up on hung storage. started_us is that read's.
     */
    gboolean adopt_overdue;
} AioRead;

typedef struct AioWrite {
    BlockDevice *device;
    guint64 offset;
    guint32 length;
    const guint8 *data; /* copied before the call returns */
    guint64 timeout_us;
    guint64 start_by_us;  /* a point in time; TIME_NEVER = none */
    guint64 fence_offset; /* range in which only one write may be in flight; contains the write */
    guint64 fence_length;
    WritePermit *permit; /* NULL: none. A reference is taken */
} AioWrite;

/* `context`: NULL for the default one. `depth`: I/Os handed to the kernel at the same
 * time, 1..1024; more are queued here. NULL with IoError when the kernel has no room for another
 * aio context. */
AioQueue *aio_queue_new(GMainContext *context, unsigned depth, GError **error);

/* Pending callbacks are not called any more; I/O in flight goes on and keeps its buffers and fences
 * until it ends. */
void aio_queue_free(AioQueue *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AioQueue, aio_queue_free)

void aio_queue_read(AioQueue *self, const AioRead *read, AioCallback callback, gpointer user_data);
void aio_queue_write(AioQueue *self, const AioWrite *write, AioCallback callback,
                     gpointer user_data);

/* I/Os that timed out and have not ended. */
unsigned aio_queue_get_overdue(const AioQueue *self);

/* True while any queue of this process has a write in flight into the range. Any thread. */
gboolean aio_write_in_flight(const BlockDevice *device, guint64 offset, guint64 length);
/* The number of I/Os of this process that the kernel has not ended, and of buffers that are alive;
 * for tests and for the exit. Any thread. */
unsigned aio_total_in_flight(void);
