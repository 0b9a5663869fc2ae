/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The request record: sector 1 of a resource; some host asks the owner to let go. No checksum, no
 * owner, last writer wins. Source: disk-format facts, section 5.1.
 */
#pragma once

#include <stdint.h>

#include "ondisk/record-fault.h"

#define REQUEST_RECORD_SIZE 24u
#define REQUEST_MAGIC UINT32_C(0x08292011)
#define REQUEST_VERSION UINT32_C(0x00010001)

typedef struct RequestRecord {
    uint32_t magic;
    uint32_t version;
    uint64_t lver;       /* the lease version that the requester wants next */
    uint32_t force_mode; /* 0 none, 1 force, 2 graceful */
} RequestRecord;

void request_record_decode(RequestRecord *ret, const uint8_t bytes[REQUEST_RECORD_SIZE]);
/* Writes 0 into the padding (sanlock leaks memory there). */
void request_record_encode(const RequestRecord *record, uint8_t bytes[REQUEST_RECORD_SIZE]);
void request_record_init(RequestRecord *ret);
/* Magic, version, then RECORD_BAD_FIELD for a force mode that is none of the three. */
RecordFault request_record_check(const RequestRecord *record);
