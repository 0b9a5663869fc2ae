/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Storage in memory and simulated time: runs any lease machine to its end, or one event at a time,
 * so that the machines of several hosts can be interleaved on one disk in any order.
 *
 * MemoryDisk  the bytes, and writes that will still land.
 * MemoryHost  one host: its two devices (perhaps the same), its clock, its writes in flight, what
 * is planned for its I/Os number 1, 2, ..., and the log of them all. MemoryRun   one machine of a
 * host on its way.
 *
 * The driver's rules of lease/machine-step.h are obeyed: starts are sampled before an I/O is
 * issued, a write that is out keeps others away from its range, start_by_us is honoured, only reads
 * that say so adopt an overdue one. Planned trouble:
 *
 *   memory_host_plan(&host, 3, memory_io_error(EIO, true));        // the third I/O
 *   host.other = memory_io_slow(...);                              // all that have no plan
 *
 * One run:       step = memory_host_run(&host, &join, (MachineResume)host_lease_join_resume);
 * Interleaved:   memory_run_start(&a, ...); memory_run_start(&b, ...);
 *                while (!a.ended || !b.ended) memory_run_step(choose one that has not ended);
 * In time order: memory_runs_finish((MemoryRun *[]){ &a, &b }, 2);
 */
#pragma once

#include <glib.h>

#include "lease/machine-step.h"

typedef struct MemoryDisk {
    uint8_t *bytes;
    size_t size;
    uint64_t now_us;
    GArray *landing; /* writes that reach the bytes at a time to come */
} MemoryDisk;

/* `bytes` may be written and read directly. */
void memory_disk_init(MemoryDisk *self, size_t size);
void memory_disk_clear(MemoryDisk *self);
/* Lets all that lands until `now_us` land. Steps do it by themselves. */
void memory_disk_advance(MemoryDisk *self, uint64_t now_us);
/* Somebody else's write: `data` is copied now and lands at `at_us`. */
void memory_disk_write_at(MemoryDisk *self, uint64_t at_us, uint64_t offset, const uint8_t *data,
                          uint32_t length);

/* A write reaches the disk when its run takes the step in which it ends: the moment is the
 * interleaving's choice. */
#define MEMORY_LAND_AT_END (TIME_NEVER - 1)

/* What becomes of one I/O. Durations count from its start. An I/O whose latency is longer than its
 * timeout is reported as IO_TIMED_OUT when the timeout is over and ends later. */
typedef struct MemoryIo {
    uint64_t latency_us;  /* TIME_NEVER: never ends */
    uint64_t land_us;     /* writes: when the bytes change; TIME_NEVER never; MEMORY_LAND_AT_END */
    uint64_t held_up_us;  /* between the machine's answer and the start: a suspended host */
    bool sample_at_start; /* reads: what was there at the start, not at the end */
    uint32_t torn_at;     /* reads: the first so many bytes are sampled at the other moment */
    IoOutcome outcome;    /* of an I/O that ends in time */
    int io_errno;
} MemoryIo;

static inline MemoryIo memory_io_slow(uint64_t latency_us)
{
    return (MemoryIo){ .latency_us = latency_us, .land_us = MEMORY_LAND_AT_END };
}

/* No answer, no effect, ever. */
static inline MemoryIo memory_io_lost(void)
{
    return (MemoryIo){ .latency_us = TIME_NEVER, .land_us = TIME_NEVER };
}

/* A write that reaches the disk `land_us` after its start, and whose end is seen `end_us` after it.
 */
static inline MemoryIo memory_io_late(uint64_t land_us, uint64_t end_us)
{
    return (MemoryIo){ .latency_us = end_us, .land_us = land_us };
}

static inline MemoryIo memory_io_error(int io_errno, bool effect)
{
    return (MemoryIo){ .latency_us = 1000,
                       .land_us = effect ? MEMORY_LAND_AT_END : TIME_NEVER,
                       .outcome = IO_FAILED,
                       .io_errno = io_errno };
}

static inline MemoryIo memory_io_short(void)
{
    return (MemoryIo){ .latency_us = 1000, .land_us = TIME_NEVER, .outcome = IO_SHORT };
}

static inline MemoryIo memory_io_held_up(uint64_t held_up_us)
{
    return (
        MemoryIo){ .latency_us = 1000, .land_us = MEMORY_LAND_AT_END, .held_up_us = held_up_us };
}

