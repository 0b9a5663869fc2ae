/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.bailiff.Bailiff1.Manager: formats and inspects storage, joins, registers.
 */
#pragma once

#include "dbus/bus-service.h"

void bailiff_manager_object_show(BailiffBusService *service, const char *version);

/* The settings of bailiffd.conf that count from the next start only, as they are. Before the first
 * call there are none. */
void bailiff_manager_object_set_pending_settings(BailiffBusService *service, char **settings);
