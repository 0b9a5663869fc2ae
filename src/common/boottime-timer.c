/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The armed timers in the order of their times, and one boottime source for the first of them.
 */
#include "common/boottime-timer.h"

#include "base/checked-time.h"
#include "common/boottime.h"

struct BoottimeTimer {
    guint64 when_us;
    GSequenceIter *place; /* in `armed`; NULL: not armed */
    BoottimeTimerFunc callback;
    gpointer user_data;
};

static GSequence *armed; /* of BoottimeTimer, the earliest first, those of one time as they came */
static GSource *clock_source;
static guint64 clock_us; /* what clock_source is set to */

static int compare_times(gconstpointer a, gconstpointer b, gpointer user_data)
{
    const BoottimeTimer *x = a, *y = b;

    return x->when_us < y->when_us ? -1 : x->when_us > y->when_us;
}

static BoottimeTimer *first_armed(void)
{
    GSequenceIter *first = g_sequence_get_begin_iter(armed);

    return g_sequence_iter_is_end(first) ? NULL : g_sequence_get(first);
}

static void set_clock(void)
{
    const BoottimeTimer *first = first_armed();
    guint64 when_us = first != NULL ? first->when_us : TIME_NEVER;

    if (when_us == clock_us)
        return;
    clock_us = when_us;
    boottime_source_set(clock_source, when_us);
}

static void take_out(BoottimeTimer *self)
{
    if (self->place != NULL)
        g_sequence_remove(self->place);
    self->place = NULL;
}

/* As many as were armed at the start, so that one which arms itself for the past again and again
 * leaves the loop to others. A callback may free any timer: none is known across it. */
static gboolean on_clock(gpointer user_data)
{
    guint64 now_us = boottime_now();
    BoottimeTimer *first;

    clock_us = TIME_NEVER; /* the source has disarmed itself */
    for (int n = g_sequence_get_length(armed); n > 0; n--) {
        first = first_armed();
        if (first == NULL || first->when_us > now_us)
            break;
        take_out(first);
        first->callback(first->user_data);
    }
    set_clock();
    return G_SOURCE_CONTINUE;
}

static void start_clock(void)
{
    armed = g_sequence_new(NULL);
    clock_us = TIME_NEVER;
    clock_source = boottime_source_new(TIME_NEVER);
    g_source_set_priority(clock_source, G_PRIORITY_HIGH);
    g_source_set_callback(clock_source, on_clock, NULL, NULL);
    g_source_attach(clock_source, NULL);
}

BoottimeTimer *boottime_timer_new(BoottimeTimerFunc callback, gpointer user_data)
{
    BoottimeTimer *self = g_new0(BoottimeTimer, 1);

    if (armed == NULL)
        start_clock();
    self->callback = callback;
    self->user_data = user_data;
    return self;
}

void boottime_timer_set(BoottimeTimer *self, guint64 when_us)
{
    take_out(self);
    self->when_us = when_us;
    if (when_us != TIME_NEVER)
        self->place = g_sequence_insert_sorted(armed, self, compare_times, NULL);
    set_clock();
}

void boottime_timer_free(BoottimeTimer *self)
{
    if (self == NULL)
        return;
    take_out(self);
    set_clock();
    g_free(self);
}
