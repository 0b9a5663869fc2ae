/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bitmap of hosts that are asked to look.
 */
#include "ondisk/host-bitmap.h"

#include <glib.h>

#include "ondisk/layout.h"
#include "support/disk-vectors.h"

static void test_each_host(void)
{
    for (unsigned host_id = 1; host_id <= LAYOUT_MAX_HOSTS; host_id++) {
        g_autofree uint8_t *bitmap = g_malloc0(HOST_BITMAP_SIZE);

        g_assert_false(host_bitmap_test(bitmap, host_id));
        host_bitmap_set(bitmap, host_id);
        for (unsigned byte = 0; byte < HOST_BITMAP_SIZE; byte++) {
            unsigned expected = byte == (host_id - 1) / 8 ? 1u << ((host_id - 1) % 8) : 0;

            g_assert_cmphex(bitmap[byte], ==, expected);
        }
        for (unsigned other = 1; other <= LAYOUT_MAX_HOSTS; other++)
            g_assert_true(host_bitmap_test(bitmap, other) == (other == host_id));
    }
}

static void test_setting_keeps_others(void)
{
    g_autofree uint8_t *bitmap = g_malloc0(HOST_BITMAP_SIZE);

    for (unsigned host_id = 1; host_id <= LAYOUT_MAX_HOSTS; host_id++)
        host_bitmap_set(bitmap, host_id);
    for (unsigned byte = 0; byte < HOST_BITMAP_SIZE; byte++)
        g_assert_cmphex(bitmap[byte], ==, byte < 250 ? 0xFF : 0);
    host_bitmap_set(bitmap, 1);
    g_assert_true(host_bitmap_test(bitmap, 1));
}

static void test_no_such_host(void)
{
    static const uint64_t ids[] = {
        0, 2001, 2048, 2049, UINT32_MAX, UINT64_C(1) << 32, (UINT64_C(1) << 32) + 1, UINT64_MAX
    };
    g_autofree uint8_t *bitmap = g_malloc(HOST_BITMAP_SIZE);

    for (unsigned byte = 0; byte < HOST_BITMAP_SIZE; byte++)
        bitmap[byte] = 0xFF;
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++)
        g_assert_false(host_bitmap_test(bitmap, ids[i]));
    for (unsigned byte = 0; byte < HOST_BITMAP_SIZE; byte++)
        bitmap[byte] = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++)
        host_bitmap_set(bitmap, ids[i]);
    for (unsigned byte = 0; byte < HOST_BITMAP_SIZE; byte++)
        g_assert_cmphex(bitmap[byte], ==, 0);
}

static void test_vector(void)
{
    g_autofree uint8_t *sector = vector_load("host-lease-event.sector", 512);

    for (unsigned host_id = 1; host_id <= LAYOUT_MAX_HOSTS; host_id++) {
        g_assert_true(host_bitmap_test(sector + HOST_BITMAP_OFFSET, host_id) ==
                      (host_id == 9 || host_id == 2000));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-bitmap/each-host", test_each_host);
    g_test_add_func("/host-bitmap/setting-keeps-others", test_setting_keeps_others);
    g_test_add_func("/host-bitmap/no-such-host", test_no_such_host);
    g_test_add_func("/host-bitmap/vector", test_vector);
    return g_test_run();
}
