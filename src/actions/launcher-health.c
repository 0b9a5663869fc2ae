/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launcher's health, by what it sends.
 */
#include "actions/launcher-health.h"

#include "base/checked-time.h"

/* The launcher answers within a millisecond, and blocks on nothing; a host that is so busy that it
 * does not get there in five seconds will not run programs in time either. A policy has 40 s: with
 * a launcher that hangs, a step's program fails after five of them at the latest. The delays: a
 * launcher that was killed by mistake is back before anybody needs it, and one that cannot live
 * costs a line in the log twice a minute. */
const LauncherTimes launcher_times = {
    .interval_us = 5u * USEC_PER_SECOND,
    .patience_us = 5u * USEC_PER_SECOND,
    .first_delay_us = USEC_PER_SECOND / 10u,
    .last_delay_us = 30u * USEC_PER_SECOND,
    .long_life_us = 60u * USEC_PER_SECOND,
};

void launcher_health_init(LauncherHealth *ret, const LauncherTimes *times)
{
    *ret = (LauncherHealth){ .times = times,
                             .delay_us = times->first_delay_us,
                             .next_us = TIME_NEVER };
}

static void ask(LauncherHealth *self, uint64_t now_us)
{
    self->asked = true;
    self->looked = false;
    self->next_us = time_add(now_us, self->times->patience_us / 2);
}

void launcher_health_started(LauncherHealth *self, uint64_t now_us)
{
    self->well = false;
    ask(self, now_us);
}

bool launcher_health_needs(LauncherHealth *self, uint64_t now_us)
{
    if (self->asked)
        return false;
    ask(self, now_us);
    return true;
}

bool launcher_health_heard(LauncherHealth *self, bool pong, uint64_t now_us)
{
    bool first = pong && !self->well;

    if (first) {
        self->well = true;
        self->well_us = now_us;
    }
    self->looked = false;
    if (pong) {
        self->asked = false;
        self->next_us = time_add(now_us, self->times->interval_us);
    } else if (self->asked) {
        self->next_us = time_add(now_us, self->times->patience_us / 2);
    }
    return first;
}

LauncherHealthStep launcher_health_look(LauncherHealth *self, uint64_t now_us)
{
    if (now_us < self->next_us)
        return LAUNCHER_HEALTH_WAIT;
    if (!self->asked) {
        ask(self, now_us);
        return LAUNCHER_HEALTH_ASK;
    }
    if (self->looked)
        return LAUNCHER_HEALTH_HANGS;
    self->looked = true;
    self->next_us = time_add(now_us, self->times->patience_us / 2);
    return LAUNCHER_HEALTH_WAIT;
}

uint64_t launcher_health_lost(LauncherHealth *self, uint64_t now_us)
{
    uint64_t delay_us;

    if (self->well && time_since(now_us, self->well_us) >= self->times->long_life_us)
        self->delay_us = self->times->first_delay_us;
    delay_us = self->delay_us;
    self->delay_us =
        delay_us < self->times->last_delay_us / 2 ? delay_us * 2 : self->times->last_delay_us;
    self->well = false;
    self->asked = false;
    self->next_us = TIME_NEVER;
    return delay_us;
}
