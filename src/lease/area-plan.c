/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of a resource's area has to be read; see the header for why the rest has not.
 */
#include "lease/area-plan.h"

#include <string.h>

#include "ondisk/leader-record.h"

/* Parts begin and end at multiples of that; as good as free, and it shows when something is where
 * nothing could be. */
#define PART_GRAIN 4096u
/* Reading so much in between costs less than another request (fio on ext4: 64 KiB cost little more
 * than 4 KiB). */
#define GAP_MAX (32u * 1024)

/* Leader and request record. */
#define HEAD_SECTORS 2u

static uint32_t sector_offset(const Layout *layout, uint64_t host_id)
{
    return (uint32_t)layout_host_sector(layout, 0, host_id);
}

/* Hosts 1 to this have their sectors within the first `length` bytes. */
static uint64_t hosts_within(const Layout *layout, uint32_t length)
{
    uint64_t sectors = length / layout->sector_size;
    uint64_t hosts = sectors > HEAD_SECTORS ? sectors - HEAD_SECTORS : 0;
    return hosts < layout->max_hosts ? hosts : layout->max_hosts;
}

void area_plan_make_whole(AreaPlan *ret, uint32_t length)
{
    *ret = (AreaPlan){ .length = length, .whole = true, .n_parts = 1 };
    ret->parts[0] = (AreaPart){ 0, length };
}

/* False: too many parts. */
static bool add_part(AreaPlan *plan, uint32_t offset, uint32_t length)
{
    uint32_t from = offset / PART_GRAIN * PART_GRAIN;
    uint32_t to = (offset + length + PART_GRAIN - 1) / PART_GRAIN * PART_GRAIN;
    if (to > plan->length)
        to = plan->length;
    AreaPart *last = plan->n_parts > 0 ? &plan->parts[plan->n_parts - 1] : NULL;
    if (last != NULL && from <= last->offset + last->length + GAP_MAX) {
        if (to > last->offset + last->length)
            last->length = to - last->offset;
        return true;
    }
    if (plan->n_parts == AREA_PARTS_MAX)
        return false;
    plan->parts[plan->n_parts++] = (AreaPart){ from, to - from };
    return true;
}

static bool add_parts(AreaPlan *plan, const Layout *layout)
{
    uint64_t last = hosts_within(layout, plan->length);
    uint64_t host_id = 0;

    if (!add_part(plan, 0, HEAD_SECTORS * layout->sector_size))
        return false;
    while ((host_id = host_set_next(plan->may_have, host_id + 1, last)) != 0) {
        if (!add_part(plan, sector_offset(layout, host_id), layout->sector_size))
            return false;
    }
    return true;
}

static bool is_known(const AreaMemory *memory, const HostsEver *ever, uint64_t now_us)
{
    return memory != NULL && memory->read_whole && now_us <= ever->good_until_us;
}

void area_plan_make(AreaPlan *ret, const AreaMemory *memory, const HostsEver *ever,
                    const Layout *layout, uint64_t own_host_id, uint32_t length, uint64_t now_us)
{
    if (!is_known(memory, ever, now_us)) {
        area_plan_make_whole(ret, length);
        return;
    }
    *ret = (AreaPlan){ .length = length, .good_until_us = ever->good_until_us };
    for (unsigned i = 0; i < HOST_SET_SIZE; i++)
        ret->may_have[i] = memory->used[i] | ever->used[i];
    host_set_add(ret->may_have, own_host_id);
    uint32_t bytes = 0;
    bool fits = add_parts(ret, layout);
    for (unsigned i = 0; i < ret->n_parts; i++)
        bytes += ret->parts[i].length;
    if (!fits || bytes > length / 2)
        area_plan_make_whole(ret, length);
}

static bool is_blank(const uint8_t *bytes, uint32_t length)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

/* The hosts of `layout` whose sectors have content in the parts. */
static void find_occupied(const AreaPlan *plan, const Layout *layout, const uint8_t *area,
                          uint8_t occupied[HOST_SET_SIZE])
{
    uint64_t last = hosts_within(layout, plan->length);

    memset(occupied, 0, HOST_SET_SIZE);
    for (unsigned i = 0; i < plan->n_parts; i++) {
        uint32_t end = plan->parts[i].offset + plan->parts[i].length;
        uint64_t first = plan->parts[i].offset / layout->sector_size;
        uint64_t host_id = first < HEAD_SECTORS ? 1 : first - HEAD_SECTORS + 1;
        for (; host_id <= last && sector_offset(layout, host_id) < end; host_id++) {
            if (!is_blank(area + sector_offset(layout, host_id), layout->sector_size))
                host_set_add(occupied, host_id);
        }
    }
}

/* The version of a leader that can be of this resource; false when it is none. */
static bool leader_version(const uint8_t *area, uint64_t *ret)
{
    LeaderRecord leader;

    leader_record_decode(&leader, area);
    if (resource_record_check(&leader, NULL, NULL, 0, NULL) != RECORD_OK)
        return false;
    *ret = leader.version_of_lease;
    return true;
}

static bool contradicts(const AreaPlan *plan, const AreaMemory *memory, const uint8_t *area,
                        const uint8_t occupied[HOST_SET_SIZE])
{
    uint64_t version;

    for (unsigned i = 0; i < HOST_SET_SIZE; i++) {
        if ((occupied[i] & ~plan->may_have[i]) != 0)
            return true;
    }
    return !leader_version(area, &version) || version < memory->version;
}

static void learn(AreaMemory *memory, const AreaPlan *plan, const Layout *layout,
                  const uint8_t *area, const uint8_t occupied[HOST_SET_SIZE])
{
    /* Of less than the area the rest stays unknown. */
    if (plan->whole && plan->length == layout->align_size)
        memory->read_whole = true;
    for (unsigned i = 0; i < HOST_SET_SIZE; i++)
        memory->used[i] |= occupied[i];
    if (!leader_version(area, &memory->version))
        *memory = (AreaMemory){ 0 };
}

bool area_plan_accept(const AreaPlan *plan, AreaMemory *memory, const Layout *layout,
                      const uint8_t *area, uint64_t started_us, uint8_t occupied[HOST_SET_SIZE])
{
    find_occupied(plan, layout, area, occupied);
    if (!plan->whole) {
        if (started_us > plan->good_until_us)
            return false;
        if (contradicts(plan, memory, area, occupied)) {
            *memory = (AreaMemory){ 0 };
            return false;
        }
    }
    if (memory != NULL)
        learn(memory, plan, layout, area, occupied);
    return true;
}
