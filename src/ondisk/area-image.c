/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fresh areas. Every byte that is not part of a record is zero: an empty ballot record is one of
 * zeros, and so is a bitmap without bits.
 */
#include "ondisk/area-image.h"

#include <string.h>

#include "ondisk/leader-record.h"
#include "ondisk/request-record.h"

void lockspace_area_fill(uint8_t *area, const Layout *layout, const char *lockspace_name,
                         uint32_t io_timeout)
{
    LeaderRecord record;

    memset(area, 0, layout->align_size);
    host_lease_record_init(&record, layout, lockspace_name, io_timeout);
    /* A host lease that was never used does not name its host id: all sectors are alike. */
    for (uint64_t host_id = 1; host_id <= layout->max_hosts; host_id++)
        leader_record_encode(&record, area + layout_host_lease(layout, 0, host_id));
}

void area_hide_magic(uint8_t *area)
{
    memset(area, 0, sizeof(uint32_t));
}

void resource_area_fill(uint8_t *area, const Layout *layout, const char *lockspace_name,
                        const char *resource_name, uint32_t num_hosts)
{
    LeaderRecord leader;
    RequestRecord request;

    memset(area, 0, layout->align_size);
    resource_record_init(&leader, layout, lockspace_name, resource_name, num_hosts);
    leader_record_encode(&leader, area);
    request_record_init(&request);
    request_record_encode(&request, area + layout_request(layout, 0));
}

void resource_area_fill_cleared(uint8_t *area, const Layout *layout, const char *lockspace_name,
                                const char *resource_name, uint64_t now_seconds)
{
    LeaderRecord leader;

    resource_area_fill(area, layout, lockspace_name, resource_name, 0);
    leader_record_decode(&leader, area);
    leader.magic = RESOURCE_CLEARED_MAGIC;
    leader.write_timestamp = now_seconds;
    leader_record_seal(&leader);
    leader_record_encode(&leader, area);
}

void index_area_fill(uint8_t *area, const IndexPlace *place, const char *lockspace_name)
{
    IndexHeader header;

    memset(area, 0, place->layout.align_size);
    index_header_init(&header, place, lockspace_name);
    index_header_encode(&header, area);
}
