/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ballot record: bytes <-> struct by explicit offset, and its check.
 */
#include "ondisk/ballot-record.h"

#include "base/bytes.h"
#include "ondisk/checksum.h"

enum {
    OFFSET_MBAL = 0,
    OFFSET_BAL = 8,
    OFFSET_INP = 16,
    OFFSET_INP2 = 24,
    OFFSET_INP3 = 32,
    OFFSET_LVER = 40,
    OFFSET_CHECKSUM = 48,
    OFFSET_FLAGS = 52,
};

void ballot_record_decode(BallotRecord *ret, const uint8_t bytes[BALLOT_RECORD_SIZE])
{
    ret->mbal = load_le64(bytes + OFFSET_MBAL);
    ret->bal = load_le64(bytes + OFFSET_BAL);
    ret->inp = load_le64(bytes + OFFSET_INP);
    ret->inp2 = load_le64(bytes + OFFSET_INP2);
    ret->inp3 = load_le64(bytes + OFFSET_INP3);
    ret->lver = load_le64(bytes + OFFSET_LVER);
    ret->checksum = load_le32(bytes + OFFSET_CHECKSUM);
    ret->flags = load_le32(bytes + OFFSET_FLAGS);
}

void ballot_record_encode(const BallotRecord *record, uint8_t bytes[BALLOT_RECORD_SIZE])
{
    store_le64(bytes + OFFSET_MBAL, record->mbal);
    store_le64(bytes + OFFSET_BAL, record->bal);
    store_le64(bytes + OFFSET_INP, record->inp);
    store_le64(bytes + OFFSET_INP2, record->inp2);
    store_le64(bytes + OFFSET_INP3, record->inp3);
    store_le64(bytes + OFFSET_LVER, record->lver);
    store_le32(bytes + OFFSET_CHECKSUM, record->checksum);
    store_le32(bytes + OFFSET_FLAGS, record->flags);
}

static uint32_t expected_checksum(const BallotRecord *record)
{
    uint8_t bytes[BALLOT_RECORD_SIZE];

    ballot_record_encode(record, bytes);
    return record_checksum(bytes, BALLOT_CHECKSUM_COVERS);
}

void ballot_record_seal(BallotRecord *record)
{
    record->checksum = expected_checksum(record);
}

/* inp2, inp3 and the flags are not looked at, as sanlock does not: a host that counts here as one
 * that never took part must count so for every host. */
bool ballot_record_is_empty(const BallotRecord *record)
{
    return record->checksum == 0 && record->mbal == 0 && record->bal == 0 && record->inp == 0 &&
           record->lver == 0;
}

RecordFault ballot_record_check(const BallotRecord *record)
{
    if (ballot_record_is_empty(record) || record->checksum == expected_checksum(record))
        return RECORD_OK;
    return RECORD_BAD_CHECKSUM;
}
