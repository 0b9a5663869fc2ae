/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fresh areas, byte for byte against those of sanlock: their first sectors by the vectors, the
 * whole of them by SHA-256. tests/vectors/make-vectors.sh prints the sums; they are of
 *
 *   sanlock direct init -s LS:0:FILE:0 -Z 512|4096 -A 1M|2M|4M|8M -o 1
 *   sanlock direct init -r LS:res1:FILE:0 -Z 512|4096 -A 1M|2M|4M|8M
 *   sanlock direct format -x LS:FILE:OFFSET -Z 512|4096 -A 1M|2M|4M|8M    two areas, at the second
 *
 * with the request record's padding zeroed.
 */
#include "ondisk/area-image.h"

#include <glib.h>
#include <string.h>

#include "ondisk/leader-record.h"
#include "ondisk/request-record.h"
#include "support/disk-vectors.h"

typedef struct Known {
    const char *sizes; /* in the names of the vectors */
    uint32_t sector_size, align_size;
    const char *lockspace_sum, *resource_sum, *index_sum;
} Known;

static const Known known[] = {
    { "512-1M", 512, 1 * MEBIBYTE,
      "937a39c45ddf95c611b83c693dd57a90352a0ebfff44c0cc69c04834f094574b",
      "ed972c4dc8907130bbea7d670b7409a8f7dd8f73fc316e065bddd380d37d1791",
      "fe10eb4a82825fa8909c2796c4dcd5a27951fbafb75012e2f69d72d365708332" },
    { "4096-1M", 4096, 1 * MEBIBYTE,
      "8d5a4112e6f3f97f3bf6f1bb4ec6a3a606db5e4c9028791ddb6573802dc5e11f",
      "fd6cfa024144078c0159bdb588fae6fd09b36db5c55421fe0d07d0777acac9e3",
      "429b3b0b469ed7e07cc8d3b40b4aa8e0909d435ae45b0c30a98a936cdf0e187a" },
    { "4096-2M", 4096, 2 * MEBIBYTE,
      "3de50cfed9c9b4f5684c8dc3090ddf218ecf45141ceb95cdef6102bffd8346af",
      "47f5e6d558010c1f06ab4e8ee9e0b72529998814910537c171997325393339f3",
      "53331ff9a8976e204251ce7b54ef2da50287022de4f21440891ad4718ff553fc" },
    { "4096-4M", 4096, 4 * MEBIBYTE,
      "2c78fb4c98f0065420f55df4e918e9f8ee96da2351bf67b50fab9f440cabefcc",
      "f59e2f0e3a64ab100e8daba1e273973d00e7468858829ff38920d9ee645fae03",
      "1691d97950c4781a67bb2daa5a42ae6d20d89d8018c78ed3c7ed9387bb408bab" },
    { "4096-8M", 4096, 8 * MEBIBYTE,
      "001b9b9d1aaa4adf7dcbf49cf6fc2ba83805f89807642772dbf19c4075c4b255",
      "d183d62a78d08849e11b0cd292e4c1c26f7f8f8bf9e6266c223256144ec79ad6",
      "247229131a225ec3b353f6d6bcbcdb163e953f5de7c650bf4003df6fb46e7053" },
};

/* An area at its exact size, full of what must not stay in it. */
static uint8_t *dirty_area(const Known *k, Layout *ret_layout)
{
    uint8_t *area = g_malloc(k->align_size);

    g_assert_cmpint(layout_from_sizes(ret_layout, k->sector_size, k->align_size), ==, RECORD_OK);
    memset(area, 0xAA, k->align_size);
    return area;
}

static void assert_sum(const uint8_t *area, gsize size, const char *expected)
{
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, area, size);

    g_assert_cmpstr(sum, ==, expected);
}

static void assert_first_sector(const uint8_t *area, const Known *k, const char *what)
{
    g_autofree char *name = g_strdup_printf("%s-fresh-%s.sector", what, k->sizes);
    g_autofree uint8_t *sector = vector_load(name, k->sector_size);

    g_assert_cmpmem(area, k->sector_size, sector, k->sector_size);
}

