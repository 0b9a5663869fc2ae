/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One host and one resource: a process that wants it, uses it for a while and gives it back, again
 * and again, and what engine/acquisition.c, resource.c and registration.c do about it.
 *
 * A process counts as a user from the moment at which it is told that it holds the resource until
 * it ends by itself, is stopped by its failure policy (at the latest 40 s after the fail deadline,
 * if it can be stopped at all), or is reset with its host.
 */
#include "simulation/sim.h"

#include "lease/lease-timing.h"

#define POLICY_US (40 * USEC_PER_SECOND)
#define DRAIN_POLL_US (USEC_PER_SECOND / 4)

static void start_release(SimGrip *self);
static void give_up(SimGrip *self);

static uint64_t resource_offset(const SimGrip *self)
{
    const SimDisk *disk = &self->lockspace->host->sim->disk;
    return disk->areas[1 + self->resource].offset;
}

/* Machines: ours, or those that play sanlock. The latter know resources at offset 0 only. */

static void run_acquire(SimGrip *self)
{
    SimHost *host = self->lockspace->host;
    Chance *chance = &host->sim->chance;
    if (host->is_sanlock) {
        self->shared = chance_hits(chance, 0.4);
        sanlock_acquire_init(&self->sanlock, self->shared);
        run_start(&self->run, &self->sanlock, (MachineResume)sanlock_acquire_resume);
        return;
    }
    char name[] = { 'r', (char)('1' + self->resource), '\0' };
    const ResourceWish wish = { .lockspace_name = SIM_LOCKSPACE,
                                .resource_name = name,
                                .resource_offset = resource_offset(self),
                                .lockspace_layout = self->lockspace->lease.layout,
                                .host_id = host->host_id,
                                .generation = self->lockspace->lease.last.owner_generation,
                                .io_timeout = host->io_timeout };
    resource_lease_init(&self->lease, &wish);
    bool patient = chance_hits(chance, 0.3);
    self->shared = host->sim->trouble[TROUBLE_SHARE] && chance_hits(chance, 0.5);
    if (self->shared) {
        resource_share_init(&self->share, &self->lease, patient, 0);
        run_start(&self->run, &self->share, (MachineResume)resource_share_resume);
    } else {
        resource_acquire_init(&self->acquire, &self->lease, patient, 0);
        /* As the engine does: once, by the same incarnation. */
        if (host->remembers)
            self->acquire.remains = self->remains;
        run_start(&self->run, &self->acquire, (MachineResume)resource_acquire_resume);
    }
    self->remains.good = false;
}

static void run_release(SimGrip *self)
{
    if (self->lockspace->host->is_sanlock) {
        sanlock_release_init(&self->sanlock);
        run_start(&self->run, &self->sanlock, (MachineResume)sanlock_release_resume);
    } else {
        resource_release_init(&self->release, &self->lease);
        run_start(&self->run, &self->release, (MachineResume)resource_release_resume);
    }
}

static bool is_owed(const SimGrip *self)
{
    return self->lockspace->host->is_sanlock ? self->sanlock.retract : self->lease.may_be_owner;
}

static const LeaderRecord *leader_of(const SimGrip *self)
{
    return self->lockspace->host->is_sanlock ? &self->sanlock.leader : &self->lease.leader;
}

static bool is_still_good(const SimLockspace *lockspace)
{
    return lockspace->state == LOCKSPACE_HELD && !lockspace->abandoned &&
           host_local(lockspace->host) < lockspace_fail_at(lockspace);
}

static void set_phase(SimGrip *self, GripPhase phase)
{
    self->phase = phase;
    self->serial++;
}

/* Gone */

static void become_gone(SimGrip *self)
{
    set_phase(self, GRIP_NONE);
    grip_want_later(self);
    lockspace_check_cleared(self->lockspace);
}

static void try_to_go(SimGrip *self);

static void on_drain_poll(Sim *sim, void *object, uint64_t serial)
{
    SimGrip *self = object;
    if (self->serial == serial)
        try_to_go(self);
}

/* A write that is on its way could land when somebody else holds the resource. */
static void try_to_go(SimGrip *self)
{
    SimHost *host = self->lockspace->host;
    if (self->run.active)
        return;
    if (io_write_in_flight(host, resource_offset(self), self->lockspace->lease.layout.align_size))
        sim_soon(host, DRAIN_POLL_US, on_drain_poll, self, ++self->serial);
    else
        become_gone(self);
}

