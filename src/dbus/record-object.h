/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.bailiff.Bailiff1.Record.
 */
#pragma once

#include "dbus/bus-service.h"
#include "engine/records.h"

void bailiff_record_object_show(BailiffBusService *service, BailiffRecord *record);
void bailiff_record_object_hide(BailiffBusService *service, BailiffRecord *record);
