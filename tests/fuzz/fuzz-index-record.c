/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resource indexes: a header and one entry. Input: where the header was read (8 bytes), which entry
 * (4 bytes), then the header's 80 bytes and the entry's 64 (what is missing is 0). Nothing in there
 * has a checksum: whatever a check accepts must be safe to count and to make offsets of.
 */
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "ondisk/index-record.h"

static void check_place(const uint8_t *bytes, uint64_t offset, const IndexPlace *place)
{
    const Layout *layout = &place->layout;
    uint32_t mib = layout->align_size / MEBIBYTE;

    g_assert_cmphex(load_le32(bytes), ==, 0x01042018);
    g_assert_cmphex(load_le32(bytes + 4) >> 16, ==, 1);
    g_assert_cmpuint(load_le32(bytes + 8), ==, mib);
    g_assert_true(mib == 1 || mib == 2 || mib == 4 || mib == 8);
    g_assert_cmpuint(load_le32(bytes + 12), ==, layout->sector_size);
    g_assert_true(layout->sector_size == 4096 || (layout->sector_size == 512 && mib == 1));
    g_assert_cmpuint(load_le64(bytes + 24), ==, offset);
    g_assert_cmpuint(place->offset, ==, offset);
    g_assert_cmpuint(offset % layout->align_size, ==, 0);

    /* Every entry is in the first area, every resource where an off_t can say it. */
    g_assert_cmpuint(place->count, >=, 1);
    g_assert_cmpuint(place->count, <=, mib * 16000);
    uint64_t end = (uint64_t)layout->sector_size + (uint64_t)place->count * 64;
    g_assert_cmpuint(end, <=, layout->align_size);
    uint64_t last = index_resource_offset(place, place->count - 1);
    g_assert_cmpuint(last, >, offset);
    g_assert_cmpuint(last, <=, (uint64_t)INT64_MAX - layout->align_size);
}

static void check_entry(const uint8_t *bytes, const IndexPlace *place, uint32_t number)
{
    uint8_t again[INDEX_ENTRY_SIZE];
    IndexEntry entry;

    index_entry_decode(&entry, bytes);
    index_entry_encode(&entry, again);
    g_assert_cmpmem(again, sizeof again, bytes, sizeof again);
    if (index_entry_is_free(&entry)) {
        g_assert_cmpuint(load_le64(bytes), ==, 0);
        g_assert_cmpuint(bytes[16], ==, 0);
        return;
    }
    bool good =
        load_le64(bytes) == place->offset + (2 + (uint64_t)number) * place->layout.align_size &&
        load_le32(bytes + 8) == 0 && bytes[16] != 0;
    g_assert_cmpint(index_entry_check(&entry, place, number) == RECORD_OK, ==, good);
    g_assert_cmpuint(index_entry_sector(place, number) % place->layout.sector_size, ==, 0);
    g_assert_cmpuint(index_entry_position(place, number) - index_entry_sector(place, number), <,
                     place->layout.sector_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes input = { data, size };
    uint64_t offset = fuzz_number(&input, 8);
    uint32_t number = (uint32_t)fuzz_number(&input, 4);
    uint8_t bytes[INDEX_HEADER_SIZE + INDEX_ENTRY_SIZE] = { 0 }, again[INDEX_HEADER_SIZE];
    IndexHeader header;
    IndexPlace place;

    if (input.left > 0)
        memcpy(bytes, input.at, MIN(input.left, sizeof bytes));
    index_header_decode(&header, bytes);
    index_header_encode(&header, again);
    g_assert_cmpmem(again, sizeof again, bytes, sizeof again);
    if (index_header_check(&header, NULL, offset, &place) != RECORD_OK)
        return 0;
    check_place(bytes, offset, &place);
    check_entry(bytes + INDEX_HEADER_SIZE, &place, number % place.count);
    return 0;
}
