/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which host ids were ever used, and until when the others cannot have written into a resource.
 */
#include <glib.h>
#include <string.h>

#include "base/bytes.h"
#include "lease/hosts-ever.h"
#include "lease/lease-timing.h"
#include "ondisk/area-image.h"
#include "ondisk/leader-record.h"

#define START_US (1000 * USEC_PER_SECOND)

typedef struct Fixture {
    Layout layout;
    uint8_t *area;
    HostsEver ever;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    layout_from_sizes(&f->layout, 512, 0);
    f->area = g_malloc(f->layout.align_size);
    lockspace_area_fill(f->area, &f->layout, "space", 10);
    f->ever = (HostsEver){ 0 };
}

static void teardown(Fixture *f, gconstpointer data)
{
    g_free(f->area);
}

static void observe_at(Fixture *f, uint64_t started_us)
{
    hosts_ever_observe(&f->ever, f->area, f->layout.align_size, &f->layout, "space", started_us);
}

static unsigned count_used(const Fixture *f)
{
    unsigned n = 0;
    for (uint64_t host_id = 1; host_id <= f->layout.max_hosts; host_id++)
        n += host_set_has(f->ever.used, host_id);
    return n;
}

static void put(Fixture *f, uint64_t host_id, const LeaderRecord *record)
{
    leader_record_encode(record, f->area + layout_host_lease(&f->layout, 0, host_id));
}

static LeaderRecord fresh(const Fixture *f, uint32_t io_timeout)
{
    LeaderRecord record;
    host_lease_record_init(&record, &f->layout, "space", io_timeout);
    return record;
}

static LeaderRecord used(const Fixture *f, uint64_t host_id, uint64_t timestamp)
{
    LeaderRecord record = fresh(f, 10);
    record.owner_id = host_id;
    record.owner_generation = 1;
    record.timestamp = timestamp;
    leader_record_seal(&record);
    return record;
}

static void test_fresh(Fixture *f, gconstpointer data)
{
    observe_at(f, START_US);
    g_assert_cmpuint(count_used(f), ==, 0);
    /* Twice the stored io timeout, less a hundredth, from the start of the read. */
    g_assert_cmpuint(f->ever.good_until_us, ==, START_US + 19800000);
    g_assert_cmpuint(f->ever.window_us, ==, 19800000);
}

/* Live or given back, it is used. And it stays so, also when the lockspace forgets it. */
static void test_used_for_ever(Fixture *f, gconstpointer data)
{
    LeaderRecord live = used(f, 3, 12345), left = used(f, 2000, 0), none = fresh(f, 10);
    put(f, 3, &live);
    put(f, 2000, &left);
    observe_at(f, START_US);
    g_assert_cmpuint(count_used(f), ==, 2);
    put(f, 3, &none);
    put(f, 2000, &none);
    observe_at(f, START_US + USEC_PER_SECOND);
    g_assert_cmpuint(count_used(f), ==, 2);
    g_assert_true(host_set_has(f->ever.used, 3));
    g_assert_true(host_set_has(f->ever.used, 2000));
}

static void test_damaged(Fixture *f, gconstpointer data)
{
    memset(f->area + layout_host_lease(&f->layout, 0, 7), 0, 512);
    f->area[layout_host_lease(&f->layout, 0, 9) + 160] ^= 1; /* its checksum is wrong now */
    LeaderRecord elsewhere;
    host_lease_record_init(&elsewhere, &f->layout, "other", 10);
    put(f, 11, &elsewhere);
    observe_at(f, START_US);
    g_assert_cmpuint(count_used(f), ==, 3);
    g_assert_true(host_set_has(f->ever.used, 7));
    g_assert_true(host_set_has(f->ever.used, 9));
    g_assert_true(host_set_has(f->ever.used, 11));
}

/* One slot with a shorter one is enough; in a slot that was used it does not matter. */
static void test_shortest_io_timeout(Fixture *f, gconstpointer data)
{
    LeaderRecord shorter = fresh(f, 3), taken = used(f, 5, 1);
    taken.io_timeout = 1;
    put(f, 5, &taken);
    put(f, 1234, &shorter);
    observe_at(f, START_US);
    g_assert_cmpuint(f->ever.good_until_us, ==, START_US + 5940000);
}

/* A host that finds no io timeout there waits by its own, which can be the shortest there is. */
static void test_no_io_timeout(Fixture *f, gconstpointer data)
{
    static const uint16_t stored[] = { 0, 256, 65535 };
    for (unsigned i = 0; i < G_N_ELEMENTS(stored); i++) {
        LeaderRecord record = fresh(f, 10);
        record.io_timeout = stored[i];
        put(f, 1, &record);
        f->ever = (HostsEver){ 0 };
        observe_at(f, START_US);
        g_assert_cmpuint(f->ever.good_until_us, ==, START_US + 1980000);
    }
}

static void test_order(Fixture *f, gconstpointer data)
{
    observe_at(f, START_US);
    observe_at(f, START_US - USEC_PER_SECOND);
    g_assert_cmpuint(f->ever.good_until_us, ==, START_US + 19800000);
    observe_at(f, START_US + USEC_PER_SECOND);
    g_assert_cmpuint(f->ever.good_until_us, ==, START_US + 20800000);
}

static void test_part_of_an_area(Fixture *f, gconstpointer data)
{
    hosts_ever_observe(&f->ever, f->area, 512, &f->layout, "space", START_US);
    g_assert_cmpuint(f->ever.good_until_us, ==, 0);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, test) g_test_add("/hosts-ever/" path, Fixture, NULL, setup, test, teardown)
    ADD("fresh", test_fresh);
    ADD("used-for-ever", test_used_for_ever);
    ADD("damaged", test_damaged);
    ADD("shortest-io-timeout", test_shortest_io_timeout);
    ADD("no-io-timeout", test_no_io_timeout);
    ADD("order", test_order);
    ADD("part-of-an-area", test_part_of_an_area);
    return g_test_run();
}
