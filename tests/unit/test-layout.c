/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes and places. The expected numbers are written out, not computed as the code computes them.
 */
#include "ondisk/layout.h"

#include <glib.h>

typedef struct Known {
    uint32_t sector_size, align_size, max_hosts, flag;
    uint32_t last_host_lease, last_host_sector; /* byte offsets in an area */
    uint32_t value;                             /* 0: none */
} Known;

static const Known known[] = {
    { 512, 1048576, 2000, 0x10, 1023488, 1024512, 1025024 },
    { 4096, 1048576, 250, 0x10, 1019904, 1028096 },
    { 4096, 2097152, 500, 0x20, 2043904, 2052096 },
    { 4096, 4194304, 1000, 0x40, 4091904, 4100096 },
    { 4096, 8388608, 2000, 0x80, 8187904, 8196096, 8200192 },
};

static const uint32_t sizes[] = {
    0,    1,    511,     512,     513,     1024,    2048,    4095,     4096,
    4097, 8192, 1048575, 1048576, 2097152, 4194304, 8388608, 16777216, UINT32_MAX,
};

static const Known *find_known(uint32_t sector_size, uint32_t align_size)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (known[i].sector_size == sector_size && known[i].align_size == align_size)
            return &known[i];
    }
    return NULL;
}

static void assert_is(const Layout *layout, const Known *expected)
{
    g_assert_cmpuint(layout->sector_size, ==, expected->sector_size);
    g_assert_cmpuint(layout->align_size, ==, expected->align_size);
    g_assert_cmpuint(layout->max_hosts, ==, expected->max_hosts);
}

static void test_known(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        Layout layout, from_leader;

        g_assert_cmpint(layout_from_sizes(&layout, known[i].sector_size, known[i].align_size), ==,
                        RECORD_OK);
        assert_is(&layout, &known[i]);
        g_assert_cmphex(layout_align_flag(&layout), ==, known[i].flag);
        g_assert_cmpint(layout_from_leader(&from_leader, known[i].sector_size, known[i].flag), ==,
                        RECORD_OK);
        g_assert_true(layout_equal(&layout, &from_leader));
        /* Flags that are no align flags do not matter here. */
        g_assert_cmpint(layout_from_leader(&from_leader, known[i].sector_size, known[i].flag | 0x1),
                        ==, RECORD_OK);
        g_assert_true(layout_equal(&layout, &from_leader));
    }
}

static void test_usual(void)
{
    Layout layout;

    g_assert_cmpint(layout_from_sizes(&layout, 512, 0), ==, RECORD_OK);
    assert_is(&layout, &known[0]);
    g_assert_cmpint(layout_from_sizes(&layout, 4096, 0), ==, RECORD_OK);
    assert_is(&layout, &known[4]);
    /* The old format: no align flag. */
    g_assert_cmpint(layout_from_leader(&layout, 512, 0), ==, RECORD_OK);
    assert_is(&layout, &known[0]);
    g_assert_cmpint(layout_from_leader(&layout, 4096, 0x1), ==, RECORD_OK);
    assert_is(&layout, &known[4]);
}

static void test_nothing_else(void)
{
    const Layout before = { 1, 2, 3 };

    for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
        gboolean sector_ok = sizes[s] == 512 || sizes[s] == 4096;

        for (size_t a = 1; a < G_N_ELEMENTS(sizes); a++) {
            Layout layout = before;
            RecordFault fault = layout_from_sizes(&layout, sizes[s], sizes[a]);

            if (find_known(sizes[s], sizes[a])) {
                g_assert_cmpint(fault, ==, RECORD_OK);
                continue;
            }
            g_assert_cmpint(fault, ==, sector_ok ? RECORD_BAD_ALIGN_SIZE : RECORD_BAD_SECTOR_SIZE);
            g_assert_true(layout_equal(&layout, &before));
        }
    }
}

/* All sixteen combinations of align flags, for both sector sizes. */
static void test_flags(void)
{
    for (uint32_t flags = 0x10; flags <= 0xF0; flags += 0x10) {
        static const uint32_t sector_sizes[] = { 512, 4096, 1024 };

        for (size_t s = 0; s < G_N_ELEMENTS(sector_sizes); s++) {
            Layout layout = { 1, 2, 3 };
            RecordFault expected = RECORD_BAD_ALIGN_SIZE;

            for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
                if (known[i].sector_size == sector_sizes[s] && known[i].flag == flags)
                    expected = RECORD_OK;
            }
            if (sector_sizes[s] == 1024)
                expected = RECORD_BAD_SECTOR_SIZE;
            g_assert_cmpint(layout_from_leader(&layout, sector_sizes[s], flags), ==, expected);
            if (expected != RECORD_OK)
                g_assert_cmpuint(layout.max_hosts, ==, 3);
        }
    }
}

