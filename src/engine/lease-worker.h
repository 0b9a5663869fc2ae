/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread of its own for the lease I/O of one lockspace, with its own main context and aio queue.
 *
 * Never the shared GTask pool: forty blocked tasks in there delay the next by seconds, and GDBus
 * uses the same pool. A worker may be blocked by its device (io_submit on a full queue); then it is
 * late for its own lockspace only.
 */
#pragma once

#include <gio/gio.h>

#include "blockio/aio-queue.h"
#include "engine/machine-turns.h"

typedef struct LeaseWorker LeaseWorker;

/* `depth`: I/Os handed to the kernel at a time. NULL with IoError when there is no room for another
 * aio context or thread. */
LeaseWorker *lease_worker_new(const char *name, unsigned depth, GError **error);
LeaseWorker *lease_worker_ref(LeaseWorker *self);
/* The last reference ends the thread; never blocks, and may be dropped in the thread itself. */
void lease_worker_unref(LeaseWorker *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LeaseWorker, lease_worker_unref)

/* Calls `function` once in the worker's thread, always later, never from inside this call. */
void lease_worker_invoke(LeaseWorker *self, GSourceOnceFunc function, gpointer data);

/* Its thread keeps deadlines from now on (URGENCY_LEASES). */
void lease_worker_hurry(LeaseWorker *self);

/* The worker's own thread only. */
GMainContext *lease_worker_get_context(LeaseWorker *self);
AioQueue *lease_worker_get_queue(LeaseWorker *self);
MachineTurns *lease_worker_get_turns(LeaseWorker *self);
