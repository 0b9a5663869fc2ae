/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One rule; see reset-plan.h.
 */
#include "failure/reset-plan.h"

/* A timer that was set to the deadline is not set again for less than this. */
#define NEAR_ENOUGH_US (2 * USEC_PER_SECOND)
/* How long the call that sets the timer may take without it running past the deadline. */
#define CALL_US (USEC_PER_SECOND / 2)

/* The longest time between two feeds. */
#define FEED_INTERVAL_MAX_US (5 * USEC_PER_SECOND)
#define FEEDS_PER_TIMEOUT 10u

uint64_t reset_deadline(uint64_t fail_us)
{
    return time_add(fail_us, time_from_seconds(RESET_AIM_SECONDS));
}

uint64_t reset_deadline_failed(uint64_t fail_us, uint64_t now_us)
{
    uint64_t usual_us = reset_deadline(fail_us);
    uint64_t overdue_us = time_add(now_us, time_from_seconds(RESET_AFTER_KILL_SECONDS));

    return usual_us > overdue_us ? usual_us : overdue_us;
}

uint64_t reset_feed_interval(uint32_t timeout)
{
    uint64_t interval_us = time_from_seconds(timeout) / FEEDS_PER_TIMEOUT;

    return interval_us < FEED_INTERVAL_MAX_US ? interval_us : FEED_INTERVAL_MAX_US;
}

/* All is well: fed when the last time is an interval ago. A timer that fires later than it would
 * after a feed was set by somebody else, or by a call that took long. */
static ResetStep feed(const ResetTimer *timer, uint64_t now_us)
{
    uint64_t full_us = time_add(now_us, time_from_seconds(timer->timeout));
    uint64_t interval_us = reset_feed_interval(timer->timeout);
    uint64_t due_us = time_add(timer->fires_us, interval_us);

    if (timer->fires_us <= full_us && due_us > full_us)
        return (ResetStep){ .next_us = time_add(now_us, due_us - full_us) };
    return (ResetStep){ .seconds = timer->timeout, .next_us = time_add(now_us, interval_us) };
}

/* The timer is set to the deadline once. Too late for that, it fires by itself, unless it was set
 * to fire after the deadline: then as soon as it can. */
static ResetStep count_down(const ResetTimer *timer, uint64_t deadline_us, uint64_t now_us)
{
    uint64_t left_us = time_since(deadline_us, time_add(now_us, CALL_US));
    uint32_t seconds = (uint32_t)(left_us / USEC_PER_SECOND);
    bool is_past = timer->fires_us > deadline_us;
    bool is_near = !is_past && deadline_us - timer->fires_us <= NEAR_ENOUGH_US;
    ResetStep step = { .next_us = time_add(now_us, reset_feed_interval(timer->timeout)) };

    if (seconds >= timer->shortest && !is_near)
        step.seconds = seconds;
    else if (seconds < timer->shortest && is_past &&
             time_add(now_us, time_from_seconds(timer->shortest)) < timer->fires_us)
        step.seconds = timer->shortest;
    return step;
}

ResetStep reset_plan(const ResetTimer *timer, uint64_t deadline_us, uint64_t now_us)
{
    if (deadline_us >= time_add(now_us, time_from_seconds(timer->timeout)))
        return feed(timer, now_us);
    return count_down(timer, deadline_us, now_us);
}
