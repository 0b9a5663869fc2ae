/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who on this host waits for which resource of a lockspace: first come, first served.
 *
 * Only the first in a queue tries. While the resource is held on this host it does nothing at all:
 * it is told when the resource is free. While another host holds it, it asks the disk now and then,
 * and those behind it do not: however many wait here, other hosts see one of them.
 *
 *      held here by A     B, C, D wait (B is first)
 *      A releases         B is told, acquires it on disk: the next version
 *      B releases         C is told, ...
 *
 * Other hosts must not starve. Between a release here and the next acquisition here they have some
 * milliseconds, in which they would have to ask by chance: they ask at least every 1.5 seconds. So
 * after a number of hand-overs, or after some time, the next in turn stands back for longer than
 * the longest interval between two questions of another host that waits. Whose questions come more
 * rarely than that is not helped by it; and a host that is alone in its lockspace does not do it.
 */
#pragma once

#include <glib.h>

#include "base/checked-time.h"

/* Hand-overs on this host one after the other without a chance for others. sanlock has no such
 * number; eight make the pause a small part of the time when holds are short. */
#define TURN_HAND_OVERS_MAX 8u
/* How long others may wait for a chance where holds are long. */
#define TURN_RUN_MAX_US (10 * USEC_PER_SECOND)
/* The chance: hosts that wait ask every 1.5 seconds at least (acquisition.c), and have to
 * win a ballot then. */
#define TURN_CHANCE_US (2 * USEC_PER_SECOND)

/* --- the pace: when the next on this host may try, pure ----------------------------------------
 */

typedef struct TurnPace {
    guint hand_overs;  /* since the last chance */
    guint64 chance_us; /* when that ends or ended; at first: when somebody began to wait */
} TurnPace;

/* The resource was released on this host, and somebody here waits for it. `others`: there are other
 * hosts which may want it. When to try: `now_us`, or later. */
guint64 turn_pace_next(TurnPace *self, guint64 now_us, gboolean others);

/* --- the queues of a lockspace -----------------------------------------------------------------
 */

typedef struct TurnQueues TurnQueues;
typedef struct TurnQueue TurnQueue;

/* Owned by who waits, and kept in place between enter and leave. */
typedef struct TurnWaiter {
    /* It is, or may be, its turn: try from `when_us` on. Called from inside the functions below. It
     * must not leave in there. */
    void (*go)(gpointer user_data, guint64 when_us);
    gpointer user_data;

    /* Private. */
    TurnQueue *queue;
    GList link;
} TurnWaiter;

TurnQueues *turn_queues_new(void);
/* With nobody waiting. */
void turn_queues_free(TurnQueues *self);

/* At the end of the queue; nothing for who is in one already. */
void turn_enter(TurnQueues *self, const char *resource, TurnWaiter *waiter, guint64 now_us);
gboolean turn_is_first(const TurnWaiter *waiter);
/* Has got it, or gives up; nothing for who is in no queue. `here`: the resource is in the
 * lockspace's table. Who is first then may try, also if it is: a shared one can be joined. */
void turn_leave(TurnQueues *self, TurnWaiter *waiter, gboolean here, guint64 now_us);

/* Somebody waits for it, so it is nobody else's turn. */
gboolean turn_is_awaited(const TurnQueues *self, const char *resource);

/* The resource has left the lockspace's table. `was_held`: and not just been tried for. */
void turn_resource_gone(TurnQueues *self, const char *resource, gboolean was_held, gboolean others,
                        guint64 now_us);

/* The resource is shared on this host from now on: who is first may join. */
void turn_resource_shared(TurnQueues *self, const char *resource, guint64 now_us);

/* There is nothing to wait for any more, which each of them finds when it tries. */
void turn_wake_all(TurnQueues *self, guint64 now_us);
