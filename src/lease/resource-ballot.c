/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ballot records of a resource area; see the header.
 *
 * A corrupt record inside a ballot. sanlock skips it. We refuse: a sector that fails its checksum
 * may be one whose content is lost, and what it held may have been a higher ballot than ours, or
 * the proposal that another host is about to commit. Going on as if that host had never spoken is
 * the one way in which a single bad sector could make two owners. Refusing costs an acquisition
 * that an administrator can repair; sector writes are atomic, so a host in the middle of a write is
 * never the cause.
 *
 * The same for a proposal that we might have to take over but that no host makes, although the
 * checksum is good: made in a higher ballot than its host has entered, for a host id that the
 * resource has no room for (no host would accept the leader record that is committed with it), of
 * no generation, or with time stamp 0 (which, committed, would mean free).
 */
#include "lease/resource-ballot.h"

#include <string.h>

#include "ondisk/mode-record.h"

const uint8_t *ballot_sector(const uint8_t *area, const Layout *layout, uint64_t host_id)
{
    return area + layout_host_sector(layout, 0, host_id);
}

/* The host after `host_id` that has to be looked at; 0 = none. A sector without content is one of a
 * host that never took part: to all that is asked here it adds nothing. */
static uint64_t next_host(const BallotTerms *terms, uint64_t host_id, uint64_t last)
{
    return host_set_next(terms->occupied, host_id + 1, last);
}

static bool says_shared(const uint8_t *sector)
{
    ModeRecord mode;
    mode_record_decode(&mode, sector + MODE_RECORD_OFFSET);
    return (mode.flags & MODE_FLAG_SHARED) != 0;
}

static bool is_possible(const BallotRecord *record, const BallotTerms *terms)
{
    if (record->lver != terms->version || record->bal == 0)
        return true;
    if (record->bal > record->mbal)
        return false;
    return record->inp == 0 ||
           (record->inp <= terms->num_hosts && record->inp2 != 0 && record->inp3 != 0);
}

static void scan_rivals(BallotScan *ret, const BallotRecord *record, const BallotTerms *terms,
                        uint64_t host_id)
{
    if (record->lver <= terms->decided)
        return;
    if (record->lver > ret->max_version)
        ret->max_version = record->lver;
    if (record->lver > terms->version)
        ret->ahead_host = host_id;
    if (record->lver != terms->version)
        return;
    /* Numbers are unique to a host by construction; an equal one is a rival, too. */
    if (host_id != terms->host_id && record->mbal >= terms->mbal)
        ret->outbid = true;
    if (record->inp != 0 && record->bal != 0 && record->bal > ret->best_bal) {
        ret->best_bal = record->bal;
        ret->best_inp = record->inp;
        ret->best_inp2 = record->inp2;
        ret->best_inp3 = record->inp3;
    }
}

/* The host that was proposed in the highest ballot for `version`; 0 = nobody was. If anything was
 * decided about that version, it was this. */
static uint64_t best_of_version(const uint8_t *area, const BallotTerms *terms, uint64_t version,
                                uint64_t *ret_generation)
{
    uint64_t best_bal = 0, best_inp = 0, host_id = 0;
    *ret_generation = 0;
    while ((host_id = next_host(terms, host_id, terms->num_hosts)) != 0) {
        BallotRecord record;
        ballot_record_decode(&record, ballot_sector(area, terms->layout, host_id));
        if (record.lver == version && record.inp != 0 && record.bal > best_bal) {
            best_bal = record.bal;
            best_inp = record.inp;
            *ret_generation = record.inp2;
        }
    }
    return best_inp;
}

/* Only where the leader is of the past (resource-acquire.c) is there any version between. Only the
 * highest of them can be held: who entered its ballot had seen that the one before was nobody's.
 * Its holder has his record at it, without RELEASED, and the highest ballot for it proposes him;
 * where no proposal is left anybody who was in the ballot is suspected. */
