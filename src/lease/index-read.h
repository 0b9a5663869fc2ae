/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Read the first area of a resource index and check its header. Needs no lease: also for looking
 * up. STEP_DONE: index->area is what was on disk, index->place.count its number of entries.
 * STEP_FAILED with LEASE_BAD_RECORD: no index of this lockspace with the lockspace's sizes is
 * there; index->area is as it was.
 */
#pragma once

#include "lease/resource-index.h"

typedef struct IndexRead {
    ResourceIndex *index; /* not owned */
    int state;
} IndexRead;

void index_read_init(IndexRead *self, ResourceIndex *index);
MachineStep index_read_resume(IndexRead *self, const MachineInput *input);
