/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The resource index; see the header.
 */
#include "ondisk/index-record.h"

#include <string.h>

#include "base/bytes.h"
#include "ondisk/leader-record.h"

enum {
    HEADER_MAGIC = 0,
    HEADER_VERSION = 4,
    HEADER_FLAGS = 8,
    HEADER_SECTOR_SIZE = 12,
    HEADER_MAX_RESOURCES = 16,
    HEADER_RESERVED = 20,
    HEADER_INDEX_OFFSET = 24,
    HEADER_LOCKSPACE_NAME = 32,

    ENTRY_RESOURCE_OFFSET = 0,
    ENTRY_FLAGS = 8,
    ENTRY_RESERVED = 12,
    ENTRY_NAME = 16,
};

/* Less than there is room for: sanlock's round numbers, which both sides must agree on. */
#define ENTRIES_PER_MEBIBYTE 16000u

uint32_t index_limit(const Layout *layout)
{
    return layout->align_size / MEBIBYTE * ENTRIES_PER_MEBIBYTE;
}

bool index_place_ok(const IndexPlace *place)
{
    uint64_t length = ((uint64_t)place->count + INDEX_AREAS) * place->layout.align_size;

    return place->count <= index_limit(&place->layout) &&
           place->offset % place->layout.align_size == 0 &&
           place->offset <= (uint64_t)INT64_MAX - length;
}

uint64_t index_lease_offset(const IndexPlace *place)
{
    return place->offset + place->layout.align_size;
}

uint64_t index_resource_offset(const IndexPlace *place, uint32_t number)
{
    return place->offset + ((uint64_t)number + INDEX_AREAS) * place->layout.align_size;
}

uint32_t index_entry_position(const IndexPlace *place, uint32_t number)
{
    return place->layout.sector_size + number * INDEX_ENTRY_SIZE;
}

uint32_t index_entry_sector(const IndexPlace *place, uint32_t number)
{
    uint32_t position = index_entry_position(place, number);

    return position - position % place->layout.sector_size;
}

/* Trap F5: a header's flags count MiB, a leader record's are sixteen times that. */
static uint32_t size_flag(const Layout *layout)
{
    return layout->align_size / MEBIBYTE;
}

void index_header_decode(IndexHeader *ret, const uint8_t bytes[INDEX_HEADER_SIZE])
{
    ret->magic = load_le32(bytes + HEADER_MAGIC);
    ret->version = load_le32(bytes + HEADER_VERSION);
    ret->flags = load_le32(bytes + HEADER_FLAGS);
    ret->sector_size = load_le32(bytes + HEADER_SECTOR_SIZE);
    ret->max_resources = load_le32(bytes + HEADER_MAX_RESOURCES);
    ret->reserved = load_le32(bytes + HEADER_RESERVED);
    ret->index_offset = load_le64(bytes + HEADER_INDEX_OFFSET);
    memcpy(ret->lockspace_name, bytes + HEADER_LOCKSPACE_NAME, FIXED_NAME_SIZE);
}

void index_header_encode(const IndexHeader *header, uint8_t bytes[INDEX_HEADER_SIZE])
{
    store_le32(bytes + HEADER_MAGIC, header->magic);
    store_le32(bytes + HEADER_VERSION, header->version);
    store_le32(bytes + HEADER_FLAGS, header->flags);
    store_le32(bytes + HEADER_SECTOR_SIZE, header->sector_size);
    store_le32(bytes + HEADER_MAX_RESOURCES, header->max_resources);
    store_le32(bytes + HEADER_RESERVED, header->reserved);
    store_le64(bytes + HEADER_INDEX_OFFSET, header->index_offset);
    memcpy(bytes + HEADER_LOCKSPACE_NAME, header->lockspace_name, FIXED_NAME_SIZE);
}

void index_header_init(IndexHeader *ret, const IndexPlace *place, const char *lockspace_name)
{
    *ret = (IndexHeader){ .magic = INDEX_MAGIC,
                          .version = INDEX_VERSION,
                          .flags = size_flag(&place->layout),
                          .sector_size = place->layout.sector_size,
                          .max_resources = place->count,
                          .index_offset = place->offset };
    fixed_name_store(ret->lockspace_name, lockspace_name);
}

static RecordFault layout_from_header(Layout *ret, const IndexHeader *header)
{
    if (header->sector_size != SECTOR_SIZE_MIN && header->sector_size != SECTOR_SIZE_MAX)
        return RECORD_BAD_SECTOR_SIZE;
    /* No flag: not the usual size, as it would be in a leader record. */
    if (header->flags == 0)
        return RECORD_BAD_ALIGN_SIZE;
    return layout_from_sizes(ret, header->sector_size, header->flags * MEBIBYTE);
}

RecordFault index_header_check(const IndexHeader *header, const char *lockspace_name,
                               uint64_t offset, IndexPlace *ret)
{
    IndexPlace place = { .offset = offset };
    RecordFault fault;

    if (header->magic != INDEX_MAGIC)
        return RECORD_BAD_MAGIC;
    if ((header->version & RECORD_VERSION_MAJOR_MASK) !=
        (INDEX_VERSION & RECORD_VERSION_MAJOR_MASK))
        return RECORD_BAD_VERSION;
    if (header->flags & ~UINT32_C(0xF))
        return RECORD_BAD_FLAGS;
    fault = layout_from_header(&place.layout, header);
    if (fault != RECORD_OK)
        return fault;
    if (lockspace_name && !fixed_name_equal(header->lockspace_name, lockspace_name))
        return RECORD_OTHER_LOCKSPACE;
    place.count = header->max_resources != 0 ? header->max_resources : index_limit(&place.layout);
    if (header->index_offset != offset || !index_place_ok(&place))
        return RECORD_BAD_FIELD;
    if (ret)
        *ret = place;
    return RECORD_OK;
}

void index_entry_decode(IndexEntry *ret, const uint8_t bytes[INDEX_ENTRY_SIZE])
{
    ret->resource_offset = load_le64(bytes + ENTRY_RESOURCE_OFFSET);
    ret->flags = load_le32(bytes + ENTRY_FLAGS);
    ret->reserved = load_le32(bytes + ENTRY_RESERVED);
    memcpy(ret->name, bytes + ENTRY_NAME, FIXED_NAME_SIZE);
}

void index_entry_encode(const IndexEntry *entry, uint8_t bytes[INDEX_ENTRY_SIZE])
{
    store_le64(bytes + ENTRY_RESOURCE_OFFSET, entry->resource_offset);
    store_le32(bytes + ENTRY_FLAGS, entry->flags);
    store_le32(bytes + ENTRY_RESERVED, entry->reserved);
    memcpy(bytes + ENTRY_NAME, entry->name, FIXED_NAME_SIZE);
}

void index_entry_init(IndexEntry *ret, const IndexPlace *place, uint32_t number, const char *name)
{
    *ret = (IndexEntry){ .resource_offset = index_resource_offset(place, number) };
    fixed_name_store(ret->name, name);
}

bool index_entry_is_free(const IndexEntry *entry)
{
    return entry->resource_offset == 0 && entry->flags == 0 && entry->name[0] == 0;
}

RecordFault index_entry_check(const IndexEntry *entry, const IndexPlace *place, uint32_t number)
{
    if (entry->flags != 0)
        return RECORD_BAD_FLAGS;
    if (entry->name[0] == 0 || entry->resource_offset != index_resource_offset(place, number))
        return RECORD_BAD_FIELD;
    return RECORD_OK;
}
