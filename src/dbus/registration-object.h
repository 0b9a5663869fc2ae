/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.bailiff.Bailiff1.Registration: somebody who holds resource leases.
 */
#pragma once

#include "bailiff-bus-generated.h"
#include "dbus/bus-service.h"
#include "engine/registration.h"

#define BAILIFF_TYPE_REGISTRATION_OBJECT (bailiff_registration_object_get_type())
G_DECLARE_FINAL_TYPE(BailiffRegistrationObject, bailiff_registration_object, BAILIFF,
                     REGISTRATION_OBJECT, BailiffBusRegistrationSkeleton)

BailiffRegistration *
bailiff_registration_object_get_registration(BailiffRegistrationObject *self); /* borrowed */

void bailiff_registration_object_show(BailiffBusService *service,
                                      BailiffRegistration *registration);
void bailiff_registration_object_hide(BailiffBusService *service,
                                      BailiffRegistration *registration);
