/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where things lie. A lockspace is one area of host leases, one a sector; a resource is one area:
 * leader, request record, one sector for each host. Areas begin at any byte offset that is a
 * multiple of the sector size; by convention they are aligned to the area's size.
 *
 * Source: disk-format facts, section 1. Only five pairs of sizes exist:
 *
 *   sector  area   hosts  leader flag
 *      512  1 MiB   2000  0x10
 *     4096  1 MiB    250  0x10
 *     4096  2 MiB    500  0x20
 *     4096  4 MiB   1000  0x40
 *     4096  8 MiB   2000  0x80
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ondisk/record-fault.h"

#define MEBIBYTE UINT32_C(1048576)
#define SECTOR_SIZE_MIN 512u
#define SECTOR_SIZE_MAX 4096u
#define ALIGN_SIZE_MAX (8u * MEBIBYTE)
#define LAYOUT_MAX_HOSTS 2000u
/* The first read of an area that nothing is known about: a leader record is complete in it. */
#define LAYOUT_PROBE_SIZE 4096u

typedef struct Layout {
    uint32_t sector_size; /* bytes: 512 or 4096 */
    uint32_t align_size;  /* bytes: size of one area */
    uint32_t max_hosts;   /* host ids are 1..max_hosts */
} Layout;

/* One of the five pairs, or RECORD_BAD_SECTOR_SIZE / RECORD_BAD_ALIGN_SIZE and *ret untouched.
 * align_size 0 means the usual one for the sector size (512: 1 MiB, 4096: 8 MiB). */
RecordFault layout_from_sizes(Layout *ret, uint32_t sector_size, uint32_t align_size);

/* From a leader record's fields. No align flag at all is the old format: the size is implied by the
 * sector size. Several align flags: RECORD_BAD_ALIGN_SIZE (sanlock takes the smallest; we do not
 * guess where other hosts write). */
RecordFault layout_from_leader(Layout *ret, uint32_t sector_size, uint32_t flags);

/* The flag (0x10, 0x20, 0x40, 0x80) that a leader record has for this layout. */
uint32_t layout_align_flag(const Layout *layout);

bool layout_equal(const Layout *a, const Layout *b);

/* Byte offset of the host lease of `host_id` (1..max_hosts). */
uint64_t layout_host_lease(const Layout *layout, uint64_t lockspace_offset, uint64_t host_id);

/* Byte offset of the request record of a resource. */
uint64_t layout_request(const Layout *layout, uint64_t resource_offset);

/* Byte offset of the ballot and mode record of `host_id` (1..max_hosts) in a resource. */
uint64_t layout_host_sector(const Layout *layout, uint64_t resource_offset, uint64_t host_id);

/* Whether a resource of this layout has a sector for a value. The value's place is the same, in
 * sectors, for every layout, and in three of the five it is behind the end of the area: who writes
 * there destroys the lease of something else. Source: disk-format facts, trap F1. */
bool layout_has_value(const Layout *layout);
/* Byte offset of the value of a resource that has one. */
uint64_t layout_value(const Layout *layout, uint64_t resource_offset);

/* True when an area of this layout can begin at `offset`: a multiple of the sector size, and its
 * end does not pass 2^63 - 1. */
bool layout_offset_ok(const Layout *layout, uint64_t offset);
