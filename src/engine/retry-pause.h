/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long to wait between two tries for a lease that a live host holds.
 *
 * While it changes hands from one try to the next: as long as two tries take on this storage now,
 * and no less than the minimum; while it stays with one holder twice as long each time, up to the
 * maximum, on which TURN_CHANCE_US depends. With chance in it, so that hosts which wait for the
 * same lease do not try in step.
 */
#pragma once

#include <glib.h>

typedef struct RetryPause {
    guint64 began_us, took_us; /* the last try */
    guint64 seen_version;      /* of the lease that was in the way */
    guint tries_alike;
} RetryPause;

/* A try begins. */
void retry_pause_begin(RetryPause *self, guint64 now_us);
/* It has ended without the lease; `version`: what was found, 0 when nothing was. */
void retry_pause_note(RetryPause *self, guint64 version, guint64 now_us);
/* Before the next one. */
guint64 retry_pause_choose(const RetryPause *self);
