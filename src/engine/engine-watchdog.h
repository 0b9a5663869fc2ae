/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's watchdog, and what people are told of it.
 */
#pragma once

#include <gio/gio.h>

#include "watchdog/watchdog.h"

typedef struct EngineWatchdog EngineWatchdog;

/* `config` NULL: there is none. The engine's property watchdog-state notifies when it has changed.
 */
EngineWatchdog *engine_watchdog_new(GObject *engine, const WatchdogConfig *config, GError **error);
/* What is guarded still stays armed. */
void engine_watchdog_free(EngineWatchdog *self);

Watchdog *engine_watchdog_get(EngineWatchdog *self);
const char *engine_watchdog_get_state(EngineWatchdog *self);
/* What stands behind the leases, or why nothing does: one line, or "cause\ncure". */
const char *engine_watchdog_get_description(EngineWatchdog *self);

/* A lockspace in use cannot be guarded; NULL: it can, by now. */
void engine_watchdog_trouble(EngineWatchdog *self, const GError *error);
/* A lockspace is joined: where nothing would reset this host that is said now, once. */
void engine_watchdog_joining(EngineWatchdog *self);
