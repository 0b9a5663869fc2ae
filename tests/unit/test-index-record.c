/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The resource index: headers and entries.
 */
#include "ondisk/index-record.h"

#include <glib.h>
#include <string.h>

#include "support/disk-vectors.h"

static const struct {
    const char *sizes;
    uint32_t sector_size, align_size, flag, limit;
} known[] = { { "512-1M", 512, 1 * MEBIBYTE, 1, 16000 },
              { "4096-1M", 4096, 1 * MEBIBYTE, 1, 16000 },
              { "4096-2M", 4096, 2 * MEBIBYTE, 2, 32000 },
              { "4096-4M", 4096, 4 * MEBIBYTE, 4, 64000 },
              { "4096-8M", 4096, 8 * MEBIBYTE, 8, 128000 } };

static void test_fresh(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        g_autofree char *name = g_strdup_printf("index-header-fresh-%s.sector", known[i].sizes);
        g_autofree uint8_t *sector = vector_load(name, known[i].sector_size);
        g_autofree uint8_t *bytes = g_malloc0(known[i].sector_size);
        IndexHeader header, made;
        IndexPlace place;

        index_header_decode(&header, sector);
        g_assert_cmpint(index_header_check(&header, "LS", known[i].align_size, &place), ==,
                        RECORD_OK);
        g_assert_cmpuint(header.flags, ==, known[i].flag);
        g_assert_cmpuint(place.layout.sector_size, ==, known[i].sector_size);
        g_assert_cmpuint(place.layout.align_size, ==, known[i].align_size);
        g_assert_cmpuint(place.count, ==, 4096);
        g_assert_cmpuint(index_limit(&place.layout), ==, known[i].limit);
        index_header_init(&made, &place, "LS");
        index_header_encode(&made, bytes);
        g_assert_cmpmem(bytes, known[i].sector_size, sector, known[i].sector_size);
    }
}

static void test_entries(void)
{
    g_autofree uint8_t *sector = vector_load("index-entries.sector", 512);
    IndexPlace place = { .offset = MEBIBYTE, .count = 4096 };
    char long_name[FIXED_NAME_SIZE + 1] = { 0 };
    const char *names[] = { "one", NULL, long_name };

    memset(long_name, 'n', FIXED_NAME_SIZE);
    g_assert_cmpint(layout_from_sizes(&place.layout, 512, 0), ==, RECORD_OK);
    for (uint32_t i = 0; i < 8; i++) {
        const uint8_t *bytes = sector + index_entry_position(&place, i) - 512;
        g_autofree uint8_t *made = g_malloc(INDEX_ENTRY_SIZE);
        IndexEntry entry, init;

        index_entry_decode(&entry, bytes);
        if (i >= G_N_ELEMENTS(names) || names[i] == NULL) {
            g_assert_true(index_entry_is_free(&entry));
            continue;
        }
        g_assert_false(index_entry_is_free(&entry));
        g_assert_cmpint(index_entry_check(&entry, &place, i), ==, RECORD_OK);
        g_assert_cmpuint(entry.resource_offset, ==, (3 + i) * MEBIBYTE);
        g_assert_true(fixed_name_equal(entry.name, names[i]));
        index_entry_init(&init, &place, i, names[i]);
        index_entry_encode(&init, made);
        g_assert_cmpmem(made, INDEX_ENTRY_SIZE, bytes, INDEX_ENTRY_SIZE);
    }
}

static void test_check_header(void)
{
    IndexPlace place = { .offset = MEBIBYTE, .count = 16000 };
    IndexHeader good;

    g_assert_cmpint(layout_from_sizes(&place.layout, 512, 0), ==, RECORD_OK);
    index_header_init(&good, &place, "LS");

    const struct {
        size_t at; /* of the field, a u32 */
        uint32_t value;
        RecordFault fault;
    } cases[] = {
        { offsetof(IndexHeader, magic), INDEX_MAGIC ^ 1, RECORD_BAD_MAGIC },
        { offsetof(IndexHeader, version), 0x00020002, RECORD_BAD_VERSION },
        { offsetof(IndexHeader, version), 0x0001FFFF, RECORD_OK },
        { offsetof(IndexHeader, flags), 0x10, RECORD_BAD_FLAGS }, /* a leader's flag */
        { offsetof(IndexHeader, flags), 0x11, RECORD_BAD_FLAGS },
        { offsetof(IndexHeader, flags), 0, RECORD_BAD_ALIGN_SIZE },
        { offsetof(IndexHeader, flags), 3, RECORD_BAD_ALIGN_SIZE },
        { offsetof(IndexHeader, flags), 8, RECORD_BAD_ALIGN_SIZE }, /* not with 512 */
        { offsetof(IndexHeader, sector_size), 1024, RECORD_BAD_SECTOR_SIZE },
        { offsetof(IndexHeader, sector_size), 0, RECORD_BAD_SECTOR_SIZE },
        { offsetof(IndexHeader, max_resources), 16001, RECORD_BAD_FIELD },
        { offsetof(IndexHeader, max_resources), UINT32_MAX, RECORD_BAD_FIELD },
        { offsetof(IndexHeader, index_offset), 2 * MEBIBYTE, RECORD_BAD_FIELD },
        { offsetof(IndexHeader, reserved), 7, RECORD_OK },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        IndexHeader header = good;
        IndexPlace untouched = { .count = 77 };

        memcpy((uint8_t *)&header + cases[i].at, &cases[i].value, sizeof cases[i].value);
        g_assert_cmpint(index_header_check(&header, "LS", MEBIBYTE, &untouched), ==,
                        cases[i].fault);
        g_assert_cmpuint(untouched.count, ==, cases[i].fault == RECORD_OK ? 16000 : 77);
    }
    g_assert_cmpint(index_header_check(&good, "LSX", MEBIBYTE, NULL), ==, RECORD_OTHER_LOCKSPACE);
    g_assert_cmpint(index_header_check(&good, NULL, MEBIBYTE, NULL), ==, RECORD_OK);
    g_assert_cmpint(index_header_check(&good, "LS", 0, NULL), ==, RECORD_BAD_FIELD);
}

