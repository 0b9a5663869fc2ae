/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the watchdog could be had, while nothing is guarded.
 *
 * Nothing touches the watchdog before the first join: whoever has configured one that is not there
 * would hear of it on that day only. So it is looked at when bailiffd starts, and what a guard
 * found out since is kept. What may heal by itself (a driver is loaded, wdmd is started) is looked
 * at again until it has.
 */
#pragma once

#include "watchdog/watchdog.h"

typedef struct WatchdogLookout WatchdogLookout;

typedef void (*WatchdogLookoutChanged)(gpointer user_data);

/* Looks at once, and blocks for that: for the beginning. `config` is copied. */
WatchdogLookout *watchdog_lookout_new(const WatchdogConfig *config, WatchdogLookoutChanged changed,
                                      gpointer user_data);
void watchdog_lookout_free(WatchdogLookout *self);

/* Why it could not be had, "cause\ncure"; NULL when nothing speaks against it. */
const char *watchdog_lookout_get_trouble(WatchdogLookout *self);

/* What came of a guard that was asked for; NULL: it was had. */
void watchdog_lookout_note(WatchdogLookout *self, const GError *error);
