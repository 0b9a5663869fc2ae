/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ballot record ("dblock"): the first 56 bytes of a host's sector in a resource. Source:
 * disk-format facts, section 5.2.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ondisk/record-fault.h"

#define BALLOT_RECORD_SIZE 56u
#define BALLOT_CHECKSUM_COVERS 48u
#define BALLOT_FLAG_RELEASED UINT32_C(0x1)

typedef struct BallotRecord {
    uint64_t mbal; /* highest ballot number this host has entered */
    uint64_t bal;  /* ballot in which the proposal below was made; 0 during phase 1 */
    uint64_t inp;  /* proposed owner: host id, 0 = none */
    uint64_t inp2; /* proposed owner's generation */
    uint64_t inp3; /* proposed owner's time stamp, seconds */
    uint64_t lver; /* the lease version this ballot is for */
    uint32_t checksum;
    uint32_t flags; /* BALLOT_FLAG_RELEASED; outside the checksum */
} BallotRecord;

void ballot_record_decode(BallotRecord *ret, const uint8_t bytes[BALLOT_RECORD_SIZE]);
void ballot_record_encode(const BallotRecord *record, uint8_t bytes[BALLOT_RECORD_SIZE]);
void ballot_record_seal(BallotRecord *record);

/* Checksum, mbal, bal, inp and lver all 0: this host never took part. */
bool ballot_record_is_empty(const BallotRecord *record);

/* RECORD_OK when empty or with a good checksum, else RECORD_BAD_CHECKSUM. */
RecordFault ballot_record_check(const BallotRecord *record);
