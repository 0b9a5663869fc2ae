/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a host keeps its host lease: a small model of engine/lockspace-lease.c, with the watchdog
 * that belongs to it.
 *
 * The watchdog resets the host between 8 N + 50 and 8 N + 60 s after the start of the last good
 * renewal that it was told of, if the lockspace is still in use by then: a process uses a resource
 * or is about to, or a write into a resource is in flight. Clocks drift here, and the watchdog is
 * taken to allow for it: it is a tenth of a second early.
 */
#include "simulation/sim.h"

#include "lease/lease-timing.h"

#define RETRY_PAUSE_US (USEC_PER_SECOND / 2)
#define WATCHDOG_EARLY_US (USEC_PER_SECOND / 10)

static void start_renewal(SimLockspace *self);
static void go_on_leaving(SimLockspace *self);
static void give_back(SimLockspace *self);

const char *lockspace_state_name(LockspaceState state)
{
    static const char *const names[] = { "joining", "held", "late", "failing", "leaving", "lost" };
    return names[state];
}

static void set_state(SimLockspace *self, LockspaceState state)
{
    if (self->state == state)
        return;
    self->state = state;
    sim_tell(self->host->sim, self->host, "lockspace is %s", lockspace_state_name(state));
    if (state == LOCKSPACE_HELD)
        check_host_id(self);
}

uint64_t lockspace_fail_at(const SimLockspace *self)
{
    return time_add(self->last_renewal_local_us, timing_fail(self->lease.io_timeout));
}

bool lockspace_can_release(const SimLockspace *self)
{
    return !self->abandoned && (self->state == LOCKSPACE_HELD || self->state == LOCKSPACE_LATE ||
                                (self->state == LOCKSPACE_LEAVING && !self->gave_back));
}

bool lockspace_is_used(const SimLockspace *self)
{
    for (unsigned i = 0; i < SIM_RESOURCES_MAX; i++) {
        if (self->grips[i].phase != GRIP_NONE)
            return true;
    }
    return false;
}

/* What later joins have to know, kept as engine/lockspace-past.c keeps it. The machine must not be
 * running. */
static void note_past(SimLockspace *self, bool held)
{
    SimHost *host = self->host;
    if (self->abandoned || self->run.active || host->lockspace != self)
        return;
    host->past = held ? host_lease_past_held(&self->lease, &host->past)
                      : host_lease_past_ended(&self->lease, &host->past, &self->past_before);
}

/* One operation at a time. */
static void operate(SimLockspace *self, MachineResume resume, SimRunEnded ended, const char *what)
{
    self->run.ended = ended;
    self->run.what = what;
    run_start(&self->run, &self->machine, resume);
}

static void abandon(SimLockspace *self)
{
    self->abandoned = true;
    self->renewal_serial++;
    self->deadline_serial++;
    self->leave_serial++;
    self->valid_until_local_us = 0;
    run_stop(&self->run);
}

/* The watchdog */

static void on_watchdog(Sim *sim, void *object, uint64_t serial)
{
    SimLockspace *self = object;
    if (self->watchdog_serial != serial || !lockspace_is_used(self))
        return;
    /* The watchdog of a virtual host stands still with it. */
    if (host_local(self->host) < self->watchdog_local_us) {
        sim_at(sim, host_true_time(self->host, self->watchdog_local_us), on_watchdog, self, serial);
        return;
    }
    sim->counts.watchdog_resets++;
    host_reset(self->host, "the watchdog fired");
}

static void feed_watchdog(SimLockspace *self)
{
    Sim *sim = self->host->sim;
    uint64_t free_us = timing_free(self->lease.io_timeout);
    uint64_t spread_us =
        chance_hits(&sim->chance, 0.5) ? 10 * USEC_PER_SECOND : USEC_PER_SECOND / 2;
    uint64_t fire_us =
        chance_between(&sim->chance, free_us - spread_us, free_us - WATCHDOG_EARLY_US);
    self->watchdog_local_us = self->last_renewal_local_us + fire_us;
    sim_at(sim, host_true_time(self->host, self->watchdog_local_us), on_watchdog, self,
           ++self->watchdog_serial);
}

