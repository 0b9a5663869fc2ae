/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one queue has to do with one storage: requests that wait, requests in the kernel, and how
 * many of them the storage may have at a time.
 *
 * io_submit does not return while the storage's own queue is full, and on hung storage that is for
 * ever. How long that queue is cannot be asked; it may be as short as 12 (FUSE). Hence a window:
 * - It starts at AIO_LANE_FLOOR, which fits into every storage known, with room for another queue.
 * - It grows while the storage answers in time and requests wait for room in it: by one for each
 *   answer at first, slowly once a limit was met.
 * - io_submit having slept means that the limit was met: the window shrinks to three quarters of
 *   what was out before, which leaves room for the other queues of this host, renewals above all.
 * - While anything is overdue the window is the floor, and at AIO_OVERDUE_LIMIT it is shut.
 *
 * What this cannot prevent: others who fill the same storage's queue, such as guests with their
 * disks there. Then io_submit holds up this queue's thread, which serves one lockspace only.
 */
#pragma once

#include "blockio/aio-request.h"
#include "blockio/storage-key.h"

#define AIO_LANE_FLOOR 8u

struct AioLane {
    StorageKey key;
    GQueue pending;   /* AioRequest.place, oldest first */
    GQueue in_flight; /* AioRequest.place; those overdue too */
    unsigned overdue;
    unsigned window;
    unsigned in_batch; /* of those in flight, now being handed over */
    unsigned answers;  /* since the window last grew */
    gboolean limit_met;
    gboolean wanted_more; /* at the last submission requests waited for room in the window */
    gboolean is_busy;     /* in the queue's `busy` list */
    GList busy_link;
};

AioLane *aio_lane_new(const StorageKey *key);

/* With nothing pending and nothing in flight. */
void aio_lane_free(AioLane *self);

gboolean aio_lane_has_room(AioLane *self);

/* More is out than every storage takes without sleeping. */
gboolean aio_lane_is_deep(const AioLane *self);
void aio_lane_note_slept(AioLane *self);
void aio_lane_note_answer(AioLane *self);

/* An overdue read of exactly this range; NULL. */
AioRequest *aio_lane_find_overdue_read(const AioLane *self, guint64 offset, guint32 length);

/* True when a write that is older than `request` waits for an overlapping range: `request` must not
 * overtake it, or the older data would land last. */
gboolean aio_lane_would_overtake(const AioLane *self, const AioRequest *request);
