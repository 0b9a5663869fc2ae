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

/* Of `timer_fd`, a timerfd on CLOCK_BOOTTIME: readable from `when_us` on; TIME_NEVER disarms it.
 * FALSE with errno: it is not set; a time that is too large for the kernel is one reason. */
gboolean boottime_arm_timer(int timer_fd, guint64 when_us);

/* For a thread without a main loop: returns when CLOCK_BOOTTIME reaches `until_us`, when `wake_fd`
 * (an eventfd) is readable, and now and then for no reason. Both descriptors are non-blocking and
 * were read when it returns. Allocates nothing and takes no lock. */
void boottime_wait(int timer_fd, int wake_fd, guint64 until_us);
