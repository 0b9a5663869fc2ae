/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The leader record: known bytes, sectors of sanlock, and everything that a check must refuse.
 */
#include "ondisk/leader-record.h"

#include <glib.h>
#include <string.h>

#include "support/disk-vectors.h"

static const Layout layout_512 = { 512, 1 * MEBIBYTE, 2000 };
static const Layout layout_4096_1m = { 4096, 1 * MEBIBYTE, 250 };

static LeaderRecord fresh_host_lease(void)
{
    LeaderRecord record;

    host_lease_record_init(&record, &layout_512, "LS", 1);
    return record;
}

static LeaderRecord fresh_resource(void)
{
    LeaderRecord record;

    resource_record_init(&record, &layout_512, "LS", "res1", 0);
    return record;
}

static RecordFault check_host_lease(LeaderRecord record)
{
    leader_record_seal(&record);
    return host_lease_record_check(&record, "LS", NULL);
}

static RecordFault check_resource(LeaderRecord record, uint64_t host_id)
{
    leader_record_seal(&record);
    return resource_record_check(&record, "LS", "res1", host_id, NULL);
}

static void test_fresh_host_lease_bytes(void)
{
    static const uint8_t head[] = {
        0x10, 0x20, 0x21, 0x12, 0x04, 0, 0x03, 0, 0x10, 0, 0, 0, 0, 0x02, 0, 0,
        0,    0,    0,    0,    0,    0, 0,    0, 1,    0, 0, 0, 0, 0,    0, 0,
    };
    uint8_t expected[LEADER_RECORD_SIZE] = { 0 };
    g_autofree uint8_t *bytes = random_bytes(LEADER_RECORD_SIZE);
    LeaderRecord record = fresh_host_lease();

    memcpy(expected, head, sizeof head);
    memcpy(expected + 56, "LS", 2);
    memcpy(expected + 168, "\xc0\x74\xf1\xb0\0\0\1", 7);
    leader_record_encode(&record, bytes);
    g_assert_cmpmem(bytes, LEADER_RECORD_SIZE, expected, LEADER_RECORD_SIZE);
}

static void test_known_checksums(void)
{
    LeaderRecord record = fresh_host_lease();

    g_assert_cmphex(record.checksum, ==, 0xb0f174c0);
    record = fresh_resource();
    g_assert_cmphex(record.checksum, ==, 0x0b083b23);

    host_lease_record_init(&record, &layout_512, "PYLS", 1);
    record.owner_id = 2;
    record.owner_generation = 1;
    fixed_name_store(record.name, "hostB");
    record.timestamp = 1019;
    leader_record_seal(&record);
    g_assert_cmphex(record.checksum, ==, 0x161cb80e);

    resource_record_init(&record, &layout_512, "PYLS", "ra", 0);
    record.owner_id = 1;
    record.owner_generation = 1;
    record.timestamp = 1065;
    record.version_of_lease = 1;
    leader_record_seal(&record);
    g_assert_cmphex(record.checksum, ==, 0x89fa2cdb);
}

