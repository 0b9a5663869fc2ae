/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The leader record: bytes <-> struct by explicit offset, and the checks that everything which
 * reads one depends on.
 */
#include "ondisk/leader-record.h"

#include <string.h>

#include "base/bytes.h"
#include "ondisk/checksum.h"

enum {
    OFFSET_MAGIC = 0,
    OFFSET_VERSION = 4,
    OFFSET_FLAGS = 8,
    OFFSET_SECTOR_SIZE = 12,
    OFFSET_NUM_HOSTS = 16,
    OFFSET_MAX_HOSTS = 24,
    OFFSET_OWNER_ID = 32,
    OFFSET_OWNER_GENERATION = 40,
    OFFSET_VERSION_OF_LEASE = 48,
    OFFSET_LOCKSPACE_NAME = 56,
    OFFSET_NAME = 104,
    OFFSET_TIMESTAMP = 152,
    OFFSET_RESERVED1 = 160,
    OFFSET_CHECKSUM = 168,
    OFFSET_RESERVED2 = 172,
    OFFSET_IO_TIMEOUT = 174,
    OFFSET_WRITE_ID = 176,
    OFFSET_WRITE_GENERATION = 184,
    OFFSET_WRITE_TIMESTAMP = 192,
};

void leader_record_decode(LeaderRecord *ret, const uint8_t bytes[LEADER_RECORD_SIZE])
{
    ret->magic = load_le32(bytes + OFFSET_MAGIC);
    ret->version = load_le32(bytes + OFFSET_VERSION);
    ret->flags = load_le32(bytes + OFFSET_FLAGS);
    ret->sector_size = load_le32(bytes + OFFSET_SECTOR_SIZE);
    ret->num_hosts = load_le64(bytes + OFFSET_NUM_HOSTS);
    ret->max_hosts = load_le64(bytes + OFFSET_MAX_HOSTS);
    ret->owner_id = load_le64(bytes + OFFSET_OWNER_ID);
    ret->owner_generation = load_le64(bytes + OFFSET_OWNER_GENERATION);
    ret->version_of_lease = load_le64(bytes + OFFSET_VERSION_OF_LEASE);
    memcpy(ret->lockspace_name, bytes + OFFSET_LOCKSPACE_NAME, FIXED_NAME_SIZE);
    memcpy(ret->name, bytes + OFFSET_NAME, FIXED_NAME_SIZE);
    ret->timestamp = load_le64(bytes + OFFSET_TIMESTAMP);
    ret->reserved1 = load_le64(bytes + OFFSET_RESERVED1);
    ret->checksum = load_le32(bytes + OFFSET_CHECKSUM);
    ret->reserved2 = load_le16(bytes + OFFSET_RESERVED2);
    ret->io_timeout = load_le16(bytes + OFFSET_IO_TIMEOUT);
    ret->write_id = load_le64(bytes + OFFSET_WRITE_ID);
    ret->write_generation = load_le64(bytes + OFFSET_WRITE_GENERATION);
    ret->write_timestamp = load_le64(bytes + OFFSET_WRITE_TIMESTAMP);
}

void leader_record_encode(const LeaderRecord *record, uint8_t bytes[LEADER_RECORD_SIZE])
{
    store_le32(bytes + OFFSET_MAGIC, record->magic);
    store_le32(bytes + OFFSET_VERSION, record->version);
    store_le32(bytes + OFFSET_FLAGS, record->flags);
    store_le32(bytes + OFFSET_SECTOR_SIZE, record->sector_size);
    store_le64(bytes + OFFSET_NUM_HOSTS, record->num_hosts);
    store_le64(bytes + OFFSET_MAX_HOSTS, record->max_hosts);
    store_le64(bytes + OFFSET_OWNER_ID, record->owner_id);
    store_le64(bytes + OFFSET_OWNER_GENERATION, record->owner_generation);
    store_le64(bytes + OFFSET_VERSION_OF_LEASE, record->version_of_lease);
    memcpy(bytes + OFFSET_LOCKSPACE_NAME, record->lockspace_name, FIXED_NAME_SIZE);
    memcpy(bytes + OFFSET_NAME, record->name, FIXED_NAME_SIZE);
    store_le64(bytes + OFFSET_TIMESTAMP, record->timestamp);
    store_le64(bytes + OFFSET_RESERVED1, record->reserved1);
    store_le32(bytes + OFFSET_CHECKSUM, record->checksum);
    store_le16(bytes + OFFSET_RESERVED2, record->reserved2);
    store_le16(bytes + OFFSET_IO_TIMEOUT, record->io_timeout);
    store_le64(bytes + OFFSET_WRITE_ID, record->write_id);
    store_le64(bytes + OFFSET_WRITE_GENERATION, record->write_generation);
    store_le64(bytes + OFFSET_WRITE_TIMESTAMP, record->write_timestamp);
}

static uint32_t expected_checksum(const LeaderRecord *record)
{
    uint8_t bytes[LEADER_RECORD_SIZE];

    leader_record_encode(record, bytes);
    return record_checksum(bytes, LEADER_CHECKSUM_COVERS);
}

void leader_record_seal(LeaderRecord *record)
{
    record->checksum = expected_checksum(record);
}

bool leader_record_equal(const LeaderRecord *a, const LeaderRecord *b)
{
    uint8_t bytes_a[LEADER_RECORD_SIZE], bytes_b[LEADER_RECORD_SIZE];

    /* Through the bytes: the struct may have padding on some host, the bytes have none. */
    leader_record_encode(a, bytes_a);
    leader_record_encode(b, bytes_b);
    return memcmp(bytes_a, bytes_b, LEADER_RECORD_SIZE) == 0;
}

