/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lies in an area; see the header.
 */
#include "ondisk/area-content.h"

#include <string.h>

#include "base/bytes.h"
#include "ondisk/index-record.h"
#include "ondisk/leader-record.h"

AreaContent area_content(const uint8_t *area, uint32_t length)
{
    switch (load_le32(area)) {
    case HOST_LEASE_MAGIC:
        return AREA_LOCKSPACE;
    case RESOURCE_MAGIC:
        return AREA_RESOURCE;
    case RESOURCE_CLEARED_MAGIC:
        return AREA_RESOURCE_CLEARED;
    case INDEX_MAGIC:
        return AREA_INDEX;
    default:
        break;
    }
    return area[0] == 0 && memcmp(area, area + 1, length - 1) == 0 ? AREA_BLANK : AREA_OTHER;
}
