/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Request records: 24 bytes that any host may write.
 */
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "ondisk/request-record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[REQUEST_RECORD_SIZE] = { 0 }, again[REQUEST_RECORD_SIZE];
    RequestRecord record;

    if (size > 0)
        memcpy(bytes, data, MIN(size, sizeof bytes));
    request_record_decode(&record, bytes);
    request_record_encode(&record, again);
    g_assert_cmpmem(again, 20, bytes, 20);
    g_assert_cmpuint(load_le32(again + 20), ==, 0);

    bool good = load_le32(bytes) == 0x08292011 && load_le32(bytes + 4) >> 16 == 1 &&
                load_le32(bytes + 16) <= 2;
    g_assert_cmpint(request_record_check(&record) == RECORD_OK, ==, good);
    g_assert_cmpuint(record.lver, ==, load_le64(bytes + 8));
    return 0;
}
