/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The window of one queue into one storage.
 */
#include "blockio/aio-lane.h"

#define WINDOW_MAX 1024u

/* Answers for each step of growth after a limit was met. Each step risks one more io_submit that
 * sleeps for one answer's time; the chance that the storage hangs in just that moment stays small.
 */
#define ANSWERS_PER_STEP 1024u

AioLane *aio_lane_new(const StorageKey *key)
{
    AioLane *self = g_new0(AioLane, 1);

    self->key = *key;
    self->window = AIO_LANE_FLOOR;
    self->busy_link.data = self;
    g_queue_init(&self->pending);
    g_queue_init(&self->in_flight);
    return self;
}

void aio_lane_free(AioLane *self)
{
    g_free(self);
}

gboolean aio_lane_has_room(AioLane *self)
{
    unsigned window = self->overdue > 0 ? AIO_LANE_FLOOR : self->window;

    if (self->overdue >= AIO_OVERDUE_LIMIT)
        return FALSE;
    if (self->in_flight.length < window)
        return TRUE;
    self->wanted_more = TRUE;
    return FALSE;
}

gboolean aio_lane_is_deep(const AioLane *self)
{
    return self->in_flight.length > AIO_LANE_FLOOR;
}

void aio_lane_note_slept(AioLane *self)
{
    /* The limit lies somewhere between what was out before the batch and what is out now. */
    unsigned before = self->in_flight.length - self->in_batch;

    self->window = MAX(AIO_LANE_FLOOR, MIN(self->window, before * 3 / 4));
    self->answers = 0;
    self->limit_met = TRUE;
}

void aio_lane_note_answer(AioLane *self)
{
    self->answers++;
    if (!self->wanted_more || (self->limit_met && self->answers < ANSWERS_PER_STEP))
        return;
    self->window = MIN(self->window + 1, WINDOW_MAX);
    self->answers = 0;
}

AioRequest *aio_lane_find_overdue_read(const AioLane *self, guint64 offset, guint32 length)
{
    if (self->overdue == 0)
        return NULL;
    for (const GList *link = self->in_flight.head; link != NULL; link = link->next) {
        AioRequest *request = link->data;

        if (request->state == AIO_REQUEST_OVERDUE && !request->is_write &&
            request->offset == offset && request->length == length)
            return request;
    }
    return NULL;
}

gboolean aio_lane_would_overtake(const AioLane *self, const AioRequest *request)
{
    const WriteFence *fence = &request->fence;

    for (const GList *link = self->pending.head; link != &request->place; link = link->next) {
        const AioRequest *older = link->data;

        if (older->is_write && older->fence.offset < fence->offset + fence->length &&
            fence->offset < older->fence.offset + older->fence.length)
            return TRUE;
    }
    return FALSE;
}
