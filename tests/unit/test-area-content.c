/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lies in an area.
 */
#include "ondisk/area-content.h"

#include <string.h>

#include "ondisk/area-image.h"
#include "support/disk-vectors.h"

static void test_vectors(void)
{
    static const struct {
        const char *name;
        AreaContent content;
    } vectors[] = {
        { "host-lease-held.sector", AREA_LOCKSPACE },
        { "resource-held.sector", AREA_RESOURCE },
        { "resource-cleared.sector", AREA_RESOURCE_CLEARED },
        { "index-header-fresh-512-1M.sector", AREA_INDEX },
        { "request-graceful.sector", AREA_OTHER },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
        g_autofree uint8_t *sector = vector_load(vectors[i].name, 512);

        g_assert_cmpint(area_content(sector, 512), ==, vectors[i].content);
    }
}

/* Not one byte of it may be missed. */
static void test_blank(void)
{
    for (uint32_t length = 4; length <= 512; length += 127) {
        g_autofree uint8_t *area = g_malloc0(length);

        g_assert_cmpint(area_content(area, length), ==, AREA_BLANK);
        for (uint32_t i = 0; i < length; i++) {
            area[i] = 1;
            g_assert_cmpint(area_content(area, length), ==, AREA_OTHER);
            area[i] = 0;
        }
    }
}

/* What is half written is not taken for nothing. */
static void test_hidden_magic(void)
{
    Layout layout;
    g_autofree uint8_t *area = g_malloc(MEBIBYTE);

    g_assert_cmpint(layout_from_sizes(&layout, 512, 0), ==, RECORD_OK);
    lockspace_area_fill(area, &layout, "LS", 1);
    area_hide_magic(area);
    g_assert_cmpint(area_content(area, MEBIBYTE), ==, AREA_OTHER);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/area-content/vectors", test_vectors);
    g_test_add_func("/area-content/blank", test_blank);
    g_test_add_func("/area-content/hidden-magic", test_hidden_magic);
    return g_test_run();
}
