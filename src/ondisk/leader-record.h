/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The leader record: 200 bytes at the start of a sector, little endian. The same form serves two
 * purposes: a host lease in a lockspace ("delta lease") and the head of a resource lease ("paxos
 * lease"). Source: disk-format facts, section 3.
 *
 * The struct keeps all 200 bytes, unknown bits and reserved fields too: encode(decode(x)) == x, so
 * that "record unchanged" can mean what it means to sanlock: all 200 bytes equal.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fixed-name.h"
#include "ondisk/layout.h"
#include "ondisk/record-fault.h"

#define LEADER_RECORD_SIZE 200u
#define LEADER_CHECKSUM_COVERS 168u

#define HOST_LEASE_MAGIC UINT32_C(0x12212010)
#define RESOURCE_MAGIC UINT32_C(0x06152010)
#define RESOURCE_CLEARED_MAGIC UINT32_C(0x11282016)

#define RECORD_VERSION_MAJOR_MASK UINT32_C(0xFFFF0000)
#define HOST_LEASE_VERSION UINT32_C(0x00030004)
#define RESOURCE_VERSION UINT32_C(0x00060004)

#define LEADER_FLAG_SHORT_HOLD UINT32_C(0x1)
#define LEADER_FLAGS_ALIGN UINT32_C(0xF0)

typedef struct LeaderRecord {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t sector_size; /* bytes */
    uint64_t num_hosts;   /* resource: hosts that may use it; host lease: 0 */
    uint64_t max_hosts;   /* resource: stride of ballot numbers; host lease: 1 */
    uint64_t owner_id;
    uint64_t owner_generation;
    uint64_t version_of_lease; /* "lver"; host lease: 0 */
    uint8_t lockspace_name[FIXED_NAME_SIZE];
    uint8_t name[FIXED_NAME_SIZE]; /* resource: its name; host lease: name of the holding host */
    uint64_t timestamp;            /* seconds of the writer's clock; 0 = free */
    uint64_t reserved1;
    uint32_t checksum;
    uint16_t reserved2;
    uint16_t io_timeout; /* seconds; host lease only; outside the checksum */
    /* Host lease: generation, number and data of the event that this host sends. Resource: host id,
     * generation and time of the last writer. Outside the checksum. */
    uint64_t write_id;
    uint64_t write_generation;
    uint64_t write_timestamp;
} LeaderRecord;

void leader_record_decode(LeaderRecord *ret, const uint8_t bytes[LEADER_RECORD_SIZE]);

/* Encodes the record as it is, its checksum field included. */
void leader_record_encode(const LeaderRecord *record, uint8_t bytes[LEADER_RECORD_SIZE]);

/* Sets the checksum field to what the other fields demand. Call it last. */
void leader_record_seal(LeaderRecord *record);

/* All 200 bytes equal. */
bool leader_record_equal(const LeaderRecord *a, const LeaderRecord *b);

/* Checks a host lease record: magic, version, flags, sizes, checksum (sanlock compares the name
 * first; but a damaged name is damage, not another name), lockspace name (not checked when
 * `lockspace_name` is NULL); then RECORD_BAD_FIELD for a holder that cannot be (held by host 0, in
 * generation 0, or a host id past the layout's) or a generation that has no next one. `ret_layout`
 * (may be NULL) is set only on RECORD_OK. */
RecordFault host_lease_record_check(const LeaderRecord *record, const char *lockspace_name,
                                    Layout *ret_layout);

/* Checks a resource's leader record: magic (RECORD_CLEARED for the cleared one), version, flags,
 * sizes, checksum, names (each not checked when NULL), host counts (RECORD_BAD_FIELD unless
 * 1 <= num_hosts <= max_hosts = the layout's; RECORD_BAD_HOST_COUNT when host_id > num_hosts); then
 * RECORD_BAD_FIELD for an owner that cannot be (held by host 0, in generation 0, or a host id past
 * num_hosts) or a lease version that has no next one. host_id 0: no host id to check. Loop bounds depend on these checks: nothing else of the
 * area may be looked at before they passed. */
RecordFault resource_record_check(const LeaderRecord *record, const char *lockspace_name,
                                  const char *resource_name, uint64_t host_id, Layout *ret_layout);

/* A never used host lease, as a format writes it: sealed. `io_timeout` in seconds, 1..255. */
void host_lease_record_init(LeaderRecord *ret, const Layout *layout, const char *lockspace_name,
                            uint32_t io_timeout);

/* A never used resource, as a format writes it: sealed. num_hosts 0 means max_hosts. */
void resource_record_init(LeaderRecord *ret, const Layout *layout, const char *lockspace_name,
                          const char *resource_name, uint32_t num_hosts);
