/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sentences for what lease machines and the disk answer: cause and cure, for a person.
 */
#pragma once

#include <glib.h>

#include "lease/lease-fault.h"

/* What the fault is about; strings borrowed, NULL where it does not apply. */
typedef struct LeaseErrorContext {
    const char *path;
    guint64 offset;
    const char *lockspace;
    const char *resource; /* NULL: it is about the lockspace and this host's lease in it */
    guint64 host_id;
    guint32 io_timeout;
} LeaseErrorContext;

GError *lease_error_new(const LeaseFault *fault, const LeaseErrorContext *context);

/* A record that is wrong, for callers that read without a machine. */
GError *record_error_new(RecordFault fault, const LeaseErrorContext *context);

/* Bytes from disk made safe to show: valid UTF-8, control characters escaped. */
char *printable_from_disk(const char *text);
