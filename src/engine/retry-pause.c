/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pauses by what the tries before have found.
 */
#include "engine/retry-pause.h"

#include "base/checked-time.h"

#define PAUSE_MIN_US 4000u
#define PAUSE_MAX_US (3 * USEC_PER_SECOND / 2)
#define DOUBLINGS_MAX 16u

void retry_pause_begin(RetryPause *self, guint64 now_us)
{
    self->began_us = now_us;
}

void retry_pause_note(RetryPause *self, guint64 version, guint64 now_us)
{
    self->took_us = time_since(now_us, self->began_us);
    self->tries_alike = version != self->seen_version ? 0 : self->tries_alike + 1;
    self->seen_version = version;
}

guint64 retry_pause_choose(const RetryPause *self)
{
    guint64 window_us = CLAMP(2 * self->took_us, PAUSE_MIN_US, PAUSE_MAX_US);

    window_us = MIN(window_us << MIN(self->tries_alike, DOUBLINGS_MAX), PAUSE_MAX_US);
    return window_us / 3 + g_random_int() % (window_us * 2 / 3);
}
