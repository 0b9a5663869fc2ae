/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is going to happen in a simulation, by its true time; of two things at the same time the one
 * that was filed first comes first.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

typedef struct Sim Sim;
typedef struct SimHost SimHost;

/* `serial` is what the event was filed with: whoever handles it compares it with what it expects,
 * which is how events are cancelled. */
typedef void (*SimHandler)(Sim *sim, void *object, uint64_t serial);

typedef struct SimEvent {
    uint64_t at_us; /* true time */
    uint64_t order;
    SimHandler handler;
    void *object;
    uint64_t serial;
    /* Something that the software of this host does in this boot; NULL: physics. */
    SimHost *host;
    unsigned boot;
} SimEvent;

typedef struct EventQueue {
    GArray *heap;
    uint64_t order;
} EventQueue;

void event_queue_init(EventQueue *self);
void event_queue_clear(EventQueue *self);
void event_queue_add(EventQueue *self, SimEvent event);
/* Puts off (or forward) what the software of `host` does in this boot, by `by_us`. */
void event_queue_move(EventQueue *self, const SimHost *host, unsigned boot, int64_t by_us);
/* False: nothing will ever happen again. */
bool event_queue_take(EventQueue *self, SimEvent *ret);
