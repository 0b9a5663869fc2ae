/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The owner in the way of an acquisition: may it still be running?
 * Source: lease-algorithms facts, section 5 C.
 *
 * The evidence is what the lockspace's area reads showed (HostView) and direct reads of the owner's
 * host lease, each dated so that an error is towards "still alive": that a record is new counts
 * from the end of the read that first showed it, that it is unchanged from the start of the read
 * that showed it so. The owner counts its own deadlines from before its write, which was before any
 * read that saw it ended. So time that passes on our side of the storage, however much it is, never
 * makes an owner older.
 *
 * Beyond sanlock: the evidence is renewed with every look (sanlock takes one snapshot), and it is
 * matched with the record that was read, not with what the leader says.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lease/host-view.h"
#include "ondisk/leader-record.h"

typedef struct OwnerEvidence {
    uint64_t host_id; /* 0: none yet */
    /* The host lease as last read. */
    bool seen;
    uint64_t owner_id;
    uint64_t generation;
    uint64_t timestamp;
    uint64_t unchanged_from_us; /* end of the first read that showed it so */
    bool seen_to_change;
    uint32_t io_timeout; /* the longest that this record was seen with; seconds */
} OwnerEvidence;

typedef enum OwnerVerdict {
    OWNER_GONE,   /* the host lease is free, or a newer incarnation has it: the hold is void */
    OWNER_DEAD,   /* silent for longer than its free deadline */
    OWNER_LIVE,   /* seen to renew, and not overdue */
    OWNER_SILENT, /* anything else */
} OwnerVerdict;

/* Forgets all, unless it is evidence of the same host already. */
void owner_evidence_begin(OwnerEvidence *self, uint64_t host_id);

/* Adds one direct read of the host lease (checked by the caller) and the view taken before it, and
 * judges the incarnation `generation`. */
OwnerVerdict owner_evidence_add(OwnerEvidence *self, const LeaderRecord *host_lease,
                                const HostView *view, uint64_t generation, uint32_t own_io_timeout,
                                uint64_t read_started_us, uint64_t read_ended_us);

/* When the owner will be dead if it stays silent. */
uint64_t owner_evidence_dead_at(const OwnerEvidence *self);

/* Whether a holder, known only by the view of its host, may still be running. `generation` 0: the
 * incarnation is not known. True when in doubt. */
bool shared_holder_may_live(const HostView *view, uint64_t host_id, uint64_t generation);
