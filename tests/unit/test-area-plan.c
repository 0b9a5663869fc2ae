/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of a resource's area is read, and what a read is taken for. We are host 3.
 */
#include <glib.h>
#include <string.h>

#include "base/checked-time.h"
#include "lease/area-plan.h"
#include "ondisk/area-image.h"
#include "ondisk/ballot-record.h"
#include "ondisk/leader-record.h"

#define START_US (1000 * USEC_PER_SECOND)
#define GOOD_UNTIL_US (START_US + 10 * USEC_PER_SECOND)
#define OWN 3

typedef struct Fixture {
    Layout layout;
    uint8_t *disk;  /* what is there */
    uint8_t *image; /* what a read gave */
    AreaMemory memory;
    HostsEver ever;
    AreaPlan plan;
    uint8_t occupied[HOST_SET_SIZE];
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    layout_from_sizes(&f->layout, 512, 0);
    f->disk = g_malloc(f->layout.align_size);
    f->image = g_malloc0(f->layout.align_size);
    resource_area_fill(f->disk, &f->layout, "space", "thing", 0);
    f->memory = (AreaMemory){ 0 };
    f->ever = (HostsEver){ .good_until_us = GOOD_UNTIL_US };
    host_set_add(f->ever.used, OWN);
}

static void teardown(Fixture *f, gconstpointer data)
{
    g_free(f->disk);
    g_free(f->image);
}

static void make_at(Fixture *f, uint64_t now_us)
{
    area_plan_make(&f->plan, &f->memory, &f->ever, &f->layout, OWN, f->layout.align_size, now_us);
}

/* Reads by the plan, and accepts or not. */
static bool read_at(Fixture *f, uint64_t started_us)
{
    memset(f->image, 0, f->layout.align_size);
    for (unsigned i = 0; i < f->plan.n_parts; i++)
        memcpy(f->image + f->plan.parts[i].offset, f->disk + f->plan.parts[i].offset,
               f->plan.parts[i].length);
    return area_plan_accept(&f->plan, &f->memory, &f->layout, f->image, started_us, f->occupied);
}

static void know_it(Fixture *f)
{
    make_at(f, START_US);
    g_assert_true(f->plan.whole);
    g_assert_true(read_at(f, START_US));
}

static void put_ballot(Fixture *f, uint64_t host_id)
{
    BallotRecord record = { .mbal = host_id, .lver = 1 };
    ballot_record_seal(&record);
    ballot_record_encode(&record, f->disk + layout_host_sector(&f->layout, 0, host_id));
}

static void put_version(Fixture *f, uint64_t version)
{
    LeaderRecord leader;
    leader_record_decode(&leader, f->disk);
    leader.version_of_lease = version;
    leader_record_seal(&leader);
    leader_record_encode(&leader, f->disk);
}

static void assert_parts(const Fixture *f, const char *expected)
{
    g_autoptr(GString) text = g_string_new(f->plan.whole ? "whole" : "");
    for (unsigned i = 0; i < f->plan.n_parts; i++)
        g_string_append_printf(text, "%s%u+%u", text->len > 0 ? " " : "", f->plan.parts[i].offset,
                               f->plan.parts[i].length);
    g_assert_cmpstr(text->str, ==, expected);
}

static void test_first_read_is_whole(Fixture *f, gconstpointer data)
{
    make_at(f, START_US);
    assert_parts(f, "whole 0+1048576");
    g_assert_true(read_at(f, START_US));
    make_at(f, START_US);
    assert_parts(f, "0+4096");
    g_assert_true(read_at(f, START_US));
    g_assert_cmpint(memcmp(f->image, f->disk, f->layout.align_size), ==, 0);
}

/* Less than the area says nothing of the rest of it. */
static void test_short_read_is_not_whole(Fixture *f, gconstpointer data)
{
    area_plan_make_whole(&f->plan, 8192);
    g_assert_true(read_at(f, START_US));
    make_at(f, START_US);
    g_assert_true(f->plan.whole);
}

