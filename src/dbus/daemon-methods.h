/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods of the manager that are about the daemon itself.
 */
#pragma once

#include "dbus/bus-service.h"

gboolean reload_method(BailiffBusService *service, gpointer target,
                       GDBusMethodInvocation *invocation, GVariant *options);
gboolean reexecute_method(BailiffBusService *service, gpointer target,
                          GDBusMethodInvocation *invocation, GVariant *options);
gboolean hand_over_method(BailiffBusService *service, gpointer target,
                          GDBusMethodInvocation *invocation, GVariant *options);
gboolean stop_method(BailiffBusService *service, gpointer target, GDBusMethodInvocation *invocation,
                     GVariant *options);
