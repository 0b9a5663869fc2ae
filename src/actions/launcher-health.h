/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When a launcher is asked whether it is there, when it hangs, and when the next one is started: a
 * plain machine, which is told the time (microseconds of CLOCK_BOOTTIME) and what has happened.
 *
 * It is asked every few seconds, and before each request. One that has sent nothing for as long as
 * `patience_us` while a question is out hangs. That is found out in two looks, the second one half
 * of it after the first was made: a host that was suspended has its time over at once when it goes
 * on, before the launcher could run.
 *
 *     start           question        answer   question    first look   second look: hangs
 *     |<- interval -->|               |<- i. -->|<- p. / 2 ->|<- p. / 2 --->|
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct LauncherTimes {
    uint64_t interval_us;    /* between an answer and the next question */
    uint64_t patience_us;    /* for an answer */
    uint64_t first_delay_us; /* before another one is started; then twice as long each time … */
    uint64_t last_delay_us;  /* … up to this */
    uint64_t long_life_us;   /* who was well for so long is followed with the first delay again */
} LauncherTimes;

/* What bailiffd goes by. */
extern const LauncherTimes launcher_times;

typedef struct LauncherHealth {
    const LauncherTimes *times;
    uint64_t delay_us; /* the next one */
    uint64_t well_us;  /* since when, if `well` */
    uint64_t next_us;  /* the next question or look; TIME_NEVER: there is no launcher */
    bool well;         /* it has answered */
    bool asked;        /* a question is out */
    bool looked;       /* once since something came from it */
} LauncherHealth;

typedef enum LauncherHealthStep {
    LAUNCHER_HEALTH_WAIT, /* until `next_us` */
    LAUNCHER_HEALTH_ASK,  /* it is to be asked now */
    LAUNCHER_HEALTH_HANGS,
} LauncherHealthStep;

/* `times` stays valid. */
void launcher_health_init(LauncherHealth *ret, const LauncherTimes *times);

/* It was started, and is to be asked now. */
void launcher_health_started(LauncherHealth *self, uint64_t now_us);

/* A request is about to be sent: true when it is to be asked now, since no question is out. */
bool launcher_health_needs(LauncherHealth *self, uint64_t now_us);

/* It has sent something; `pong`: the answer to the question. True: it is well for the first time.
 */
bool launcher_health_heard(LauncherHealth *self, bool pong, uint64_t now_us);

/* To be called at `next_us` or later, when all that it has sent was looked at. */
LauncherHealthStep launcher_health_look(LauncherHealth *self, uint64_t now_us);

/* There is none any more, or it could not be started. Returns how long to wait with the next. */
uint64_t launcher_health_lost(LauncherHealth *self, uint64_t now_us);
