/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lockspace.Drill(), which tells, and Registration.Drill(), which acts.
 */
#pragma once

#include "dbus/bus-service.h"
#include "engine/lockspace.h"
#include "engine/registration.h"

gboolean drill_lockspace_method(BailiffBusService *service, gpointer target,
                                GDBusMethodInvocation *invocation, BailiffLockspace *lockspace,
                                GVariant *options);
gboolean drill_registration_method(BailiffBusService *service, gpointer target,
                                   GDBusMethodInvocation *invocation,
                                   BailiffRegistration *registration, GVariant *options);
