/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Manager.JoinLockspace().
 */
#pragma once

#include "dbus/bus-service.h"

/* What `join` points to is borrowed for the call. */
gboolean join_lockspace_method(BailiffBusService *service, gpointer target,
                               GDBusMethodInvocation *invocation, const BailiffJoin *join,
                               GVariant *options);