/* Losing it */

static void become_lost(SimLockspace *self)
{
    Sim *sim = self->host->sim;
    self->deadline_serial++;
    self->renewal_serial++;
    self->valid_until_local_us = 0;
    note_past(self, false);
    set_state(self, LOCKSPACE_LOST);
    if (self->leave_wanted)
        go_on_leaving(self);
    else
        host_plan_join(self->host, chance_magnitude(&sim->chance, 100000, 20 * USEC_PER_SECOND));
}

static void fail_resources(SimLockspace *self)
{
    for (unsigned i = 0; i < SIM_RESOURCES_MAX; i++)
        grip_fail(&self->grips[i]);
}

static void fail_now(SimLockspace *self)
{
    if (self->state == LOCKSPACE_FAILING || self->state == LOCKSPACE_LOST)
        return;
    if (self->state == LOCKSPACE_JOINING) {
        become_lost(self);
        return;
    }
    self->host->sim->counts.failures++;
    self->valid_until_local_us = 0;
    set_state(self, LOCKSPACE_FAILING);
    fail_resources(self);
    lockspace_check_cleared(self);
}

void lockspace_fail_taken(SimLockspace *self)
{
    self->frozen = true;
    fail_now(self);
    self->renewal_serial++;
}

void lockspace_check_cleared(SimLockspace *self)
{
    if (self->state == LOCKSPACE_LEAVING) {
        go_on_leaving(self);
        return;
    }
    if (self->state != LOCKSPACE_FAILING || lockspace_is_used(self))
        return;
    become_lost(self);
    if (!self->abandoned && !self->run.active && self->last_renewal_worked)
        give_back(self);
}

static void on_deadline(Sim *sim, void *object, uint64_t serial);

static void arm_deadlines(SimLockspace *self)
{
    uint64_t late_at = time_add(self->last_renewal_local_us, timing_late(self->lease.io_timeout));
    uint64_t next = host_local(self->host) < late_at ? late_at : lockspace_fail_at(self);
    sim_at_local(self->host, next, on_deadline, self, ++self->deadline_serial);
}

static void on_deadline(Sim *sim, void *object, uint64_t serial)
{
    SimLockspace *self = object;
    if (self->deadline_serial != serial)
        return;
    if (host_local(self->host) >= lockspace_fail_at(self)) {
        fail_now(self);
        return;
    }
    arm_deadlines(self);
    if (self->state == LOCKSPACE_HELD)
        set_state(self, LOCKSPACE_LATE);
}

/* Renewing */

static void on_renewal_due(Sim *sim, void *object, uint64_t serial)
{
    SimLockspace *self = object;
    if (self->renewal_serial == serial)
        start_renewal(self);
}

static void schedule_renewal(SimLockspace *self, uint64_t when_local_us)
{
    if (!self->abandoned && self->state != LOCKSPACE_LOST)
        sim_at_local(self->host, when_local_us, on_renewal_due, self, ++self->renewal_serial);
}

static void accept_renewal(SimLockspace *self)
{
    uint64_t old_fail_at = lockspace_fail_at(self);
    bool in_time = self->lease.last_renewal_us < old_fail_at;

    self->last_renewal_local_us = self->lease.last_renewal_us;
    if (self->state == LOCKSPACE_FAILING || self->state == LOCKSPACE_LOST) {
        /* Others stay away for longer: the watchdog may know of it, or not. */
        if (self->state == LOCKSPACE_FAILING && chance_hits(&self->host->sim->chance, 0.5))
            feed_watchdog(self);
        return;
    }
    if (!in_time) {
        fail_now(self);
        return;
    }
    note_past(self, true);
    feed_watchdog(self);
    if (self->state != LOCKSPACE_LEAVING)
        self->valid_until_local_us = lockspace_fail_at(self);
    arm_deadlines(self);
    if (self->state != LOCKSPACE_LEAVING)
        set_state(self, LOCKSPACE_HELD);
}

