/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of lease faults.
 */
#include "lease/lease-fault.h"

#include <stddef.h>

/* What has no name here is "unknown"; the test of lease_fault_name() finds it. */
static const char *const names[] = {
    [LEASE_OK] = "ok",
    [LEASE_IO_TIMEOUT] = "io-timeout",
    [LEASE_IO_ERROR] = "io-error",
    [LEASE_IO_SHORT] = "io-short",
    [LEASE_BAD_RECORD] = "bad-record",
    [LEASE_STOPPED] = "stopped",
    [LEASE_EXPIRED] = "expired",
    [LEASE_BAD_HOST_ID] = "bad-host-id",
    [LEASE_HOST_ID_BUSY] = "host-id-busy",
    [LEASE_NO_HOST_ID] = "no-host-id",
    [LEASE_HOST_ID_LOST] = "host-id-lost",
    [LEASE_TAKEN] = "taken",
    [LEASE_ALTERED] = "altered",
    [LEASE_FROZEN] = "frozen",
    [LEASE_HELD] = "held",
    [LEASE_HELD_UNCERTAIN] = "held-uncertain",
    [LEASE_HELD_SHARED] = "held-shared",
    [LEASE_BALLOT_LOST] = "ballot-lost",
    [LEASE_VERSION_DIFFERS] = "version-differs",
    [LEASE_NOT_OURS] = "not-ours",
    [LEASE_NOT_RENAMED] = "not-renamed",
    [LEASE_SHARE_LOST] = "share-lost",
    [LEASE_NAME_TAKEN] = "name-taken",
    [LEASE_NAME_MISSING] = "name-missing",
    [LEASE_NAME_AMBIGUOUS] = "name-ambiguous",
    [LEASE_INDEX_FULL] = "index-full",
    [LEASE_AREA_OCCUPIED] = "area-occupied",
    [LEASE_REQUEST_PASSED] = "request-passed",
    [LEASE_REQUEST_LATER] = "request-later",
    [LEASE_BAD_REQUEST] = "bad-request",
};

_Static_assert(sizeof names / sizeof names[0] == LEASE_BAD_REQUEST + 1, "the last one has a name");

const char *lease_fault_name(LeaseFaultKind kind)
{
    if ((size_t)kind >= sizeof names / sizeof names[0] || names[kind] == NULL)
        return "unknown";
    return names[kind];
}
