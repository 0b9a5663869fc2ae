/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What must never happen, and what must.
 */
#include "simulation/sim.h"

#include <string.h>

#include "lease/lease-timing.h"

void check_violated(Sim *sim, const char *format, ...)
{
    va_list arguments;
    if (sim->violation != NULL)
        return;
    va_start(arguments, format);
    sim->violation = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    sim_tell(sim, NULL, "VIOLATION: %s", sim->violation);
}

/* Users */

void check_users(SimGrip *grip, const char *what)
{
    SimHost *host = grip->lockspace->host;
    Sim *sim = host->sim;
    if (frozen_is_excused(host))
        return;
    /* sanlock goes on in a ballot as if a host with a corrupt record had never spoken. */
    if (sim->corrupted && host->is_sanlock)
        return;
    for (unsigned i = 0; i < sim->n_hosts; i++) {
        for (unsigned j = 0; j < sim->hosts[i].lockspaces->len; j++) {
            const SimLockspace *lockspace = sim->hosts[i].lockspaces->pdata[j];
            const SimGrip *other = &lockspace->grips[grip->resource];
            if (other == grip || !other->using || other->wiped || grip->wiped ||
                (other->shared && grip->shared) || frozen_is_excused(&sim->hosts[i]))
                continue;
            check_violated(sim, "%s %s r%u while a process on %s uses it", host->name, what,
                           grip->resource + 1, sim->hosts[i].name);
        }
    }
}

void check_grant(SimGrip *grip, uint64_t version, bool by_other)
{
    const SimLockspace *lockspace = grip->lockspace;
    SimHost *host = lockspace->host;
    Sim *sim = host->sim;
    unsigned r = grip->resource;

    sim->counts.grants++;
    sim->counts.adopted += by_other;
    sim->counts.takeovers += sim->last_owner[r] != NULL && sim->last_owner[r] != host;
    check_users(grip, "is granted");
    if (host_local(host) >= lockspace->witness_local_us + timing_fail(host->io_timeout))
        check_violated(sim, "%s grants r%u after its own fail deadline", host->name, r + 1);
    /* A host of sanlock's overwrites the one ballot record that says what was decided, and may so
     * give a version out again. */
    /* Who shares has given the leader back before it is told. */
    if (!grip->shared && version <= sim->last_version[r] && !sim->trouble[TROUBLE_SANLOCK] &&
        !frozen_is_excused(host))
        check_violated(sim, "%s is granted r%u in version %u, after version %u", host->name, r + 1,
                       (unsigned)version, (unsigned)sim->last_version[r]);
    sim->last_version[r] = MAX(version, sim->last_version[r]);
    sim->last_owner[r] = host;
    if (sim->calm)
        sim->served[r] |= (uint8_t)(1u << host->index);
}

/* Host ids */

static bool believes(const SimLockspace *self)
{
    bool held = self->joined && !self->abandoned &&
                (self->state == LOCKSPACE_HELD || self->state == LOCKSPACE_LATE);
    return held &&
           host_local(self->host) < self->witness_local_us + timing_fail(self->host->io_timeout);
}

void check_host_id(SimLockspace *lockspace)
{
    Sim *sim = lockspace->host->sim;
    if (!believes(lockspace) || frozen_is_excused(lockspace->host))
        return;
    for (unsigned i = 0; i < sim->n_hosts; i++) {
        SimHost *other = &sim->hosts[i];
        if (other != lockspace->host && other->up && other->lockspace != NULL &&
            other->host_id == lockspace->host->host_id && believes(other->lockspace) &&
            !frozen_is_excused(other))
            check_violated(sim, "%s and %s both hold host id %u", lockspace->host->name,
                           other->name, (unsigned)other->host_id);
    }
}

/* A write to a host lease that another host relies on must not even start: what the read before it
 * showed was true for long enough. */
void check_overwrite(SimHost *host, const SimIo *io)
{
    Sim *sim = host->sim;
    if (io->queue != QUEUE_RENEWAL || sim->corrupted || sim->generation_fell ||
        frozen_is_excused(host))
        return;
    for (unsigned i = 0; i < sim->n_hosts; i++) {
        const SimHost *other = &sim->hosts[i];
        if (other != host && other->up && other->lockspace != NULL &&
            other->host_id == host->host_id && believes(other->lockspace) &&
            !frozen_is_excused(other))
            check_violated(sim, "%s writes over host lease %u, which %s holds", host->name,
                           (unsigned)host->host_id, other->name);
    }
}

/* Writes */

static bool is_zero(const uint8_t *data, uint32_t length)
{
    return data[0] == 0 && memcmp(data, data + 1, length - 1) == 0;
}

/* sanlock takes a shared holder for dead that has joined since its own last look at the lockspace,
 * and wipes its record out. That is between the two of them: such a hold counts no more. */
static void note_wiped(const SimRun *run, uint64_t host_id)
{
    Sim *sim = run->host->sim;
    for (unsigned i = 0; i < sim->n_hosts; i++) {
        SimHost *host = &sim->hosts[i];
        if (host->host_id == host_id && host->lockspace != NULL)
            host->lockspace->grips[run->resource].wiped = true;
    }
}

