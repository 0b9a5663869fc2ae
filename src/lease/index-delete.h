/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Delete a resource: clear its entry, then write a cleared resource over it. Only while the index
 * lease is held, after index-read has read the index under it.
 *
 * A resource that anybody holds must not be cleared: its holder would not know, and the next one of
 * that name could be held beside it. Whether it is held cannot be told by looking, since the next
 * moment it could be: so this host must hold its lease, exclusively, before the machine starts.
 * (sanlock neither holds nor looks.) What it wrote cannot be released any more: there is nothing
 * left to release.
 *
 * STEP_FAILED after the first write: the entry may be cleared while the resource is still there,
 * until a rebuild finds it.
 */
#pragma once

#include "lease/resource-index.h"
#include "lease/resource-lease.h"

typedef struct IndexDelete {
    ResourceIndex *index; /* not owned */
    uint32_t number;
    const ResourceLease *lease; /* not owned; NULL */
    uint8_t *resource_area;     /* not owned */
    bool cleared;               /* the resource is no more, or may be */
    int state;
} IndexDelete;

/* `lease`: held, of the resource of entry `number`; NULL when index-look has found none there: then
 * only the entry is cleared. `resource_area`: room for an area, which stays good until the machine
 * has ended. */
void index_delete_init(IndexDelete *self, ResourceIndex *index, uint32_t number,
                       const ResourceLease *lease, uint8_t *resource_area);
MachineStep index_delete_resume(IndexDelete *self, const MachineInput *input);
