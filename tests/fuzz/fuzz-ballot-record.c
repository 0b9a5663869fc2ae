/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host's sector in a resource: ballot record at 0, mode record at 128. Input: a byte (1: seal the
 * ballot), then the sector.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "fuzz.h"
#include "lease/resource-ballot.h"
#include "ondisk/mode-record.h"

static bool all_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* As the number of a ballot that somebody else has entered. */
static void check_number(uint64_t mbal)
{
    static const Layout layouts[] = { { 512, MEBIBYTE, 2000 }, { 4096, MEBIBYTE, 250 } };
    for (unsigned i = 0; i < G_N_ELEMENTS(layouts); i++) {
        uint64_t hosts[] = { 1, 3, layouts[i].max_hosts };
        for (unsigned j = 0; j < G_N_ELEMENTS(hosts); j++) {
            uint64_t above = ballot_number_above(mbal, &layouts[i], hosts[j]);
            if (above == 0) {
                g_assert_cmpuint(mbal, >, UINT64_MAX - 3 * (uint64_t)layouts[i].max_hosts);
                continue;
            }
            g_assert_cmpuint(above, >, mbal);
            g_assert_cmpuint((above - hosts[j]) % layouts[i].max_hosts, ==, 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t sector[SECTOR_SIZE_MIN] = { 0 }, bytes[BALLOT_RECORD_SIZE];
    BallotRecord ballot, again;
    ModeRecord mode, mode_again;

    if (size < 1)
        return 0;
    memcpy(sector, data + 1, MIN(size - 1, sizeof sector));
    ballot_record_decode(&ballot, sector);
    if (data[0] & 1) {
        ballot_record_seal(&ballot);
        ballot_record_encode(&ballot, sector);
    }
    ballot_record_encode(&ballot, bytes);
    g_assert_cmpmem(bytes, sizeof bytes, sector, sizeof bytes);
    ballot_record_decode(&again, bytes);
    g_assert_cmpmem(&again, sizeof again, &ballot, sizeof ballot);

    /* Empty: mbal, bal, inp, lver and the checksum; nothing else counts. */
    bool empty = all_zero(sector, 24) && all_zero(sector + 40, 12);
    bool sealed = load_le32(sector + 48) == crc32c(0xFFFFFFFE, sector, 48);
    g_assert_cmpint(ballot_record_is_empty(&ballot), ==, empty);
    g_assert_cmpint(ballot_record_check(&ballot), ==,
                    empty || sealed ? RECORD_OK : RECORD_BAD_CHECKSUM);
    check_number(ballot.mbal);

    /* Nobody is taken to have let go by a record that is empty or corrupt, nor of a version later
     * than the record's, but for the record of zeroes with which sanlock takes back. */
    uint64_t versions[] = { ballot.lver, ballot.lver + 1, ballot.lver - 1, 1 };
    for (unsigned i = 0; i < G_N_ELEMENTS(versions); i++) {
        if (!ballot_shows_let_go(&ballot, versions[i]))
            continue;
        g_assert_true(sealed && !empty);
        g_assert_true(ballot.lver > versions[i] || (ballot.flags & BALLOT_FLAG_RELEASED) != 0);
        g_assert_true(ballot.lver >= versions[i] || all_zero(sector, 24));
    }

    mode_record_decode(&mode, sector + MODE_RECORD_OFFSET);
    mode_record_encode(&mode, bytes);
    g_assert_cmpuint(load_le32(bytes), ==, load_le32(sector + 128));
    g_assert_cmpuint(load_le32(bytes + 4), ==, 0);
    g_assert_cmpuint(load_le64(bytes + 8), ==, load_le64(sector + 136));
    mode_record_decode(&mode_again, bytes);
    g_assert_cmpuint(mode_again.flags, ==, mode.flags);
    g_assert_cmpuint(mode_again.generation, ==, mode.generation);
    return 0;
}
