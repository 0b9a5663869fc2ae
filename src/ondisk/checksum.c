/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The checksum of leader and ballot records.
 */
#include "ondisk/checksum.h"

#include "base/crc32c.h"

/* Not 0xFFFFFFFF: the lowest bit is clear in the format as it is found on disks. */
#define CHECKSUM_SEED UINT32_C(0xFFFFFFFE)

uint32_t record_checksum(const void *bytes, size_t length)
{
    return crc32c(CHECKSUM_SEED, bytes, length);
}
