/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The resource index: a table of the resources of one lockspace. Two areas, then the resources:
 *
 *   index_offset            first area: a header in its first sector, entries from the second on
 *   index_offset + AL       an ordinary resource lease, INDEX_LEASE_NAME, that guards changes
 *   index_offset + (2+k)AL  the resource of entry k
 *
 * AL is the size of an area. Nothing here has a checksum, so everything is checked that can be: an
 * entry says where its resource lies, and there is one place only where it can. Source: disk-format
 * facts, section 6 (and trap F5: the flags for the area's size are not those of a leader record).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fixed-name.h"
#include "ondisk/layout.h"
#include "ondisk/record-fault.h"

#define INDEX_MAGIC UINT32_C(0x01042018)
#define INDEX_VERSION UINT32_C(0x00010002)
#define INDEX_HEADER_SIZE 80u
#define INDEX_ENTRY_SIZE 64u
#define INDEX_LEASE_NAME "rindex_lease"
/* What sanlock makes room for when it is not told. */
#define INDEX_COUNT_DEFAULT 4096u
/* Areas before the first resource. */
#define INDEX_AREAS 2u

typedef struct IndexHeader {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;         /* one of 0x1 0x2 0x4 0x8: an area of 1, 2, 4, 8 MiB */
    uint32_t sector_size;   /* bytes */
    uint32_t max_resources; /* 0: as many as the area has room for */
    uint32_t reserved;
    uint64_t index_offset; /* bytes from the start of the device: where this header lies */
    uint8_t lockspace_name[FIXED_NAME_SIZE];
} IndexHeader;

typedef struct IndexEntry {
    uint64_t resource_offset; /* bytes from the start of the device */
    uint32_t flags;           /* 0 */
    uint32_t reserved;
    uint8_t name[FIXED_NAME_SIZE];
} IndexEntry;

/* Where an index lies and how large it is. */
typedef struct IndexPlace {
    Layout layout;
    uint64_t offset; /* bytes from the start of the device */
    uint32_t count;  /* entries; at most index_limit() */
} IndexPlace;

/* How many entries sanlock allows for: 16000 in an area of 1 MiB, and so on in proportion. */
uint32_t index_limit(const Layout *layout);

/* True when an index with `count` entries can begin there: a multiple of the area's size, and the
 * end of its last resource does not pass 2^63 - 1. */
bool index_place_ok(const IndexPlace *place);

/* Bytes from the start of the device. `number` < count. */
uint64_t index_lease_offset(const IndexPlace *place);
uint64_t index_resource_offset(const IndexPlace *place, uint32_t number);

/* Bytes from the start of the index: of entry `number`, and of the sector that it lies in. */
uint32_t index_entry_position(const IndexPlace *place, uint32_t number);
uint32_t index_entry_sector(const IndexPlace *place, uint32_t number);

void index_header_decode(IndexHeader *ret, const uint8_t bytes[INDEX_HEADER_SIZE]);
void index_header_encode(const IndexHeader *header, uint8_t bytes[INDEX_HEADER_SIZE]);
void index_header_init(IndexHeader *ret, const IndexPlace *place, const char *lockspace_name);

/* Checks a header that was read at byte `offset`: magic, version, flags, sizes, lockspace name (not
 * checked when NULL), then RECORD_BAD_FIELD for an offset that is not where it was read or cannot
 * be, and for more entries than there is room for. *ret is set on RECORD_OK only: loops over the
 * entries are bounded by its count. A header without a flag for the area's size (of minor version
 * 1) is RECORD_BAD_ALIGN_SIZE: what sanlock makes of it is no size at all. */
RecordFault index_header_check(const IndexHeader *header, const char *lockspace_name,
                               uint64_t offset, IndexPlace *ret);

void index_entry_decode(IndexEntry *ret, const uint8_t bytes[INDEX_ENTRY_SIZE]);
void index_entry_encode(const IndexEntry *entry, uint8_t bytes[INDEX_ENTRY_SIZE]);
void index_entry_init(IndexEntry *ret, const IndexPlace *place, uint32_t number, const char *name);

bool index_entry_is_free(const IndexEntry *entry);
/* Checks an entry that is not free: RECORD_BAD_FLAGS, or RECORD_BAD_FIELD when it has no name or
 * says another place than the one that is its own. (sanlock ignores what it says.) */
RecordFault index_entry_check(const IndexEntry *entry, const IndexPlace *place, uint32_t number);
