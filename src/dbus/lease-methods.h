/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registration.Acquire() and Release().
 */
#pragma once

#include "dbus/registration-object.h"

gboolean acquire_method(BailiffBusService *service, BailiffRegistrationObject *target,
                        GDBusMethodInvocation *invocation, GVariant *leases, GVariant *options);

gboolean release_method(BailiffBusService *service, BailiffRegistrationObject *target,
                        GDBusMethodInvocation *invocation, const char *const *paths,
                        GVariant *options);
