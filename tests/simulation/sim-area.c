/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads of resource areas that fetch only what lease/area-plan.h asks for; what
 * engine/area-reader.c does in the daemon.
 *
 * The disk knows no parts: the whole range is read as one I/O, and what the plan did not ask for is
 * taken away again before the machine sees it. That parts are sampled at different moments, and
 * those that are not read at the first of them, is what reads do here anyway (SimSampling).
 *
 * What attacks it: hosts that join for the first time when others have long been at work, io
 * timeouts in the lockspace that are shorter than those of its hosts, ballots that a lockspace of
 * the past has left in the sectors of host ids that this one does not know, and hosts beside ours
 * that read everything and go by it. Chance of its own, so that the seeds that have none of this
 * are what they were without.
 */
#include "simulation/sim.h"

#include <string.h>

#include "ondisk/area-image.h"

/* A host id that no host has; the hosts of a resource are SIM_HOSTS_MAX. */
#define FORGOTTEN_HOST SIM_HOSTS_MAX

#define RUSH_US (USEC_PER_SECOND / 2)

void area_init(Sim *sim)
{
    Chance *chance = &sim->area_chance;
    *chance = (Chance){ sim->seed * UINT64_C(0xD1342543DE82EF95) + 7 };
    sim->late_hosts = chance_hits(chance, 0.3);
    sim->leftovers = chance_hits(chance, 0.3);
    sim->rush = (sim->late_hosts || sim->leftovers) && chance_hits(chance, 0.7);
    for (unsigned i = 0; i < sim->n_hosts; i++)
        sim->hosts[i].reads_whole = chance_hits(chance, 0.2);
    for (unsigned i = 0; i < sim->n_hosts; i++)
        sim->hosts[i].remembers = chance_hits(chance, 0.8);
}

/* A resource of an older lockspace: decided up to some version, with a ballot for the next one that
 * nobody finished. Whom it proposes this lockspace has never heard of. */
static void leave_ballots(Sim *sim, unsigned resource)
{
    Chance *chance = &sim->area_chance;
    const SimDisk *disk = &sim->disk;
    uint8_t *area = sim->disk.bytes + disk->areas[1 + resource].offset;
    LeaderRecord leader;
    leader_record_decode(&leader, area);
    leader.version_of_lease = chance_between(chance, 1, 10);
    leader.owner_id = leader.write_id = FORGOTTEN_HOST;
    leader.owner_generation = leader.write_generation = 1;
    leader.write_timestamp = 100;
    leader_record_seal(&leader);
    leader_record_encode(&leader, area);
    for (uint64_t host_id = 1; host_id <= SIM_HOSTS_MAX; host_id++) {
        if (host_id != FORGOTTEN_HOST && !chance_hits(chance, 0.3))
            continue;
        BallotRecord ballot = { .lver = leader.version_of_lease + 1 };
        ballot.mbal = chance_between(chance, 0, 20) * disk->layout.max_hosts + host_id;
        if (chance_hits(chance, 0.7)) {
            ballot.bal = ballot.mbal;
            ballot.inp = FORGOTTEN_HOST;
            ballot.inp2 = 1;
            ballot.inp3 = 200;
        }
        ballot_record_seal(&ballot);
        ballot_record_encode(&ballot, area + layout_host_sector(&disk->layout, 0, host_id));
    }
}

void area_prepare(Sim *sim)
{
    if (sim->late_hosts)
        lockspace_area_fill(sim->disk.bytes, &sim->disk.layout, SIM_LOCKSPACE,
                            chance_hits(&sim->area_chance, 0.6) ? 1 : 2);
    for (unsigned i = 0; i < sim->n_resources && sim->leftovers; i++)
        leave_ballots(sim, i);
    sim->blank = g_malloc0(sim->disk.layout.align_size);
}

void area_clear(Sim *sim)
{
    g_free(sim->blank);
}

uint64_t area_boot_delay(Sim *sim, const SimHost *host, uint64_t usual_us)
{
    if (!sim->late_hosts || host->index == 0 || !chance_hits(&sim->area_chance, 0.6))
        return usual_us;
    return chance_between(&sim->area_chance, usual_us, sim->options.seconds * USEC_PER_SECOND);
}

/* Who wants a resource wants it at the same moments as all others do. */
uint64_t area_want_delay(Sim *sim, uint64_t usual_us)
{
    if (!sim->rush || sim->calm)
        return usual_us;
    uint64_t at_us = sim->now_us + usual_us;
    return usual_us + RUSH_US - at_us % RUSH_US +
           chance_between(&sim->area_chance, 0, 3 * sim->io_us);
}

/* Reads */

void area_plan(SimRun *run)
{
    const SimLockspace *lockspace = run->lockspace;
    SimHost *host = run->host;
    if (!run->step.area || host->is_sanlock || host->reads_whole)
        area_plan_make_whole(&run->plan, run->step.length);
    else
        area_plan_make(&run->plan, &lockspace->memories[run->resource], &lockspace->ever,
                       &host->sim->disk.layout, host->host_id, run->step.length, host_local(host));
    host->sim->counts.sparse_reads += !run->plan.whole;
}

const uint8_t *area_take(SimRun *run, const SimIo *io, const uint8_t *data)
{
    Sim *sim = run->host->sim;
    if (!run->step.area || run->host->is_sanlock || run->host->reads_whole)
        return data;
    AreaMemory *memory = &run->lockspace->memories[run->resource];
    for (unsigned i = 0; !run->plan.whole && i < run->plan.n_parts; i++)
        memcpy(sim->blank + run->plan.parts[i].offset, data + run->plan.parts[i].offset,
               run->plan.parts[i].length);
    if (!run->plan.whole)
        data = sim->blank;
    if (area_plan_accept(&run->plan, memory, &sim->disk.layout, data, io->started_local_us,
                         run->occupied)) {
        run->input.occupied = run->occupied;
        return data;
    }
    area_wipe(run);
    area_plan_make_whole(&run->plan, run->step.length);
    return NULL;
}

void area_wipe(SimRun *run)
{
    for (unsigned i = 0; !run->plan.whole && i < run->plan.n_parts; i++)
        memset(run->host->sim->blank + run->plan.parts[i].offset, 0, run->plan.parts[i].length);
}
