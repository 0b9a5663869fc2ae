/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every interval and deadline that follows from an io timeout. Source: lease-algorithms facts,
 * section 2 and 11 (sanlock's own relations; they must be the same on all hosts of a lockspace).
 *
 * N is the io timeout in seconds of the host that is spoken of. T is the start of its last good
 * renewal: the time sampled *before* the write was issued and written as the record's time stamp.
 *
 *   seconds after T     this host                             another host, which saw the
 *                                                             renewal at R >= T
 *   0                   renews                                sees the record change at R
 *   2 N                 renews again
 *   6 N       late      warns
 *   8 N       fail      takes no new lease; policies start    > R + 8N: shows the host as failing
 *   8 N + 40            the last kill at the latest
 *   8 N + 50..60 reset  the watchdog fires if anything is left
 *   8 N + 60  free      is harmless or reset                  > R + 8N + 60: may take over
 *
 * Why this is safe: (1) the owner counts from before its write, the observer from after its read,
 * both with clocks that run at the same speed, so the observer's deadline is the later one; (2) the
 * reset comes at the latest at the observer's earliest deadline; (3) a host id becomes free faster
 * only by a clean release, or by being joined again under the same host name.
 */
#pragma once

#include <stdint.h>

#include "base/checked-time.h"

/* sanlock 3.8.5 compiles this in and Debian's build cannot change it; a host that used another
 * value could not share a lockspace safely. */
#define WATCHDOG_FIRE_SECONDS 60u

/* What a record's field can hold and sanlock keeps: the low 8 bits, 0 meaning "not set". */
#define IO_TIMEOUT_MIN 1u
#define IO_TIMEOUT_MAX 255u
#define IO_TIMEOUT_DEFAULT 10u

/* An io timeout read from disk (outside every checksum): 1..255 as it is, anything else means
 * `own`, this host's value. */
static inline uint32_t io_timeout_sane(uint32_t on_disk, uint32_t own)
{
    return on_disk >= IO_TIMEOUT_MIN && on_disk <= IO_TIMEOUT_MAX ? on_disk : own;
}

/* Durations in microseconds, for an io timeout in seconds (1..255). */
static inline uint64_t timing_io(uint32_t io_timeout)
{
    return time_from_seconds(io_timeout);
}

static inline uint64_t timing_renewal_interval(uint32_t io_timeout)
{
    return time_from_seconds(2 * (uint64_t)io_timeout);
}

static inline uint64_t timing_late(uint32_t io_timeout)
{
    return time_from_seconds(6 * (uint64_t)io_timeout);
}

static inline uint64_t timing_fail(uint32_t io_timeout)
{
    return time_from_seconds(8 * (uint64_t)io_timeout);
}

/* When others may take over: "host dead". Also the wait before a stranger's host id is taken, and
 * the time allowed for a renewal's write. */
static inline uint64_t timing_free(uint32_t io_timeout)
{
    return time_from_seconds(8 * (uint64_t)io_timeout + WATCHDOG_FIRE_SECONDS);
}

/* How long a joining host waits after writing its name before it believes it. */
static inline uint64_t timing_join_settle(uint32_t io_timeout)
{
    return time_from_seconds(2 * (uint64_t)io_timeout);
}
