/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sentences for what the index machines answer.
 */
#pragma once

#include "engine/lease-error.h"

/* `context`: path and offset of the index, the lockspace, and the resource that was asked for (NULL
 * where there is none). Faults that are not of an index go to lease_error_new(). */
GError *index_error_new(const LeaseFault *fault, const LeaseErrorContext *context);

/* A header that is wrong; lockspace NULL: none is known that it should be of. */
GError *index_header_error_new(RecordFault fault, const LeaseErrorContext *context);
