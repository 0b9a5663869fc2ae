/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SendEvent() of hosts and of lockspaces.
 */
#pragma once

#include "dbus/bus-service.h"
#include "engine/lockspace.h"

/* Handles the call. `target`: the interface skeleton that was called; `to`: who is meant, with the
 * event and its data; for a single host `to->generation` is what holds without the option. */
gboolean send_event_method(BailiffBusService *service, gpointer target,
                           GDBusMethodInvocation *invocation, BailiffLockspace *lockspace,
                           const BailiffHostEvent *to, GVariant *options);
