/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The request record: bytes <-> struct by explicit offset, and its check.
 */
#include "ondisk/request-record.h"

#include "base/bytes.h"

/* Major version in the upper half; the lower half is ignored on read, as in every record. */
#define VERSION_MAJOR_MASK UINT32_C(0xFFFF0000)
/* 0 none, 1 force, 2 graceful. */
#define FORCE_MODE_LAST 2u

enum {
    OFFSET_MAGIC = 0,
    OFFSET_VERSION = 4,
    OFFSET_LVER = 8,
    OFFSET_FORCE_MODE = 16,
    OFFSET_PADDING = 20,
};

void request_record_decode(RequestRecord *ret, const uint8_t bytes[REQUEST_RECORD_SIZE])
{
    ret->magic = load_le32(bytes + OFFSET_MAGIC);
    ret->version = load_le32(bytes + OFFSET_VERSION);
    ret->lver = load_le64(bytes + OFFSET_LVER);
    ret->force_mode = load_le32(bytes + OFFSET_FORCE_MODE);
}

void request_record_encode(const RequestRecord *record, uint8_t bytes[REQUEST_RECORD_SIZE])
{
    store_le32(bytes + OFFSET_MAGIC, record->magic);
    store_le32(bytes + OFFSET_VERSION, record->version);
    store_le64(bytes + OFFSET_LVER, record->lver);
    store_le32(bytes + OFFSET_FORCE_MODE, record->force_mode);
    store_le32(bytes + OFFSET_PADDING, 0);
}

void request_record_init(RequestRecord *ret)
{
    ret->magic = REQUEST_MAGIC;
    ret->version = REQUEST_VERSION;
    ret->lver = 0;
    ret->force_mode = 0;
}

RecordFault request_record_check(const RequestRecord *record)
{
    if (record->magic != REQUEST_MAGIC)
        return RECORD_BAD_MAGIC;
    if ((record->version & VERSION_MAJOR_MASK) != (REQUEST_VERSION & VERSION_MAJOR_MASK))
        return RECORD_BAD_VERSION;
    /* Any host may write here and nothing protects it: a mode of which we do not know what it asks
     * for must not make an owner kill anything. */
    if (record->force_mode > FORCE_MODE_LAST)
        return RECORD_BAD_FIELD;
    return RECORD_OK;
}