/* Each field at its place: a record of which every byte differs. */
static void test_field_places(void)
{
    g_autofree uint8_t *bytes = g_malloc(LEADER_RECORD_SIZE);
    LeaderRecord record;

    for (unsigned i = 0; i < LEADER_RECORD_SIZE; i++)
        bytes[i] = (uint8_t)i;
    leader_record_decode(&record, bytes);
    g_assert_cmphex(record.magic, ==, 0x03020100);
    g_assert_cmphex(record.version, ==, 0x07060504);
    g_assert_cmphex(record.flags, ==, 0x0b0a0908);
    g_assert_cmphex(record.sector_size, ==, 0x0f0e0d0c);
    g_assert_cmphex(record.num_hosts, ==, G_GUINT64_CONSTANT(0x1716151413121110));
    g_assert_cmphex(record.max_hosts, ==, G_GUINT64_CONSTANT(0x1f1e1d1c1b1a1918));
    g_assert_cmphex(record.owner_id, ==, G_GUINT64_CONSTANT(0x2726252423222120));
    g_assert_cmphex(record.owner_generation, ==, G_GUINT64_CONSTANT(0x2f2e2d2c2b2a2928));
    g_assert_cmphex(record.version_of_lease, ==, G_GUINT64_CONSTANT(0x3736353433323130));
    g_assert_cmpmem(record.lockspace_name, FIXED_NAME_SIZE, bytes + 56, 48);
    g_assert_cmpmem(record.name, FIXED_NAME_SIZE, bytes + 104, 48);
    g_assert_cmphex(record.timestamp, ==, G_GUINT64_CONSTANT(0x9f9e9d9c9b9a9998));
    g_assert_cmphex(record.reserved1, ==, G_GUINT64_CONSTANT(0xa7a6a5a4a3a2a1a0));
    g_assert_cmphex(record.checksum, ==, 0xabaaa9a8);
    g_assert_cmphex(record.reserved2, ==, 0xadac);
    g_assert_cmphex(record.io_timeout, ==, 0xafae);
    g_assert_cmphex(record.write_id, ==, G_GUINT64_CONSTANT(0xb7b6b5b4b3b2b1b0));
    g_assert_cmphex(record.write_generation, ==, G_GUINT64_CONSTANT(0xbfbebdbcbbbab9b8));
    g_assert_cmphex(record.write_timestamp, ==, G_GUINT64_CONSTANT(0xc7c6c5c4c3c2c1c0));
}

/* Whatever the bytes: they come back, no check runs out of bounds, and nothing random is good. */
static void test_random(void)
{
    for (int round = 0; round < 2000; round++) {
        g_autofree uint8_t *bytes = random_bytes(LEADER_RECORD_SIZE);
        g_autofree uint8_t *again = random_bytes(LEADER_RECORD_SIZE);
        LeaderRecord record;
        Layout layout = { 1, 2, 3 };

        leader_record_decode(&record, bytes);
        leader_record_encode(&record, again);
        g_assert_cmpmem(again, LEADER_RECORD_SIZE, bytes, LEADER_RECORD_SIZE);

        /* With a good head the rest of the checks gets its share of random bytes. */
        if (round % 2) {
            record.magic = HOST_LEASE_MAGIC;
            record.version = HOST_LEASE_VERSION;
            record.flags = 0x10;
            record.sector_size = 512;
        }
        g_assert_cmpint(host_lease_record_check(&record, NULL, &layout), !=, RECORD_OK);
        if (round % 2) {
            record.magic = RESOURCE_MAGIC;
            record.version = RESOURCE_VERSION;
        }
        g_assert_cmpint(resource_record_check(&record, NULL, NULL, 1, &layout), !=, RECORD_OK);
        g_assert_cmpuint(layout.max_hosts, ==, 3);
    }
}

static LeaderRecord load_record(const char *name)
{
    g_autofree uint8_t *sector = vector_load(name, 512);
    LeaderRecord record;

    leader_record_decode(&record, sector);
    return record;
}

static void test_host_lease_vectors(void)
{
    LeaderRecord record = load_record("host-lease-held.sector");

    g_assert_cmpint(host_lease_record_check(&record, "PYLS", NULL), ==, RECORD_OK);
    g_assert_cmpuint(record.owner_id, ==, 2);
    g_assert_cmpuint(record.owner_generation, ==, 1);
    g_assert_cmpuint(record.timestamp, !=, 0);
    g_assert_cmpuint(record.io_timeout, ==, 1);
    g_assert_true(fixed_name_equal(record.name, "hostB"));

    record = load_record("host-lease-event.sector");
    g_assert_cmpint(host_lease_record_check(&record, "PYLS", NULL), ==, RECORD_OK);
    g_assert_cmpuint(record.write_id, ==, 3);
    g_assert_cmpuint(record.write_generation, ==, 7);
    g_assert_cmpuint(record.write_timestamp, ==, 9);

    record = load_record("host-lease-released.sector");
    g_assert_cmpint(host_lease_record_check(&record, "PYLS", NULL), ==, RECORD_OK);
    g_assert_cmpuint(record.owner_id, ==, 2);
    g_assert_cmpuint(record.timestamp, ==, 0);
}

