/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ballot records of a resource area, as one read shows them: what they say about a ballot of
 * ours. Source: lease-algorithms facts, sections 5 A, D, F, G. Private to the layer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lease/host-set.h"
#include "ondisk/ballot-record.h"
#include "ondisk/layout.h"

/* Whose ballot it is. */
typedef struct BallotTerms {
    const Layout *layout;
    uint64_t num_hosts; /* checked: 1..layout->max_hosts */
    uint64_t host_id;
    uint64_t decided;        /* the leader's version */
    uint64_t version;        /* the version that the ballot is for: decided + 1, or later */
    uint64_t mbal;           /* its number; 0: none chosen yet */
    const uint8_t *gone;     /* hosts (a set) of which no hold can be left; NULL: none */
    const uint8_t *occupied; /* the hosts whose sectors have content; NULL: any may */
} BallotTerms;

typedef struct BallotScan {
    /* A record that is corrupt, or cannot be; nothing else here is to be used then. */
    RecordFault fault;
    uint64_t fault_host;
    uint64_t max_mbal;
    uint64_t max_version;
    uint64_t ahead_host; /* in a ballot for a later version than ours; 0 = none */
    /* Another host that may hold a version between the leader's and ours; 0 = none. */
    uint64_t between_host;
    uint64_t between_generation; /* 0: nobody knows which one of that host */
    bool outbid; /* another host is in a ballot of this version with no lower number */
    BallotRecord own;
    /* The proposal of this version that was made in the highest ballot; best_bal 0: none. */
    uint64_t best_bal, best_inp, best_inp2, best_inp3;
} BallotScan;

/* Looks through the ballot records of hosts 1..num_hosts; `area` begins with the leader sector and
 * has at least ballot_read_sectors() sectors. Hosts with a shared mode record are added to
 * `shared`. */
void ballot_scan(BallotScan *ret, const uint8_t *area, const BallotTerms *terms,
                 uint8_t shared[HOST_SET_SIZE]);

/* Adds the shared holders among hosts num_hosts+1..max_hosts; `area` is the whole area. */
void ballot_scan_outsiders(const uint8_t *area, const BallotTerms *terms,
                           uint8_t shared[HOST_SET_SIZE]);

/* Where the sector of `host_id` is in an area that was read from its start. */
const uint8_t *ballot_sector(const uint8_t *area, const Layout *layout, uint64_t host_id);

/* Sectors from the start of the area that a ballot has to read: leader, request, num_hosts host
 * sectors, rounded up to a power of two as sanlock does; never more than the area. */
uint32_t ballot_read_sectors(const Layout *layout, uint64_t num_hosts);

/* The lowest ballot number that belongs to `host_id` and is above max_mbal; 0 when there is none
 * left (a number near 2^64 was written by nobody that keeps to the format). */
uint64_t ballot_number_above(uint64_t max_mbal, const Layout *layout, uint64_t host_id);

/* Whether the host that a leader record of `version` names as owner has let go of it. */
bool ballot_shows_let_go(const BallotRecord *record, uint64_t version);
