/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource lease as this host knows it: what must be remembered between acquiring and releasing.
 * Source: lease-algorithms facts, sections 5 and 7.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lease/machine-step.h"
#include "ondisk/ballot-record.h"
#include "ondisk/leader-record.h"
#include "ondisk/request-record.h"

/* Who asks for what. The strings are copied. */
typedef struct ResourceWish {
    const char *lockspace_name;
    const char *resource_name;
    uint64_t resource_offset;
    /* This host, as its host lease says. */
    uint64_t lockspace_offset;
    Layout lockspace_layout;
    uint64_t host_id;
    uint64_t generation;
    uint32_t io_timeout; /* seconds */
} ResourceWish;

typedef enum ResourceMode {
    RESOURCE_EXCLUSIVE,
    RESOURCE_SHARED,
} ResourceMode;

/* What a release knows of the resource at its end, for this host's next acquisition of it to begin
 * with (resource-acquire.h). */
typedef struct ResourceRemains {
    bool good;
    uint64_t left_us;    /* our own clock; it was so after this */
    LeaderRecord leader; /* as we released it */
    BallotRecord ballot; /* ours */
    uint64_t max_mbal;   /* the highest number of any host in our last ballot */
} ResourceRemains;

typedef struct ResourceLease {
    char lockspace_name[FIXED_NAME_SIZE + 1];
    char resource_name[FIXED_NAME_SIZE + 1];
    uint64_t resource_offset;
    uint64_t lockspace_offset;
    Layout layout; /* of the lockspace, and so of the resource: a resource with other sizes is
                      refused (sanlock takes its request record for a host's ballot) */
    uint64_t host_id;
    uint64_t generation;
    uint32_t io_timeout;

    /* Written by the acquire machine. */
    LeaderRecord leader;   /* as committed; with LEASE_HELD and its like: as found */
    RequestRecord request; /* as last read, by acquiring or examining (resource-request.h) */
    BallotRecord ballot;   /* our own, as last written */
    bool ballot_written;   /* something of ours may be in our host sector */
    /* Shared: our host sector says so, and every write of it repeats that. */
    ResourceMode mode;
    /* Other hosts may commit our proposal, or our own commit may have landed: the lease must be
     * released (resource-release.h), or the leader given back from a shared lease
     * (resource-share.h), before this attempt can be called ended. */
    bool may_be_owner;
    bool held; /* in `mode`: an acquire or a conversion ended so */
    /* Nobody else was after it: the leader that we found was our own write, and our first ballot
     * won. */
    bool alone;
    uint64_t max_mbal; /* as that ballot showed it */
    /* Written by the release machine. */
    ResourceRemains remains;
} ResourceLease;

void resource_lease_init(ResourceLease *self, const ResourceWish *wish);
