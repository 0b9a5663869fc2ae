/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The leave of a group of writes to begin, which can be taken away from all of them at once.
 *
 * A write that was decided some time ago may still wait: for its fence, for room in its queue, for
 * its thread. When whoever decided it is replaced, it must not begin any more: it would land on
 * what his successor writes. A revocation is exact, and needs no answer from the thread that has
 * the write: it is looked at under the lock of the register of writes in flight, in the moment in
 * which a write enters it.
 *
 *      write decided ── waits ── enters ── handed to the kernel ── ended
 *                     │                │
 *      revoked here: never begins      └ revoked here or later: the fence holds back every other
 *                                        write there until it has ended
 *
 * So after write_permit_revoke() has returned, a new write into the same fence range comes after
 * all that was written, and will ever be written, with this permit.
 */
#pragma once

#include <glib.h>

typedef struct WritePermit WritePermit;

WritePermit *write_permit_new(void);
WritePermit *write_permit_ref(WritePermit *self);
void write_permit_unref(WritePermit *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WritePermit, write_permit_unref)

/* For good; any thread; never blocks. Writes that wait for their fence end at once, the others when
 * it is their turn, all of them with AIO_TOO_LATE. */
void write_permit_revoke(WritePermit *self);
