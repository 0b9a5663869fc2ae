/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be wrong with a record read from disk. The order is the order of the checks.
 *
 * Numbers in parentheses: what sanlock answers for the same bytes.
 */
#pragma once

typedef enum RecordFault {
    RECORD_OK = 0,
    RECORD_BAD_MAGIC,       /* nothing of the kind there (-223, -270, -274) */
    RECORD_CLEARED,         /* a resource that was deliberately invalidated (-223) */
    RECORD_BAD_VERSION,     /* another major version (-224, -271, -275): Unsupported */
    RECORD_BAD_FLAGS,       /* a flag that we do not know: Unsupported */
    RECORD_BAD_SECTOR_SIZE, /* neither 512 nor 4096 (-225) */
    RECORD_BAD_ALIGN_SIZE,  /* sector and align size are no legal pair (-230) */
    RECORD_BAD_CHECKSUM,    /* (-229, -214) */
    RECORD_OTHER_LOCKSPACE, /* the record names another lockspace (-226, -276) */
    RECORD_OTHER_RESOURCE,  /* the record names another resource (-227) */
    RECORD_BAD_HOST_COUNT,  /* it is not for as many hosts as our host id (-228, -231) */
    RECORD_BAD_FIELD,       /* good checksum, impossible content */
} RecordFault;

/* A short name for tests and logs, e.g. "bad-magic". Never NULL. */
const char *record_fault_name(RecordFault fault);
