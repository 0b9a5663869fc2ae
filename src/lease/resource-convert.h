/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Make a shared lease exclusive. Source: lease-algorithms facts, section 6. (The other direction is
 * resource_share_of_held_init().)
 *
 * STEP_DONE: held in mode RESOURCE_EXCLUSIVE; lease->leader.version_of_lease is its version.
 * STEP_FAILED: still held shared, except with LEASE_SHARE_LOST: then nothing is held, and what used
 * it must stop. lease->may_be_owner: the attempt has left something on disk, and what follows is
 * resource_share_of_held_init() until it is done (after LEASE_SHARE_LOST: the release).
 *
 * Two hosts that share a resource and both want to make it exclusive both fail, each with the other
 * as the reason, until one of them lets go. There is no waiting for shared holders in here.
 */
#pragma once

#include "lease/resource-acquire.h"

typedef struct ResourceConvert {
    ResourceLease *lease; /* not owned; held, mode RESOURCE_SHARED, nothing owed */
    int state;
    ResourceAcquire acquire;
    uint8_t sector[SECTOR_SIZE_MAX];
} ResourceConvert;

void resource_convert_init(ResourceConvert *self, ResourceLease *lease);
MachineStep resource_convert_resume(ResourceConvert *self, const MachineInput *input);
