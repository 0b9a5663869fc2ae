/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host bitmaps. Input: 8 bytes of a host id, then the bitmap.
 */
#include <string.h>

#include "fuzz.h"
#include "ondisk/host-bitmap.h"

static unsigned count_bits(const uint8_t *bytes)
{
    unsigned n = 0;
    for (unsigned i = 0; i < HOST_BITMAP_SIZE; i++)
        n += (unsigned)__builtin_popcount(bytes[i]);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes input = { data, size };
    uint8_t bitmap[HOST_BITMAP_SIZE] = { 0 }, before[HOST_BITMAP_SIZE];
    uint64_t host_id = fuzz_number(&input, 8);
    unsigned seen = 0;

    if (input.left > 0)
        memcpy(bitmap, input.at, MIN(input.left, sizeof bitmap));
    memcpy(before, bitmap, sizeof bitmap);
    for (uint64_t id = 0; id <= 2100; id++)
        seen += host_bitmap_test(bitmap, id);
    /* The last six bytes belong to nobody. */
    memset(before + 250, 0, 6);
    g_assert_cmpuint(seen, ==, count_bits(before));

    memcpy(before, bitmap, sizeof bitmap);
    bool was = host_bitmap_test(bitmap, host_id);
    bool exists = host_id >= 1 && host_id <= 2000;
    g_assert_true(exists || !was);
    host_bitmap_set(bitmap, host_id);
    g_assert_cmpint(host_bitmap_test(bitmap, host_id), ==, exists);
    g_assert_cmpuint(count_bits(bitmap), ==, count_bits(before) + (exists && !was));
    for (unsigned i = 0; i < sizeof bitmap; i++)
        g_assert_cmpuint(bitmap[i] & before[i], ==, before[i]);
    return 0;
}
