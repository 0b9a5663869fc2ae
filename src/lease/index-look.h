/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is there where an entry says that its resource is: one sector is read, nothing is written.
 *
 * STEP_DONE: `live` says whether the entry's resource is there; false when there is none, or a
 * cleared one: then the entry alone is left of it. STEP_FAILED with LEASE_BAD_RECORD: what is there
 * is damaged, or is another resource or one of another lockspace; `offset` says where.
 */
#pragma once

#include "lease/resource-index.h"

typedef struct IndexLook {
    const ResourceIndex *index; /* not owned */
    uint32_t number;
    bool live;
    int state;
} IndexLook;

void index_look_init(IndexLook *self, const ResourceIndex *index, uint32_t number);
MachineStep index_look_resume(IndexLook *self, const MachineInput *input);
