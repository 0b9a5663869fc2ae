/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bitmap of hosts that are asked to look. Host 1 is the lowest bit of the first byte; the last
 * six bytes belong to no host and stay as they are.
 */
#include "ondisk/host-bitmap.h"

#include "ondisk/layout.h"

_Static_assert(LAYOUT_MAX_HOSTS <= HOST_BITMAP_SIZE * 8, "every host has a bit");

static bool host_id_ok(uint64_t host_id)
{
    return host_id >= 1 && host_id <= LAYOUT_MAX_HOSTS;
}

bool host_bitmap_test(const uint8_t bitmap[HOST_BITMAP_SIZE], uint64_t host_id)
{
    if (!host_id_ok(host_id))
        return false;
    return bitmap[(host_id - 1) / 8] & (1u << ((host_id - 1) % 8));
}

void host_bitmap_set(uint8_t bitmap[HOST_BITMAP_SIZE], uint64_t host_id)
{
    if (host_id_ok(host_id))
        bitmap[(host_id - 1) / 8] |= (uint8_t)(1u << ((host_id - 1) % 8));
}