static void give_up(SimGrip *self)
{
    if (self->phase == GRIP_NONE)
        return;
    self->abandoned = true;
    set_phase(self, GRIP_RELEASING);
    try_to_go(self);
}

/* Releasing */

static void on_retry(Sim *sim, void *object, uint64_t serial)
{
    SimGrip *self = object;
    if (self->serial == serial)
        start_release(self);
}

static void on_released(SimRun *run)
{
    SimGrip *self = &run->lockspace->grips[run->resource];
    Sim *sim = run->host->sim;
    LeaseFaultKind fault = run->step.fault.kind;
    bool worked = run->step.kind == STEP_DONE;

    if (worked && !run->host->is_sanlock) {
        self->remains = self->lease.remains;
        sim->counts.remains += self->remains.good;
    }
    if (worked || self->abandoned || !lockspace_can_release(self->lockspace)) {
        self->abandoned = true;
        try_to_go(self);
        return;
    }
    /* Expired, and yet not: a write was too late for the renewal that counted when it was asked
     * for, and there has been another one since. */
    bool renewed =
        fault == LEASE_EXPIRED && host_local(run->host) < self->lockspace->valid_until_local_us;
    if (fault == LEASE_IO_TIMEOUT || fault == LEASE_IO_ERROR || fault == LEASE_IO_SHORT ||
        renewed) {
        uint64_t pause = timing_io(run->host->io_timeout);
        sim_soon(run->host, self->attempts++ == 0 ? pause : 2 * pause, on_retry, self,
                 ++self->serial);
        return;
    }
    if (fault == LEASE_NOT_OURS && !sim->corrupted && !sim->trouble[TROUBLE_SANLOCK] &&
        !frozen_is_excused(run->host) && !(sim->anybody_froze && sim->trouble[TROUBLE_STRANGERS]))
        check_violated(sim, "%s releases r%u and the leader on disk is not what it held",
                       run->host->name, self->resource + 1);
    give_up(self);
}

static void start_release(SimGrip *self)
{
    if (!lockspace_can_release(self->lockspace)) {
        give_up(self);
        return;
    }
    self->run.ended = on_released;
    self->run.what = self->resource == 0 ? "release r1" : "release r2";
    run_release(self);
}

static void release(SimGrip *self)
{
    if (self->phase == GRIP_NONE || self->phase == GRIP_RELEASING)
        return;
    set_phase(self, GRIP_RELEASING);
    if (self->run.active)
        run_stop(&self->run); /* a conversion: the release follows its end */
    else
        start_release(self);
}

/* Using */

static void stop_using(SimGrip *self, const char *why)
{
    if (!self->using)
        return;
    self->using = false;
    sim_tell(self->lockspace->host->sim, self->lockspace->host, "r%u: its user %s",
             self->resource + 1, why);
}

/* Converting: as engine/resource-convert.c does it. The process agrees to share before anything is
 * done, and has it exclusively when everything is. */

static void make_shared(SimGrip *self);
static void on_use_over(Sim *sim, void *object, uint64_t serial);

static void use_for_a_while(SimGrip *self)
{
    SimHost *host = self->lockspace->host;
    Chance *chance = &host->sim->chance;
    uint64_t longest = host->sim->calm            ? USEC_PER_SECOND / 2
                       : chance_hits(chance, 0.2) ? 200 * USEC_PER_SECOND
                                                  : 3 * USEC_PER_SECOND;
    sim_soon(host, chance_magnitude(chance, 1000, longest), on_use_over, self, self->serial);
}

static void on_convert_retry(Sim *sim, void *object, uint64_t serial)
{
    SimGrip *self = object;
    /* The use may have got another end meanwhile, by its policy. */
    if (self->phase == GRIP_USED && !self->run.active && self->grants == serial)
        make_shared(self);
}

static void convert_again_later(SimGrip *self)
{
    SimHost *host = self->lockspace->host;
    sim_soon(host, timing_io(host->io_timeout), on_convert_retry, self, self->grants);
}

