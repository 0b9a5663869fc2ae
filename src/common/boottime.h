/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CLOCK_BOOTTIME: microseconds since the boot, time in suspend included. GLib's own timers stand
 * still while the host is suspended; a lease does not.
 */
#pragma once

#include <glib.h>

/* Never 0. */
guint64 boottime_now(void);

/* A source that dispatches once when CLOCK_BOOTTIME reaches `when_us` (at once if it has), also
 * right after a resume; then it stays, unarmed, until boottime_source_set(). TIME_NEVER disarms.
 * The callback is a GSourceFunc; its return value counts as usual. */
GSource *boottime_source_new(guint64 when_us);
void boottime_source_set(GSource *source, guint64 when_us);
