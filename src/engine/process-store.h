/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pidfds of registered processes, kept for the next bailiffd (common/fd-store.h).
 *
 * A pidfd is the process, whatever becomes of its number. Everything that can be found out without
 * it is found out as well: by number and start time, of which the kernel's clock ticks are coarse.
 * So what is wrong with a pidfd costs nothing but the extra certainty:
 *
 *   it is of the process on record, and not readable   that process, beyond doubt
 *   it is readable, or its process was reaped already  looked up by number and start time: such a
 *                                                      pidfd cannot be told from that of another
 *                                                      dead process, and on its word alone nobody
 *                                                      is taken for dead who may hold a lease
 *   it is something else, or there is none             the same
 */
#pragma once

#include "common/fd-store.h"
#include "common/process-identity.h"
#include "engine/engine.h"

typedef struct ProcessStore ProcessStore;

/* Keeps the process of each registration that is added to `engine` until it is removed there. Both
 * are borrowed; `store` NULL: nothing is kept. */
ProcessStore *process_store_new(BailiffEngine *engine, FdStore *store);
void process_store_free(ProcessStore *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProcessStore, process_store_free)

/* The process of registration `id` as `record` has it (held-record.h, of a process), by the pidfd
 * that was given for it. FALSE: it has to be looked for. */
gboolean process_store_take(FdStore *store, guint64 id, GKeyFile *record, ProcessIdentity *ret);