static void test_resource_vectors(void)
{
    LeaderRecord record = load_record("resource-held.sector");

    g_assert_cmpint(resource_record_check(&record, "PYLS", "ra", 2, NULL), ==, RECORD_OK);
    g_assert_cmpuint(record.owner_id, ==, 2);
    g_assert_cmpuint(record.version_of_lease, ==, 1);
    g_assert_cmpuint(record.timestamp, !=, 0);
    g_assert_cmpuint(record.write_id, ==, 2);

    record = load_record("resource-released.sector");
    g_assert_cmpint(resource_record_check(&record, "PYLS", "ra", 2, NULL), ==, RECORD_OK);
    g_assert_cmpuint(record.timestamp, ==, 0);

    record = load_record("resource-shared.sector");
    g_assert_cmpint(resource_record_check(&record, "PYLS", "rs", 2, NULL), ==, RECORD_OK);
    g_assert_cmpuint(record.timestamp, ==, 0);

    record = load_record("resource-five-hosts.sector");
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 5, NULL), ==, RECORD_OK);
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 6, NULL), ==,
                    RECORD_BAD_HOST_COUNT);

    record = load_record("resource-cleared.sector");
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 1, NULL), ==, RECORD_CLEARED);
    g_assert_cmpint(host_lease_record_check(&record, "LS", NULL), ==, RECORD_BAD_MAGIC);
}

static void test_layout_out(void)
{
    LeaderRecord record = fresh_host_lease();
    Layout layout = { 1, 2, 3 };

    g_assert_cmpint(host_lease_record_check(&record, "LS", &layout), ==, RECORD_OK);
    g_assert_true(layout_equal(&layout, &layout_512));
    resource_record_init(&record, &layout_4096_1m, "LS", "res1", 17);
    g_assert_cmpuint(record.num_hosts, ==, 17);
    g_assert_cmpint(resource_record_check(&record, NULL, NULL, 0, &layout), ==, RECORD_OK);
    g_assert_true(layout_equal(&layout, &layout_4096_1m));
    resource_record_init(&record, &layout_4096_1m, "LS", "res1", 251);
    g_assert_cmpuint(record.num_hosts, ==, 250);
}

/* The order of the checks: each record has one fault less, the first of them is named. */
static void test_host_lease_faults(void)
{
    LeaderRecord record = fresh_host_lease();
    Layout layout = { 1, 2, 3 };

    record.magic = RESOURCE_MAGIC;
    record.version = RESOURCE_VERSION;
    record.flags = 0x100;
    record.sector_size = 1024;
    fixed_name_store(record.lockspace_name, "other");
    record.owner_id = 2001;
    record.checksum ^= 1;
    g_assert_cmpint(host_lease_record_check(&record, "LS", &layout), ==, RECORD_BAD_MAGIC);
    record.magic = HOST_LEASE_MAGIC;
    g_assert_cmpint(host_lease_record_check(&record, "LS", &layout), ==, RECORD_BAD_VERSION);
    record.version = HOST_LEASE_VERSION;
    g_assert_cmpint(host_lease_record_check(&record, "LS", &layout), ==, RECORD_BAD_FLAGS);
    record.flags = 0x20;
    g_assert_cmpint(host_lease_record_check(&record, "LS", &layout), ==, RECORD_BAD_SECTOR_SIZE);
    record.sector_size = 512;
    g_assert_cmpint(host_lease_record_check(&record, "LS", &layout), ==, RECORD_BAD_ALIGN_SIZE);
    record.flags = 0x10;
    g_assert_cmpint(host_lease_record_check(&record, "LS", &layout), ==, RECORD_BAD_CHECKSUM);
    leader_record_seal(&record);
    g_assert_cmpint(host_lease_record_check(&record, "LS", &layout), ==, RECORD_OTHER_LOCKSPACE);
    g_assert_cmpint(host_lease_record_check(&record, NULL, &layout), ==, RECORD_BAD_FIELD);
    fixed_name_store(record.lockspace_name, "LS");
    leader_record_seal(&record);
    g_assert_cmpint(host_lease_record_check(&record, "LS", &layout), ==, RECORD_BAD_FIELD);
    g_assert_cmpuint(layout.sector_size, ==, 1);
    record = fresh_host_lease();
    g_assert_cmpint(host_lease_record_check(&record, "LS", &layout), ==, RECORD_OK);
}

