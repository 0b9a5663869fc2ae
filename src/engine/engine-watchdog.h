/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's watchdog, and what people are told of it.
 */
#pragma once

#include <gio/gio.h>

#include "common/fd-store.h"
#include "watchdog/watchdog.h"

typedef struct EngineWatchdog EngineWatchdog;

/* `config` NULL: there is none. `store`: what it has outlives this process, by exec or by systemd;
 * may be NULL. The engine's property watchdog-state notifies when it has changed.
 */
EngineWatchdog *engine_watchdog_new(GObject *engine, const WatchdogConfig *config, FdStore *store,
                                    GError **error);
/* What is guarded still stays armed. */
void engine_watchdog_free(EngineWatchdog *self);

Watchdog *engine_watchdog_get(EngineWatchdog *self);
const char *engine_watchdog_get_state(EngineWatchdog *self);
/* What stands behind the leases, or why nothing does: one line, or "cause\ncure". */
const char *engine_watchdog_get_description(EngineWatchdog *self);

/*
 * Going on as another program (daemon/continuity.h), without a moment in which nobody could feed:
 * what that needs is in the store from then on. Waits for the thread.
 */
void engine_watchdog_give(EngineWatchdog *self);
/* It came to nothing. */
void engine_watchdog_take_back(EngineWatchdog *self);
/* What the program before has given, or systemd has kept; before anything is guarded. */
void engine_watchdog_inherit(EngineWatchdog *self);
/* Everything that was taken over is guarded, or about to be; what cannot be read of it, too. */
void engine_watchdog_inherited(EngineWatchdog *self);
/* FALSE with Unsupported: only the process that has armed it can say that leases are safe, so that
 * another one cannot take over. */
gboolean engine_watchdog_check_hand_over(EngineWatchdog *self, GError **error);
/* FALSE with InvalidArgument: `other`, the setting of a successor, is another one than that of the
 * watchdog that runs, which nobody would feed then. */
gboolean engine_watchdog_check_setting(EngineWatchdog *self, const char *other, GError **error);
/* Of this one: kind and place. Borrowed. */
const char *engine_watchdog_get_setting(EngineWatchdog *self);

/* A lockspace in use cannot be guarded; NULL: it can, by now. */
void engine_watchdog_trouble(EngineWatchdog *self, const GError *error);
/* A lockspace that is joined was to be guarded; NULL: it is. */
void engine_watchdog_asked_for(EngineWatchdog *self, const GError *error);
/* A lockspace is joined: where nothing would reset this host that is said now, once. */
void engine_watchdog_joining(EngineWatchdog *self);
