/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ReadValue() and WriteValue() of resources.
 */
#pragma once

#include "dbus/bus-service.h"
#include "engine/resource.h"

/* Handle the call. `target`: the interface skeleton that was called. */
gboolean read_value_method(BailiffBusService *service, gpointer target,
                           GDBusMethodInvocation *invocation, BailiffResource *resource,
                           GVariant *options);
gboolean write_value_method(BailiffBusService *service, gpointer target,
                            GDBusMethodInvocation *invocation, BailiffResource *resource,
                            GVariant *value, GVariant *options);