/* What both kinds are checked for before their names. Only the minor version is ignored: a major
 * version or a flag that we do not know may mean that other hosts follow other rules (how a lease
 * is written, when it is free), so such a record is not ours to judge. */
static RecordFault check_form(const LeaderRecord *record, uint32_t version, uint32_t known_flags,
                              Layout *ret_layout)
{
    if ((record->version & RECORD_VERSION_MAJOR_MASK) != (version & RECORD_VERSION_MAJOR_MASK))
        return RECORD_BAD_VERSION;
    if (record->flags & ~known_flags)
        return RECORD_BAD_FLAGS;
    return layout_from_leader(ret_layout, record->sector_size, record->flags);
}

/* A lease that is held has a holder, and generations count from 1. */
static bool holder_ok(const LeaderRecord *record, uint64_t max_host_id)
{
    if (record->owner_id > max_host_id)
        return false;
    return record->timestamp == 0 || (record->owner_id != 0 && record->owner_generation != 0);
}

RecordFault host_lease_record_check(const LeaderRecord *record, const char *lockspace_name,
                                    Layout *ret_layout)
{
    Layout layout;
    RecordFault fault;

    if (record->magic != HOST_LEASE_MAGIC)
        return RECORD_BAD_MAGIC;
    fault = check_form(record, HOST_LEASE_VERSION, LEADER_FLAGS_ALIGN, &layout);
    if (fault != RECORD_OK)
        return fault;
    if (record->checksum != expected_checksum(record))
        return RECORD_BAD_CHECKSUM;
    if (lockspace_name && !fixed_name_equal(record->lockspace_name, lockspace_name))
        return RECORD_OTHER_LOCKSPACE;
    /* num_hosts and max_hosts say nothing in a host lease and are left alone. The next generation
     * must not wrap to 0, which would make a restarted host look older than its past self. */
    if (!holder_ok(record, layout.max_hosts) || record->owner_generation == UINT64_MAX)
        return RECORD_BAD_FIELD;
    if (ret_layout)
        *ret_layout = layout;
    return RECORD_OK;
}

/* Every loop over the hosts of a resource is bounded by num_hosts, every ballot number is made with
 * max_hosts: both must agree with the sizes that all hosts derive from the same record. */
static bool host_counts_ok(const LeaderRecord *record, const Layout *layout)
{
    return record->max_hosts == layout->max_hosts && record->num_hosts >= 1 &&
           record->num_hosts <= record->max_hosts;
}

RecordFault resource_record_check(const LeaderRecord *record, const char *lockspace_name,
                                  const char *resource_name, uint64_t host_id, Layout *ret_layout)
{
    Layout layout;
    RecordFault fault;

    if (record->magic == RESOURCE_CLEARED_MAGIC)
        return RECORD_CLEARED;
    if (record->magic != RESOURCE_MAGIC)
        return RECORD_BAD_MAGIC;
    fault =
        check_form(record, RESOURCE_VERSION, LEADER_FLAGS_ALIGN | LEADER_FLAG_SHORT_HOLD, &layout);
    if (fault != RECORD_OK)
        return fault;
    if (record->checksum != expected_checksum(record))
        return RECORD_BAD_CHECKSUM;
    if (lockspace_name && !fixed_name_equal(record->lockspace_name, lockspace_name))
        return RECORD_OTHER_LOCKSPACE;
    if (resource_name && !fixed_name_equal(record->name, resource_name))
        return RECORD_OTHER_RESOURCE;
    if (!host_counts_ok(record, &layout))
        return RECORD_BAD_FIELD;
    if (host_id > record->num_hosts)
        return RECORD_BAD_HOST_COUNT;
    /* The owner took part in a ballot, so it is one of num_hosts. The next version of the lease
     * must not wrap to 0: versions are compared, and clients use them as fencing tokens. */
    if (!holder_ok(record, record->num_hosts) || record->version_of_lease == UINT64_MAX)
        return RECORD_BAD_FIELD;
    if (ret_layout)
        *ret_layout = layout;
    return RECORD_OK;
}

void host_lease_record_init(LeaderRecord *ret, const Layout *layout, const char *lockspace_name,
                            uint32_t io_timeout)
{
    memset(ret, 0, sizeof *ret);
    ret->magic = HOST_LEASE_MAGIC;
    ret->version = HOST_LEASE_VERSION;
    ret->flags = layout_align_flag(layout);
    ret->sector_size = layout->sector_size;
    ret->max_hosts = 1;
    fixed_name_store(ret->lockspace_name, lockspace_name);
    ret->io_timeout = (uint16_t)io_timeout;
    leader_record_seal(ret);
}

void resource_record_init(LeaderRecord *ret, const Layout *layout, const char *lockspace_name,
                          const char *resource_name, uint32_t num_hosts)
{
    memset(ret, 0, sizeof *ret);
    ret->magic = RESOURCE_MAGIC;
    ret->version = RESOURCE_VERSION;
    ret->flags = layout_align_flag(layout);
    ret->sector_size = layout->sector_size;
    ret->num_hosts =
        num_hosts == 0 || num_hosts > layout->max_hosts ? layout->max_hosts : num_hosts;
    ret->max_hosts = layout->max_hosts;
    fixed_name_store(ret->lockspace_name, lockspace_name);
    fixed_name_store(ret->name, resource_name);
    leader_record_seal(ret);
}
