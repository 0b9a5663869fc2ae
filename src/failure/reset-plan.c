/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One rule; see reset-plan.h.
 */
#include "failure/reset-plan.h"

/* A timer that was set to the deadline is not set again for less than this. */
#define NEAR_ENOUGH_US (2 * USEC_PER_SECOND)
/* How long the call that sets the timer may take without it running past the deadline. */
#define CALL_US (USEC_PER_SECOND / 2)
/* How often it is set on its way to the deadline. */
#define COUNT_DOWN_US USEC_PER_SECOND
/* By how much one that is overdue may be coarse, or slow. */
#define COARSE_US (2 * USEC_PER_SECOND)

/* The longest time between two feeds. */
#define FEED_INTERVAL_MAX_US (5 * USEC_PER_SECOND)
#define FEEDS_PER_TIMEOUT 10u

uint64_t reset_deadline(uint64_t fail_us)
{
    return time_add(fail_us, time_from_seconds(RESET_AIM_SECONDS));
}

static uint64_t earlier(uint64_t one_us, uint64_t other_us)
{
    return one_us < other_us ? one_us : other_us;
}

static uint64_t later(uint64_t one_us, uint64_t other_us)
{
    return one_us > other_us ? one_us : other_us;
}

uint64_t reset_fail_deadline(uint64_t in_force_us, uint64_t fail_us, uint64_t now_us)
{
    uint64_t overdue_us =
        time_since(now_us, time_from_seconds(RESET_AIM_SECONDS - RESET_AFTER_KILL_SECONDS));

    return earlier(in_force_us, later(fail_us, overdue_us));
}

uint64_t reset_feed_interval(uint32_t timeout)
{
    uint64_t interval_us = time_from_seconds(timeout) / FEEDS_PER_TIMEOUT;

    return interval_us < FEED_INTERVAL_MAX_US ? interval_us : FEED_INTERVAL_MAX_US;
}

/* All is well: fed when the last time is an interval ago. A timer that fires later than it would
 * after a feed was set by somebody else, or by a call that took long. */
static ResetStep feed(const ResetTimer *timer, uint64_t deadline_us, uint64_t now_us)
{
    uint64_t timeout_us = time_from_seconds(timer->timeout);
    uint64_t full_us = time_add(now_us, timeout_us);
    uint64_t count_down_us = time_since(deadline_us, timeout_us);
    uint64_t interval_us = reset_feed_interval(timer->timeout);
    uint64_t due_us = time_add(timer->fires_us, interval_us);

    if (timer->fires_us <= full_us && due_us > full_us)
        return (ResetStep){ .next_us = earlier(time_add(now_us, due_us - full_us), count_down_us) };
    return (ResetStep){ .seconds = timer->timeout,
                        .next_us = earlier(time_add(now_us, interval_us), count_down_us) };
}

/* Whoever has set it went by this deadline or an earlier one, or has given what was overdue its ten
 * seconds. */
static bool may_fire_by_itself(const ResetTimer *timer, uint64_t deadline_us, uint64_t now_us)
{
    uint64_t given_us = time_add(timer->found_us, time_from_seconds(RESET_AFTER_KILL_SECONDS));

    return timer->found_us != 0 && now_us < time_add(later(deadline_us, given_us), COARSE_US);
}

/* The timer is set to the deadline. Too late for that, it fires by itself, unless it was set
 * to fire after the deadline: then as soon as it can. */
static ResetStep count_down(const ResetTimer *timer, uint64_t deadline_us, uint64_t now_us)
{
    uint64_t left_us = time_since(deadline_us, time_add(now_us, CALL_US));
    uint32_t seconds = (uint32_t)(left_us / USEC_PER_SECOND);
    bool is_past = timer->fires_us > deadline_us;
    bool is_near = !is_past && deadline_us - timer->fires_us <= NEAR_ENOUGH_US;
    ResetStep step = { .next_us = time_add(now_us, COUNT_DOWN_US) };

    if (seconds >= timer->shortest && (!is_near || seconds < timer->set))
        step.seconds = seconds;
    else if (seconds < timer->shortest && is_past &&
             !may_fire_by_itself(timer, deadline_us, now_us) &&
             time_add(now_us, time_from_seconds(timer->shortest)) < timer->fires_us)
        step.seconds = timer->shortest;
    return step;
}

ResetStep reset_plan(const ResetTimer *timer, uint64_t deadline_us, uint64_t now_us)
{
    if (deadline_us > time_add(now_us, time_from_seconds(timer->timeout)))
        return feed(timer, deadline_us, now_us);
    return count_down(timer, deadline_us, now_us);
}
