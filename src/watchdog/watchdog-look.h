/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be known of a watchdog beforehand, without starting it or taking it from anybody.
 */
#pragma once

#include "watchdog/watchdog.h"

/* FALSE with an error of those of watchdog_guard_finish() when the device is not there, may not be
 * opened or could not be stopped again, or nobody listens on wdmd's socket. TRUE does not mean that
 * it can be trusted: only the first guard tells. May block where the path leads to a file system
 * that hangs; wdmd is not waited for. */
gboolean watchdog_look(const WatchdogConfig *config, GError **error);
