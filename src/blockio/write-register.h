/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process-wide register of writes in flight.
 *
 * A write that the kernel has not ended may still land, also long after its caller gave it up. A
 * newer write into the same place would then be overwritten by older data: a host lease renewed and
 * set back, a ballot that was answered and then unsaid. So a write enters the register with its
 * fence range before it is handed to the kernel, and leaves when its end was seen; while it is in,
 * no other write whose fence overlaps gets in, from whatever thread, queue or path to the same
 * storage.
 *
 *      queue A   enter ──── io_submit ──────(hung)──────────────── event ── leave
 *      queue B          enter: refused, waits ─────────────────────────────── woken ── enter
 *
 * Who is refused is remembered and woken through its eventfd when an overlapping write leaves; it
 * then tries again. Nothing is promised to it before it has entered: a waiter that is stuck holds
 * up nobody. A write whose permit was revoked does not get in any more (write-permit.h).
 */
#pragma once

#include "blockio/write-permit.h"

typedef enum WriteFenceState {
    WRITE_FENCE_OUT,
    WRITE_FENCE_WAITING,
    WRITE_FENCE_IN,
    WRITE_FENCE_REVOKED, /* its permit was: it never gets in */
} WriteFenceState;

/* Owned and kept in place by the caller from the first enter to the leave. */
typedef struct WriteFence WriteFence;
struct WriteFence {
    guint64 key_major; /* the storage, as BlockDevice has it */
    guint64 key_minor;
    guint64 offset;
    guint64 length;      /* offset + length must not wrap */
    int wake_fd;         /* eventfd of the owner; used only while the fence waits */
    WritePermit *permit; /* borrowed; NULL: none that could be revoked */

    /* Private to the register. */
    WriteFenceState state;
    WriteFence *previous;
    WriteFence *next;
};

/* FALSE: an overlapping write is in flight, and the fence waits; or its permit was revoked, which
 * the state says. Again for a fence that waits: tries again. */
gboolean write_register_enter(WriteFence *fence);

/* Ends flight or waiting; nothing for a fence that has neither. */
void write_register_leave(WriteFence *fence);

gboolean write_register_overlaps(guint64 key_major, guint64 key_minor, guint64 offset,
                                 guint64 length);
