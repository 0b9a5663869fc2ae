/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.bailiff.Bailiff1.Resource: a resource lease that this host holds.
 */
#pragma once

#include "bailiff-bus-generated.h"
#include "dbus/bus-service.h"
#include "engine/resource.h"

#define BAILIFF_TYPE_RESOURCE_OBJECT (bailiff_resource_object_get_type())
G_DECLARE_FINAL_TYPE(BailiffResourceObject, bailiff_resource_object, BAILIFF, RESOURCE_OBJECT,
                     BailiffBusResourceSkeleton)

BailiffResource *bailiff_resource_object_get_resource(BailiffResourceObject *self); /* borrowed */

void bailiff_resource_object_show(BailiffBusService *service, BailiffResource *resource);
void bailiff_resource_object_hide(BailiffBusService *service, BailiffResource *resource);

char *bailiff_resource_object_path(BailiffResource *resource);
