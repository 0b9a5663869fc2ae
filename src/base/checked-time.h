/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Points in time and durations, in microseconds, that saturate instead of wrapping.
 *
 * A point in time is always microseconds of CLOCK_BOOTTIME: it goes on while the host is suspended,
 * as the other hosts do. TIME_NEVER is later than every time; a sum that would pass it stays there,
 * so that a hostile number on disk can move a deadline only away from "already expired for others".
 */
#pragma once

#include <stdint.h>

#define TIME_NEVER UINT64_MAX
#define USEC_PER_SECOND UINT64_C(1000000)

static inline uint64_t time_add(uint64_t a, uint64_t b)
{
    return a > TIME_NEVER - b ? TIME_NEVER : a + b;
}

/* How long from `earlier` to `later`; 0 when `later` is not later. */
static inline uint64_t time_since(uint64_t later, uint64_t earlier)
{
    return later > earlier ? later - earlier : 0;
}

static inline uint64_t time_from_seconds(uint64_t seconds)
{
    return seconds > TIME_NEVER / USEC_PER_SECOND ? TIME_NEVER : seconds * USEC_PER_SECOND;
}
