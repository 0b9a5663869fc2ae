/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A binary heap of events, and the one random number that takes more than a line.
 */
#include "simulation/event-queue.h"

#include "simulation/chance.h"

/* Without floating point functions, whose last bits differ between systems. */
uint64_t chance_magnitude(Chance *self, uint64_t low, uint64_t high)
{
    unsigned doublings = 0;
    while (doublings < 62 && (low << doublings) < high / 2)
        doublings++;
    uint64_t from = low << chance_between(self, 0, doublings + 1);
    return chance_between(self, from, MIN(2 * from, high));
}

void event_queue_init(EventQueue *self)
{
    self->heap = g_array_sized_new(FALSE, FALSE, sizeof(SimEvent), 256);
    self->order = 0;
}

void event_queue_clear(EventQueue *self)
{
    g_array_unref(self->heap);
}

static bool is_before(const SimEvent *a, const SimEvent *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void event_queue_add(EventQueue *self, SimEvent event)
{
    event.order = self->order++;
    g_array_append_val(self->heap, event);
    SimEvent *heap = (SimEvent *)(void *)self->heap->data;
    unsigned i = self->heap->len - 1;
    while (i > 0 && is_before(&event, &heap[(i - 1) / 2])) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = event;
}

bool event_queue_take(EventQueue *self, SimEvent *ret)
{
    SimEvent *heap = (SimEvent *)(void *)self->heap->data;
    if (self->heap->len == 0)
        return false;
    *ret = heap[0];
    unsigned n = self->heap->len - 1;
    SimEvent last = heap[n];
    unsigned i = 0;
    while (2 * i + 1 < n) {
        unsigned child = 2 * i + 1;
        if (child + 1 < n && is_before(&heap[child + 1], &heap[child]))
            child++;
        if (!is_before(&heap[child], &last))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    g_array_set_size(self->heap, n);
    return true;
}

void event_queue_move(EventQueue *self, const SimHost *host, unsigned boot, int64_t by_us)
{
    GArray *old = g_steal_pointer(&self->heap);
    uint64_t order = self->order;
    self->heap = g_array_sized_new(FALSE, FALSE, sizeof(SimEvent), MAX(old->len, 256));
    for (unsigned i = 0; i < old->len; i++) {
        SimEvent event = g_array_index(old, SimEvent, i);
        if (event.host == host && event.boot == boot)
            event.at_us = (uint64_t)((int64_t)event.at_us + by_us);
        self->order = event.order; /* what was filed first stays first */
        event_queue_add(self, event);
    }
    self->order = order;
    g_array_unref(old);
}
