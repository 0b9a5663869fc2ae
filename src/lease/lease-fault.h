/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why a lease machine failed, as data: the engine makes the sentence of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fixed-name.h"
#include "ondisk/area-content.h"
#include "ondisk/record-fault.h"

typedef enum LeaseFaultKind {
    LEASE_OK = 0,
    /* I/O. `io_errno` with LEASE_IO_ERROR; `wrote`: it was a write, so its effect is unknown. */
    LEASE_IO_TIMEOUT,
    LEASE_IO_ERROR,
    LEASE_IO_SHORT, /* the device ends before the area does */
    /* A record is not what it must be: `record`, and `host_id` when it is one host's. */
    LEASE_BAD_RECORD,
    /* The machine was asked to stop. */
    LEASE_STOPPED,
    /* This host's own lease is no longer good enough to act on. */
    LEASE_EXPIRED,

    /* Host lease. */
    LEASE_BAD_HOST_ID,  /* the area has no such host id; `limit` is the highest */
    LEASE_HOST_ID_BUSY, /* held by `host_name`, who is alive (-262) */
    LEASE_NO_HOST_ID,   /* none of the `limit` host ids is to be had */
    LEASE_HOST_ID_LOST, /* somebody else wrote our record while we joined (-262) */
    LEASE_TAKEN,        /* our record names another owner (-260): fatal for the lockspace */
    LEASE_ALTERED,      /* our record was changed by somebody (-261): fatal for the lockspace */
    LEASE_FROZEN,       /* this host and its clock stood still, for `standstill_us` as the clocks of
                           others show; nobody heard of it for `unheard_of_us`: fatal, too */

    /* Resource lease. `host_id`, `generation`: who is in the way. */
    LEASE_HELD,            /* by a host that is alive (-243) */
    LEASE_HELD_UNCERTAIN,  /* by a host that may be dead, but not for long enough yet (-247);
                              `free_at_us` says when it can be taken */
    LEASE_HELD_SHARED,     /* shared by at least one live host (-11) */
    LEASE_BALLOT_LOST,     /* another host won this ballot (-244, -245) */
    LEASE_VERSION_DIFFERS, /* a version was demanded and `version` is another (-240) */
    LEASE_NOT_OURS,        /* what is on disk is not what we hold (release: -250, -251): by a leader
                              record of `version`, or by a ballot of host `host_id` */
    LEASE_NOT_RENAMED,     /* released, but under the old name: host `host_id` had written the
                              leader record last */
    LEASE_SHARE_LOST,      /* our sector does not say any more that we share: to some host we were
                              dead, and others may hold the resource by now */

    /* Resource index. `offset`: of the resource or the area that it is about, where there is one.
     */
    LEASE_NAME_TAKEN,     /* there is an entry of that name */
    LEASE_NAME_MISSING,   /* there is none (-2) */
    LEASE_NAME_AMBIGUOUS, /* there are several */
    LEASE_INDEX_FULL,     /* `limit` entries, all in use */
    LEASE_AREA_OCCUPIED,  /* `content` is where something was about to be initialised; `name` of a
                             resource or a lockspace */

    /* Requests. */
    LEASE_REQUEST_PASSED, /* the lease has `version` by now, not an earlier one (-272) */
    LEASE_REQUEST_LATER,  /* another host has asked for `version`, a later one (-273) */
    LEASE_BAD_REQUEST,    /* the request record is not one: `record` (-270, -271) */
} LeaseFaultKind;

typedef struct LeaseFault {
    LeaseFaultKind kind;
    RecordFault record;
    int io_errno;
    bool wrote;
    uint64_t host_id;
    uint64_t generation;
    uint64_t version;
    uint64_t limit;
    uint64_t free_at_us; /* a point in time; 0 = unknown */
    uint64_t standstill_us, unheard_of_us;
    char host_name[FIXED_NAME_SIZE + 1];
    uint64_t offset; /* bytes from the start of the device */
    AreaContent content;
    char name[FIXED_NAME_SIZE + 1];
} LeaseFault;

/* A short name for tests and logs, e.g. "held". Never NULL. */
const char *lease_fault_name(LeaseFaultKind kind);
