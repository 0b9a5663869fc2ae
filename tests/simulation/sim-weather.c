/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chance: what a seed's world is like, how I/Os end, what befalls hosts.
 *
 * Each seed has only some of the troubles. With all of them at once hosts would hardly ever hold
 * anything, and a mistake that needs a quiet hour before the one wrong moment would not be found.
 */
#include "simulation/sim.h"

#include <string.h>

#include "lease/lease-timing.h"

static void plan_trouble(Sim *sim);

static bool troubled(const Sim *sim, SimTrouble trouble)
{
    return sim->trouble[trouble] && !sim->calm;
}

/* What a seed is like */

static void choose_hosts(Sim *sim)
{
    Chance *chance = &sim->chance;
    unsigned same = (unsigned)chance_between(chance, 1, 4);
    sim->n_hosts =
        sim->options.hosts != 0 ? sim->options.hosts : (unsigned)chance_between(chance, 2, 7);
    sim->n_resources = (unsigned)chance_between(chance, 1, SIM_RESOURCES_MAX + 1);
    for (unsigned i = 0; i < sim->n_hosts; i++) {
        SimHost *host = &sim->hosts[i];
        host_init(host, sim, i);
        if (sim->options.io_timeout != 0)
            same = sim->options.io_timeout;
        host->io_timeout = same;
        if (sim->options.io_timeout == 0 && chance_hits(chance, 0.3))
            host->io_timeout = (unsigned)chance_between(chance, 1, 4);
        /* Never all of them. */
        host->is_sanlock = sim->trouble[TROUBLE_SANLOCK] && i > 0 && chance_hits(chance, 0.5);
        if (sim->trouble[TROUBLE_STRANGERS] && i > 0 && chance_hits(chance, 0.5))
            host->host_id = sim->hosts[chance_between(chance, 0, i)].host_id;
    }
}

void weather_init(Sim *sim)
{
    static const double often[N_TROUBLES] = {
        [TROUBLE_SLOW] = 0.5,     [TROUBLE_TIMEOUT] = 0.5,  [TROUBLE_ERROR] = 0.4,
        [TROUBLE_PREEMPT] = 0.4,  [TROUBLE_PAUSE] = 0.5,    [TROUBLE_SUSPEND] = 0.3,
        [TROUBLE_CRASH] = 0.5,    [TROUBLE_OUTAGE] = 0.5,   [TROUBLE_LEAVE] = 0.4,
        [TROUBLE_STUCK] = 0.4,    [TROUBLE_DRIFT] = 0.5,    [TROUBLE_STRANGERS] = 0.3,
        [TROUBLE_SANLOCK] = 0.15, [TROUBLE_CORRUPT] = 0.05, [TROUBLE_FREEZE] = 0.3,
        [TROUBLE_SHARE] = 0.4,
    };
    Chance *chance = &sim->chance;
    for (unsigned i = 0; i < N_TROUBLES; i++)
        sim->trouble[i] = chance_hits(chance, often[i]);
    /* Known, and without a bound: see the README. */
    if (sim->trouble[TROUBLE_FREEZE])
        sim->trouble[TROUBLE_STRANGERS] = false;
    /* A host of sanlock's takes the owner for gone whose host lease another one was copied over. */
    if (sim->trouble[TROUBLE_SANLOCK])
        sim->trouble[TROUBLE_CORRUPT] = false;
    choose_hosts(sim);
    sim->clocks_unwatched = sim->trouble[TROUBLE_FREEZE] && chance_hits(chance, 0.4);
    /* Seldom enough that the time is over in which one may believe what is not true. */
    sim->freeze_every_us = chance_between(chance, 50 * USEC_PER_SECOND, 500 * USEC_PER_SECOND);
    sim->io_us = chance_magnitude(chance, 200, 100000);
    sim->eager_us = chance_magnitude(chance, 20000, 100 * USEC_PER_SECOND);
    sim->preempt_rate = (double)chance_magnitude(chance, 2, 40) / 1000;
    sim->preempt_us = chance_magnitude(chance, USEC_PER_SECOND, 250 * USEC_PER_SECOND);
    sim->fault_rate = (double)chance_magnitude(chance, 5, 100) / 1000;
    sim->trouble_every_us = chance_magnitude(chance, 3 * USEC_PER_SECOND, 100 * USEC_PER_SECOND);
}

