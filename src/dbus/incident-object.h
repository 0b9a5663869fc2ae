/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.bailiff.Bailiff1.Incident.
 */
#pragma once

#include "dbus/bus-service.h"

void bailiff_incident_object_show(BailiffBusService *service, BailiffIncident *incident);
void bailiff_incident_object_hide(BailiffBusService *service, BailiffIncident *incident);
/* Tells at once what was gathered: the last chance, before the bus is left. */
void bailiff_incident_object_tell_rest(BailiffBusService *service, BailiffIncident *incident);
