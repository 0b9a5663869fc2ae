/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leader records: host leases and heads of resources. Input: a byte that says what to do, then the
 * record's 200 bytes (the rest is 0). Whatever a check accepts must be safe to count, divide and
 * loop with; the oracle is written out here, apart from the code.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "fuzz.h"
#include "ondisk/leader-record.h"

#define SEAL 0x1u
#define ALIGN_FLAGS 0xF0u

static const Layout legal[] = {
    { 512, 1 * MEBIBYTE, 2000 },  { 4096, 1 * MEBIBYTE, 250 },  { 4096, 2 * MEBIBYTE, 500 },
    { 4096, 4 * MEBIBYTE, 1000 }, { 4096, 8 * MEBIBYTE, 2000 },
};

static void assert_layout(const LeaderRecord *record, const Layout *layout)
{
    bool found = false;
    for (unsigned i = 0; i < G_N_ELEMENTS(legal); i++)
        found = found || layout_equal(&legal[i], layout);
    g_assert_true(found);
    g_assert_cmpuint(layout->sector_size, ==, record->sector_size);
    if ((record->flags & ALIGN_FLAGS) != 0)
        g_assert_cmpuint(layout_align_flag(layout), ==, record->flags & ALIGN_FLAGS);
    /* Every record of every host lies inside the area. */
    g_assert_cmpuint(layout_host_lease(layout, 0, layout->max_hosts) + layout->sector_size, <=,
                     layout->align_size);
    g_assert_cmpuint(layout_host_sector(layout, 0, layout->max_hosts) + layout->sector_size, <=,
                     layout->align_size);
}

/* True of both kinds. */
static void assert_accepted(const uint8_t *bytes, const LeaderRecord *record, uint32_t magic,
                            uint32_t version, uint64_t max_owner)
{
    g_assert_cmphex(load_le32(bytes), ==, magic);
    g_assert_cmphex(load_le32(bytes + 4) >> 16, ==, version);
    g_assert_cmphex(load_le32(bytes + 168), ==, crc32c(0xFFFFFFFE, bytes, 168));
    g_assert_cmpuint(record->owner_id, <=, max_owner);
    if (record->timestamp != 0) {
        g_assert_cmpuint(record->owner_id, >=, 1);
        g_assert_cmpuint(record->owner_generation, >=, 1);
    }
}

static bool name_is(const uint8_t *field, const char *name)
{
    return strncmp((const char *)field, name, FIXED_NAME_SIZE) == 0;
}

static void check_host_lease(const uint8_t *bytes, const LeaderRecord *record)
{
    const Layout untouched = { 1, 2, 3 };
    Layout layout = untouched;
    RecordFault fault = host_lease_record_check(record, NULL, &layout);
    if (fault != RECORD_OK) {
        g_assert_true(layout_equal(&layout, &untouched));
        g_assert_cmpstr(record_fault_name(fault), !=, "unknown");
        /* No name makes it better. */
        g_assert_cmpint(host_lease_record_check(record, "LS", NULL), !=, RECORD_OK);
        return;
    }
    assert_layout(record, &layout);
    assert_accepted(bytes, record, 0x12212010, 0x3, layout.max_hosts);
    g_assert_cmphex(record->flags & ~ALIGN_FLAGS, ==, 0);
    g_assert_cmpuint(record->owner_generation, !=, UINT64_MAX);
    bool named = host_lease_record_check(record, "LS", NULL) == RECORD_OK;
    g_assert_cmpint(named, ==, name_is(bytes + 56, "LS"));
}

static void check_resource(const uint8_t *bytes, const LeaderRecord *record)
{
    const Layout untouched = { 1, 2, 3 };
    Layout layout = untouched;
    RecordFault fault = resource_record_check(record, NULL, NULL, 0, &layout);
    if (fault != RECORD_OK) {
        g_assert_true(layout_equal(&layout, &untouched));
        g_assert_cmpint(resource_record_check(record, "LS", "res1", 1, NULL), !=, RECORD_OK);
        return;
    }
    assert_layout(record, &layout);
    assert_accepted(bytes, record, 0x06152010, 0x6, record->num_hosts);
    g_assert_cmphex(record->flags & ~(ALIGN_FLAGS | LEADER_FLAG_SHORT_HOLD), ==, 0);
    g_assert_cmpuint(record->num_hosts, >=, 1);
    g_assert_cmpuint(record->num_hosts, <=, layout.max_hosts);
    g_assert_cmpuint(record->max_hosts, ==, layout.max_hosts);
    g_assert_cmpuint(record->version_of_lease, !=, UINT64_MAX);
    g_assert_cmpint(resource_record_check(record, NULL, NULL, record->num_hosts, NULL), ==,
                    RECORD_OK);
    g_assert_cmpint(resource_record_check(record, NULL, NULL, record->num_hosts + 1, NULL), ==,
                    RECORD_BAD_HOST_COUNT);
    bool named = resource_record_check(record, "LS", "res1", 1, NULL) == RECORD_OK;
    g_assert_cmpint(named, ==, name_is(bytes + 56, "LS") && name_is(bytes + 104, "res1"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[LEADER_RECORD_SIZE] = { 0 }, again[LEADER_RECORD_SIZE];
    char text[FIXED_NAME_SIZE + 1];
    LeaderRecord record, other;

    if (size < 1)
        return 0;
    memcpy(bytes, data + 1, MIN(size - 1, sizeof bytes));
    leader_record_decode(&record, bytes);
    if (data[0] & SEAL) {
        leader_record_seal(&record);
        store_le32(bytes + 168, record.checksum);
    }
    leader_record_encode(&record, again);
    g_assert_cmpmem(again, sizeof again, bytes, sizeof bytes);
    leader_record_decode(&other, again);
    g_assert_true(leader_record_equal(&record, &other));
    fixed_name_load(text, record.name);
    g_assert_true(fixed_name_equal(record.name, text));

    check_host_lease(bytes, &record);
    check_resource(bytes, &record);

    /* One bit of what the checksum covers makes every good record a bad one. */
    bytes[data[0] % LEADER_CHECKSUM_COVERS] ^= 0x10;
    leader_record_decode(&other, bytes);
    g_assert_false(leader_record_equal(&record, &other));
    if (host_lease_record_check(&record, NULL, NULL) == RECORD_OK)
        g_assert_cmpint(host_lease_record_check(&other, NULL, NULL), !=, RECORD_OK);
    if (resource_record_check(&record, NULL, NULL, 0, NULL) == RECORD_OK)
        g_assert_cmpint(resource_record_check(&other, NULL, NULL, 0, NULL), !=, RECORD_OK);
    return 0;
}
