/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Make a new index: its first area, and its lease in the second. index->place.count says how many
 * entries the header allows for.
 *
 * Both areas must be blank, unless `overwrite`: LEASE_AREA_OCCUPIED otherwise, and nothing was
 * written. The header's magic is written last, so that nobody uses an index without its lease.
 */
#pragma once

#include "lease/resource-index.h"

typedef struct IndexFormat {
    ResourceIndex *index; /* not owned */
    bool overwrite;
    int state;
} IndexFormat;

void index_format_init(IndexFormat *self, ResourceIndex *index, bool overwrite);
MachineStep index_format_resume(IndexFormat *self, const MachineInput *input);
