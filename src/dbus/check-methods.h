/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Manager.CheckStorage().
 */
#pragma once

#include "dbus/bus-service.h"

gboolean check_storage_method(BailiffBusService *service, gpointer target,
                              GDBusMethodInvocation *invocation, const char *path, guint64 offset,
                              GVariant *options);
