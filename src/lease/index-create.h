/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Create a resource: initialise its area, then write its entry. Only while the index lease is held,
 * after index-read has read the index under it and resource_index_find_free() has found `number`.
 *
 * Nothing is ever written over that may be of use to somebody: the area must be blank, or hold a
 * resource of this lockspace that was deliberately cleared. LEASE_AREA_OCCUPIED otherwise, with
 * what is there, and nothing was written. (sanlock does not look.)
 *
 * STEP_FAILED after the first write: the resource may be there without an entry, until a rebuild
 * gives it one.
 */
#pragma once

#include "lease/resource-index.h"

typedef struct IndexCreate {
    ResourceIndex *index; /* not owned */
    uint32_t number;
    char name[FIXED_NAME_SIZE + 1];
    uint32_t num_hosts;
    uint8_t *resource_area; /* not owned */
    int state;
} IndexCreate;

/* The name is copied. num_hosts 0: as many as fit. `resource_area`: room for an area, which stays
 * good until the machine has ended. */
void index_create_init(IndexCreate *self, ResourceIndex *index, uint32_t number, const char *name,
                       uint32_t num_hosts, uint8_t *resource_area);
MachineStep index_create_resume(IndexCreate *self, const MachineInput *input);
