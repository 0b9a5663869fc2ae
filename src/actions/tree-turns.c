/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One queue and one source of the default main context for all. The source has the priority of
 * everything else, so that each round of the loop has a slice of this work and all other events.
 */
#include "actions/tree-turns.h"

#include "common/boottime-timer.h"
#include "common/boottime.h"

#define SLICE_US 4000

struct TreeTurn {
    TreeTurnFunc work;
    gpointer user_data;
    GList link; /* in `queue` while `is_queued` */
    gboolean is_queued;
    BoottimeTimer *timer;
};

static GQueue queue = G_QUEUE_INIT;
static guint source;

static gboolean work_on_slice(gpointer unused)
{
    gint64 until_us = g_get_monotonic_time() + SLICE_US;

    while (queue.length > 0 && g_get_monotonic_time() < until_us) {
        TreeTurn *turn = g_queue_pop_head_link(&queue)->data;

        turn->is_queued = FALSE;
        turn->work(turn->user_data);
    }
    if (queue.length > 0)
        return G_SOURCE_CONTINUE;
    source = 0;
    return G_SOURCE_REMOVE;
}

static void stand_in_queue(gpointer user_data)
{
    TreeTurn *self = user_data;

    if (self->is_queued)
        return;
    self->is_queued = TRUE;
    g_queue_push_tail_link(&queue, &self->link);
    if (source == 0)
        source = g_idle_add_full(G_PRIORITY_DEFAULT, work_on_slice, NULL, NULL);
}

TreeTurn *tree_turn_new(TreeTurnFunc work, gpointer user_data)
{
    TreeTurn *self = g_new0(TreeTurn, 1);

    self->work = work;
    self->user_data = user_data;
    self->link.data = self;
    self->timer = boottime_timer_new(stand_in_queue, self);
    return self;
}

void tree_turn_free(TreeTurn *self)
{
    if (self == NULL)
        return;
    if (self->is_queued)
        g_queue_unlink(&queue, &self->link);
    boottime_timer_free(self->timer);
    g_free(self);
}

void tree_turn_request(TreeTurn *self, guint64 when_us)
{
    if (when_us == 0)
        stand_in_queue(self);
    else if (!self->is_queued)
        boottime_timer_set(self->timer, when_us);
}
