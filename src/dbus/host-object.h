/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.bailiff.Bailiff1.Host: a host of a lockspace.
 */
#pragma once

#include "dbus/bus-service.h"

void bailiff_host_object_show(BailiffBusService *service, BailiffLockspace *lockspace,
                              BailiffHost *host);
void bailiff_host_object_hide(BailiffBusService *service, BailiffLockspace *lockspace,
                              BailiffHost *host);

/* Announces what is known of the host now. */
void bailiff_host_object_announce(BailiffBusService *service, BailiffLockspace *lockspace,
                                  BailiffHost *host);

/* The lockspace is lost: nobody will learn of a state any more, so nobody waits any longer. */
void bailiff_host_object_lockspace_lost(BailiffBusService *service, BailiffLockspace *lockspace,
                                        BailiffHost *host);