/* I/Os */

static void fate_timeout(SimHost *host, SimFate *fate)
{
    Chance *chance = &host->sim->chance;
    uint64_t timeout = timing_io(host->io_timeout);
    fate->end_after_us =
        chance_hits(chance, 0.1) ? TIME_NEVER : chance_magnitude(chance, timeout, 200 * timeout);
    uint64_t latest = MIN(fate->end_after_us, 100 * timeout);
    fate->land_after_us = chance_between(chance, 0, latest);
    if (!chance_hits(chance, 0.3))
        return;
    /* Lost; which its end tells, should anybody wait for that long. */
    fate->land_after_us = TIME_NEVER;
    fate->outcome = IO_FAILED;
}

static void fate_outage(SimHost *host, SimFate *fate)
{
    Sim *sim = host->sim;
    double kind = chance_unit(&sim->chance);
    uint64_t after =
        host->outage_until_us - sim->now_us + chance_between(&sim->chance, 0, USEC_PER_SECOND);
    if (kind < 0.6) {
        fate->end_after_us = after;
        fate->land_after_us = chance_between(&sim->chance, 0, after);
        if (chance_hits(&sim->chance, 0.5))
            fate->land_after_us = after;
    } else {
        fate->outcome = IO_FAILED;
        fate->land_after_us = TIME_NEVER;
    }
}

static void choose_sampling(Sim *sim, const SimIo *io, SimFate *fate)
{
    static const SimSampling kinds[] = { SAMPLE_START, SAMPLE_HEAD_FIRST, SAMPLE_TAIL_FIRST };
    if (!chance_hits(&sim->chance, 0.3))
        return;
    fate->sampling = kinds[chance_between(&sim->chance, 0, G_N_ELEMENTS(kinds))];
    fate->torn_at = (unsigned)chance_between(&sim->chance, 1, SIM_HOSTS_MAX + 2);
}

SimFate weather_fate(SimHost *host, const SimIo *io)
{
    Sim *sim = host->sim;
    Chance *chance = &sim->chance;
    double kind = chance_unit(chance);
    uint64_t end = kind < 0.8    ? chance_between(chance, sim->io_us / 4, sim->io_us * 2)
                   : kind < 0.97 ? chance_between(chance, sim->io_us, sim->io_us * 8)
                                 : chance_between(chance, sim->io_us, USEC_PER_SECOND / 2);
    SimFate fate = { .end_after_us = end };
    if (!io->is_write)
        choose_sampling(sim, io, &fate);
    /* sanlock has nothing against a write of its own that lands late; so none does. */
    if (!host->is_sanlock && !sim->calm) {
        if (host->outage_until_us > sim->now_us) {
            fate_outage(host, &fate);
            return fate;
        }
        if (troubled(sim, TROUBLE_SLOW) && chance_hits(chance, sim->fault_rate))
            end = fate.end_after_us = chance_between(chance, end, timing_io(host->io_timeout));
    }
    fate.land_after_us = chance_between(chance, 0, end + 1);
    if (host->is_sanlock || sim->calm)
        return fate;
    if (troubled(sim, TROUBLE_TIMEOUT) && chance_hits(chance, sim->fault_rate)) {
        fate_timeout(host, &fate);
    } else if (troubled(sim, TROUBLE_ERROR) && chance_hits(chance, sim->fault_rate)) {
        fate.outcome = IO_FAILED;
        if (chance_hits(chance, 0.5))
            fate.land_after_us = TIME_NEVER;
    }
    return fate;
}

