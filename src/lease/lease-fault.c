/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of lease faults.
 */
#include "lease/lease-fault.h"

const char *lease_fault_name(LeaseFaultKind kind)
{
    /* No default: the compiler says when a kind has no name. */
    switch (kind) {
    case LEASE_OK:
        return "ok";
    case LEASE_IO_TIMEOUT:
        return "io-timeout";
    case LEASE_IO_ERROR:
        return "io-error";
    case LEASE_IO_SHORT:
        return "io-short";
    case LEASE_BAD_RECORD:
        return "bad-record";
    case LEASE_STOPPED:
        return "stopped";
    case LEASE_EXPIRED:
        return "expired";
    case LEASE_BAD_HOST_ID:
        return "bad-host-id";
    case LEASE_HOST_ID_BUSY:
        return "host-id-busy";
    case LEASE_NO_HOST_ID:
        return "no-host-id";
    case LEASE_HOST_ID_LOST:
        return "host-id-lost";
    case LEASE_TAKEN:
        return "taken";
    case LEASE_ALTERED:
        return "altered";
    case LEASE_FROZEN:
        return "frozen";
    case LEASE_HELD:
        return "held";
    case LEASE_HELD_UNCERTAIN:
        return "held-uncertain";
    case LEASE_HELD_SHARED:
        return "held-shared";
    case LEASE_BALLOT_LOST:
        return "ballot-lost";
    case LEASE_VERSION_DIFFERS:
        return "version-differs";
    case LEASE_NOT_OURS:
        return "not-ours";
    case LEASE_NOT_RENAMED:
        return "not-renamed";
    case LEASE_SHARE_LOST:
        return "share-lost";
    case LEASE_NAME_TAKEN:
        return "name-taken";
    case LEASE_NAME_MISSING:
        return "name-missing";
    case LEASE_NAME_AMBIGUOUS:
        return "name-ambiguous";
    case LEASE_INDEX_FULL:
        return "index-full";
    case LEASE_AREA_OCCUPIED:
        return "area-occupied";
    case LEASE_REQUEST_PASSED:
        return "request-passed";
    case LEASE_REQUEST_LATER:
        return "request-later";
    case LEASE_BAD_REQUEST:
        return "bad-request";
    }
    return "unknown";
}
