/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any number of timers on CLOCK_BOOTTIME in the default main context, for the price of one: a
 * boottime source of its own costs a descriptor that each iteration of the loop polls, and with a
 * thousand of them the loop does little else.
 */
#pragma once

#include <glib.h>

typedef struct BoottimeTimer BoottimeTimer;

typedef void (*BoottimeTimerFunc)(gpointer user_data);

/* Not armed yet. To be used, and called back, in the thread of the default main context; with high
 * priority. */
BoottimeTimer *boottime_timer_new(BoottimeTimerFunc callback, gpointer user_data);

/* Calls back once when CLOCK_BOOTTIME reaches `when_us`, never earlier, and then is disarmed;
 * TIME_NEVER disarms it. Never calls back from inside. */
void boottime_timer_set(BoottimeTimer *self, guint64 when_us);

/* Also from inside its own callback. NULL is ignored. */
void boottime_timer_free(BoottimeTimer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BoottimeTimer, boottime_timer_free)