/* Somebody else may have written our host lease. */
static bool is_explained(const SimLockspace *self)
{
    const Sim *sim = self->host->sim;
    return sim->corrupted || sim->trouble[TROUBLE_STRANGERS] || self->has_rival;
}

static void judge_fault(SimLockspace *self, const LeaseFault *fault)
{
    Sim *sim = self->host->sim;
    if (fault->kind == LEASE_FROZEN)
        frozen_check_fault(self, fault);
    else if (renew_fault_is_fatal(fault) && !is_explained(self))
        check_violated(sim, "%s finds its record %s, and nobody else has its host id",
                       self->host->name, lease_fault_name(fault->kind));
    if (!renew_fault_is_fatal(fault))
        return;
    fail_now(self);
    self->renewal_serial++;
}

static void on_renewed(SimRun *run)
{
    SimLockspace *self = run->lockspace;
    bool worked = run->step.kind == STEP_DONE;
    LeaseFault fault = run->step.fault;
    bool fatal = !worked && renew_fault_is_fatal(&fault);

    self->last_renewal_worked = worked;
    if (worked) {
        self->witness_local_us = run->last_write_local_us;
        self->last_renewal_us = run->last_write_us;
    }
    if (self->abandoned)
        return;
    if (worked)
        accept_renewal(self);
    else
        judge_fault(self, &fault);
    if (self->abandoned)
        return;
    if (self->state == LOCKSPACE_LOST) {
        note_past(self, false);
        /* Perhaps it is being given back already: this renewal came too late, and nothing was in
         * use. */
        if (worked && !self->run.active)
            give_back(self);
        else if (self->leave_wanted)
            go_on_leaving(self);
        return;
    }
    if (worked) {
        frozen_note_renewal(self);
        recheck_next(self, self->machine.renew.suspects_frozen);
    }
    if (!fatal && !self->frozen)
        schedule_renewal(self, worked ? time_add(self->last_renewal_local_us,
                                                 timing_renewal_interval(self->lease.io_timeout))
                                      : time_add(host_local(self->host), RETRY_PAUSE_US));
    if (self->state == LOCKSPACE_LEAVING)
        go_on_leaving(self);
}

static void start_renewal(SimLockspace *self)
{
    if (self->run.active || self->abandoned || self->frozen || self->state == LOCKSPACE_LOST)
        return;
    host_lease_renew_init(&self->machine.renew, &self->lease, NULL);
    operate(self, (MachineResume)host_lease_renew_resume, on_renewed, "renewal");
}

/* Joining */

static void join_failed(SimLockspace *self, const LeaseFault *fault)
{
    Sim *sim = self->host->sim;
    bool by_others = fault->kind == LEASE_HOST_ID_BUSY || fault->kind == LEASE_HOST_ID_LOST ||
                     fault->kind == LEASE_BAD_RECORD;
    if (by_others && !is_explained(self))
        check_violated(sim, "%s cannot join: %s, and nobody else has its host id", self->host->name,
                       lease_fault_name(fault->kind));
    note_past(self, false);
    if (self->state == LOCKSPACE_JOINING)
        become_lost(self);
    else if (self->state == LOCKSPACE_LEAVING)
        go_on_leaving(self);
}

static void on_joined(SimRun *run)
{
    SimLockspace *self = run->lockspace;
    SimHost *host = self->host;

    if (self->abandoned)
        return;
    if (run->step.kind != STEP_DONE) {
        join_failed(self, &run->step.fault);
        return;
    }
    host->sim->counts.joins++;
    self->joined = true;
    self->last_renewal_local_us = self->lease.last_renewal_us;
    self->witness_local_us = run->last_write_local_us;
    self->last_renewal_us = run->last_write_us;
    self->last_renewal_worked = true;
    self->peers = g_new0(FrozenPeer, self->lease.layout.max_hosts);
    frozen_watch_init(&self->watch, self->peers, &self->lease.layout, host->host_id,
                      host->io_timeout);
    self->lease.watch = host->sim->clocks_unwatched ? NULL : &self->watch;
    self->slots = g_new0(HostSlot, self->lease.layout.max_hosts);
    host_table_init(&self->table, self->slots, &self->lease.layout, host->host_id,
                    host->io_timeout);
    for (unsigned i = 0; i < host->sim->n_resources; i++)
        grip_init(&self->grips[i], self, i);
    arm_deadlines(self);
    if (self->state == LOCKSPACE_LEAVING)
        go_on_leaving(self);
    else
        start_renewal(self);
}

