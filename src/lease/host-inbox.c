/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events from other hosts, seen several times and reported once.
 */
#include "lease/host-inbox.h"

#include "lease/lease-timing.h"
#include "ondisk/host-bitmap.h"
#include "ondisk/leader-record.h"

void host_inbox_init(HostInbox *self, HostInboxSlot *slots, uint64_t own_host_id,
                     uint64_t own_generation)
{
    *self =
        (HostInbox){ .slots = slots, .own_host_id = own_host_id, .own_generation = own_generation };
}

/* Seconds of the sender's clock between the first and the last record that can show one and the
 * same sending: a bit's life of 6 io timeouts, and two for a last renewal that took long between
 * its decision and its time stamp. */
static uint64_t one_sending_seconds(uint32_t io_timeout)
{
    return 8 * (uint64_t)io_timeout;
}

static bool is_for_us(const HostInbox *self, const HostTable *table, uint64_t host_id,
                      uint64_t generation)
{
    if (generation != 0)
        return generation == self->own_generation;
    return host_table_view(table, host_id).seen_to_change;
}

static bool was_reported(const HostInboxSlot *slot, const LeaderRecord *record,
                         uint32_t own_io_timeout)
{
    uint32_t io_timeout = io_timeout_sane(record->io_timeout, own_io_timeout);

    if (!slot->reported || slot->sender_generation != record->owner_generation ||
        slot->generation != record->write_id || slot->event != record->write_generation ||
        slot->data != record->write_timestamp)
        return false;
    /* The difference of two readings of one clock; a clock that went backwards in one generation is
     * nobody's, and then nothing is new. */
    return record->timestamp < slot->timestamp ||
           record->timestamp - slot->timestamp <= one_sending_seconds(io_timeout);
}

/* Whether the record of `host_id` in this sector is one to be read: a good one, of a host that
 * holds its lease. */
static bool load_record(LeaderRecord *ret, const uint8_t *sector, const char *lockspace_name,
                        uint64_t host_id)
{
    leader_record_decode(ret, sector);
    return ret->timestamp != 0 && ret->owner_id == host_id &&
           host_lease_record_check(ret, lockspace_name, NULL) == RECORD_OK;
}

static bool take_event(HostInbox *self, const HostTable *table, const LeaderRecord *record,
                       uint64_t host_id)
{
    HostInboxSlot *slot = &self->slots[host_id - 1];

    if (record->write_generation == 0 || !is_for_us(self, table, host_id, record->write_id) ||
        was_reported(slot, record, table->own_io_timeout))
        return false;
    slot->reported = true;
    slot->sender_generation = record->owner_generation;
    slot->generation = record->write_id;
    slot->event = record->write_generation;
    slot->data = record->write_timestamp;
    slot->timestamp = record->timestamp;
    return true;
}

unsigned host_inbox_observe(HostInbox *self, const HostTable *table, const uint8_t *area,
                            const char *lockspace_name, HostEventIn *ret, unsigned max)
{
    unsigned n = 0;

    for (uint64_t id = 1; id <= table->layout.max_hosts && n < max; id++) {
        const uint8_t *sector = area + layout_host_lease(&table->layout, 0, id);
        bool addressed = host_bitmap_test(sector + HOST_BITMAP_OFFSET, self->own_host_id);
        LeaderRecord record;

        if (id == self->own_host_id || (!addressed && !self->slots[id - 1].reported) ||
            !load_record(&record, sector, lockspace_name, id))
            continue;
        if (!addressed)
            self->slots[id - 1].reported = false;
        else if (take_event(self, table, &record, id))
            ret[n++] = (HostEventIn){
                .host_id = id,
                .generation = record.owner_generation,
                .event = record.write_generation,
                .data = record.write_timestamp,
            };
    }
    return n;
}

/* Source: lease-algorithms facts, section 2 ("request rate limit"). */
static bool may_examine(const HostInboxSlot *slot, uint32_t own_io_timeout, uint64_t now_us)
{
    return slot->examined_us == 0 ||
           time_since(now_us, slot->examined_us) >= time_from_seconds(6 * (uint64_t)own_io_timeout);
}

bool host_inbox_examine_due(HostInbox *self, const HostTable *table, const uint8_t *area,
                            const char *lockspace_name, uint64_t now_us)
{
    bool due = false;

    for (uint64_t id = 1; id <= table->layout.max_hosts; id++) {
        const uint8_t *sector = area + layout_host_lease(&table->layout, 0, id);
        HostInboxSlot *slot = &self->slots[id - 1];
        LeaderRecord record;

        if (id != self->own_host_id &&
            host_bitmap_test(sector + HOST_BITMAP_OFFSET, self->own_host_id) &&
            load_record(&record, sector, lockspace_name, id) &&
            record.timestamp != slot->noticed_timestamp) {
            slot->noticed_timestamp = record.timestamp;
            slot->examine = true;
        }
        if (slot->examine && may_examine(slot, table->own_io_timeout, now_us)) {
            slot->examine = false;
            slot->examined_us = now_us;
            due = true;
        }
    }
    return due;
}
