/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sector and area sizes, and the place of each record.
 *
 * The five legal pairs stand in one table, and a Layout comes out of that table only: whoever has a
 * Layout may use its numbers as loop bounds and divisors without looking at them again.
 */
#include "ondisk/layout.h"

#include <stddef.h>

#include "ondisk/leader-record.h"

#define LAYOUT_COUNT 5

typedef struct LayoutRow {
    Layout layout;
    uint32_t align_flag;
    bool usual; /* what the sector size stands for when nothing else is said */
} LayoutRow;

/* "Usual" is also what the old format, without align flags, means. */
static const LayoutRow rows[LAYOUT_COUNT] = {
    { { 512, 1 * MEBIBYTE, 2000 }, 0x10, true },  { { 4096, 1 * MEBIBYTE, 250 }, 0x10, false },
    { { 4096, 2 * MEBIBYTE, 500 }, 0x20, false }, { { 4096, 4 * MEBIBYTE, 1000 }, 0x40, false },
    { { 4096, 8 * MEBIBYTE, 2000 }, 0x80, true },
};

static bool sector_size_ok(uint32_t sector_size)
{
    return sector_size == SECTOR_SIZE_MIN || sector_size == SECTOR_SIZE_MAX;
}

RecordFault layout_from_sizes(Layout *ret, uint32_t sector_size, uint32_t align_size)
{
    if (!sector_size_ok(sector_size))
        return RECORD_BAD_SECTOR_SIZE;
    for (size_t i = 0; i < LAYOUT_COUNT; i++) {
        const LayoutRow *row = &rows[i];

        if (row->layout.sector_size != sector_size)
            continue;
        if (align_size == 0 ? row->usual : row->layout.align_size == align_size) {
            *ret = row->layout;
            return RECORD_OK;
        }
    }
    return RECORD_BAD_ALIGN_SIZE;
}

RecordFault layout_from_leader(Layout *ret, uint32_t sector_size, uint32_t flags)
{
    uint32_t align_flags = flags & LEADER_FLAGS_ALIGN;

    if (!sector_size_ok(sector_size))
        return RECORD_BAD_SECTOR_SIZE;
    if (align_flags == 0)
        return layout_from_sizes(ret, sector_size, 0);
    /* Several flags equal no row's single flag, so they are refused here too. */
    for (size_t i = 0; i < LAYOUT_COUNT; i++) {
        const LayoutRow *row = &rows[i];

        if (row->layout.sector_size == sector_size && row->align_flag == align_flags) {
            *ret = row->layout;
            return RECORD_OK;
        }
    }
    return RECORD_BAD_ALIGN_SIZE;
}

uint32_t layout_align_flag(const Layout *layout)
{
    for (size_t i = 0; i < LAYOUT_COUNT; i++) {
        if (layout_equal(&rows[i].layout, layout))
            return rows[i].align_flag;
    }
    return 0;
}

bool layout_equal(const Layout *a, const Layout *b)
{
    return a->sector_size == b->sector_size && a->align_size == b->align_size &&
           a->max_hosts == b->max_hosts;
}

uint64_t layout_host_lease(const Layout *layout, uint64_t lockspace_offset, uint64_t host_id)
{
    return lockspace_offset + (host_id - 1) * layout->sector_size;
}

uint64_t layout_request(const Layout *layout, uint64_t resource_offset)
{
    return resource_offset + layout->sector_size;
}

uint64_t layout_host_sector(const Layout *layout, uint64_t resource_offset, uint64_t host_id)
{
    return resource_offset + (host_id + 1) * layout->sector_size;
}

/* Behind the sectors of 2000 hosts, however many the area has. */
#define VALUE_SECTOR 2002u

bool layout_has_value(const Layout *layout)
{
    return (uint64_t)VALUE_SECTOR * layout->sector_size < layout->align_size;
}

uint64_t layout_value(const Layout *layout, uint64_t resource_offset)
{
    return resource_offset + (uint64_t)VALUE_SECTOR * layout->sector_size;
}

/* The bound keeps every sum above, and every off_t made of it, from overflowing. */
bool layout_offset_ok(const Layout *layout, uint64_t offset)
{
    return offset % layout->sector_size == 0 && offset <= (uint64_t)INT64_MAX - layout->align_size;
}
