/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host: clock, boot, standstill, reset. Its watchdog is in sim-lockspace.c, with the renewals
 * that feed it.
 */
#include "simulation/sim.h"

#include <stdio.h>

#include "lease/lease-timing.h"

/* What the software of a host that stood still has to catch up on comes within this time, in any
 * order. */
#define RESUME_SPREAD_US 3000u

#define RENDEZVOUS_US (10 * USEC_PER_SECOND)

void host_init(SimHost *self, Sim *sim, unsigned index)
{
    self->sim = sim;
    self->index = index;
    self->host_id = index + 1;
    snprintf(self->name, sizeof self->name, "host-%c", (char)('a' + index));
    self->ios = g_ptr_array_new();
    self->lockspaces = g_ptr_array_new();
    self->deferred = g_array_new(FALSE, FALSE, sizeof(SimEvent));
}

void host_clear(SimHost *self)
{
    for (unsigned i = 0; i < self->lockspaces->len; i++) {
        SimLockspace *lockspace = self->lockspaces->pdata[i];
        g_free(lockspace->slots);
        g_free(lockspace->peers);
        g_free(lockspace);
    }
    g_ptr_array_unref(self->lockspaces);
    g_ptr_array_unref(self->ios);
    g_array_unref(self->deferred);
}

/* Time */

uint64_t host_local(const SimHost *self)
{
    uint64_t now_us = frozen_is(self) ? self->frozen_since_us : self->sim->now_us;
    int64_t passed = (int64_t)(now_us - self->boot_us);
    return self->boot_local_us + (uint64_t)(passed + passed * self->ppm / 1000000);
}

/* The first moment at which the host's clock shows `local_us` or more; now if it does. */
uint64_t host_true_time(const SimHost *self, uint64_t local_us)
{
    if (local_us <= host_local(self))
        return MAX(self->sim->now_us, self->frozen_until_us);
    if (local_us > UINT64_C(1) << 50)
        return TIME_NEVER;
    int64_t passed = (int64_t)(local_us - self->boot_local_us);
    passed = passed * 1000000 / (1000000 + self->ppm) - 2;
    while (passed + passed * self->ppm / 1000000 < (int64_t)(local_us - self->boot_local_us))
        passed++;
    uint64_t standstill_us = self->frozen_until_us - self->frozen_since_us;
    return MAX(self->boot_us + (uint64_t)passed + standstill_us, self->sim->now_us);
}

/* Boot and reset */

static void on_join_time(Sim *sim, void *object, uint64_t serial)
{
    SimHost *self = object;
    if (self->join_serial == serial)
        lockspace_join(self);
}

/* Hosts that want the same host id often come at the same moment, as after a power failure. */
void host_plan_join(SimHost *self, uint64_t delay_us)
{
    Sim *sim = self->sim;
    if (sim->trouble[TROUBLE_STRANGERS] && chance_hits(&sim->chance, 0.5)) {
        uint64_t at_us = sim->now_us + delay_us;
        delay_us += RENDEZVOUS_US - at_us % RENDEZVOUS_US;
        delay_us += chance_between(&sim->chance, 0, 3 * sim->io_us);
    }
    sim_soon(self, delay_us, on_join_time, self, ++self->join_serial);
}

static void on_boot(Sim *sim, void *object, uint64_t serial)
{
    SimHost *self = object;
    if (self->boot_serial != serial)
        return;
    self->up = true;
    self->boot++;
    self->boot_us = sim->now_us;
    self->boot_local_us = chance_magnitude(&sim->chance, 1, 3 * USEC_PER_SECOND);
    self->ppm =
        sim->trouble[TROUBLE_DRIFT]
            ? (int64_t)chance_between(&sim->chance, 0, 2 * SIM_DRIFT_PPM + 1) - SIM_DRIFT_PPM
            : 0;
    self->stopped_until_us = 0;
    self->suspended = false;
    self->ambush_us = 0;
    frozen_forget(self);
    self->lockspace = NULL;
    self->past = (HostLeasePast){ .doubt_from_us = self->reset_in_doubt };
    sim_tell(sim, self, "is up, host id %u, io timeout %u s", (unsigned)self->host_id,
             self->io_timeout);
    host_plan_join(self, chance_magnitude(&sim->chance, 1000, 5 * USEC_PER_SECOND));
}

void host_boot(SimHost *self, uint64_t delay_us)
{
    sim_at(self->sim, self->sim->now_us + delay_us, on_boot, self, ++self->boot_serial);
}

