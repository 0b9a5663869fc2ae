/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Queues of waiters, by name of the resource.
 *
 * A queue is there while somebody waits in it, or while the resource is held by somebody of this
 * host who had waited: of two who take turns one is always alone in the queue, and the count of
 * hand-overs must go on.
 */
#include "engine/turn-queue.h"

struct TurnQueue {
    char *resource;
    GQueue waiters; /* TurnWaiter.link */
    TurnPace pace;
};

struct TurnQueues {
    GHashTable *queues; /* resource -> TurnQueue */
};

guint64 turn_pace_next(TurnPace *self, guint64 now_us, gboolean others)
{
    if (!others) {
        *self = (TurnPace){ .chance_us = now_us };
        return now_us;
    }
    if (self->hand_overs < TURN_HAND_OVERS_MAX &&
        time_since(now_us, self->chance_us) < TURN_RUN_MAX_US) {
        self->hand_overs++;
        return now_us;
    }
    *self = (TurnPace){ .chance_us = time_add(now_us, TURN_CHANCE_US) };
    return self->chance_us;
}

static void queue_free(gpointer data)
{
    TurnQueue *queue = data;

    g_assert(queue->waiters.length == 0);
    g_free(queue->resource);
    g_free(queue);
}

TurnQueues *turn_queues_new(void)
{
    TurnQueues *self = g_new0(TurnQueues, 1);

    self->queues = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, queue_free);
    return self;
}

void turn_queues_free(TurnQueues *self)
{
    g_hash_table_unref(self->queues);
    g_free(self);
}

static void tell_first(TurnQueue *queue, guint64 when_us)
{
    if (queue->waiters.head != NULL) {
        TurnWaiter *first = queue->waiters.head->data;

        first->go(first->user_data, when_us);
    }
}

void turn_enter(TurnQueues *self, const char *resource, TurnWaiter *waiter, guint64 now_us)
{
    TurnQueue *queue = g_hash_table_lookup(self->queues, resource);

    if (waiter->queue != NULL)
        return;
    if (queue == NULL) {
        queue = g_new0(TurnQueue, 1);
        queue->resource = g_strdup(resource);
        queue->pace.chance_us = now_us;
        g_hash_table_insert(self->queues, queue->resource, queue);
    }
    waiter->queue = queue;
    waiter->link = (GList){ .data = waiter };
    g_queue_push_tail_link(&queue->waiters, &waiter->link);
}

gboolean turn_is_first(const TurnWaiter *waiter)
{
    return waiter->queue != NULL && waiter->queue->waiters.head == &waiter->link;
}

void turn_leave(TurnQueues *self, TurnWaiter *waiter, gboolean here, guint64 now_us)
{
    TurnQueue *queue = waiter->queue;
    gboolean was_first = turn_is_first(waiter);

    if (queue == NULL)
        return;
    g_queue_unlink(&queue->waiters, &waiter->link);
    waiter->queue = NULL;
    if (was_first)
        tell_first(queue, MAX(now_us, queue->pace.chance_us));
    if (!here && queue->waiters.length == 0)
        g_hash_table_remove(self->queues, queue->resource);
}

gboolean turn_is_awaited(const TurnQueues *self, const char *resource)
{
    const TurnQueue *queue = g_hash_table_lookup(self->queues, resource);

    return queue != NULL && queue->waiters.length > 0;
}

void turn_resource_gone(TurnQueues *self, const char *resource, gboolean was_held, gboolean others,
                        guint64 now_us)
{
    TurnQueue *queue = g_hash_table_lookup(self->queues, resource);

    if (queue == NULL)
        return;
    if (queue->waiters.length == 0)
        g_hash_table_remove(self->queues, resource);
    else
        tell_first(queue, was_held ? turn_pace_next(&queue->pace, now_us, others) : now_us);
}

void turn_resource_shared(TurnQueues *self, const char *resource, guint64 now_us)
{
    TurnQueue *queue = g_hash_table_lookup(self->queues, resource);

    if (queue != NULL)
        tell_first(queue, now_us);
}

void turn_wake_all(TurnQueues *self, guint64 now_us)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->queues);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        for (GList *link = ((TurnQueue *)value)->waiters.head; link != NULL; link = link->next) {
            TurnWaiter *waiter = link->data;

            waiter->go(waiter->user_data, now_us);
        }
}
