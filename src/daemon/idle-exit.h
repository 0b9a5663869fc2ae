/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a daemon that nobody needs: nothing is joined or registered, nothing is left of an
 * earlier daemon, no call is in progress, and for some time there was none.
 *
 * The next call on the bus starts it again where the bus can do that; so by itself it does this
 * only where that is how it is started. See bailiff_bus_service_stop_async() for what becomes of
 * calls that come at that very moment.
 */
#pragma once

#include "dbus/bus-service.h"
#include "engine/engine.h"

typedef struct IdleExit IdleExit;

#define IDLE_EXIT_AUTO (-1) /* after IDLE_EXIT_AUTO_SECONDS, if it is started by calls only */
#define IDLE_EXIT_NEVER 0
#define IDLE_EXIT_AUTO_SECONDS 300

/* `seconds`: or one of the above. `end` is called once. The engine is borrowed, and lives longer.
 */
IdleExit *idle_exit_new(BailiffEngine *engine, int seconds, void (*end)(gpointer),
                        gpointer user_data);
void idle_exit_free(IdleExit *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(IdleExit, idle_exit_free)

/* Whose calls count; borrowed until another one is set. */
void idle_exit_set_service(IdleExit *self, BailiffBusService *service);

/* The bus that systemd is on, who is asked how this daemon is started; NULL while there is none. */
void idle_exit_set_bus(IdleExit *self, GDBusConnection *bus);