/* Until when a write of a host that is reset now may land. Never after the time when others may
 * take what it held: the watchdog's promise is worth nothing without that of the storage. */
static uint64_t afterlife_end(const SimHost *self)
{
    uint64_t until = self->sim->now_us + SIM_AFTERLIFE_US;
    for (unsigned i = 0; i < self->lockspaces->len; i++) {
        const SimLockspace *lockspace = self->lockspaces->pdata[i];
        if (!lockspace->joined || !lockspace_is_used(lockspace))
            continue;
        uint64_t free_at =
            host_true_time(self, lockspace->witness_local_us + timing_free(self->io_timeout) -
                                     USEC_PER_SECOND / 10);
        until = MIN(until, free_at);
    }
    return MAX(until, self->sim->now_us);
}

/* A host that is reset while it does not know what became of its last host lease write forgets that
 * (host-lease-past.h): if two machines have one host id that can make two users, which is known.
 * Here whoever configures two machines so makes such a host wait. */
static bool is_in_doubt(const SimHost *self)
{
    bool in_doubt = self->past.doubt_from_us == 1;
    for (unsigned i = 0; i < self->lockspaces->len; i++)
        in_doubt |= ((const SimLockspace *)self->lockspaces->pdata[i])->lease.write_uncertain;
    for (unsigned i = 0; i < self->ios->len; i++) {
        const SimIo *io = self->ios->pdata[i];
        in_doubt |= io->is_write && io->queue == QUEUE_RENEWAL && io->submitted && !io->landed;
    }
    return in_doubt && self->sim->trouble[TROUBLE_STRANGERS];
}

static void lockspace_die(SimLockspace *lockspace)
{
    lockspace->run.active = false;
    lockspace->renewal_serial++;
    lockspace->deadline_serial++;
    lockspace->leave_serial++;
    lockspace->watchdog_serial++;
    lockspace->joined = false;
    lockspace->abandoned = true;
    for (unsigned i = 0; i < SIM_RESOURCES_MAX; i++) {
        SimGrip *grip = &lockspace->grips[i];
        grip->run.active = false;
        grip->recheck_run.active = false;
        grip->using = false;
        grip->phase = GRIP_NONE;
        grip->serial++;
    }
}

void host_reset(SimHost *self, const char *why)
{
    Sim *sim = self->sim;
    if (!self->up)
        return;
    sim->counts.resets++;
    sim_tell(sim, self, "is reset: %s", why);
    self->reset_in_doubt = is_in_doubt(self);
    io_reset(self, afterlife_end(self));
    for (unsigned i = 0; i < self->lockspaces->len; i++)
        lockspace_die(self->lockspaces->pdata[i]);
    self->up = false;
    g_array_set_size(self->deferred, 0);
    self->lockspace = NULL;
    self->stopped_until_us = 0;
    self->suspended = false;
    frozen_forget(self);
    host_boot(self, chance_magnitude(&sim->chance, SIM_AFTERLIFE_US + 1,
                                     sim->calm ? 10 * USEC_PER_SECOND : 100 * USEC_PER_SECOND));
}

/* Standing still */

static void on_resume(Sim *sim, void *object, uint64_t serial)
{
    SimHost *self = object;
    if (self->boot == serial && self->up && self->stopped_until_us != 0 &&
        sim->now_us >= self->stopped_until_us)
        host_resume(self);
}

void host_stop(SimHost *self, uint64_t duration_us, bool suspend)
{
    Sim *sim = self->sim;
    if (!self->up || self->stopped_until_us != 0 || frozen_is(self))
        return;
    sim_tell(sim, self, "%s for %.3f s", suspend ? "is suspended" : "stands still",
             (double)duration_us / 1e6);
    self->stopped_until_us = sim->now_us + duration_us;
    self->suspended = suspend;
    sim_at(sim, self->stopped_until_us, on_resume, self, self->boot);
}

void host_resume(SimHost *self)
{
    Sim *sim = self->sim;
    sim_tell(sim, self, "goes on");
    self->stopped_until_us = 0;
    self->suspended = false;
    for (unsigned i = 0; i < self->deferred->len; i++) {
        SimEvent event = g_array_index(self->deferred, SimEvent, i);
        event.at_us = sim->now_us + chance_between(&sim->chance, 1, RESUME_SPREAD_US);
        event_queue_add(&sim->events, event);
    }
    g_array_set_size(self->deferred, 0);
}
