/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which io timeout suits storage whose reads took so long, and what follows from it.
 *
 * A look of some seconds sees neither a path that fails over nor a backup that runs at night. So it
 * can show that the usual io timeout is too short, but never that a shorter one is enough: what is
 * recommended is the usual one or more. The smallest that the look would bear is told beside it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* An I/O may take so many times as long as the longest that was seen. Our own choice: the longest
 * of N samples is about the N-th part of what happens, and a renewal must not fail for the rest. */
#define TIMEOUT_HEADROOM 10u

/* wdmd looks every 10 s, and no longer feeds the watchdog when less than 10 s are left until fail.
 * With N = 1 there never are 10 s, and a healthy host is reset; with N = 2 a renewal that is 2 s
 * late is too late. With N = 3 there are 24 s, of which 6 pass between two renewals. (Measured:
 * VM testing facts, "Limits of Debian's sanlock and wdmd".) */
#define IO_TIMEOUT_WATCHDOG_MIN 3u

/* Seconds; the deadlines are those of lease-timing.h for io_timeout, from the start of a renewal.
 */
typedef struct TimeoutAdvice {
    uint32_t io_timeout;
    uint32_t smallest; /* io timeout that the measurement would bear */
    uint32_t late, fail;
    uint32_t reset; /* the latest that a watchdog fires */
    uint32_t free;
    bool watchdog; /* io_timeout is enough for wdmd */
} TimeoutAdvice;

/* `longest_us`: the longest read of an area that was seen. FALSE when no io timeout is long enough
 * for such storage: then *ret is what follows from the longest there is. */
bool timeout_advise(TimeoutAdvice *ret, uint64_t longest_us);
