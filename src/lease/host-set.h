/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A set of host ids, a bit each; host 1 is bit 0. For any layout.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ondisk/layout.h"

#define HOST_SET_SIZE (LAYOUT_MAX_HOSTS / 8 + 1)

static inline void host_set_add(uint8_t set[HOST_SET_SIZE], uint64_t host_id)
{
    set[(host_id - 1) / 8] |= (uint8_t)(1u << ((host_id - 1) % 8));
}

static inline bool host_set_has(const uint8_t set[HOST_SET_SIZE], uint64_t host_id)
{
    return (set[(host_id - 1) / 8] & (1u << ((host_id - 1) % 8))) != 0;
}

/* The first member at or above `host_id` (1 or more); 0 when there is none up to `last`. NULL is
 * the set of all. */
static inline uint64_t host_set_next(const uint8_t *set, uint64_t host_id, uint64_t last)
{
    while (host_id <= last) {
        if (set == NULL || host_set_has(set, host_id))
            return host_id;
        /* Mostly empty sets: eight at a time. */
        host_id = set[(host_id - 1) / 8] == 0 ? ((host_id - 1) / 8 + 1) * 8 + 1 : host_id + 1;
    }
    return 0;
}
