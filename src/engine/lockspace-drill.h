/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a loss of the storage would lead to, told beforehand, touching nothing.
 */
#pragma once

#include "engine/lockspace.h"

typedef enum BailiffDrillKind {
    BAILIFF_DRILL_LATE,
    BAILIFF_DRILL_FAIL,
    BAILIFF_DRILL_STEP,  /* of a registration */
    BAILIFF_DRILL_GUARD, /* the last kill, by the guard */
    BAILIFF_DRILL_RESET, /* the watchdog may fire from here on */
    BAILIFF_DRILL_FREE,
    BAILIFF_DRILL_LEFT, /* what nothing here makes harmless: for the watchdog, or for nobody */
} BailiffDrillKind;

typedef struct BailiffDrillEvent {
    BailiffDrillKind kind;
    guint64 at_us;                     /* CLOCK_BOOTTIME */
    BailiffRegistration *registration; /* whose step it is, or what is left; else NULL */
    guint step;                        /* BAILIFF_DRILL_STEP: from 0 on ... */
    const char *action;                /* ... its action, ... */
    guint64 until_us;                  /* ... and when the next one starts; TIME_NEVER: never */
    const char *proof;                 /* ... and how its effect is known: failure-plan.h */
    char *text;                        /* for people */
} BailiffDrillEvent;

/* "late", "fail", "step", "guard", "reset", "free", "left". */
const char *bailiff_drill_kind_name(BailiffDrillKind kind);

/* The timeline if no renewal worked from now on and nothing that is done had any effect, in order:
 * (element-type BailiffDrillEvent) a new array. NotJoined unless the lockspace is held or late:
 * what has failed is no drill. */
GPtrArray *bailiff_lockspace_drill(BailiffLockspace *self, GError **error);
