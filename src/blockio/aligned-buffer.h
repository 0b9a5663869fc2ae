/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Page-aligned buffers for direct I/O, pooled for the whole process.
 *
 * A renewal reads up to 1 MiB, and there may be hundreds of lockspaces that do so in turn: they
 * share a few buffers instead of keeping one each, and do not pay the page faults of fresh memory.
 * What the pool keeps is bounded by ALIGNED_BUFFER_POOL_BYTES; what is in use is not, since a bound
 * there would let the hung I/O of one lockspace starve another. Any thread.
 */
#pragma once

#include <glib.h>

#define ALIGNED_BUFFER_POOL_BYTES (16u << 20)

/* At least `size` bytes with unspecified content; NULL when `size` is 0 or there is no memory. */
guint8 *aligned_buffer_take(gsize size);

/* With the size that was asked for. NULL is ignored. */
void aligned_buffer_give(guint8 *buffer, gsize size);

/* For tests. */
unsigned aligned_buffer_get_taken(void);
gsize aligned_buffer_get_pooled_bytes(void);
