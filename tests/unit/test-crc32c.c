/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRC-32C: known values, and each variant against a third, bit by bit.
 */
#include "base/crc32c.h"

#include <glib.h>
#include <string.h>

#include "base/crc32c-variants.h"
#include "ondisk/checksum.h"
#include "support/disk-vectors.h"

#define LONGEST 300u
#define ALIGNMENTS 16u

/* The definition, one bit at a time. */
static uint32_t crc32c_by_bits(uint32_t state, const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        state ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            state = (state >> 1) ^ (state & 1 ? 0x82F63B78u : 0);
    }
    return state;
}

static void test_standard_value(void)
{
    g_assert_cmphex(~crc32c(0xFFFFFFFF, "123456789", 9), ==, 0xE3069283);
    g_assert_cmphex(~crc32c_portable(0xFFFFFFFF, "123456789", 9), ==, 0xE3069283);
}

static void test_record_checksum(void)
{
    static const uint8_t zeros[168];

    g_assert_cmphex(record_checksum("", 0), ==, 0xFFFFFFFE);
    g_assert_cmphex(record_checksum("123456789", 9), ==, 0xE8C7BB34);
    g_assert_cmphex(record_checksum(zeros, 48), ==, 0xCB5AD842);
    g_assert_cmphex(record_checksum(zeros, 168), ==, 0x7E11FBD1);
}

typedef uint32_t (*Variant)(uint32_t state, const void *data, size_t length);

/* Each length at each alignment, in a buffer that ends where the data end. */
static void compare_with_bits(Variant variant)
{
    for (unsigned alignment = 0; alignment < ALIGNMENTS; alignment++) {
        for (unsigned length = 0; length <= LONGEST; length++) {
            g_autofree uint8_t *bytes = random_bytes(alignment + length + (length == 0));
            uint32_t state = (uint32_t)g_test_rand_int();

            g_assert_cmphex(variant(state, bytes + alignment, length), ==,
                            crc32c_by_bits(state, bytes + alignment, length));
        }
    }
}

static void test_portable(void)
{
    compare_with_bits(crc32c_portable);
}

static void test_sse42(void)
{
    if (!crc32c_sse42_available()) {
        g_test_skip("this processor has no SSE4.2");
        return;
    }
    compare_with_bits(crc32c_sse42);
}

static void test_chosen(void)
{
    compare_with_bits(crc32c);
}

/* A record may be taken in pieces: the state is all there is. */
static void test_pieces(void)
{
    g_autofree uint8_t *bytes = random_bytes(LONGEST);
    uint32_t whole = crc32c(0xFFFFFFFE, bytes, LONGEST);

    for (unsigned cut = 0; cut <= LONGEST; cut++) {
        uint32_t state = crc32c(0xFFFFFFFE, bytes, cut);

        g_assert_cmphex(crc32c(state, bytes + cut, LONGEST - cut), ==, whole);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crc32c/standard-value", test_standard_value);
    g_test_add_func("/crc32c/record-checksum", test_record_checksum);
    g_test_add_func("/crc32c/portable", test_portable);
    g_test_add_func("/crc32c/sse42", test_sse42);
    g_test_add_func("/crc32c/chosen", test_chosen);
    g_test_add_func("/crc32c/pieces", test_pieces);
    return g_test_run();
}
