/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One call on a resource index, on its way; shared by its two halves: index-job.c (from the
 * arguments to what was read, and all that only looks) and index-change.c (what holds the index's
 * lease and writes).
 */
#pragma once

#include "blockio/block-device.h"
#include "engine/lockspace-index.h"
#include "engine/lockspace-private.h"
#include "engine/machine-driver.h"
#include "engine/resource-private.h"
#include "lease/index-create.h"
#include "lease/index-delete.h"
#include "lease/index-format.h"
#include "lease/index-look.h"
#include "lease/index-read.h"
#include "lease/index-rebuild.h"

typedef struct IndexJob {
    BailiffLockspace *lockspace;
    BailiffEngine *engine; /* for the claims, which outlive the lockspace's place in it */
    GTask *task;           /* NULL once answered */
    IndexCall call;        /* its strings are ours */

    BlockDevice *device;
    /* The worker's while a machine runs. */
    ResourceIndex index;
    guint8 *area, *resource_area;
    union {
        IndexRead read;
        IndexFormat format;
        IndexCreate create;
        IndexLook look;
        IndexDelete delete;
        IndexRebuild rebuild;
    } machine;

    /* Changes only. */
    gboolean changing;            /* lockspace->changing_index is ours */
    BailiffResource *index_lease; /* pinned once granted */
    BailiffResource *subject;     /* the resource that is deleted; the same */
    guint64 claims[2];            /* of the engine; 0: none */
    guint32 number;               /* the entry */
    gboolean number_known;
    guint64 patient_until_us;
    GSource *timer;
    GError *error; /* what ended it; NULL: it worked */
} IndexJob;

/* Runs a machine on the lockspace's resource worker. `bounded`: it writes, or looks in order to
 * write, and stops when the lockspace is left or its lease runs out. */
void index_job_run(IndexJob *job, MachineResume resume, gboolean bounded,
                   GAsyncReadyCallback callback);
/* The error of a machine's fault. */
GError *index_job_error(const IndexJob *job, const LeaseFault *fault);
/* Answers, unless that was done before: job->error (kept), else `answer` (floating). */
void index_job_answer(IndexJob *job, GVariant *answer);
/* The end: after the answer, with nothing held and nothing in flight. */
void index_job_free(IndexJob *job);

/* index-change.c: what was read without the lease says nothing against the change. Answers and
 * frees the job. */
void index_change_start(IndexJob *job);