static uint64_t find_between(const uint8_t *area, const BallotTerms *terms,
                             uint64_t *ret_generation)
{
    uint64_t top = terms->decided, host_id = 0;
    BallotRecord record;
    while ((host_id = next_host(terms, host_id, terms->num_hosts)) != 0) {
        ballot_record_decode(&record, ballot_sector(area, terms->layout, host_id));
        if (record.lver > top && record.lver < terms->version)
            top = record.lver;
    }
    if (top == terms->decided)
        return 0;
    uint64_t best = best_of_version(area, terms, top, ret_generation);
    while ((host_id = next_host(terms, host_id, terms->num_hosts)) != 0) {
        ballot_record_decode(&record, ballot_sector(area, terms->layout, host_id));
        if (record.lver == top && host_id != terms->host_id &&
            (record.flags & BALLOT_FLAG_RELEASED) == 0 && (best == 0 || best == host_id) &&
            (terms->gone == NULL || !host_set_has(terms->gone, host_id)))
            return host_id;
    }
    return 0;
}

void ballot_scan(BallotScan *ret, const uint8_t *area, const BallotTerms *terms,
                 uint8_t shared[HOST_SET_SIZE])
{
    uint64_t host_id = 0;
    *ret = (BallotScan){ 0 };
    while ((host_id = next_host(terms, host_id, terms->num_hosts)) != 0) {
        const uint8_t *sector = ballot_sector(area, terms->layout, host_id);
        BallotRecord record;
        ballot_record_decode(&record, sector);
        RecordFault fault = ballot_record_check(&record);
        if (fault == RECORD_OK && !is_possible(&record, terms))
            fault = RECORD_BAD_FIELD;
        if (fault != RECORD_OK) {
            ret->fault = fault;
            ret->fault_host = host_id;
            return;
        }
        /* Before any look at the version: a shared holder took part in no later ballot. */
        if (says_shared(sector))
            host_set_add(shared, host_id);
        if (record.mbal > ret->max_mbal)
            ret->max_mbal = record.mbal;
        if (host_id == terms->host_id)
            ret->own = record;
        scan_rivals(ret, &record, terms, host_id);
    }
    if (terms->version > terms->decided + 1)
        ret->between_host = find_between(area, terms, &ret->between_generation);
}

void ballot_scan_outsiders(const uint8_t *area, const BallotTerms *terms,
                           uint8_t shared[HOST_SET_SIZE])
{
    uint64_t host_id = terms->num_hosts;
    while ((host_id = next_host(terms, host_id, terms->layout->max_hosts)) != 0) {
        if (says_shared(ballot_sector(area, terms->layout, host_id)))
            host_set_add(shared, host_id);
    }
}

uint32_t ballot_read_sectors(const Layout *layout, uint64_t num_hosts)
{
    uint32_t in_area = layout->align_size / layout->sector_size;
    uint32_t sectors = 1;
    while (sectors < num_hosts + 2 && sectors < in_area)
        sectors *= 2;
    return sectors;
}

uint64_t ballot_number_above(uint64_t max_mbal, const Layout *layout, uint64_t host_id)
{
    uint64_t stride = layout->max_hosts;
    if (max_mbal == 0)
        return host_id;
    if (max_mbal > UINT64_MAX - 2 * stride)
        return 0;
    return max_mbal - max_mbal % stride + stride + host_id;
}

bool ballot_shows_let_go(const BallotRecord *record, uint64_t version)
{
    /* A record of zeroes without a checksum was never written by its host: a flag is stray. */
    if (ballot_record_is_empty(record) || ballot_record_check(record) != RECORD_OK)
        return false;
    /* Nobody enters a ballot while he holds: this host went on to a later version, and the leader
     * record that names it is of the past. What it holds now, if anything, the ballots tell. */
    if (record->lver > version)
        return true;
    if ((record->flags & BALLOT_FLAG_RELEASED) == 0)
        return false;
    /* sanlock takes an acquisition back with a record of zeroes and the flag. Any other record
     * speaks of its version and the older ones only: to be named owner of a later version its host
     * must have entered that version's ballot, with the flag cleared. */
    bool taken_back =
        record->mbal == 0 && record->bal == 0 && record->inp == 0 && record->lver == 0;
    return taken_back || record->lver == version;
}