void lockspace_join(SimHost *host)
{
    if (host->lockspace != NULL && host->lockspace->state != LOCKSPACE_LOST)
        return;
    bool has_rival = false;
    for (unsigned i = 0; i < host->lockspaces->len; i++) {
        const SimLockspace *before = host->lockspaces->pdata[i];
        has_rival = has_rival || before->run.active;
    }
    if (host->lockspace != NULL)
        abandon(host->lockspace);
    const HostLeaseWish wish = { .lockspace_name = SIM_LOCKSPACE,
                                 .host_name = host->name,
                                 .host_id = host->host_id,
                                 .io_timeout = host->io_timeout,
                                 .doubt_from_us = host->past.doubt_from_us };
    SimLockspace *self = g_new0(SimLockspace, 1);
    self->past_before = host->past;
    host->past = host_lease_past_joining(&host->past, host_local(host));
    g_ptr_array_add(host->lockspaces, self);
    host->lockspace = self;
    self->host = host;
    self->has_rival = has_rival;
    self->run = (SimRun){ .host = host, .lockspace = self, .queue = QUEUE_RENEWAL, .resource = -1 };
    host_lease_init(&self->lease, &wish);
    host_lease_join_init(&self->machine.join, &self->lease);
    operate(self, (MachineResume)host_lease_join_resume, on_joined, "join");
}

/* Leaving */

static void finish_leaving(SimLockspace *self)
{
    Sim *sim = self->host->sim;
    abandon(self);
    sim_tell(sim, self->host, "has left the lockspace%s",
             self->gave_back ? "" : " without giving its host lease back");
    if (self->host->lockspace != self)
        return;
    self->host->lockspace = NULL;
    host_plan_join(self->host, chance_magnitude(&sim->chance, 10000, 60 * USEC_PER_SECOND));
}

static void on_gave_back(SimRun *run)
{
    SimLockspace *self = run->lockspace;
    self->last_renewal_worked = false;
    self->gave_back = run->step.kind == STEP_DONE;
    note_past(self, false);
    if (self->leave_wanted && !self->abandoned)
        finish_leaving(self);
}

static void give_back(SimLockspace *self)
{
    self->renewal_serial++;
    host_lease_leave_init(&self->machine.leave, &self->lease);
    operate(self, (MachineResume)host_lease_leave_resume, on_gave_back, "leave");
}

static void on_leave_timeout(Sim *sim, void *object, uint64_t serial)
{
    SimLockspace *self = object;
    if (self->leave_serial == serial && self->run.active)
        finish_leaving(self);
}

static void go_on_leaving(SimLockspace *self)
{
    if (self->abandoned)
        return;
    if (self->state == LOCKSPACE_LEAVING && lockspace_is_used(self))
        return;
    if (self->run.active) {
        sim_at_local(self->host,
                     time_add(host_local(self->host), timing_io(self->lease.io_timeout)),
                     on_leave_timeout, self, ++self->leave_serial);
        return;
    }
    if (self->joined && self->last_renewal_worked && !self->gave_back)
        give_back(self);
    else
        finish_leaving(self);
}

void lockspace_leave(SimLockspace *self)
{
    bool joining = self->state == LOCKSPACE_JOINING;
    if (self->leave_wanted || self->abandoned)
        return;
    if (self->state == LOCKSPACE_LOST)
        return;
    self->leave_wanted = true;
    if (self->state == LOCKSPACE_FAILING)
        return;
    set_state(self, LOCKSPACE_LEAVING);
    if (joining)
        run_stop(&self->run);
    fail_resources(self);
    go_on_leaving(self);
}