static void test_resource_faults(void)
{
    LeaderRecord record = fresh_resource();
    Layout layout = { 1, 2, 3 };

    record.magic = RESOURCE_CLEARED_MAGIC;
    record.version = HOST_LEASE_VERSION;
    record.flags = 0x2;
    record.sector_size = 0;
    fixed_name_store(record.lockspace_name, "other");
    fixed_name_store(record.name, "other");
    record.num_hosts = 0;
    record.owner_id = 2001;
    record.checksum ^= 1;
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 1, &layout), ==, RECORD_CLEARED);
    record.magic = HOST_LEASE_MAGIC;
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 1, &layout), ==, RECORD_BAD_MAGIC);
    record.magic = RESOURCE_MAGIC;
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 1, &layout), ==,
                    RECORD_BAD_VERSION);
    record.version = RESOURCE_VERSION;
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 1, &layout), ==, RECORD_BAD_FLAGS);
    record.flags = 0x80;
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 1, &layout), ==,
                    RECORD_BAD_SECTOR_SIZE);
    record.sector_size = 512;
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 1, &layout), ==,
                    RECORD_BAD_ALIGN_SIZE);
    record.flags = 0x10;
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 1, &layout), ==,
                    RECORD_BAD_CHECKSUM);
    leader_record_seal(&record);
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 1, &layout), ==,
                    RECORD_OTHER_LOCKSPACE);
    g_assert_cmpint(resource_record_check(&record, NULL, "res1", 1, &layout), ==,
                    RECORD_OTHER_RESOURCE);
    fixed_name_store(record.lockspace_name, "LS");
    fixed_name_store(record.name, "res1");
    leader_record_seal(&record);
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 1, &layout), ==, RECORD_BAD_FIELD);
    record.num_hosts = 5;
    leader_record_seal(&record);
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 6, &layout), ==,
                    RECORD_BAD_HOST_COUNT);
    leader_record_seal(&record);
    g_assert_cmpint(resource_record_check(&record, "LS", "res1", 1, &layout), ==, RECORD_BAD_FIELD);
    g_assert_cmpuint(layout.sector_size, ==, 1);
}

/* Every flag bit: known ones pass (and must fit the sizes), all others are refused. */
static void test_flags(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        LeaderRecord host_lease = fresh_host_lease();
        LeaderRecord resource = fresh_resource();
        RecordFault expected = RECORD_BAD_FLAGS;

        host_lease.flags |= UINT32_C(1) << bit;
        resource.flags |= UINT32_C(1) << bit;
        /* Bit 4 is the 1 MiB that is there already; 5 to 7 are a second align flag. */
        if (bit >= 4 && bit <= 7)
            expected = bit == 4 ? RECORD_OK : RECORD_BAD_ALIGN_SIZE;
        g_assert_cmpint(check_host_lease(host_lease), ==, expected);
        g_assert_cmpint(check_resource(resource, 1), ==, bit == 0 ? RECORD_OK : expected);
    }
}

static void test_versions(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        LeaderRecord host_lease = fresh_host_lease();
        LeaderRecord resource = fresh_resource();
        RecordFault expected = bit < 16 ? RECORD_OK : RECORD_BAD_VERSION;

        host_lease.version ^= UINT32_C(1) << bit;
        resource.version ^= UINT32_C(1) << bit;
        g_assert_cmpint(check_host_lease(host_lease), ==, expected);
        g_assert_cmpint(check_resource(resource, 1), ==, expected);
    }
}

