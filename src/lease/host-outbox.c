/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of a mark: WAITING -> (composed) UNDER_WAY -> (on disk) a time -> 6 io timeouts later 0.
 * A failed renewal leaves UNDER_WAY behind, which the next one composes again.
 */
#include "lease/host-outbox.h"

#include "lease/lease-timing.h"

#define WAITING TIME_NEVER
#define UNDER_WAY (TIME_NEVER - 1)

/* Source: lease-algorithms facts, section 2 ("bitmap bit lifetime"): three renewals, so that a host
 * that misses one or two still sees it. */
static uint64_t bit_lifetime(uint32_t io_timeout)
{
    return time_from_seconds(6 * (uint64_t)io_timeout);
}

void host_outbox_init(HostOutbox *self, HostOutboxMark *marks, uint32_t max_hosts,
                      uint64_t own_host_id, uint32_t io_timeout)
{
    *self = (HostOutbox){
        .marks = marks, .max_hosts = max_hosts, .own_host_id = own_host_id, .io_timeout = io_timeout
    };
}

static bool is_on_disk(uint64_t mark_us)
{
    return mark_us != 0 && mark_us < UNDER_WAY;
}

static bool is_live(const HostOutbox *self, uint64_t mark_us, uint64_t now_us)
{
    return mark_us != 0 &&
           (!is_on_disk(mark_us) || time_since(now_us, mark_us) <= bit_lifetime(self->io_timeout));
}

static bool is_addressee(const HostOutbox *self, uint64_t host_id)
{
    return host_id >= 1 && host_id <= self->max_hosts && host_id != self->own_host_id;
}

bool host_outbox_event_is_out(const HostOutbox *self, uint64_t now_us)
{
    for (uint32_t i = 0; self->event != 0 && i < self->max_hosts; i++)
        if (is_live(self, self->marks[i].event_us, now_us))
            return true;
    return false;
}

/* Requests that were carried by earlier renewals may not have been seen by all; their bits give way
 * to the event now, and are set for a whole lifetime again after it. */
static void postpone_requests(HostOutbox *self, uint64_t now_us)
{
    for (uint32_t i = 0; i < self->max_hosts; i++)
        if (is_live(self, self->marks[i].request_us, now_us))
            self->marks[i].request_us = WAITING;
}

bool host_outbox_send(HostOutbox *self, uint64_t host_id, uint64_t generation, uint64_t event,
                      uint64_t data, bool replace, uint64_t now_us)
{
    bool is_out = host_outbox_event_is_out(self, now_us);
    bool same =
        is_out && self->generation == generation && self->event == event && self->data == data;

    if (event == 0 || (host_id != OUTBOX_ALL_HOSTS && !is_addressee(self, host_id)) ||
        (is_out && !same && !replace))
        return false;
    if (!same) {
        /* The former addressees would take the new event for theirs. */
        host_outbox_withdraw(self, OUTBOX_ALL_HOSTS);
        postpone_requests(self, now_us);
    }
    self->generation = generation;
    self->event = event;
    self->data = data;
    for (uint64_t id = 1; id <= self->max_hosts; id++)
        if (is_addressee(self, id) && (host_id == OUTBOX_ALL_HOSTS || host_id == id))
            self->marks[id - 1].event_us = WAITING;
    return true;
}

void host_outbox_withdraw(HostOutbox *self, uint64_t host_id)
{
    bool left = false;

    for (uint64_t id = 1; id <= self->max_hosts; id++) {
        HostOutboxMark *mark = &self->marks[id - 1];

        if ((host_id == OUTBOX_ALL_HOSTS || host_id == id) && mark->event_us != 0)
            mark->event_us = 0;
        left = left || mark->event_us != 0;
    }
    if (!left)
        self->generation = self->event = self->data = 0;
}

void host_outbox_request(HostOutbox *self, uint64_t host_id)
{
    if (is_addressee(self, host_id))
        self->marks[host_id - 1].request_us = WAITING;
}

/* Returns whether the bit is set. */
static bool compose_mark(const HostOutbox *self, uint64_t *mark_us, uint64_t now_us)
{
    if (*mark_us == 0)
        return false;
    if (!is_live(self, *mark_us, now_us)) {
        *mark_us = 0;
        return false;
    }
    if (*mark_us == WAITING)
        *mark_us = UNDER_WAY;
    return true;
}

void host_outbox_compose(HostOutbox *self, uint64_t now_us, HostEventOut *ret)
{
    bool event_is_out = host_outbox_event_is_out(self, now_us);

    *ret = (HostEventOut){ 0 };
    for (uint32_t i = 0; i < self->max_hosts; i++) {
        HostOutboxMark *mark = &self->marks[i];
        bool meant = compose_mark(self, &mark->event_us, now_us);

        /* A host that is an addressee of the event may hear of requests at the same time. */
        if (meant || !event_is_out)
            meant = compose_mark(self, &mark->request_us, now_us) || meant;
        if (meant)
            host_bitmap_set(ret->bitmap, i + 1);
    }
    if (!event_is_out)
        self->generation = self->event = self->data = 0;
    ret->generation = self->generation;
    ret->event = self->event;
    ret->data = self->data;
}

static void date_mark(uint64_t *mark_us, uint64_t at_us)
{
    if (*mark_us == UNDER_WAY)
        *mark_us = at_us;
}

void host_outbox_carried(HostOutbox *self, uint64_t at_us)
{
    for (uint32_t i = 0; i < self->max_hosts; i++) {
        date_mark(&self->marks[i].event_us, at_us);
        date_mark(&self->marks[i].request_us, at_us);
    }
}
