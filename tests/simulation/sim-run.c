/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Drives one machine, as the engine's machine-driver does: takes steps, carries them out, resumes;
 * in a thread of its own, so that time can pass between any two steps, and between the machine's
 * end and the main loop that learns of it.
 */
#include "simulation/sim.h"

static void run_on(SimRun *self);

static void on_ended(Sim *sim, void *object, uint64_t serial)
{
    SimRun *run = object;
    if (!run->active || run->serial != serial)
        return;
    run->active = false;
    run->ended(run);
}

static void on_wait_over(Sim *sim, void *object, uint64_t serial)
{
    SimRun *run = object;
    if (!run->active || !run->waiting || run->serial != serial)
        return;
    run->waiting = false;
    run_on(run);
}

static void take_step(SimRun *self)
{
    SimHost *host = self->host;
    self->input.now_us = host_local(host);
    self->input.random = (uint32_t)chance_bits(&host->sim->chance);
    self->input.valid_until_us = self->bounded ? self->lockspace->valid_until_local_us : TIME_NEVER;
    self->step = self->resume(self->machine, &self->input);
    if (self->input.data != NULL)
        area_wipe(self);
    self->input.data = NULL;
    self->input.occupied = NULL;
}

/* Resumes the machine until it has to wait for something. */
static void run_on(SimRun *self)
{
    SimHost *host = self->host;
    for (;;) {
        take_step(self);
        switch (self->step.kind) {
        case STEP_WRITE:
            self->last_write_local_us = self->input.now_us;
            self->last_write_us = host->sim->now_us;
            io_ask(self);
            return;
        case STEP_READ:
            area_plan(self);
            io_ask(self);
            return;
        case STEP_WAIT:
            if (self->input.stop)
                continue;
            self->waiting = true;
            sim_at_local(host, self->step.until_us, on_wait_over, self, ++self->serial);
            return;
        case STEP_LOOK:
            self->input.host = host_table_view(&self->lockspace->table, self->step.host_id);
            continue;
        case STEP_DONE:
        case STEP_FAILED:
            sim_tell(host->sim, host, "%s: %s %s", self->what,
                     self->step.kind == STEP_DONE ? "done" : "failed,",
                     self->step.kind == STEP_DONE ? "" : lease_fault_name(self->step.fault.kind));
            sim_soon(host, weather_thread_delay(host), on_ended, self, ++self->serial);
            return;
        }
    }
}

static void on_start(Sim *sim, void *object, uint64_t serial)
{
    SimRun *run = object;
    if (run->active && run->serial == serial)
        run_on(run);
}

void run_start(SimRun *self, void *machine, MachineResume resume)
{
    g_assert(!self->active);
    self->machine = machine;
    self->resume = resume;
    self->input = (MachineInput){ 0 };
    self->io = NULL;
    self->waiting = false;
    self->active = true;
    self->starts++;
    sim_soon(self->host, weather_thread_delay(self->host), on_start, self, ++self->serial);
}

static void on_stop(Sim *sim, void *object, uint64_t serial)
{
    SimRun *run = object;
    if (!run->active || run->starts != serial)
        return;
    run->input.stop = true;
    if (!run->waiting)
        return;
    run->waiting = false;
    run->serial++;
    run_on(run);
}

void run_stop(SimRun *self)
{
    if (self->active)
        sim_soon(self->host, weather_thread_delay(self->host), on_stop, self, self->starts);
}

/* The area reads of renewals are what is known of other hosts. */
static void observe(SimRun *self, const SimIo *io)
{
    SimLockspace *lockspace = self->lockspace;
    if (!lockspace->joined || self->step.target != TARGET_LOCKSPACE ||
        self->step.length != lockspace->table.layout.align_size)
        return;
    host_table_observe(&lockspace->table, io->image, io->length, SIM_LOCKSPACE,
                       io->started_local_us, host_local(self->host));
    hosts_ever_observe(&lockspace->ever, io->image, io->length, &lockspace->table.layout,
                       SIM_LOCKSPACE, io->started_local_us);
}

void run_io_ended(SimRun *self, const SimIo *io, IoOutcome outcome)
{
    if (!self->active || self->io != io)
        return;
    self->io = NULL;
    self->input.io = outcome;
    self->input.io_errno = outcome == IO_FAILED ? 5 : 0;
    self->input.io_started_us = io->started_local_us;
    self->input.data = NULL;
    if (outcome != IO_OK)
        sim_tell(self->host->sim, self->host, "%s: %s %u %s", self->what,
                 io->is_write ? "write" : "read", (unsigned)io->id,
                 outcome == IO_TIMED_OUT  ? "timed out"
                 : outcome == IO_TOO_LATE ? "was too late"
                                          : "failed");
    if (outcome == IO_OK && !io->is_write) {
        uint64_t area_offset = io->offset - io->offset % self->host->sim->disk.layout.align_size;
        self->input.data = area_take(self, io, io->image + (io->offset - area_offset));
        observe(self, io);
        if (self->input.data == NULL) {
            io_ask(self);
            return;
        }
    }
    run_on(self);
}