/* A ballot that an older lockspace has left, of a host id that this one knows nothing of. */
static void test_old_ballot(Fixture *f, gconstpointer data)
{
    put_ballot(f, 1500);
    know_it(f);
    g_assert_true(host_set_has(f->occupied, 1500));
    make_at(f, START_US);
    assert_parts(f, "0+4096 765952+4096");
    g_assert_true(read_at(f, START_US));
    g_assert_cmpint(memcmp(f->image, f->disk, f->layout.align_size), ==, 0);
    g_assert_true(host_set_has(f->occupied, 1500));
    g_assert_false(host_set_has(f->occupied, 1));
}

/* Whose sector was wiped out may come back: it is read for ever. */
static void test_once_occupied(Fixture *f, gconstpointer data)
{
    put_ballot(f, 1500);
    know_it(f);
    memset(f->disk + layout_host_sector(&f->layout, 0, 1500), 0, 512);
    make_at(f, START_US);
    g_assert_true(read_at(f, START_US));
    g_assert_false(host_set_has(f->occupied, 1500));
    make_at(f, START_US);
    assert_parts(f, "0+4096 765952+4096");
}

static void test_used_host(Fixture *f, gconstpointer data)
{
    know_it(f);
    host_set_add(f->ever.used, 2000);
    make_at(f, START_US);
    assert_parts(f, "0+4096 1024000+4096");
    put_ballot(f, 2000);
    g_assert_true(read_at(f, START_US));
    g_assert_true(host_set_has(f->occupied, 2000));
}

/* Ours is asked for also before the lockspace was seen with us in it. */
static void test_own_sector(Fixture *f, gconstpointer data)
{
    know_it(f);
    memset(f->ever.used, 0, sizeof f->ever.used);
    area_plan_make(&f->plan, &f->memory, &f->ever, &f->layout, 1800, f->layout.align_size,
                   START_US);
    g_assert_true(host_set_has(f->plan.may_have, 1800));
    g_assert_cmpuint(f->plan.n_parts, ==, 2);
}

static void test_window(Fixture *f, gconstpointer data)
{
    know_it(f);
    make_at(f, GOOD_UNTIL_US);
    g_assert_false(f->plan.whole);
    g_assert_true(read_at(f, GOOD_UNTIL_US));
    /* Planned in time, begun too late. */
    g_assert_false(read_at(f, GOOD_UNTIL_US + 1));
    make_at(f, GOOD_UNTIL_US + 1);
    g_assert_true(f->plan.whole);
    g_assert_true(read_at(f, GOOD_UNTIL_US + 1));
    /* What the place is known to hold was not wrong. */
    f->ever.good_until_us += USEC_PER_SECOND;
    make_at(f, GOOD_UNTIL_US + 1);
    g_assert_false(f->plan.whole);
}

static void test_lockspace_never_read(Fixture *f, gconstpointer data)
{
    know_it(f);
    f->ever = (HostsEver){ 0 };
    make_at(f, START_US);
    g_assert_true(f->plan.whole);
}

/* In a sector that is only read because it lies between others. */
static void test_content_where_none_can_be(Fixture *f, gconstpointer data)
{
    know_it(f);
    make_at(f, START_US);
    put_ballot(f, 5);
    g_assert_false(read_at(f, START_US));
    make_at(f, START_US);
    g_assert_true(f->plan.whole);
    g_assert_true(read_at(f, START_US));
    make_at(f, START_US);
    g_assert_false(f->plan.whole);
    g_assert_true(read_at(f, START_US));
}

static void test_leader_of_the_past(Fixture *f, gconstpointer data)
{
    put_version(f, 7);
    know_it(f);
    make_at(f, START_US);
    put_version(f, 6);
    g_assert_false(read_at(f, START_US));
    make_at(f, START_US);
    g_assert_true(f->plan.whole);
    g_assert_true(read_at(f, START_US));
    make_at(f, START_US);
    put_version(f, 8);
    g_assert_true(read_at(f, START_US));
    g_assert_cmpuint(f->memory.version, ==, 8);
}

