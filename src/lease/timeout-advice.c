/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recommending an io timeout.
 */
#include "lease/timeout-advice.h"

#include "lease/lease-timing.h"

/* Rounded up to seconds. */
static uint64_t needed_seconds(uint64_t longest_us)
{
    uint64_t us = longest_us > TIME_NEVER / TIMEOUT_HEADROOM - USEC_PER_SECOND
                      ? TIME_NEVER - USEC_PER_SECOND
                      : longest_us * TIMEOUT_HEADROOM;

    return (us + USEC_PER_SECOND - 1) / USEC_PER_SECOND;
}

static uint32_t seconds(uint64_t us)
{
    return (uint32_t)(us / USEC_PER_SECOND);
}

bool timeout_advise(TimeoutAdvice *ret, uint64_t longest_us)
{
    uint64_t needed = needed_seconds(longest_us);
    bool possible = needed <= IO_TIMEOUT_MAX;
    uint32_t smallest = possible ? (uint32_t)needed : IO_TIMEOUT_MAX;

    if (smallest < IO_TIMEOUT_WATCHDOG_MIN)
        smallest = IO_TIMEOUT_WATCHDOG_MIN;
    *ret = (TimeoutAdvice){ .smallest = smallest };
    ret->io_timeout = smallest > IO_TIMEOUT_DEFAULT ? smallest : IO_TIMEOUT_DEFAULT;
    ret->late = seconds(timing_late(ret->io_timeout));
    ret->fail = seconds(timing_fail(ret->io_timeout));
    ret->free = seconds(timing_free(ret->io_timeout));
    ret->reset = ret->free; /* at the latest: lease-timing.h */
    ret->watchdog = ret->io_timeout >= IO_TIMEOUT_WATCHDOG_MIN;
    return possible;
}
