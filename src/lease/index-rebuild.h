/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Make all entries anew from the resources that are there. Only while the index lease is held,
 * after index-read has read the index under it.
 *
 * Reads the leader of every area up to the index's last or the device's, one after the other, and
 * adds each that is a resource of this lockspace with its sizes, whatever its name, twice if it is
 * there twice. A damaged one is left out: it cannot be acquired, and its area is not taken for
 * free. Then the whole first area is written at once; the header's sector stays byte for byte.
 * Nothing is written when any read fails.
 */
#pragma once

#include "lease/resource-index.h"

typedef struct IndexRebuild {
    ResourceIndex *index; /* not owned */
    uint32_t number;      /* the area that is being read */
    uint32_t found;       /* how many resources */
    int state;
} IndexRebuild;

void index_rebuild_init(IndexRebuild *self, ResourceIndex *index);
MachineStep index_rebuild_resume(IndexRebuild *self, const MachineInput *input);