/* Formatted as something else, or damaged. */
static void test_no_leader(Fixture *f, gconstpointer data)
{
    know_it(f);
    make_at(f, START_US);
    f->disk[100] ^= 1;
    g_assert_false(read_at(f, START_US));
    make_at(f, START_US);
    /* The machine has to see it, but nothing is to be concluded from what is there. */
    g_assert_true(read_at(f, START_US));
    make_at(f, START_US);
    g_assert_true(f->plan.whole);
}

static void test_low_hosts_in_one_part(Fixture *f, gconstpointer data)
{
    know_it(f);
    for (unsigned host_id = 1; host_id <= 126; host_id += 5)
        host_set_add(f->ever.used, host_id);
    host_set_add(f->ever.used, 126);
    make_at(f, START_US);
    assert_parts(f, "0+65536");
}

static void test_too_many_parts(Fixture *f, gconstpointer data)
{
    know_it(f);
    for (unsigned i = 1; i < AREA_PARTS_MAX; i++)
        host_set_add(f->ever.used, 200 * i);
    make_at(f, START_US);
    g_assert_cmpuint(f->plan.n_parts, ==, AREA_PARTS_MAX);
    host_set_add(f->ever.used, 200 * AREA_PARTS_MAX);
    make_at(f, START_US);
    assert_parts(f, "whole 0+1048576");
}

static void test_too_much(Fixture *f, gconstpointer data)
{
    know_it(f);
    for (unsigned host_id = 1; host_id <= 1100; host_id++)
        host_set_add(f->ever.used, host_id);
    make_at(f, START_US);
    assert_parts(f, "whole 0+1048576");
}

/* A ballot reads no more than num_hosts demand. */
static void test_short_area(Fixture *f, gconstpointer data)
{
    know_it(f);
    host_set_add(f->ever.used, 2000);
    area_plan_make(&f->plan, &f->memory, &f->ever, &f->layout, OWN, 16384, START_US);
    assert_parts(f, "0+4096");
    g_assert_true(read_at(f, START_US));
    area_plan_make(&f->plan, &f->memory, &f->ever, &f->layout, OWN, 2048, START_US);
    assert_parts(f, "whole 0+2048");
}

static void test_large_sectors(Fixture *f, gconstpointer data)
{
    g_free(f->disk);
    g_free(f->image);
    layout_from_sizes(&f->layout, 4096, 0);
    f->disk = g_malloc(f->layout.align_size);
    f->image = g_malloc0(f->layout.align_size);
    resource_area_fill(f->disk, &f->layout, "space", "thing", 0);
    put_ballot(f, 2000);
    know_it(f);
    make_at(f, START_US);
    assert_parts(f, "0+20480 8196096+4096");
    g_assert_true(read_at(f, START_US));
    g_assert_true(host_set_has(f->occupied, 2000));
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, test) g_test_add("/area-plan/" path, Fixture, NULL, setup, test, teardown)
    ADD("first-read-is-whole", test_first_read_is_whole);
    ADD("short-read-is-not-whole", test_short_read_is_not_whole);
    ADD("old-ballot", test_old_ballot);
    ADD("once-occupied", test_once_occupied);
    ADD("used-host", test_used_host);
    ADD("own-sector", test_own_sector);
    ADD("window", test_window);
    ADD("lockspace-never-read", test_lockspace_never_read);
    ADD("content-where-none-can-be", test_content_where_none_can_be);
    ADD("leader-of-the-past", test_leader_of_the_past);
    ADD("no-leader", test_no_leader);
    ADD("low-hosts-in-one-part", test_low_hosts_in_one_part);
    ADD("too-many-parts", test_too_many_parts);
    ADD("too-much", test_too_much);
    ADD("short-area", test_short_area);
    ADD("large-sectors", test_large_sectors);
    return g_test_run();
}
