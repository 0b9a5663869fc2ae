/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this host has to say to others: an event, and "look at the requests". It is carried by our
 * renewals, which write one event and a bit for each host that is meant.
 * Source: lease-algorithms facts, section 10; disk-format facts, section 4.
 *
 * Whoever finds its bit set reads the event beside it, whoever that was meant for. So the two kinds
 * of message are kept apart: while an event is out only its addressees have their bits set, and a
 * host that shall look at requests hears of it when the event is over. An event can mean "reset
 * yourself": it must never reach a host by accident.
 *
 * A bit lives for 6 io timeouts from the first renewal that carried it (not from the wish: storage
 * that hung meanwhile must not eat the time in which others can see it).
 */
#pragma once

#include "lease/host-lease-renew.h"

/* Per host, zeroed; for one who was never addressed it stays so and costs no memory. Each is 0: not
 * meant; or a time, or one of the two values above all times that host-outbox.c names. */
typedef struct HostOutboxMark {
    uint64_t event_us;
    uint64_t request_us;
} HostOutboxMark;

typedef struct HostOutbox {
    HostOutboxMark *marks; /* max_hosts of them, owned by the caller; mark i is host i+1 */
    uint32_t max_hosts;
    uint64_t own_host_id;
    uint32_t io_timeout; /* seconds */
    /* The present event; event 0: none. */
    uint64_t generation;
    uint64_t event;
    uint64_t data;
} HostOutbox;

/* Every host of the lockspace but this one. */
#define OUTBOX_ALL_HOSTS UINT64_C(0)

void host_outbox_init(HostOutbox *self, HostOutboxMark *marks, uint32_t max_hosts,
                      uint64_t own_host_id, uint32_t io_timeout);

/* Sends `event` (not 0) with `data` to `host_id`, in its incarnation `generation`; generation 0:
 * whichever it is now. False, and nothing changed, when another event is still out and `replace` is
 * not set: there is one event for all, and others may not have read it yet. The same event to one
 * more host is no other one. Own host id, or one out of range: nothing is sent, false. */
bool host_outbox_send(HostOutbox *self, uint64_t host_id, uint64_t generation, uint64_t event,
                      uint64_t data, bool replace, uint64_t now_us);

/* Takes the event back from `host_id`, or from all; who has read it has read it. */
void host_outbox_withdraw(HostOutbox *self, uint64_t host_id);

/* Whether an event is out, or waits to be, at `now_us`. */
bool host_outbox_event_is_out(const HostOutbox *self, uint64_t now_us);

/* Asks `host_id` to look at the requests of the resources that it holds. */
void host_outbox_request(HostOutbox *self, uint64_t host_id);

/* What a renewal that starts at `now_us` shall carry. */
void host_outbox_compose(HostOutbox *self, uint64_t now_us, HostEventOut *ret);

/* What was composed last is on disk since `at_us` (the renewal's time stamp). When the renewal
 * fails this is not called; the next one carries it again. */
void host_outbox_carried(HostOutbox *self, uint64_t at_us);