static void test_lockspace(gconstpointer data)
{
    const Known *k = data;
    Layout layout;
    g_autofree uint8_t *area = dirty_area(k, &layout);

    lockspace_area_fill(area, &layout, "LS", 1);
    assert_first_sector(area, k, "host-lease");
    assert_sum(area, k->align_size, k->lockspace_sum);
    for (uint64_t host_id = 1; host_id <= layout.max_hosts; host_id++) {
        LeaderRecord record;

        leader_record_decode(&record, area + layout_host_lease(&layout, 0, host_id));
        g_assert_cmpint(host_lease_record_check(&record, "LS", NULL), ==, RECORD_OK);
    }
}

static void test_resource(gconstpointer data)
{
    const Known *k = data;
    Layout layout;
    g_autofree uint8_t *area = dirty_area(k, &layout);
    LeaderRecord leader;
    RequestRecord request;

    resource_area_fill(area, &layout, "LS", "res1", 0);
    assert_first_sector(area, k, "resource");
    assert_sum(area, k->align_size, k->resource_sum);
    leader_record_decode(&leader, area);
    g_assert_cmpint(resource_record_check(&leader, "LS", "res1", layout.max_hosts, NULL), ==,
                    RECORD_OK);
    request_record_decode(&request, area + k->sector_size);
    g_assert_cmpint(request_record_check(&request), ==, RECORD_OK);
}

static void test_index(gconstpointer data)
{
    const Known *k = data;
    IndexPlace place = { .offset = k->align_size, .count = INDEX_COUNT_DEFAULT };
    g_autofree uint8_t *areas = g_malloc(2 * (gsize)k->align_size);

    g_assert_cmpint(layout_from_sizes(&place.layout, k->sector_size, k->align_size), ==, RECORD_OK);
    memset(areas, 0xAA, 2 * (gsize)k->align_size);
    index_area_fill(areas, &place, "LS");
    resource_area_fill(areas + k->align_size, &place.layout, "LS", INDEX_LEASE_NAME, 0);
    assert_first_sector(areas, k, "index-header");
    assert_sum(areas, 2 * (gsize)k->align_size, k->index_sum);
}

/* The vector holds the time of the clearing. */
static void test_cleared(void)
{
    g_autofree uint8_t *sector = vector_load("resource-cleared.sector", 512);
    Layout layout;
    g_autofree uint8_t *area = dirty_area(&known[0], &layout);
    LeaderRecord record;

    leader_record_decode(&record, sector);
    resource_area_fill_cleared(area, &layout, "LS", "res1", record.write_timestamp);
    g_assert_cmpmem(area, 512, sector, 512);
}

static void test_five_hosts(void)
{
    g_autofree uint8_t *sector = vector_load("resource-five-hosts.sector", 512);
    Layout layout;
    g_autofree uint8_t *area = dirty_area(&known[0], &layout);

    resource_area_fill(area, &layout, "LS", "res1", 5);
    g_assert_cmpmem(area, 512, sector, 512);
}

/* The first form of an atomic format: nobody takes it for a lockspace, and the first sector alone
 * makes it one. */
static void test_hide_magic(void)
{
    Layout layout;
    g_autofree uint8_t *area = dirty_area(&known[0], &layout);
    g_autofree uint8_t *hidden = NULL;
    LeaderRecord record;

    lockspace_area_fill(area, &layout, "LS", 1);
    hidden = g_memdup2(area, layout.align_size);
    area_hide_magic(hidden);
    leader_record_decode(&record, hidden);
    g_assert_cmphex(record.magic, ==, 0);
    g_assert_cmpint(host_lease_record_check(&record, NULL, NULL), ==, RECORD_BAD_MAGIC);
    memcpy(hidden, area, 4);
    g_assert_cmpmem(hidden, layout.align_size, area, layout.align_size);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        g_autofree char *lockspace = g_strconcat("/area-image/lockspace/", known[i].sizes, NULL);
        g_autofree char *resource = g_strconcat("/area-image/resource/", known[i].sizes, NULL);
        g_autofree char *index = g_strconcat("/area-image/index/", known[i].sizes, NULL);

        g_test_add_data_func(lockspace, &known[i], test_lockspace);
        g_test_add_data_func(resource, &known[i], test_resource);
        g_test_add_data_func(index, &known[i], test_index);
    }
    g_test_add_func("/area-image/five-hosts", test_five_hosts);
    g_test_add_func("/area-image/cleared", test_cleared);
    g_test_add_func("/area-image/hide-magic", test_hide_magic);
    return g_test_run();
}
