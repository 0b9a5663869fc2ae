/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The value of a resource: one sector of bytes beside its lease, for whoever holds it.
 * Source: lease-algorithms facts, section 8; disk-format facts, section 5.4 and trap F1 (only two
 * of the five layouts have room for it: layout_has_value()).
 *
 * A value has no checksum, no length and no writer: it is what the last exclusive holder wrote, and
 * to be relied on no more than the storage writes a sector whole.
 */
#pragma once

#include "lease/resource-recheck.h"

typedef struct ResourceValue {
    ResourceLease lease; /* a copy; of one that is held */
    ResourceRecheck recheck;
    bool writes;
    int state;
    uint8_t sector[SECTOR_SIZE_MAX]; /* after a read: layout.sector_size bytes */
} ResourceValue;

/* Both: the layout has a value. */
void resource_value_init_read(ResourceValue *self, const ResourceLease *lease);
/* `lease` is held exclusively; `length` is at most a sector, the rest is written as zeroes. No
 * other operation on the resource may run until it has ended, and a release in particular may not
 * overtake it: a value that is written behind it would land in somebody else's. */
void resource_value_init_write(ResourceValue *self, const ResourceLease *lease, const uint8_t *data,
                               uint32_t length);

/* A write looks at the leader first: LEASE_NOT_OURS when somebody else has the resource. */
MachineStep resource_value_resume(ResourceValue *self, const MachineInput *input);