/* Written before there were align flags: minor version 3, the area's size implied. */
static void test_old_format(void)
{
    static const struct {
        uint32_t sector_size, align_size;
    } sizes[] = { { 512, 1 * MEBIBYTE }, { 4096, 8 * MEBIBYTE } };

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        LeaderRecord record = fresh_host_lease();
        Layout layout;

        record.version = 0x00030003;
        record.flags = 0;
        record.sector_size = sizes[i].sector_size;
        leader_record_seal(&record);
        g_assert_cmpint(host_lease_record_check(&record, "LS", &layout), ==, RECORD_OK);
        g_assert_cmpuint(layout.align_size, ==, sizes[i].align_size);
        g_assert_cmpuint(layout.max_hosts, ==, 2000);

        record = fresh_resource();
        record.version = 0x00060003;
        record.flags = LEADER_FLAG_SHORT_HOLD;
        record.sector_size = sizes[i].sector_size;
        leader_record_seal(&record);
        g_assert_cmpint(resource_record_check(&record, "LS", "res1", 2000, &layout), ==, RECORD_OK);
        g_assert_cmpuint(layout.align_size, ==, sizes[i].align_size);
    }
}

static void test_host_counts(void)
{
    static const struct {
        uint64_t num_hosts, max_hosts, host_id;
        RecordFault expected;
    } cases[] = {
        { 2000, 2000, 0, RECORD_OK },
        { 2000, 2000, 2000, RECORD_OK },
        { 2000, 2000, 2001, RECORD_BAD_HOST_COUNT },
        { 2000, 2000, UINT64_MAX, RECORD_BAD_HOST_COUNT },
        { 1, 2000, 1, RECORD_OK },
        { 1, 2000, 2, RECORD_BAD_HOST_COUNT },
        { 0, 2000, 0, RECORD_BAD_FIELD },
        { 2001, 2000, 1, RECORD_BAD_FIELD },
        { 2001, 2001, 1, RECORD_BAD_FIELD },
        { 250, 250, 1, RECORD_BAD_FIELD },
        { UINT64_MAX, UINT64_MAX, 1, RECORD_BAD_FIELD },
        { (UINT64_C(1) << 32) + 1, 2000, 1, RECORD_BAD_FIELD },
        { 1, (UINT64_C(1) << 32) + 2000, 1, RECORD_BAD_FIELD },
        { 1, 0, 1, RECORD_BAD_FIELD },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        LeaderRecord record = fresh_resource();

        record.num_hosts = cases[i].num_hosts;
        record.max_hosts = cases[i].max_hosts;
        g_assert_cmpint(check_resource(record, cases[i].host_id), ==, cases[i].expected);
    }
}

/* Sealed, so that only the content is at fault. */
static void test_impossible_content(void)
{
    static const struct {
        uint64_t owner_id, owner_generation, timestamp;
        RecordFault expected;
    } cases[] = {
        { 0, 0, 0, RECORD_OK },
        { 5, 1, 7, RECORD_OK },
        { 5, 1, 0, RECORD_OK },
        { 5, UINT64_MAX - 1, UINT64_MAX, RECORD_OK },
        { 6, 1, 7, RECORD_BAD_FIELD }, /* more than num_hosts below */
        { UINT64_MAX, 1, 0, RECORD_BAD_FIELD },
        { 0, 1, 7, RECORD_BAD_FIELD },
        { 5, 0, 7, RECORD_BAD_FIELD },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        LeaderRecord record;

        resource_record_init(&record, &layout_512, "LS", "res1", 5);
        record.owner_id = cases[i].owner_id;
        record.owner_generation = cases[i].owner_generation;
        record.timestamp = cases[i].timestamp;
        g_assert_cmpint(check_resource(record, 1), ==, cases[i].expected);

        record = fresh_host_lease();
        record.owner_id = cases[i].owner_id == 6 ? 2001 : cases[i].owner_id;
        record.owner_generation = cases[i].owner_generation;
        record.timestamp = cases[i].timestamp;
        g_assert_cmpint(check_host_lease(record), ==, cases[i].expected);
    }

    /* The last host id of the layout may hold a lease. */
    LeaderRecord record = fresh_host_lease();

    record.owner_id = 2000;
    record.owner_generation = 1;
    record.timestamp = 7;
    g_assert_cmpint(check_host_lease(record), ==, RECORD_OK);

    /* The next of these would be 0. */
    record = fresh_resource();
    record.version_of_lease = UINT64_MAX;
    g_assert_cmpint(check_resource(record, 1), ==, RECORD_BAD_FIELD);
    record = fresh_host_lease();
    record.owner_generation = UINT64_MAX;
    g_assert_cmpint(check_host_lease(record), ==, RECORD_BAD_FIELD);
}