uint64_t weather_thread_delay(SimHost *host)
{
    Sim *sim = host->sim;
    if (troubled(sim, TROUBLE_PREEMPT) && !host->is_sanlock &&
        chance_hits(&sim->chance, sim->preempt_rate))
        return chance_magnitude(&sim->chance, 1000, sim->preempt_us);
    return chance_between(&sim->chance, 0, 30);
}

/* What befalls hosts */

static void outage(Sim *sim, SimHost *host)
{
    uint64_t until =
        sim->now_us + chance_magnitude(&sim->chance, USEC_PER_SECOND / 10, 120 * USEC_PER_SECOND);
    bool all = chance_hits(&sim->chance, 0.3);
    for (unsigned i = 0; i < sim->n_hosts; i++) {
        if (all || &sim->hosts[i] == host)
            sim->hosts[i].outage_until_us = until;
    }
    sim_tell(sim, all ? NULL : host, "the storage is away until %.3f", (double)until / 1e6);
}

/* Garbage, or a host lease where another's should be. What would make two owners by the format
 * itself, where no checksum covers it, is left alone. */
static void corrupt(Sim *sim)
{
    const SimDisk *disk = &sim->disk;
    Chance *chance = &sim->chance;
    uint64_t sector_size = disk->layout.sector_size;
    uint64_t area = chance_between(chance, 0, 1 + sim->n_resources);
    uint64_t sector = chance_between(chance, 0, SIM_HOSTS_MAX + (area > 0 ? 2 : 0));
    uint8_t *bytes = disk->bytes + disk->areas[area].offset + sector * sector_size;
    sim->corrupted = true;
    if (area == 0 && chance_hits(chance, 0.4)) {
        /* One that was used: a copy of one that never was says that the host id is free. */
        uint64_t from = sim->hosts[chance_between(chance, 0, sim->n_hosts)].host_id - 1;
        LeaderRecord record;
        leader_record_decode(&record, disk->bytes + from * sector_size);
        if (record.owner_id == 0)
            return;
        memmove(bytes, disk->bytes + from * sector_size, sector_size);
        sim_tell(sim, NULL, "host lease %u is copied over host lease %u", (unsigned)from + 1,
                 (unsigned)sector + 1);
        return;
    }
    for (unsigned i = 0; i < 40; i++)
        bytes[i] = (uint8_t)chance_bits(chance);
    sim_tell(sim, NULL, "sector %u of area %u becomes garbage", (unsigned)sector, (unsigned)area);
}

static void stand_still(SimHost *host, uint64_t duration_us, SimTrouble kind)
{
    if (kind == TROUBLE_FREEZE)
        frozen_stop(host, duration_us);
    else
        host_stop(host, duration_us, kind == TROUBLE_SUSPEND);
}

/* At once, or in the middle of something; and often for just as long as others need to take over.
 */
static void standstill(SimHost *host, SimTrouble kind)
{
    Chance *chance = &host->sim->chance;
    uint64_t free_us = timing_free(host->io_timeout);
    uint64_t duration_us = chance_magnitude(chance, 1000, 300 * USEC_PER_SECOND);
    if (chance_hits(chance, 0.4))
        duration_us = chance_between(chance, free_us, 3 * free_us);
    if (chance_hits(chance, 0.5)) {
        stand_still(host, duration_us, kind);
        return;
    }
    host->ambush_us = duration_us;
    host->ambush_kind = kind;
}

void weather_moment(SimHost *host)
{
    Sim *sim = host->sim;
    if (host->ambush_us == 0 || sim->calm || !chance_hits(&sim->chance, 0.2))
        return;
    stand_still(host, host->ambush_us, host->ambush_kind);
    host->ambush_us = 0;
}