/* False: the hold is over. */
static bool is_held_yet(SimGrip *self)
{
    if (self->phase != GRIP_USED) {
        if (self->abandoned)
            try_to_go(self);
        else
            start_release(self);
        return false;
    }
    if (self->lease.held)
        return true;
    stop_using(self, "has lost what it shared");
    release(self);
    return false;
}

static void on_converted(SimRun *run)
{
    SimGrip *self = &run->lockspace->grips[run->resource];
    self->grants++;
    self->is_new = true;
    if (!is_held_yet(self))
        return;
    if (run->step.kind != STEP_DONE && self->lease.may_be_owner) {
        convert_again_later(self);
        return;
    }
    /* Too late to be told: it goes on sharing until its policy comes. */
    bool alone = run->step.kind == STEP_DONE && self->lease.mode == RESOURCE_EXCLUSIVE &&
                 host_local(run->host) < lockspace_fail_at(self->lockspace) &&
                 lockspace_can_release(self->lockspace);
    if (alone) {
        self->shared = false;
        sim_tell(run->host->sim, run->host, "r%u: granted alone, version %u", self->resource + 1,
                 (unsigned)self->lease.leader.version_of_lease);
        check_grant(self, self->lease.leader.version_of_lease,
                    self->lease.leader.write_id != run->host->host_id);
    }
    if (!self->failing)
        use_for_a_while(self);
}

static void start_converting(SimGrip *self, void *machine, MachineResume resume, const char *what)
{
    self->run.ended = on_converted;
    self->run.what = what;
    run_start(&self->run, machine, resume);
}

static void make_shared(SimGrip *self)
{
    self->shared = true;
    resource_share_of_held_init(&self->share, &self->lease);
    start_converting(self, &self->share, (MachineResume)resource_share_resume,
                     self->resource == 0 ? "share r1" : "share r2");
}

static void make_exclusive(SimGrip *self)
{
    resource_convert_init(&self->convert, &self->lease);
    start_converting(self, &self->convert, (MachineResume)resource_convert_resume,
                     self->resource == 0 ? "convert r1" : "convert r2");
}

static bool wants_to_convert(const SimGrip *self)
{
    Sim *sim = self->lockspace->host->sim;
    return sim->trouble[TROUBLE_SHARE] && !sim->calm && !self->failing && !self->run.active &&
           !self->lockspace->host->is_sanlock && is_still_good(self->lockspace) &&
           chance_hits(&sim->chance, 0.4);
}

static void on_use_over(Sim *sim, void *object, uint64_t serial)
{
    SimGrip *self = object;
    if (self->serial != serial)
        return;
    if (wants_to_convert(self)) {
        self->grants++; /* another hold, from here on */
        if (self->shared)
            make_exclusive(self);
        else
            make_shared(self);
        return;
    }
    stop_using(self, self->failing ? "is stopped by its policy" : "ends");
    release(self);
}

static void start_policy(SimGrip *self)
{
    SimHost *host = self->lockspace->host;
    Chance *chance = &host->sim->chance;
    /* In an uninterruptible sleep, perhaps: then it is the watchdog's. */
    bool stuck = host->sim->trouble[TROUBLE_STUCK] && !host->sim->calm && chance_hits(chance, 0.6);
    double how = chance_unit(chance);
    uint64_t grace = stuck       ? chance_between(chance, POLICY_US, 10 * POLICY_US)
                     : how < 0.4 ? chance_between(chance, 0, USEC_PER_SECOND)
                     : how < 0.7 ? chance_between(chance, 0, POLICY_US)
                                 : chance_between(chance, POLICY_US - USEC_PER_SECOND, POLICY_US);
    uint64_t from = MIN(lockspace_fail_at(self->lockspace), host_local(host));
    self->failing = true;
    sim_at_local(host, from + grace, on_use_over, self, ++self->serial);
}

void grip_fail(SimGrip *self)
{
    if (self->phase == GRIP_RELEASING)
        give_up(self);
    else if (self->phase == GRIP_USED && !self->failing)
        start_policy(self);
}

void grip_use_on(SimGrip *self)
{
    if (self->phase != GRIP_USED || self->failing)
        return;
    SimHost *host = self->lockspace->host;
    if (chance_hits(&host->sim->chance, 0.5))
        sim_soon(host, 300 * USEC_PER_SECOND, on_use_over, self, ++self->serial);
}

