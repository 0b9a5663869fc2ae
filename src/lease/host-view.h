/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Other hosts, seen through their host leases over time: alive, failing, dead.
 * Source: lease-algorithms facts, section 4.
 *
 * A HostTable is fed with every area that a renewal reads. What is kept is the evidence, in times
 * of our own clock; a judgement is made of it only when somebody asks.
 *
 * Where we are stricter than sanlock, always towards "still alive":
 * - "Unchanged" is dated by the *start* of the read that showed it, "changed" by the *end* of the
 *   read that first showed the change. However slow a read was, a host is never called dead for
 *   time that passed on our side of the storage.
 * - While our own reads fail nobody grows older: no evidence, no judgement.
 * - A record that is no host lease is never taken as a release, nor as a newer generation: a sector
 *   that was destroyed says nothing about its host.
 * - A generation that is newer than what was seen may live: its host joined after our last read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fixed-name.h"
#include "ondisk/layout.h"

typedef enum HostState {
    HOST_UNKNOWN, /* has a lease; not seen to change yet, nor for long enough not to */
    HOST_FREE,    /* nobody has this host id */
    HOST_LIVE,
    HOST_FAIL, /* not renewed for longer than its fail deadline */
    HOST_DEAD, /* not renewed for longer than its free deadline: its leases may be taken */
} HostState;

/* The design page's word for a state: "unknown", "free", "live", "fail", "dead". */
const char *host_state_name(HostState state);

/* What is known of one host. */
typedef struct HostView {
    uint64_t host_id;
    /* As in the record when it was last seen to change. */
    uint64_t owner_id;
    uint64_t generation;
    uint64_t timestamp;  /* seconds of that host's clock; 0 = free */
    uint32_t io_timeout; /* seconds; sane: 1..255 */
    char host_name[FIXED_NAME_SIZE + 1];
    /* Our own times. 0 = never. */
    uint64_t first_check_us; /* end of the first read of the area */
    uint64_t last_check_us;  /* start of the latest good read */
    uint64_t last_live_us;   /* end of the read in which the record was first seen as it is now */
    bool seen_to_change;     /* it changed after the first check */
    bool bad; /* the record is no host lease of this lockspace now; what is above is older */
} HostView;

/* Per host, inside a table: only what differs between hosts, so that a host id that was never used
 * costs nothing but zeroed memory. */
typedef struct HostSlot {
    /* As last read, whatever the record was: to see changes, never to judge by. */
    uint64_t raw_owner_id;
    uint64_t raw_generation;
    /* Of the last good record. */
    uint64_t owner_id;
    uint64_t generation;
    uint64_t timestamp; /* of any record */
    uint64_t last_live_us;
    uint16_t io_timeout;
    bool seen_to_change;
    bool bad; /* the record was no host lease of this lockspace when last seen to change */
    char host_name[FIXED_NAME_SIZE + 1];
} HostSlot;

typedef struct HostTable {
    HostSlot *slots; /* layout.max_hosts of them, zeroed, owned by the caller; slot i is host i+1 */
    Layout layout;
    uint32_t own_io_timeout; /* seconds */
    uint64_t own_host_id;
    uint64_t first_check_us;
    uint64_t last_check_us;
    /* One bit for each slot, set once it is not all zero. Of 2000 hosts hardly any exist: the other
     * slots are not even read. */
    uint64_t touched[(LAYOUT_MAX_HOSTS + 63) / 64];
} HostTable;

void host_table_init(HostTable *self, HostSlot *slots, const Layout *layout, uint64_t own_host_id,
                     uint32_t own_io_timeout);

/* Feeds one whole lockspace area, read between `read_started_us` and `read_ended_us`. `length`: of
 * the read; one that is not layout.align_size bytes long is no area, and is ignored. Returns how
 * many hosts changed. A bad but changing record keeps a host alive. */
unsigned host_table_observe(HostTable *self, const uint8_t *area, uint32_t length,
                            const char *lockspace_name, uint64_t read_started_us,
                            uint64_t read_ended_us);

/* What is known of `host_id`; all zero but host_id when it is out of range or nothing was read. */
HostView host_table_view(const HostTable *self, uint64_t host_id);

/* The lowest host id above `after_id` of which a record was ever seen that is not one of a host id
 * that was never used; 0 when there is none. Host ids without are not worth a view. */
uint64_t host_table_next(const HostTable *self, uint64_t after_id);

/* Judges a view by its own evidence (see the top); `own_host_id` is always live while its time
 * stamp is not 0. */
HostState host_view_state(const HostView *view, uint64_t own_host_id);

/* A host id that has ever been used: worth showing to a person. */
bool host_view_used(const HostView *view);

/* Whether the incarnation `generation` of the viewed host may still be running. True when in doubt
 * (nothing read yet, unknown, failing). */
bool host_view_may_live(const HostView *view, uint64_t generation);

/* The earliest time at which this host could be called dead if it stays silent; TIME_NEVER when
 * there is no evidence to count from. */
uint64_t host_view_dead_at(const HostView *view);
