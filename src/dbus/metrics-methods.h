/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Manager.GetMetrics().
 */
#pragma once

#include "dbus/bus-service.h"

gboolean get_metrics_method(BailiffBusService *service, gpointer target,
                            GDBusMethodInvocation *invocation, GVariant *options);
