/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks whether a resource that this host holds is still held on disk: one sector read.
 *
 * Nobody takes a resource from a host that renews. But a host can be wrong about its renewals: one
 * that its hypervisor stopped and continued finds its clock unmoved (frozen-watch.h). Then the
 * leader record shows it, whatever clocks and other hosts are like: it names a later version.
 *
 * - The same version, owner, generation and time stamp: ours, whoever wrote it. Another host that
 *   saw our ballot may commit it a second time.
 * - A later version: taken. The same version with another owner, or free: somebody gave the version
 *   out again (sanlock can), or released what was not his.
 * - An *earlier* version is a leader record of the past, which was long on its way
 *   (resource-acquire.c). Our own ballot record keeps everybody from our version, and from going
 *   past it, while it stands there as we wrote it; if it does not (the area was formatted anew),
 *   nothing does.
 * - A shared lease is in our own host sector, and nowhere else. Who takes the resource
 *   exclusively from a dead shared holder wipes that out first.
 * - A record that is damaged says nothing, and lets nobody acquire: not ours to judge.
 *
 * `thorough`: reads the ballot records, too, and takes a host that is in a ballot for a later
 * version for one that did not take us for the holder. That is for the first look after a grant. A
 * host that stood still between its last read and its commit writes its own name into the leader
 * over a later version, and finds just that afterwards.
 */
#pragma once

#include "lease/resource-lease.h"

typedef struct ResourceRecheck {
    ResourceLease lease; /* a copy: the hold may end, or change, while this reads */
    bool thorough;
    int state;
    LeaderRecord leader;
} ResourceRecheck;

/* `lease` is held. */
void resource_recheck_init(ResourceRecheck *self, const ResourceLease *lease, bool thorough);

/* STEP_DONE: held as it was. STEP_FAILED with LEASE_NOT_OURS: taken; version and host_id say by
 * whom. LEASE_SHARE_LOST: taken, what was held shared. Any other fault: nothing was learned; look
 * again. Writes nothing. */
MachineStep resource_recheck_resume(ResourceRecheck *self, const MachineInput *input);
