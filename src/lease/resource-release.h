/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Release a resource, or take back an acquisition that failed half way (lease->may_be_owner).
 * Source: lease-algorithms facts, sections 6 and 7.
 *
 * One attempt: our host sector with RELEASED and without SHARED, then the leader (of a shared lease
 * that owes nothing: the sector alone). STEP_DONE: nobody needs to wait for
 * us any more. STEP_FAILED with an I/O fault: run it again (from init) until it is done or the
 * lockspace is lost; until then the resource is busy on this host. STEP_FAILED with LEASE_NOT_OURS:
 * the leader on disk is not what we held, nothing more was written; ended (held and may_be_owner
 * are false), but worth a word. So is LEASE_NOT_RENAMED: released, under the old name.
 *
 * Writes wait for every earlier write of ours into the area (fence): what was timed out has landed
 * or failed before the leader is judged.
 */
#pragma once

#include "lease/resource-lease.h"

typedef struct ResourceRelease {
    ResourceLease *lease; /* not owned; held and may_be_owner are false on STEP_DONE */
    int state;
    bool exclusive; /* the leader must be what we hold */
    bool renames;
    uint8_t new_name[FIXED_NAME_SIZE];
    LeaderRecord freed; /* the leader that is being written */
    uint64_t freed_us;
    uint8_t sector[SECTOR_SIZE_MAX];
} ResourceRelease;

void resource_release_init(ResourceRelease *self, ResourceLease *lease);
/* After init, of a lease that is held exclusively: the resource is called `new_name` from then on,
 * and under its old one it is no more (-227). At most FIXED_NAME_SIZE bytes. */
void resource_release_rename(ResourceRelease *self, const char *new_name);
MachineStep resource_release_resume(ResourceRelease *self, const MachineInput *input);
