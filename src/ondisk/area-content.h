/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lies in an area, at the first glance: for whoever is about to write there, and must not
 * write over anything that may be of use to somebody.
 */
#pragma once

#include <stdint.h>

typedef enum AreaContent {
    AREA_BLANK, /* zeros and nothing else */
    AREA_LOCKSPACE,
    AREA_RESOURCE,
    AREA_RESOURCE_CLEARED, /* deliberately invalidated */
    AREA_INDEX,
    AREA_OTHER, /* data of which we know nothing */
} AreaContent;

/* By magic alone: the record may be damaged, or of another version. `length` at least 4 bytes. */
AreaContent area_content(const uint8_t *area, uint32_t length);
