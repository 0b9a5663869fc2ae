/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.bailiff.Bailiff1.Manager: formats and inspects storage, joins, registers.
 */
#pragma once

#include "dbus/bus-service.h"

void bailiff_manager_object_show(BailiffBusService *service, const char *version);
