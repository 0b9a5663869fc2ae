/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which host ids were ever used; see the header.
 */
#include "lease/hosts-ever.h"

#include <stddef.h>
#include <string.h>

#include "lease/lease-timing.h"
#include "ondisk/leader-record.h"

/* What the margin for clocks is a part of. */
#define CLOCK_MARGIN_PART 100u

/* Slots that were never used are all alike: what was found good once need not be checked again. */
typedef struct FreshSlot {
    const uint8_t *bytes;
    uint32_t io_timeout;
} FreshSlot;

/* The shortest io timeout that its first user may wait by. A value that no host stores makes a
 * joining host take its own, which is not known here. */
static uint32_t shortest_io_timeout(const LeaderRecord *record)
{
    return io_timeout_sane(record->io_timeout, IO_TIMEOUT_MIN);
}

static bool is_fresh(FreshSlot *known, const uint8_t *slot, const char *lockspace_name)
{
    LeaderRecord record;

    if (known->bytes != NULL && memcmp(slot, known->bytes, LEADER_RECORD_SIZE) == 0)
        return true;
    leader_record_decode(&record, slot);
    if (host_lease_record_check(&record, lockspace_name, NULL) != RECORD_OK ||
        record.owner_id != 0 || record.owner_generation != 0 || record.timestamp != 0)
        return false;
    known->bytes = slot;
    known->io_timeout = shortest_io_timeout(&record);
    return true;
}

void hosts_ever_observe(HostsEver *self, const uint8_t *area, uint32_t length, const Layout *layout,
                        const char *lockspace_name, uint64_t read_started_us)
{
    uint32_t shortest = IO_TIMEOUT_MAX;
    FreshSlot known = { NULL, 0 };

    if (length != layout->align_size)
        return;
    for (uint64_t host_id = 1; host_id <= layout->max_hosts; host_id++) {
        const uint8_t *slot = area + layout_host_lease(layout, 0, host_id);
        if (!is_fresh(&known, slot, lockspace_name))
            host_set_add(self->used, host_id);
        else if (known.io_timeout < shortest)
            shortest = known.io_timeout;
    }
    uint64_t window_us = timing_join_settle(shortest);
    window_us -= window_us / CLOCK_MARGIN_PART;
    /* What an older read says of the hosts that are still not used is as true as what a newer one
     * does. */
    uint64_t good_until_us = time_add(read_started_us, window_us);
    if (good_until_us > self->good_until_us)
        self->good_until_us = good_until_us;
    self->window_us = window_us;
}
