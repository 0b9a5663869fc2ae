/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeps what systemd shows of the service up to date with the model: the line of status, and how
 * long a main loop that hangs is to be left alone.
 */
#pragma once

#include "daemon/service-manager.h"
#include "engine/engine.h"

typedef struct ServiceStatus ServiceStatus;

/* From now on; both are borrowed, and live longer. */
ServiceStatus *service_status_new(BailiffEngine *engine, ServiceManager *manager);
void service_status_free(ServiceStatus *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServiceStatus, service_status_free)

/* Says so as long as no programs can be started; it lives longer, too. */
void service_status_set_launcher(ServiceStatus *self, Launcher *launcher);

/* Says this in place of what there is, until it is called with NULL: "Shutting down". */
void service_status_set_activity(ServiceStatus *self, const char *activity);

/* For tests: "2 lockspaces (worst: failing), 5 registrations (worst: paused)". */
char *service_status_describe(BailiffEngine *engine);
/* For tests: seconds for service_manager_set_patience(). */
guint service_status_patience(BailiffEngine *engine);
