/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The request record.
 */
#include "ondisk/request-record.h"

#include <glib.h>
#include <string.h>

#include "support/disk-vectors.h"

#define PADDING 20u

static void test_fresh(void)
{
    static const struct {
        const char *name;
        gsize size;
    } vectors[] = { { "request-fresh-512.sector", 512 }, { "request-fresh-4096.sector", 4096 } };

    for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
        g_autofree uint8_t *sector = vector_load(vectors[i].name, vectors[i].size);
        g_autofree uint8_t *bytes = g_malloc(REQUEST_RECORD_SIZE);
        RequestRecord record, fresh;

        request_record_decode(&record, sector);
        g_assert_cmpint(request_record_check(&record), ==, RECORD_OK);
        request_record_init(&fresh);
        memset(bytes, 0xAA, REQUEST_RECORD_SIZE);
        request_record_encode(&fresh, bytes);
        memset(sector + PADDING, 0, REQUEST_RECORD_SIZE - PADDING);
        g_assert_cmpmem(bytes, REQUEST_RECORD_SIZE, sector, REQUEST_RECORD_SIZE);
    }
}

static void test_graceful(void)
{
    g_autofree uint8_t *sector = vector_load("request-graceful.sector", 512);
    RequestRecord record;

    request_record_decode(&record, sector);
    g_assert_cmpint(request_record_check(&record), ==, RECORD_OK);
    g_assert_cmpuint(record.lver, ==, 2);
    g_assert_cmpuint(record.force_mode, ==, 2);
}

static void test_check(void)
{
    RequestRecord record;

    request_record_init(&record);
    g_assert_cmpint(request_record_check(&record), ==, RECORD_OK);
    record.force_mode = 1;
    g_assert_cmpint(request_record_check(&record), ==, RECORD_OK);
    record.force_mode = 3;
    g_assert_cmpint(request_record_check(&record), ==, RECORD_BAD_FIELD);
    record.version = 0x0001FFFF;
    record.force_mode = 2;
    g_assert_cmpint(request_record_check(&record), ==, RECORD_OK);
    record.version = 0x00020001;
    g_assert_cmpint(request_record_check(&record), ==, RECORD_BAD_VERSION);
    record.magic ^= 1;
    g_assert_cmpint(request_record_check(&record), ==, RECORD_BAD_MAGIC);
}

/* What is read is written again, all but the padding, which becomes zero. */
static void test_random(void)
{
    for (int round = 0; round < 1000; round++) {
        g_autofree uint8_t *bytes = random_bytes(REQUEST_RECORD_SIZE);
        g_autofree uint8_t *again = random_bytes(REQUEST_RECORD_SIZE);
        RequestRecord record;

        request_record_decode(&record, bytes);
        request_record_check(&record);
        request_record_encode(&record, again);
        memset(bytes + PADDING, 0, REQUEST_RECORD_SIZE - PADDING);
        g_assert_cmpmem(again, REQUEST_RECORD_SIZE, bytes, REQUEST_RECORD_SIZE);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/request-record/fresh", test_fresh);
    g_test_add_func("/request-record/graceful", test_graceful);
    g_test_add_func("/request-record/check", test_check);
    g_test_add_func("/request-record/random", test_random);
    return g_test_run();
}
