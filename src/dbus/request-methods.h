/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RequestResource() and ExamineRequests() of lockspaces.
 */
#pragma once

#include "dbus/bus-service.h"
#include "engine/lockspace.h"

/* Handle the call. `target`: the interface skeleton that was called. */
gboolean request_resource_method(BailiffBusService *service, gpointer target,
                                 GDBusMethodInvocation *invocation, BailiffLockspace *lockspace,
                                 const char *resource, const char *path, guint64 offset,
                                 GVariant *options);
gboolean examine_requests_method(BailiffBusService *service, gpointer target,
                                 GDBusMethodInvocation *invocation, BailiffLockspace *lockspace,
                                 GVariant *options);
