/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The look at what a host holds, with each good renewal: a model of engine/lockspace-recheck.c.
 */
#include "simulation/sim.h"

/* The answer to a question about a hold that is over says nothing about the next. */
static bool is_answer(const SimGrip *grip)
{
    return grip->phase == GRIP_USED && grip->using && grip->lease.held &&
           grip->grants == grip->rechecked_grant;
}

/* Where no host stood still, none finds its resource taken. sanlock's hosts give versions out
 * again, and go by garbage. */
static void check_alarm(const SimGrip *grip, const LeaseFault *fault)
{
    Sim *sim = grip->lockspace->host->sim;
    if (sim->corrupted || sim->trouble[TROUBLE_SANLOCK] || sim->anybody_froze)
        return;
    check_violated(sim, "%s finds r%u taken by host id %u in version %u, and nobody stood still",
                   grip->lockspace->host->name, grip->resource + 1, (unsigned)fault->host_id,
                   (unsigned)fault->version);
}

static void on_rechecked(SimRun *run)
{
    SimGrip *grip = &run->lockspace->grips[run->resource];
    const MachineStep *step = &run->step;
    if (!is_answer(grip))
        return;
    grip->is_blind = step->kind != STEP_DONE && step->fault.kind != LEASE_NOT_OURS &&
                     step->fault.kind != LEASE_SHARE_LOST;
    if (grip->is_blind)
        return;
    grip->is_new = false;
    grip->recheck_order = ++run->lockspace->rechecks;
    if (step->kind == STEP_DONE || grip->lockspace->abandoned)
        return;
    if (step->fault.kind == LEASE_NOT_OURS)
        check_alarm(grip, &step->fault);
    lockspace_fail_taken(grip->lockspace);
}

static void start_recheck(SimGrip *grip)
{
    resource_recheck_init(&grip->recheck, &grip->lease, grip->is_new);
    grip->rechecked_grant = grip->grants;
    grip->is_blind = true;
    run_start(&grip->recheck_run, &grip->recheck, (MachineResume)resource_recheck_resume);
}

void recheck_next(SimLockspace *lockspace, bool all)
{
    SimGrip *next = NULL;
    if (lockspace->host->is_sanlock || lockspace->abandoned)
        return;
    for (unsigned r = 0; r < lockspace->host->sim->n_resources; r++) {
        SimGrip *grip = &lockspace->grips[r];
        if (grip->phase != GRIP_USED || grip->recheck_run.active || grip->run.active)
            continue;
        if (all)
            start_recheck(grip);
        else if (next == NULL || grip->recheck_order < next->recheck_order)
            next = grip;
    }
    if (next != NULL && !all)
        start_recheck(next);
}

void recheck_init(SimGrip *grip)
{
    grip->recheck_run = (SimRun){ .host = grip->lockspace->host,
                                  .lockspace = grip->lockspace,
                                  .queue = QUEUE_RESOURCE,
                                  .resource = (int)grip->resource,
                                  .ended = on_rechecked,
                                  .what = grip->resource == 0 ? "look at r1" : "look at r2",
                                  .bounded = true };
}