typedef struct MemoryLogEntry {
    unsigned number; /* of this host, from 1 */
    StepKind kind;   /* STEP_READ or STEP_WRITE */
    StepTarget target;
    uint64_t offset;
    uint32_t length;
    uint64_t asked_us;   /* the machine's answer */
    uint64_t started_us; /* handed to the device, or the adopted read's start */
    uint64_t ended_us;   /* the machine was told; 0 while it is out */
    bool submitted;      /* it was handed to the device at all */
    bool adopted;
    IoOutcome outcome;
    uint64_t timeout_us;
    uint8_t *data; /* of a write */
} MemoryLogEntry;

typedef HostView (*MemoryLook)(uint64_t host_id, void *user_data);

typedef struct MemoryHost {
    MemoryDisk *disks[2]; /* by StepTarget; not owned */
    uint64_t now_us;
    uint64_t valid_until_us; /* for MachineInput; may be changed at any time */
    MemoryLook look;         /* NULL: nothing is known of anybody */
    void *look_data;
    MemoryIo other;    /* for I/Os without a plan; 1 ms */
    unsigned io_count; /* I/Os so far; set to 0 to count (and plan) anew */
    uint32_t random;   /* state of the random numbers: the same run gives the same ones */
    GHashTable *plan;  /* number -> MemoryIo */
    GArray *log;       /* MemoryLogEntry */
    GArray *in_flight; /* writes that have not ended */
    GArray *overdue;   /* reads that timed out and have not ended */
    bool share_reads;  /* reads sampled at their end are not copied: for long simulations */
    /* Called with each read that came back, before its machine is: as the engine does. */
    void (*read_hook)(const MachineStep *step, const MachineInput *input, void *user_data);
    void *read_hook_data;
} MemoryHost;

void memory_host_init(MemoryHost *self, MemoryDisk *lockspace, MemoryDisk *resource,
                      uint64_t now_us);
void memory_host_clear(MemoryHost *self);
void memory_host_plan(MemoryHost *self, unsigned io_number, MemoryIo io);
void memory_host_unplan(MemoryHost *self);
/* Log entry of I/O `number`, from 1. */
const MemoryLogEntry *memory_host_logged(const MemoryHost *self, unsigned number);
/* Writes that were handed to the device. */
unsigned memory_host_count_writes(const MemoryHost *self);
void memory_host_forget_log(MemoryHost *self);
/* The host is reset: of its writes that are out, those that would land until `land_until_us` have
 * landed, the others never will. */
void memory_host_reset(MemoryHost *self, uint64_t land_until_us);

typedef struct MemoryRun {
    MemoryHost *host;
    void *machine;
    MachineResume resume;
    uint64_t stop_at_us; /* from this time on the machine is told to stop; TIME_NEVER; may change */
    MachineStep step;    /* what it wants now; STEP_DONE or STEP_FAILED when ended */
    uint64_t event_us;   /* when the next memory_run_step() happens at the earliest */
    bool ended;

    /* The I/O that is out. */
    MachineInput input;
    unsigned log_index;
    bool land_at_end;
    uint8_t *sampled;
    uint32_t torn_at;
    bool torn_late;
    uint8_t *write_data;
} MemoryRun;

/* Starts the machine (its first resume) at the host's time; `event_us` says when it goes on. */
void memory_run_start(MemoryRun *self, MemoryHost *host, void *machine, MachineResume resume,
                      uint64_t stop_at_us);
/* Lets the next thing happen: an I/O or a wait ends, the machine answers. It happens at `event_us`,
 * or as late as it now is on the host or its disks. Returns false when the machine has ended. */
bool memory_run_step(MemoryRun *self);
/* Ends a run that nobody will step any more; writes that are out become lost. */
void memory_run_abandon(MemoryRun *self);

/* Steps always that one whose event is first (ties: the first in the list), to the end of all. */
void memory_runs_finish(MemoryRun *runs[], unsigned n_runs);

/* Runs a machine to its end; _until: with a stop at a time. */
MachineStep memory_host_run(MemoryHost *self, void *machine, MachineResume resume);
MachineStep memory_host_run_until(MemoryHost *self, void *machine, MachineResume resume,
                                  uint64_t stop_at_us);