/* Sector 0 of a resource is the leader, sector 1 the request record, sector 1 + i host i's. */
void check_write(const SimRun *run, const SimIo *io)
{
    const SimHost *host = run->host;
    Sim *sim = host->sim;
    const Layout *layout = &sim->disk.layout;
    uint64_t area = io->offset / layout->align_size;
    uint64_t sector = io->offset % layout->align_size / layout->sector_size;
    bool ok = io->length == layout->sector_size && io->offset % layout->sector_size == 0;

    if (run->queue == QUEUE_RENEWAL)
        ok = ok && area == 0 && sector == host->host_id - 1;
    else
        ok = ok && area == 1 + (uint64_t)run->resource &&
             (sector == 0 || sector == 1 + host->host_id ||
              (sector > 1 && is_zero(io->data, io->length)));
    if (host->is_sanlock && area > 0 && sector > 1 && sector != 1 + host->host_id)
        note_wiped(run, sector - 1);
    if (!ok)
        check_violated(sim, "%s writes sector %u of area %u, which is not its own", host->name,
                       (unsigned)sector, (unsigned)area);
}

void check_fences(SimHost *host, const SimIo *io)
{
    if (host->sim->options.ignore_fences || (host->is_sanlock && io->queue == QUEUE_RESOURCE))
        return;
    for (unsigned i = 0; i < host->ios->len; i++) {
        const SimIo *other = host->ios->pdata[i];
        if (other == io || !other->is_write || !other->submitted || other->ended)
            continue;
        if (other->offset < io->fence_offset + io->fence_length &&
            io->fence_offset < other->offset + other->length)
            check_violated(host->sim, "%s starts write %u while write %u is in its fence",
                           host->name, (unsigned)io->id, (unsigned)other->id);
    }
}

/* Progress */

/* How long it may take: a host comes back, watches the host lease of a stranger who died just
 * before, joins, waits for an owner that died just before, and for one more that died while it took
 * the resource. */
static uint64_t progress_bound(const Sim *sim)
{
    uint64_t longest = 0;
    for (unsigned i = 0; i < sim->n_hosts; i++)
        longest = MAX(longest, timing_free(sim->hosts[i].io_timeout));
    return 3 * longest + 60 * USEC_PER_SECOND;
}

static bool is_joined(const SimHost *host)
{
    return host->up && host->lockspace != NULL && host->lockspace->state == LOCKSPACE_HELD;
}

/* Not joined, since another host has its host id. */
static bool is_shut_out(const Sim *sim, const SimHost *host)
{
    for (unsigned i = 0; i < sim->n_hosts; i++) {
        const SimHost *other = &sim->hosts[i];
        if (other != host && other->host_id == host->host_id && is_joined(other))
            return true;
    }
    return false;
}

static bool is_served(const Sim *sim, unsigned r, unsigned host)
{
    return (sim->served[r] & (1u << host)) != 0;
}

static void pass_turn(Sim *sim, unsigned r, bool to_anyone)
{
    for (unsigned n = 1; n <= sim->n_hosts; n++) {
        unsigned next = (sim->turn[r] + n) % sim->n_hosts;
        const SimHost *host = &sim->hosts[next];
        bool wants = to_anyone || !is_served(sim, r, next);
        if (!is_joined(host) || host->is_sanlock || !wants)
            continue;
        sim->turn[r] = next;
        sim->turn_us[r] = sim->now_us;
        return;
    }
}

/* When an old leader record has landed on a newer one, a host may have to wait until another one,
 * which the ballots show to be ahead, tries again: then turns are passed on while they fail, too. A
 * host of sanlock's may even be in a ballot that it neither wins nor ends, for ever, and nobody can
 * know what it will do next: then nothing is asserted. */
static void check_turn(Sim *sim, unsigned r, uint64_t bound)
{
    const SimHost *host = &sim->hosts[sim->turn[r]];
    uint64_t waited = sim->now_us - sim->turn_us[r];
    if (!is_joined(host) || is_served(sim, r, sim->turn[r])) {
        pass_turn(sim, r, false);
    } else if (sim->version_fell && waited > 20 * USEC_PER_SECOND) {
        pass_turn(sim, r, true);
    } else if (waited > bound) {
        check_violated(sim, "%s cannot get r%u, with nobody in its way, in %.0f s of calm",
                       host->name, r + 1, (double)waited / 1e6);
    }
}

bool check_progress(Sim *sim)
{
    uint64_t bound = progress_bound(sim);
    uint64_t passed = sim->now_us - sim->calm_us;
    bool all = true;
    /* A hold in a generation that is ahead of its host id's is nobody's and yet everybody's
     * obstacle, for as long as somebody renews that host id. */
    if (sim->trouble[TROUBLE_SANLOCK] || sim->generation_fell)
        return true;
    /* A ballot of a lockspace of the past, ahead of a leader record of the past: nobody can ever
     * say what became of it. */
    if (sim->leftovers && sim->version_fell)
        return true;
    for (unsigned i = 0; i < sim->n_hosts; i++) {
        SimHost *host = &sim->hosts[i];
        if (!is_joined(host) && is_shut_out(sim, host))
            continue;
        for (unsigned r = 0; r < sim->n_resources; r++)
            all = all && is_served(sim, r, i);
        if (!is_joined(host) && passed > bound)
            check_violated(sim, "%s cannot join in %.0f s of calm", host->name,
                           (double)passed / 1e6);
        if (!all && passed > (sim->n_hosts + 1) * bound)
            check_violated(sim, "%s has not got everything in %.0f s of calm", host->name,
                           (double)passed / 1e6);
    }
    for (unsigned r = 0; r < sim->n_resources; r++)
        check_turn(sim, r, bound);
    return all;
}
