/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What other hosts have to say to this one: events, each reported once. Fed with every area that a
 * renewal reads, right after the host table has observed it.
 * Source: lease-algorithms facts, sections 4, 10 and trap A21; disk-format facts, section 4.
 *
 * A sender sets our bit in about three renewals, and the event stays on disk after that. Where
 * sanlock reports each sight of it, whoever it was meant for, this one compares:
 * - An event that names another generation than ours was meant for an earlier life of this host id,
 *   or for another host whose event it shares. It is not reported.
 * - Generation 0 means whoever has this host id, and says nothing about when it was sent. It counts
 *   only from a sender that was seen to renew: a dead host's sector shows its last event for ever.
 * - The same event again is reported again when the bit was seen clear in between, when the sender
 *   has a new generation, or when the sender's own clock has gone on for longer than a bit lives
 *   since the record in which we first saw it.
 */
#pragma once

#include "lease/host-view.h"

typedef struct HostEventIn {
    uint64_t host_id;    /* of the sender */
    uint64_t generation; /* of the sender */
    uint64_t event;      /* never 0 */
    uint64_t data;
} HostEventIn;

/* Per sender, zeroed; for one who never addressed us it stays so and costs no memory. */
typedef struct HostInboxSlot {
    /* Its bit was set since the last examination, in a record with this time stamp at last. */
    bool examine;
    uint64_t noticed_timestamp;
    uint64_t examined_us; /* 0: never */
    bool reported;        /* what is below was, and our bit has been set since */
    uint64_t sender_generation;
    uint64_t generation, event, data; /* as on disk */
    uint64_t timestamp;               /* of the record in which it was first seen; sender's clock */
} HostInboxSlot;

typedef struct HostInbox {
    HostInboxSlot *slots; /* max_hosts of them, owned by the caller; slot i is host i+1 */
    uint64_t own_host_id;
    uint64_t own_generation;
} HostInbox;

void host_inbox_init(HostInbox *self, HostInboxSlot *slots, uint64_t own_host_id,
                     uint64_t own_generation);

/* `area` is what `table` has just observed: table->layout.align_size bytes. Writes up to `max` new
 * events to `ret` and returns how many. `max` of them: there may be more, call again with the same
 * area. A record that is damaged in any way brings nothing, and changes nothing. */
unsigned host_inbox_observe(HostInbox *self, const HostTable *table, const uint8_t *area,
                            const char *lockspace_name, HostEventIn *ret, unsigned max);

/* Whether the requests of the resources that are held here are to be examined: another host has its
 * bit for us set. At most once in 6 io timeouts for each sender; a bit that comes sooner waits for
 * the end of that time, and is not lost. With each area, like host_inbox_observe(). */
bool host_inbox_examine_due(HostInbox *self, const HostTable *table, const uint8_t *area,
                            const char *lockspace_name, uint64_t now_us);
