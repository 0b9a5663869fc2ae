/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a format writes: the bytes of a fresh lockspace or resource area, byte for byte as sanlock's
 * own init writes them (but for the request record's padding, which sanlock leaves undefined and we
 * zero). Source: disk-format facts, section 7.
 */
#pragma once

#include <stdint.h>

#include "ondisk/index-record.h"
#include "ondisk/layout.h"

/* Fills `area` (layout->align_size bytes). `io_timeout` in seconds, 1..255. To make the format
 * atomic the caller writes the area with host_lease_sector 0's magic zeroed first and the first
 * sector alone afterwards: area_hide_magic() makes that first form. */
void lockspace_area_fill(uint8_t *area, const Layout *layout, const char *lockspace_name,
                         uint32_t io_timeout);

/* Zeroes the magic of the first record, so that nobody uses what is half written. */
void area_hide_magic(uint8_t *area);

/* Fills `area` (layout->align_size bytes). num_hosts 0 means layout->max_hosts. */
void resource_area_fill(uint8_t *area, const Layout *layout, const char *lockspace_name,
                        const char *resource_name, uint32_t num_hosts);

/* The same, but invalidated, as when a resource is deleted: nobody can acquire it. `now_seconds`:
 * of the writer's clock. */
void resource_area_fill_cleared(uint8_t *area, const Layout *layout, const char *lockspace_name,
                                const char *resource_name, uint64_t now_seconds);

/* Fills `area` (place->layout.align_size bytes) with the first area of an empty resource index. The
 * second one is a resource named INDEX_LEASE_NAME. To make the format atomic the caller writes it
 * with the magic hidden first, as that of a lockspace. */
void index_area_fill(uint8_t *area, const IndexPlace *place, const char *lockspace_name);
