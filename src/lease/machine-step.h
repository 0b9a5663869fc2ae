/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The language between a lease machine and whoever drives it.
 *
 * A machine is a small struct that its driver owns. It never does I/O, never looks at a clock and
 * never allocates: its resume function takes what happened (MachineInput) and answers with the one
 * thing it wants next (MachineStep). The driver carries that out and resumes the machine with the
 * outcome, until the step is STEP_DONE or STEP_FAILED. The same machines run over libaio in the
 * daemon, over memory in unit tests, and by the thousand in a simulator.
 *
 * Rules that the safety of the leases rests on, and that every driver must keep:
 *
 * 1. `io_started_us` is sampled before the I/O is handed to the kernel. Deadlines count from it,
 *    never from the end of an I/O.
 * 2. A write that timed out may still land at any later time. Until its end has been seen its
 *    buffer is not touched, and no write into the same fence range is started. (A write that waits
 *    for the fence and times out there was never started and never will be.)
 * 3. A write that has not been handed to the kernel by `start_by_us` is not started at all; the
 *    machine is told IO_TOO_LATE. This bounds what a host that was stopped between a decision and
 *    its write can destroy.
 * 4. A read returns data sampled between `io_started_us` and `now_us`. Only where the step says
 *    `adopt_overdue` may it be answered by an earlier read of the same range that was still out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checked-time.h"
#include "lease/lease-fault.h"
#include "lease/host-view.h"

typedef enum StepKind {
    STEP_READ,  /* read `length` bytes at `offset` of `target` */
    STEP_WRITE, /* write `data` there; `length` is one sector, or an area that is initialised */
    STEP_WAIT,  /* nothing until `until_us` */
    STEP_LOOK,  /* resume with what is known of host `host_id` (MachineInput.host) */
    STEP_DONE,
    STEP_FAILED, /* `fault` says why */
} StepKind;

typedef enum StepTarget {
    TARGET_LOCKSPACE, /* the device of the lockspace */
    TARGET_RESOURCE,  /* the device of the resource; may be another one */
} StepTarget;

typedef struct MachineStep {
    StepKind kind;
    StepTarget target;
    uint64_t offset;     /* bytes from the start of the device */
    uint32_t length;     /* bytes */
    uint64_t timeout_us; /* duration of this I/O, counted from its start */

    /* STEP_READ */
    bool adopt_overdue; /* see rule 4 */
    /* It is a resource's area, from its start: leader, request record, host sectors. Where it is
     * known that a host's sector has no content it need not be fetched (area-plan.h); of what else
     * is in the range nothing is promised. */
    bool area;

    /* STEP_WRITE. `data` is the machine's and good until it is resumed. */
    const uint8_t *data;
    uint64_t start_by_us;  /* a point in time; TIME_NEVER = no limit; see rule 3 */
    uint64_t fence_offset; /* the range of the device that may have one write in flight; rule 2 */
    uint64_t fence_length;

    uint64_t until_us; /* STEP_WAIT: a point in time */
    uint64_t host_id;  /* STEP_LOOK */

    LeaseFault fault; /* STEP_FAILED */
} MachineStep;

typedef enum IoOutcome {
    IO_OK,
    IO_TIMED_OUT, /* outcome unknown: may have happened, may happen later, may never */
    IO_FAILED,    /* the device answered with an error; `io_errno`. A write may have happened */
    IO_SHORT,     /* fewer bytes than asked: beyond the end of the device */
    IO_TOO_LATE,  /* a write that was not started (rule 3): certainly did not happen */
} IoOutcome;

typedef struct MachineInput {
    uint64_t now_us;        /* CLOCK_BOOTTIME, microseconds, sampled for this call; never 0 */
    uint64_t io_started_us; /* after STEP_READ, STEP_WRITE: rule 1 */
    IoOutcome io;           /* after STEP_READ, STEP_WRITE */
    int io_errno;           /* positive errno with IO_FAILED */
    const uint8_t *data;    /* after STEP_READ with IO_OK: step.length bytes, good for this call */
    /* After STEP_READ of an area: the hosts whose sectors in `data` have content; NULL: any may. */
    const uint8_t *occupied;
    HostView host;   /* after STEP_LOOK */
    uint32_t random; /* fresh random bits in each call */
    bool stop;       /* somebody wants the machine to end: a wait ends early with this set */
    /* Until when this host may act on its own host lease (the lockspace's fail deadline), as known
     * at this moment. Resource machines obey it; for host lease machines it is TIME_NEVER. */
    uint64_t valid_until_us;
} MachineInput;

/* The form of every machine's resume function. The first call starts the machine. */
typedef MachineStep (*MachineResume)(void *machine, const MachineInput *input);

/* Makers of steps, for the machines. */
static inline MachineStep step_done(void)
{
    return (MachineStep){ .kind = STEP_DONE };
}

static inline MachineStep step_failed(LeaseFault fault)
{
    return (MachineStep){ .kind = STEP_FAILED, .fault = fault };
}

static inline MachineStep step_wait(uint64_t until_us)
{
    return (MachineStep){ .kind = STEP_WAIT, .until_us = until_us };
}

static inline MachineStep step_look(uint64_t host_id)
{
    return (MachineStep){ .kind = STEP_LOOK, .host_id = host_id };
}

static inline MachineStep step_read(StepTarget target, uint64_t offset, uint32_t length,
                                    uint64_t timeout_us)
{
    return (MachineStep){ .kind = STEP_READ,
                          .target = target,
                          .offset = offset,
                          .length = length,
                          .timeout_us = timeout_us };
}
