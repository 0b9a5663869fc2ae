/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource index as the index machines work on it, and what they have in common. Source:
 * lease-algorithms facts, section 13; disk-format facts, section 6.
 *
 * Who changes an index holds its lease (INDEX_LEASE_NAME, in its second area) from before it reads
 * the first area until every write of the change has ended: also one that timed out, since it could
 * land after the next holder has given the same entry to somebody else. The machines here do not
 * acquire it; they are run between an acquire and a release machine by somebody who does.
 *
 *   index-read      read and check the first area; all others start from what it read
 *   index-format    a new index, with its lease
 *   index-create    initialise a resource, then write its entry
 *   index-look      what is there where an entry says that its resource is
 *   index-delete    clear an entry, then the resource
 *   index-rebuild   all entries anew, from the resources that are there
 *
 * The order of the writes is such that after any of them a host may die: a resource without an
 * entry is found by the next rebuild, and an area with a resource in it is never initialised, entry
 * or not. An entry never leads to a resource that is not there.
 */
#pragma once

#include "lease/machine-step.h"
#include "ondisk/index-record.h"

/* What an area may take to be written: sanlock allows as much, whatever the io timeout. */
#define INDEX_AREA_WRITE_US (60 * USEC_PER_SECOND)

typedef struct ResourceIndex {
    char lockspace_name[FIXED_NAME_SIZE + 1];
    /* The layout is the lockspace's: an index with other sizes is refused. `count`: of the header
     * as read; when formatting, as wanted. */
    IndexPlace place;
    uint32_t io_timeout;  /* seconds */
    uint64_t device_size; /* bytes */
    /* place.layout.align_size bytes of the driver: the index's first area, as read. The machines
     * change it as they change the disk. */
    uint8_t *area;
} ResourceIndex;

/* The name is copied, `area` is not. `offset`: index_place_ok() with `count`. */
void resource_index_init(ResourceIndex *self, const char *lockspace_name, const IndexPlace *place,
                         uint32_t io_timeout, uint64_t device_size, uint8_t *area);

/* The entry of that name in what was read; `resource_offset` 0: wherever its resource lies.
 * LEASE_OK, LEASE_NAME_MISSING, LEASE_NAME_AMBIGUOUS (sanlock creates one name any number of
 * times), or LEASE_BAD_RECORD when the entry is damaged. */
LeaseFault resource_index_find(const ResourceIndex *self, const char *name,
                               uint64_t resource_offset, uint32_t *ret_number);

/* The first free entry, for a resource of that name. LEASE_OK, LEASE_NAME_TAKEN, LEASE_INDEX_FULL,
 * or LEASE_IO_SHORT when the device ends before the resource would. */
LeaseFault resource_index_find_free(const ResourceIndex *self, const char *name,
                                    uint32_t *ret_number);

/* For the machines. */

void resource_index_get(const ResourceIndex *self, uint32_t number, IndexEntry *ret);
void resource_index_put(ResourceIndex *self, uint32_t number, const IndexEntry *entry);

/* Reads `length` bytes of the index's device. */
MachineStep index_step_read(const ResourceIndex *self, uint64_t offset, uint32_t length);
/* Writes into the area that begins at `area_offset`: all of it, or one sector of it. The fence is
 * that area. */
MachineStep index_step_write_area(const ResourceIndex *self, const MachineInput *input,
                                  uint64_t area_offset, const uint8_t *area);
MachineStep index_step_write_sector(const ResourceIndex *self, const MachineInput *input,
                                    uint64_t area_offset, uint32_t position, const uint8_t *area);

/* What an index machine is told to end for before it looks at anything else: LEASE_EXPIRED,
 * LEASE_STOPPED (only where `may_stop`), the fault of an I/O that was out; LEASE_OK to go on. */
typedef enum IndexIo { INDEX_IO_NONE, INDEX_IO_READ, INDEX_IO_WRITE } IndexIo;
LeaseFault index_input_fault(const MachineInput *input, IndexIo io, bool may_stop);

/* LEASE_AREA_OCCUPIED for an area that begins at `offset` with these bytes. */
LeaseFault index_area_occupied(uint64_t offset, const uint8_t *area, uint32_t length);
