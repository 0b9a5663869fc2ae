/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host's sector in a resource: ballot record and mode record.
 */
#include "ondisk/ballot-record.h"

#include <glib.h>
#include <string.h>

#include "ondisk/mode-record.h"
#include "support/disk-vectors.h"

/* Host 2, generation 1, time 1065, version 2, released: as sanlock wrote it. */
static const uint8_t released[BALLOT_RECORD_SIZE] = {
    0xd2, 0x07, 0, 0, 0, 0, 0, 0, 0xd2, 0x07, 0,    0,    0,    0,    0, 0, 2, 0, 0,
    0,    0,    0, 0, 0, 1, 0, 0, 0,    0,    0,    0,    0,    0x29, 4, 0, 0, 0, 0,
    0,    0,    2, 0, 0, 0, 0, 0, 0,    0,    0xab, 0xe5, 0xf0, 0x50, 1, 0, 0, 0,
};

static void test_known(void)
{
    BallotRecord record;
    uint8_t bytes[BALLOT_RECORD_SIZE];

    ballot_record_decode(&record, released);
    g_assert_cmpuint(record.mbal, ==, 2002);
    g_assert_cmpuint(record.bal, ==, 2002);
    g_assert_cmpuint(record.inp, ==, 2);
    g_assert_cmpuint(record.inp2, ==, 1);
    g_assert_cmpuint(record.inp3, ==, 1065);
    g_assert_cmpuint(record.lver, ==, 2);
    g_assert_cmphex(record.checksum, ==, 0x50f0e5ab);
    g_assert_cmphex(record.flags, ==, BALLOT_FLAG_RELEASED);
    g_assert_cmpint(ballot_record_check(&record), ==, RECORD_OK);

    record.checksum = 0;
    ballot_record_seal(&record);
    ballot_record_encode(&record, bytes);
    g_assert_cmpmem(bytes, sizeof bytes, released, sizeof released);
}

static void test_vectors(void)
{
    static const struct {
        const char *name;
        uint32_t flags, mode_flags, mode_generation;
    } vectors[] = {
        { "ballot-held.sector", 0, 0, 0 },
        { "ballot-released.sector", BALLOT_FLAG_RELEASED, 0, 0 },
        { "ballot-shared.sector", BALLOT_FLAG_RELEASED, MODE_FLAG_SHARED, 1 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
        g_autofree uint8_t *sector = vector_load(vectors[i].name, 512);
        g_autofree uint8_t *again = g_malloc0(512);
        BallotRecord ballot;
        ModeRecord mode;

        g_test_message("%s", vectors[i].name);
        ballot_record_decode(&ballot, sector);
        g_assert_cmpint(ballot_record_check(&ballot), ==, RECORD_OK);
        g_assert_false(ballot_record_is_empty(&ballot));
        g_assert_cmpuint(ballot.inp, ==, 2);
        g_assert_cmpuint(ballot.inp2, ==, 1);
        g_assert_cmpuint(ballot.lver, ==, 1);
        g_assert_cmphex(ballot.flags, ==, vectors[i].flags);
        mode_record_decode(&mode, sector + MODE_RECORD_OFFSET);
        g_assert_cmphex(mode.flags, ==, vectors[i].mode_flags);
        g_assert_cmpuint(mode.generation, ==, vectors[i].mode_generation);

        ballot_record_seal(&ballot);
        ballot_record_encode(&ballot, again);
        mode_record_encode(&mode, again + MODE_RECORD_OFFSET);
        g_assert_cmpmem(again, 512, sector, 512);
    }
}

static void test_empty(void)
{
    BallotRecord record = { 0 };

    g_assert_true(ballot_record_is_empty(&record));
    g_assert_cmpint(ballot_record_check(&record), ==, RECORD_OK);

    /* These three are not looked at. */
    record = (BallotRecord){ .inp2 = 7, .inp3 = 8, .flags = BALLOT_FLAG_RELEASED };
    g_assert_true(ballot_record_is_empty(&record));
    g_assert_cmpint(ballot_record_check(&record), ==, RECORD_OK);

    /* Zeros that somebody wrote as a record: not empty, and good. */
    record = (BallotRecord){ .flags = BALLOT_FLAG_RELEASED };
    ballot_record_seal(&record);
    g_assert_cmphex(record.checksum, ==, 0xCB5AD842);
    g_assert_false(ballot_record_is_empty(&record));
    g_assert_cmpint(ballot_record_check(&record), ==, RECORD_OK);

    /* Each of the five fields alone makes it a record, and a bad one. */
    static const BallotRecord bad[] = {
        { .mbal = 1 }, { .bal = 1 }, { .inp = 1 }, { .lver = 1 }, { .checksum = 1 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(ballot_record_is_empty(&bad[i]));
        g_assert_cmpint(ballot_record_check(&bad[i]), ==, RECORD_BAD_CHECKSUM);
    }
}

static void test_corruption(void)
{
    for (unsigned byte = 0; byte < BALLOT_RECORD_SIZE; byte++) {
        for (unsigned change = 1; change < 256; change++) {
            g_autofree uint8_t *bytes = g_memdup2(released, BALLOT_RECORD_SIZE);
            BallotRecord record;

            bytes[byte] ^= (uint8_t)change;
            ballot_record_decode(&record, bytes);
            /* Bytes 48..51 are the checksum; the flags behind it are not covered. */
            g_assert_cmpint(ballot_record_check(&record), ==,
                            byte < 52 ? RECORD_BAD_CHECKSUM : RECORD_OK);
        }
    }
}

static void test_random(void)
{
    for (int round = 0; round < 1000; round++) {
        g_autofree uint8_t *bytes = random_bytes(BALLOT_RECORD_SIZE);
        g_autofree uint8_t *again = random_bytes(BALLOT_RECORD_SIZE);
        BallotRecord record;

        ballot_record_decode(&record, bytes);
        ballot_record_encode(&record, again);
        g_assert_cmpmem(again, BALLOT_RECORD_SIZE, bytes, BALLOT_RECORD_SIZE);
        ballot_record_seal(&record);
        g_assert_cmpint(ballot_record_check(&record), ==, RECORD_OK);
    }
}

static void test_mode_random(void)
{
    for (int round = 0; round < 1000; round++) {
        g_autofree uint8_t *bytes = random_bytes(MODE_RECORD_SIZE);
        g_autofree uint8_t *again = random_bytes(MODE_RECORD_SIZE);
        ModeRecord record;

        mode_record_decode(&record, bytes);
        mode_record_encode(&record, again);
        memset(bytes + 4, 0, 4);
        g_assert_cmpmem(again, MODE_RECORD_SIZE, bytes, MODE_RECORD_SIZE);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ballot-record/known", test_known);
    g_test_add_func("/ballot-record/vectors", test_vectors);
    g_test_add_func("/ballot-record/empty", test_empty);
    g_test_add_func("/ballot-record/corruption", test_corruption);
    g_test_add_func("/ballot-record/random", test_random);
    g_test_add_func("/mode-record/random", test_mode_random);
    return g_test_run();
}
