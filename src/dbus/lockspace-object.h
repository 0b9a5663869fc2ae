/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.bailiff.Bailiff1.Lockspace, and the objects below it: its hosts and resources.
 */
#pragma once

#include "dbus/bus-service.h"

void bailiff_lockspace_object_show(BailiffBusService *service, BailiffLockspace *lockspace);
void bailiff_lockspace_object_hide(BailiffBusService *service, BailiffLockspace *lockspace);
