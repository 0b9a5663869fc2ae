/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs lease machines (lease/machine-step.h) on a lease worker: block I/O, real time, real waits.
 * Any number of machines may run on one worker at the same time; the rules of machine-step.h are
 * kept by AioQueue and by what is handed to it here.
 */
#pragma once

#include <gio/gio.h>

#include "blockio/block-device.h"
#include "engine/lease-sight.h"
#include "engine/lease-worker.h"
#include "lease/machine-step.h"

typedef struct MachineJob {
    MachineResume resume;
    gpointer machine; /* stays valid until the task returns; touched by the worker only */
    BlockDevice *lockspace_device;
    BlockDevice *resource_device; /* NULL for host lease machines */
    LeaseSight *sight;            /* NULL before the join */
    /* The lockspace's area: a read of it is one for lease_sight_observe(). Length 0: not known.
     * Machines that read areas of resources need it, and the sight. */
    guint64 observe_offset;
    guint32 observe_length;
    /* Obey the lockspace's fail deadline (resource machines). */
    gboolean bounded;
    gboolean acquiring;  /* stop once the sight is closed */
    WritePermit *permit; /* of all its writes; NULL: none */
    /* May be NULL. Called in the worker's thread after each step, to publish progress. */
    void (*stepped)(gpointer machine, gpointer stepped_data);
    gpointer stepped_data;
} MachineJob;

/* Runs the machine to its end; `cancellable` (may be NULL) makes it stop at its next chance. The
 * callback runs in the caller's main context. References in the job are taken for as long as
 * needed. */
void machine_run_async(LeaseWorker *worker, const MachineJob *job, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data);

/* True when the machine ended with STEP_DONE; else *ret_fault says why. */
gboolean machine_run_finish(GAsyncResult *result, LeaseFault *ret_fault);