/* 0 entries mean as many as fit: also a bound. */
static void test_as_many_as_fit(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        IndexPlace place = { .count = 0 }, checked;
        IndexHeader header;

        g_assert_cmpint(layout_from_sizes(&place.layout, known[i].sector_size, known[i].align_size),
                        ==, RECORD_OK);
        index_header_init(&header, &place, "LS");
        g_assert_cmpint(index_header_check(&header, "LS", 0, &checked), ==, RECORD_OK);
        g_assert_cmpuint(checked.count, ==, known[i].limit);
        g_assert_cmpuint(index_entry_position(&checked, checked.count - 1) + INDEX_ENTRY_SIZE, <=,
                         known[i].align_size);
    }
}

static void test_place(void)
{
    IndexPlace place = { .count = 4096 };
    const uint64_t last = (uint64_t)INT64_MAX + 1 - (4096 + 3) * (uint64_t)MEBIBYTE;

    g_assert_cmpint(layout_from_sizes(&place.layout, 512, 0), ==, RECORD_OK);
    g_assert_true(index_place_ok(&place));
    place.offset = last;
    g_assert_true(index_place_ok(&place));
    g_assert_cmpuint(index_resource_offset(&place, 4095) + MEBIBYTE, <, (uint64_t)INT64_MAX);
    place.offset = last + MEBIBYTE;
    g_assert_false(index_place_ok(&place));
    place.offset = 512;
    g_assert_false(index_place_ok(&place));
    place.offset = UINT64_MAX - MEBIBYTE + 1;
    g_assert_false(index_place_ok(&place));
}

static void test_check_entry(void)
{
    IndexPlace place = { .offset = 4 * MEBIBYTE, .count = 4096 };
    IndexEntry good, entry;

    g_assert_cmpint(layout_from_sizes(&place.layout, 512, 0), ==, RECORD_OK);
    index_entry_init(&good, &place, 3, "one");
    g_assert_cmpuint(good.resource_offset, ==, 9 * MEBIBYTE);
    g_assert_cmpint(index_entry_check(&good, &place, 3), ==, RECORD_OK);
    g_assert_cmpint(index_entry_check(&good, &place, 4), ==, RECORD_BAD_FIELD);
    entry = good;
    entry.resource_offset = 0;
    g_assert_false(index_entry_is_free(&entry));
    g_assert_cmpint(index_entry_check(&entry, &place, 3), ==, RECORD_BAD_FIELD);
    entry = good;
    entry.name[0] = 0;
    g_assert_false(index_entry_is_free(&entry));
    g_assert_cmpint(index_entry_check(&entry, &place, 3), ==, RECORD_BAD_FIELD);
    entry = good;
    entry.flags = 1;
    g_assert_cmpint(index_entry_check(&entry, &place, 3), ==, RECORD_BAD_FLAGS);
    entry = (IndexEntry){ .flags = 1 };
    g_assert_false(index_entry_is_free(&entry));
    entry = (IndexEntry){ .reserved = 1 };
    g_assert_true(index_entry_is_free(&entry));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/index-record/fresh", test_fresh);
    g_test_add_func("/index-record/entries", test_entries);
    g_test_add_func("/index-record/check-header", test_check_header);
    g_test_add_func("/index-record/as-many-as-fit", test_as_many_as_fit);
    g_test_add_func("/index-record/place", test_place);
    g_test_add_func("/index-record/check-entry", test_check_entry);
    return g_test_run();
}