void grip_calm(SimGrip *self)
{
    if (self->phase != GRIP_USED)
        return;
    SimHost *host = self->lockspace->host;
    sim_soon(host, chance_between(&host->sim->chance, 0, 5 * USEC_PER_SECOND), on_use_over, self,
             self->serial);
}

static void grant(SimGrip *self)
{
    SimHost *host = self->lockspace->host;
    const LeaderRecord *leader = leader_of(self);

    self->using = true;
    self->grants++;
    self->is_new = true;
    self->recheck_order = ++self->lockspace->rechecks;
    set_phase(self, GRIP_USED);
    sim_tell(host->sim, host, "r%u: granted%s, version %u", self->resource + 1,
             self->shared ? " shared" : "", (unsigned)leader->version_of_lease);
    check_grant(self, leader->version_of_lease, leader->write_id != host->host_id);
    frozen_note_grant(self);
    use_for_a_while(self);
}

/* Acquiring */

static void check_fault(const SimGrip *self, const LeaseFault *fault)
{
    Sim *sim = self->lockspace->host->sim;
    /* Two machines of one host id write one sector, when one of them stood still. */
    bool shares_sector = sim->anybody_froze && sim->trouble[TROUBLE_STRANGERS];
    if (fault->kind == LEASE_BAD_RECORD && !sim->corrupted && !sim->trouble[TROUBLE_SANLOCK] &&
        !shares_sector)
        check_violated(sim, "%s finds a bad record (%s) on r%u, and nobody wrote one",
                       self->lockspace->host->name, record_fault_name(fault->record),
                       self->resource + 1);
}

static void on_acquired(SimRun *run)
{
    SimGrip *self = &run->lockspace->grips[run->resource];

    if (run->step.kind == STEP_DONE) {
        if (is_still_good(self->lockspace))
            grant(self);
        else
            release(self);
        return;
    }
    check_fault(self, &run->step.fault);
    if (is_owed(self) && lockspace_can_release(self->lockspace))
        release(self);
    else
        give_up(self);
}

static void on_give_up_waiting(Sim *sim, void *object, uint64_t serial)
{
    SimGrip *self = object;
    if (self->serial == serial && self->phase == GRIP_ACQUIRING)
        run_stop(&self->run);
}

static void on_want(Sim *sim, void *object, uint64_t serial)
{
    SimGrip *self = object;
    SimHost *host = self->lockspace->host;
    if (self->serial != serial || self->phase != GRIP_NONE || self->lockspace->abandoned)
        return;
    bool not_my_turn = sim->calm && sim->turn[self->resource] != host->index;
    if (!is_still_good(self->lockspace) || not_my_turn) {
        grip_want_later(self);
        return;
    }
    self->abandoned = self->failing = self->wiped = false;
    self->attempts = 0;
    self->wanted_us = sim->now_us;
    set_phase(self, GRIP_ACQUIRING);
    self->run.ended = on_acquired;
    self->run.what = self->resource == 0 ? "acquire r1" : "acquire r2";
    run_acquire(self);
    if (chance_hits(&sim->chance, 0.05))
        sim_soon(host, chance_magnitude(&sim->chance, 100, 10 * USEC_PER_SECOND),
                 on_give_up_waiting, self, self->serial);
}

void grip_want_later(SimGrip *self)
{
    Sim *sim = self->lockspace->host->sim;
    uint64_t delay_us = chance_magnitude(&sim->chance, 1000, sim->eager_us);
    sim_soon(self->lockspace->host, area_want_delay(sim, delay_us), on_want, self, ++self->serial);
}

void grip_init(SimGrip *self, SimLockspace *lockspace, unsigned resource)
{
    SimHost *host = lockspace->host;
    *self = (SimGrip){ .lockspace = lockspace, .resource = resource };
    self->run = (SimRun){ .host = host,
                          .lockspace = lockspace,
                          .queue = QUEUE_RESOURCE,
                          .resource = (int)resource,
                          .bounded = true };
    recheck_init(self);
    if (host->is_sanlock) {
        self->run.resource_offset = resource_offset(self);
        sanlock_host_init(&self->sanlock, SIM_LOCKSPACE, resource == 0 ? "r1" : "r2",
                          &lockspace->lease.layout, host->host_id,
                          lockspace->lease.last.owner_generation, host->io_timeout);
    }
    grip_want_later(self);
}