static void test_corruption(void)
{
    LeaderRecord good[] = { fresh_host_lease(), fresh_resource() };

    for (unsigned byte = 0; byte < LEADER_RECORD_SIZE; byte++) {
        for (unsigned change = 1; change < 256; change++) {
            /* 168..171 is the checksum itself; what is behind it is not covered. */
            gboolean caught = byte < 172;

            for (unsigned kind = 0; kind < G_N_ELEMENTS(good); kind++) {
                g_autofree uint8_t *bytes = g_malloc(LEADER_RECORD_SIZE);
                LeaderRecord record;
                RecordFault fault;

                leader_record_encode(&good[kind], bytes);
                bytes[byte] ^= (uint8_t)change;
                leader_record_decode(&record, bytes);
                /* Without names: not they, but the checksum has to see it. */
                fault = kind == 0 ? host_lease_record_check(&record, NULL, NULL)
                                  : resource_record_check(&record, NULL, NULL, 1, NULL);
                g_assert_true((fault != RECORD_OK) == caught);
                if (byte >= 32 && caught)
                    g_assert_cmpint(fault, ==, RECORD_BAD_CHECKSUM);
                g_assert_false(leader_record_equal(&record, &good[kind]));
            }
        }
    }
}

static void test_long_names(void)
{
    const char *name = "123456789012345678901234567890123456789012345678";
    LeaderRecord record;

    resource_record_init(&record, &layout_512, name, name, 0);
    g_assert_cmpmem(record.lockspace_name, FIXED_NAME_SIZE, name, FIXED_NAME_SIZE);
    g_assert_cmpint(resource_record_check(&record, name, name, 1, NULL), ==, RECORD_OK);
    g_assert_cmpint(resource_record_check(&record, "1234", name, 1, NULL), ==,
                    RECORD_OTHER_LOCKSPACE);
    g_assert_cmpint(resource_record_check(&record, name, "1234", 1, NULL), ==,
                    RECORD_OTHER_RESOURCE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/leader-record/fresh-host-lease-bytes", test_fresh_host_lease_bytes);
    g_test_add_func("/leader-record/known-checksums", test_known_checksums);
    g_test_add_func("/leader-record/field-places", test_field_places);
    g_test_add_func("/leader-record/random", test_random);
    g_test_add_func("/leader-record/host-lease-vectors", test_host_lease_vectors);
    g_test_add_func("/leader-record/resource-vectors", test_resource_vectors);
    g_test_add_func("/leader-record/layout-out", test_layout_out);
    g_test_add_func("/leader-record/host-lease-faults", test_host_lease_faults);
    g_test_add_func("/leader-record/resource-faults", test_resource_faults);
    g_test_add_func("/leader-record/flags", test_flags);
    g_test_add_func("/leader-record/versions", test_versions);
    g_test_add_func("/leader-record/old-format", test_old_format);
    g_test_add_func("/leader-record/host-counts", test_host_counts);
    g_test_add_func("/leader-record/impossible-content", test_impossible_content);
    g_test_add_func("/leader-record/corruption", test_corruption);
    g_test_add_func("/leader-record/long-names", test_long_names);
    return g_test_run();
}
