/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The methods of a lockspace about resource indexes.
 */
#pragma once

#include "dbus/bus-service.h"
#include "engine/lockspace-index.h"

/* Checks what the bus gave and answers late. `target` is the interface skeleton that was called;
 * `name` NULL where the method has none. Returns TRUE, for handlers to return. */
gboolean index_method(BailiffBusService *service, gpointer target, BailiffLockspace *lockspace,
                      GDBusMethodInvocation *invocation, IndexVerb verb, const char *path,
                      guint64 offset, const char *name, GVariant *options);