static void befall(Sim *sim, SimHost *host, SimTrouble trouble)
{
    Chance *chance = &sim->chance;
    if (trouble == TROUBLE_CRASH)
        host_reset(host, "power");
    else if (trouble == TROUBLE_LEAVE && host->up && host->lockspace != NULL &&
             host->stopped_until_us == 0)
        lockspace_leave(host->lockspace);
    else if (trouble == TROUBLE_CORRUPT && chance_hits(chance, 0.2))
        corrupt(sim);
    if (host->is_sanlock)
        return;
    if (trouble == TROUBLE_PAUSE || trouble == TROUBLE_SUSPEND)
        standstill(host, trouble);
    else if (trouble == TROUBLE_OUTAGE)
        outage(sim, host);
}

static void on_trouble(Sim *sim, void *object, uint64_t serial)
{
    static const SimTrouble kinds[] = { TROUBLE_PAUSE,  TROUBLE_SUSPEND, TROUBLE_CRASH,
                                        TROUBLE_OUTAGE, TROUBLE_LEAVE,   TROUBLE_CORRUPT };
    if (sim->calm)
        return;
    SimTrouble trouble = kinds[chance_between(&sim->chance, 0, G_N_ELEMENTS(kinds))];
    SimHost *host = &sim->hosts[chance_between(&sim->chance, 0, sim->n_hosts)];
    if (sim->trouble[trouble])
        befall(sim, host, trouble);
    plan_trouble(sim);
}

static void plan_trouble(Sim *sim)
{
    uint64_t pause = chance_between(&sim->chance, 0, sim->trouble_every_us);
    sim_at(sim, sim->now_us + pause, on_trouble, NULL, 0);
}

/* A host that uses something, most often: else nothing comes of it. */
static SimHost *choose_to_freeze(Sim *sim)
{
    SimHost *host = NULL;
    bool any = chance_hits(&sim->chance, 0.2);
    for (unsigned i = 0; i < 2 * sim->n_hosts; i++) {
        host = &sim->hosts[chance_between(&sim->chance, 0, sim->n_hosts)];
        if (!host->is_sanlock && (any || (host->lockspace != NULL && host->lockspace->joined &&
                                          lockspace_is_used(host->lockspace))))
            return host;
    }
    return NULL;
}

static void plan_freeze(Sim *sim);

static void on_freeze_time(Sim *sim, void *object, uint64_t serial)
{
    SimHost *host = sim->calm ? NULL : choose_to_freeze(sim);
    if (host != NULL)
        standstill(host, TROUBLE_FREEZE);
    if (!sim->calm)
        plan_freeze(sim);
}

static void plan_freeze(Sim *sim)
{
    sim_at(sim, sim->now_us + chance_between(&sim->chance, 0, sim->freeze_every_us), on_freeze_time,
           NULL, 0);
}

void weather_start(Sim *sim)
{
    for (unsigned i = 0; i < sim->n_hosts; i++)
        host_boot(&sim->hosts[i],
                  area_boot_delay(sim, &sim->hosts[i],
                                  chance_magnitude(&sim->chance, 1000, 10 * USEC_PER_SECOND)));
    plan_trouble(sim);
    if (sim->trouble[TROUBLE_FREEZE])
        plan_freeze(sim);
}

/* All trouble ends: storage answers, hosts go on, or come back, and what hung ends. */
void weather_calm(Sim *sim)
{
    sim->calm = true;
    sim->calm_us = sim->now_us;
    sim->eager_us = MIN(sim->eager_us, 5 * USEC_PER_SECOND);
    for (unsigned r = 0; r < sim->n_resources; r++)
        sim->turn_us[r] = sim->now_us;
    sim_tell(sim, NULL, "the calm begins");
    for (unsigned i = 0; i < sim->n_hosts; i++) {
        SimHost *host = &sim->hosts[i];
        host->outage_until_us = 0;
        if (!host->up)
            host_boot(host, chance_between(&sim->chance, SIM_AFTERLIFE_US, 10 * USEC_PER_SECOND));
        if (host->stopped_until_us != 0)
            host_resume(host);
        if (frozen_is(host))
            frozen_go_on(host);
        io_let_go(host);
        for (unsigned r = 0; host->lockspace != NULL && r < sim->n_resources; r++)
            grip_calm(&host->lockspace->grips[r]);
    }
}
