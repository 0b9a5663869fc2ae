/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mode record: 16 bytes at offset 128 of a host's sector in a resource; says that this host
 * holds the resource shared. It has no checksum and lives in the same sector as the ballot record:
 * who writes one writes the other. Source: disk-format facts, section 5.2.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MODE_RECORD_OFFSET 128u
#define MODE_RECORD_SIZE 16u
#define MODE_FLAG_SHARED UINT32_C(0x1)

typedef struct ModeRecord {
    uint32_t flags;
    uint64_t generation; /* of the shared holder */
} ModeRecord;

/* `bytes` is where the mode record begins (offset 128 of the sector). */
void mode_record_decode(ModeRecord *ret, const uint8_t bytes[MODE_RECORD_SIZE]);
void mode_record_encode(const ModeRecord *record, uint8_t bytes[MODE_RECORD_SIZE]);
