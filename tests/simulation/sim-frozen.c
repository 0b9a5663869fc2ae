/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hosts that stand still together with their clock, as a virtual host does that its hypervisor
 * stops and continues: CLOCK_BOOTTIME, the timers and the watchdog, all of them. What is on its way
 * to the disk gets there meanwhile.
 *
 * Such a host cannot know. For some time after it goes on it may believe in what others have long
 * taken: two hosts use one resource then, and nothing that either of them does could prevent it.
 * Until when is what matters, and is checked here. With N the io timeout, in time of its own clock
 * from when it goes on:
 *
 *   its renewal under way, which had read the area before, may still be written    N
 *   a later good renewal, at the latest (or the fail deadline is over)           8 N
 *   and another, for the second resource: each is followed by one look           8 N
 *   that look                                                                      N
 *   its process has been stopped, by the watchdog if need be                8 N + 60
 *
 * A look that is not answered puts it off: the host is blind.
 *
 * In good weather it is sooner: one renewal interval, 2 N, until the first look, and the failure
 * policy then. So when it has renewed once more often than it takes to look at everything, and is
 * still of good cheer, nobody else may use what it uses.
 */
#include "simulation/sim.h"

#include "lease/lease-timing.h"

/* For what clocks and latencies make of these times. */
#define MARGIN_US (10 * USEC_PER_SECOND)

/* The watchdog is early by more. */
#define HARMLESS_US (USEC_PER_SECOND / 20)

bool frozen_is(const SimHost *host)
{
    return host->frozen_until_us != 0;
}

bool frozen_is_excused(const SimHost *host)
{
    return frozen_is(host) || host->sim->now_us < host->excused_until_us;
}

void frozen_forget(SimHost *host)
{
    host->frozen_since_us = host->frozen_until_us = host->frozen_for_us = 0;
    host->last_frozen_us = host->thawed_us = host->excused_until_us = 0;
}

/* The excuse */

static bool is_blind(const SimHost *host)
{
    const SimLockspace *lockspace = host->lockspace;
    if (lockspace == NULL ||
        (lockspace->state != LOCKSPACE_HELD && lockspace->state != LOCKSPACE_LATE))
        return false;
    for (unsigned r = 0; r < host->sim->n_resources; r++) {
        if (lockspace->grips[r].using &&
            (lockspace->grips[r].is_blind || lockspace->grips[r].run.active))
            return true;
    }
    return false;
}

static void judge(SimHost *host)
{
    Sim *sim = host->sim;
    for (unsigned i = 0; i < host->lockspaces->len; i++) {
        SimLockspace *lockspace = host->lockspaces->pdata[i];
        check_host_id(lockspace);
        for (unsigned r = 0; r < sim->n_resources; r++) {
            if (lockspace->grips[r].using)
                check_users(&lockspace->grips[r], "has stood still, and goes on using");
        }
    }
}

static void excuse(SimHost *host, uint64_t for_us);

static void on_excuse_over(Sim *sim, void *object, uint64_t serial)
{
    SimHost *host = object;
    if (host->boot != serial || !host->up || sim->now_us < host->excused_until_us ||
        frozen_is(host))
        return;
    if (is_blind(host))
        excuse(host, timing_fail(host->io_timeout) + timing_free(host->io_timeout));
    else
        judge(host);
}

static void excuse(SimHost *host, uint64_t for_us)
{
    host->excused_until_us = host->sim->now_us + for_us;
    sim_at(host->sim, host->excused_until_us, on_excuse_over, host, host->boot);
}

/* What was decided before it stood still, and is carried out after. */
static bool is_of_before(const SimGrip *grip)
{
    return grip->wanted_us < grip->lockspace->host->thawed_us;
}

void frozen_note_grant(const SimGrip *grip)
{
    if (is_of_before(grip))
        grip->lockspace->host->renewals_since_thaw = 0;
}

void frozen_note_renewal(SimLockspace *lockspace)
{
    SimHost *host = lockspace->host;
    Sim *sim = host->sim;
    if (!frozen_is_excused(host) || lockspace->area_read_us < host->thawed_us ||
        (lockspace->state != LOCKSPACE_HELD && lockspace->state != LOCKSPACE_LATE))
        return;
    for (unsigned r = 0; r < sim->n_resources; r++) {
        const SimGrip *grip = &lockspace->grips[r];
        if (grip->phase == GRIP_ACQUIRING && is_of_before(grip))
            return;
    }
    if (++host->renewals_since_thaw <= sim->n_resources || is_blind(host))
        return;
    host->excused_until_us = sim->now_us;
    judge(host);
}

/* Standing still */

