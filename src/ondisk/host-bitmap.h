/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bitmap in a host lease's sector (bytes 256..511): the owner of the sector says "host H, look
 * at me". Source: disk-format facts, section 4.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HOST_BITMAP_OFFSET 256u
#define HOST_BITMAP_SIZE 256u

/* host_id 1..2000; anything else is never set. `bitmap` has HOST_BITMAP_SIZE bytes. */
bool host_bitmap_test(const uint8_t bitmap[HOST_BITMAP_SIZE], uint64_t host_id);
void host_bitmap_set(uint8_t bitmap[HOST_BITMAP_SIZE], uint64_t host_id);
