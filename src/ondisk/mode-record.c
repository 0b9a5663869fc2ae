/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mode record: bytes <-> struct by explicit offset. The four bytes between its two fields are
 * padding: ignored when read, zero when written.
 */
#include "ondisk/mode-record.h"

#include "base/bytes.h"

enum {
    OFFSET_FLAGS = 0,
    OFFSET_PADDING = 4,
    OFFSET_GENERATION = 8,
};

void mode_record_decode(ModeRecord *ret, const uint8_t bytes[MODE_RECORD_SIZE])
{
    ret->flags = load_le32(bytes + OFFSET_FLAGS);
    ret->generation = load_le64(bytes + OFFSET_GENERATION);
}

void mode_record_encode(const ModeRecord *record, uint8_t bytes[MODE_RECORD_SIZE])
{
    store_le32(bytes + OFFSET_FLAGS, record->flags);
    store_le32(bytes + OFFSET_PADDING, 0);
    store_le64(bytes + OFFSET_GENERATION, record->generation);
}