void frozen_go_on(SimHost *host)
{
    Sim *sim = host->sim;
    uint64_t early_us = time_since(host->frozen_until_us, sim->now_us);
    if (early_us > 0)
        event_queue_move(&sim->events, host, host->boot, -(int64_t)early_us);
    host->last_frozen_us = sim->now_us - host->frozen_since_us;
    host->frozen_for_us += host->last_frozen_us;
    host->boot_us += host->last_frozen_us;
    host->frozen_since_us = host->frozen_until_us = 0;
    host->thawed_us = sim->now_us;
    host->renewals_since_thaw = 0;
    sim_tell(sim, host, "goes on, and its clock");
    for (unsigned r = 0; host->lockspace != NULL && r < sim->n_resources; r++)
        grip_use_on(&host->lockspace->grips[r]);
    if (host->last_frozen_us >= HARMLESS_US)
        excuse(host, 18 * timing_io(host->io_timeout) + timing_free(host->io_timeout) + MARGIN_US);
}

static void on_thaw(Sim *sim, void *object, uint64_t serial)
{
    SimHost *host = object;
    if (host->boot == serial && host->up && frozen_is(host) && sim->now_us >= host->frozen_until_us)
        frozen_go_on(host);
}

void frozen_stop(SimHost *host, uint64_t duration_us)
{
    Sim *sim = host->sim;
    if (!host->up || host->stopped_until_us != 0 || frozen_is(host))
        return;
    sim_tell(sim, host, "stands still for %.3f s, and its clock", (double)duration_us / 1e6);
    sim->anybody_froze = true;
    host->frozen_since_us = sim->now_us;
    host->frozen_until_us = sim->now_us + duration_us;
    event_queue_move(&sim->events, host, host->boot, (int64_t)duration_us);
    sim_at(sim, host->frozen_until_us, on_thaw, host, host->boot);
}

/* The clocks of others */

static uint64_t longest_timeout(const Sim *sim)
{
    uint64_t longest = 0;
    for (unsigned i = 0; i < sim->n_hosts; i++)
        longest = MAX(longest, timing_io(sim->hosts[i].io_timeout));
    return longest;
}

/* Renews as it should, has always, and `self` has watched it: it shows how late it is. */
static bool is_witness(const SimLockspace *self, const SimHost *other)
{
    const Sim *sim = other->sim;
    const SimLockspace *its = other->lockspace;
    const FrozenPeer *peer = &self->peers[other->host_id - 1];
    LeaderRecord record;
    if (!other->up || other->stopped_until_us != 0 || frozen_is(other) || other->thawed_us != 0 ||
        its == NULL || its->state != LOCKSPACE_HELD || peer->changes <= 3 ||
        peer->generation != its->lease.last.owner_generation)
        return false;
    leader_record_decode(&record,
                         sim->disk.bytes + (other->host_id - 1) * sim->disk.layout.sector_size);
    return peer->timestamp == record.timestamp &&
           time_from_seconds(record.timestamp) + 3 * timing_io(other->io_timeout) >=
               host_local(other);
}

/* With the first area that it reads after it went on, a host that was silent for too long can see
 * so by the clocks of two others, if they are most of those that it knows. Then it must not write
 * that it is alive. */
void frozen_check_renewal(const SimHost *host, const SimIo *io)
{
    Sim *sim = host->sim;
    const SimLockspace *self = io->lockspace;
    unsigned witnesses = 0, known = 0;
    if (io->queue != QUEUE_RENEWAL || !self->joined || host->thawed_us == 0 || self->gave_back ||
        self->run.machine != &self->machine || self->area_read_us < host->thawed_us ||
        self->last_renewal_us > host->thawed_us - host->last_frozen_us ||
        host->last_frozen_us < 24 * longest_timeout(sim) + MARGIN_US || sim->corrupted ||
        sim->trouble[TROUBLE_STRANGERS] || sim->clocks_unwatched)
        return;
    for (unsigned i = 0; i < sim->n_hosts; i++) {
        const SimHost *other = &sim->hosts[i];
        if (other == host)
            continue;
        known += self->peers[other->host_id - 1].changes >= 3;
        witnesses += is_witness(self, other);
    }
    if (witnesses >= 2 && 2 * witnesses > known)
        check_violated(sim,
                       "%s stood still for %.0f s, which the clocks of %u others show, and "
                       "goes on renewing",
                       host->name, (double)host->last_frozen_us / 1e6, witnesses);
}

/* Nobody is called frozen who was not. */
void frozen_check_fault(const SimLockspace *lockspace, const LeaseFault *fault)
{
    const SimHost *host = lockspace->host;
    if (fault->standstill_us > host->frozen_for_us)
        check_violated(host->sim, "%s takes itself for frozen for %.1f s, and was for %.1f s",
                       host->name, (double)fault->standstill_us / 1e6,
                       (double)host->frozen_for_us / 1e6);
}