static void test_places(void)
{
    const uint64_t offset = 3 * (uint64_t)ALIGN_SIZE_MAX;

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        const Known *k = &known[i];
        Layout layout;

        g_assert_cmpint(layout_from_sizes(&layout, k->sector_size, k->align_size), ==, RECORD_OK);
        g_assert_cmpuint(layout_host_lease(&layout, offset, 1), ==, offset);
        g_assert_cmpuint(layout_host_lease(&layout, offset, 2), ==, offset + k->sector_size);
        g_assert_cmpuint(layout_host_lease(&layout, offset, k->max_hosts), ==,
                         offset + k->last_host_lease);
        g_assert_cmpuint(layout_request(&layout, offset), ==, offset + k->sector_size);
        g_assert_cmpuint(layout_host_sector(&layout, offset, 1), ==, offset + 2 * k->sector_size);
        g_assert_cmpuint(layout_host_sector(&layout, offset, k->max_hosts), ==,
                         offset + k->last_host_sector);
        g_assert_cmpint(layout_has_value(&layout), ==, k->value != 0);
        if (k->value != 0)
            g_assert_cmpuint(layout_value(&layout, offset), ==, offset + k->value);
        g_assert_cmpuint(k->last_host_sector + k->sector_size, <=, k->align_size);
    }
}

static void test_offset_ok(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        const Known *k = &known[i];
        Layout layout;
        uint64_t last;

        g_assert_cmpint(layout_from_sizes(&layout, k->sector_size, k->align_size), ==, RECORD_OK);
        last = (UINT64_C(1) << 63) - k->align_size;
        g_assert_true(layout_offset_ok(&layout, 0));
        g_assert_true(layout_offset_ok(&layout, k->sector_size));
        g_assert_true(layout_offset_ok(&layout, k->align_size));
        g_assert_false(layout_offset_ok(&layout, 1));
        g_assert_false(layout_offset_ok(&layout, k->sector_size / 2));
        g_assert_false(layout_offset_ok(&layout, k->sector_size + 1));
        /* An area that began at `last` would end at 2^63, one byte too far. */
        g_assert_false(layout_offset_ok(&layout, last));
        g_assert_true(layout_offset_ok(&layout, last - k->sector_size));
        g_assert_false(layout_offset_ok(&layout, UINT64_C(1) << 63));
        g_assert_false(layout_offset_ok(&layout, 0 - (uint64_t)k->sector_size));
        g_assert_false(layout_offset_ok(&layout, UINT64_MAX));
    }
}

static void test_equal(void)
{
    const Layout a = { 512, 1048576, 2000 };

    g_assert_true(layout_equal(&a, &(Layout){ 512, 1048576, 2000 }));
    g_assert_false(layout_equal(&a, &(Layout){ 4096, 1048576, 2000 }));
    g_assert_false(layout_equal(&a, &(Layout){ 512, 2097152, 2000 }));
    g_assert_false(layout_equal(&a, &(Layout){ 512, 1048576, 250 }));
}

/* Every fault has a name of its own. */
static void test_fault_names(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (int fault = RECORD_OK; fault <= RECORD_BAD_FIELD; fault++) {
        const char *name = record_fault_name((RecordFault)fault);

        g_assert_cmpstr(name, !=, "unknown");
        g_assert_true(g_hash_table_add(seen, (gpointer)name));
    }
    g_assert_cmpstr(record_fault_name(RECORD_BAD_MAGIC), ==, "bad-magic");
    g_assert_cmpstr(record_fault_name((RecordFault)9999), ==, "unknown");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/layout/known", test_known);
    g_test_add_func("/layout/usual", test_usual);
    g_test_add_func("/layout/nothing-else", test_nothing_else);
    g_test_add_func("/layout/flags", test_flags);
    g_test_add_func("/layout/places", test_places);
    g_test_add_func("/layout/offset-ok", test_offset_ok);
    g_test_add_func("/layout/equal", test_equal);
    g_test_add_func("/layout/fault-names", test_fault_names);
    return g_test_run();
}
