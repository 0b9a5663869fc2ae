/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What systemd is told of this service: that it is ready, reads its configuration, stops; a line of
 * status; and pings, so that it knows that the main loop goes round.
 *
 * The pings are no deadline of any lease: they go on while failure policies are walked. A daemon
 * whose main loop hangs is even to be left alone for some time, since its kill guard still works
 * and would end with it (service_manager_set_patience()).
 */
#pragma once

#include <glib.h>

typedef struct ServiceManager ServiceManager;

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment's words; without them
 * everything here does nothing. Pings run in the default main context, from now on. */
ServiceManager *service_manager_new(void);
void service_manager_free(ServiceManager *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServiceManager, service_manager_free)

void service_manager_ready(ServiceManager *self);
void service_manager_reloading(ServiceManager *self);
void service_manager_stopping(ServiceManager *self);

/* One line; what it was already is not sent again. */
void service_manager_set_status(ServiceManager *self, const char *status);

/* A main loop that hangs is not to be ended before `seconds` have passed. Less than what the unit
 * says (WatchdogSec=) does not count; without a watchdog nothing does. */
void service_manager_set_patience(ServiceManager *self, guint seconds);
