/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Short names for what can be wrong with a record.
 */
#include "ondisk/record-fault.h"

/* A switch without a default: the compiler names the fault that was forgotten here. */
const char *record_fault_name(RecordFault fault)
{
    switch (fault) {
    case RECORD_OK:
        return "ok";
    case RECORD_BAD_MAGIC:
        return "bad-magic";
    case RECORD_CLEARED:
        return "cleared";
    case RECORD_BAD_VERSION:
        return "bad-version";
    case RECORD_BAD_FLAGS:
        return "bad-flags";
    case RECORD_BAD_SECTOR_SIZE:
        return "bad-sector-size";
    case RECORD_BAD_ALIGN_SIZE:
        return "bad-align-size";
    case RECORD_OTHER_LOCKSPACE:
        return "other-lockspace";
    case RECORD_OTHER_RESOURCE:
        return "other-resource";
    case RECORD_BAD_HOST_COUNT:
        return "bad-host-count";
    case RECORD_BAD_CHECKSUM:
        return "bad-checksum";
    case RECORD_BAD_FIELD:
        return "bad-field";
    }
    return "unknown";
}
