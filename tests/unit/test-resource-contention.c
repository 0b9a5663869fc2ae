/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two to eight hosts fight for one resource: the promise itself. Machines of ours, alone or beside
 * hosts that play as sanlock does, interleaved in simulated time on one disk by a seed. After each
 * step at most one host may believe that it holds the resource (shared holders: any number, with no
 * exclusive one), and versions must grow.
 *
 * What happens to them, by chance: I/Os of any length; writes that time out and land at any time
 * before their end is seen, or never; errors with and without effect; hosts that stand still
 * between a decision and its write; reads that are sampled early, late, or half of each; hosts
 * whose host lease runs out in the middle of anything, are reset within the time they have, and
 * come back with a new generation at once or late; area reads that are a while old.
 *
 * A host believes from STEP_DONE until it starts its release or is reset. A reset comes at the
 * latest 8 N + 60 s after the start of its last renewal; its writes that are out then are over.
 *
 * Environment: BAILIFF_SEED=n runs that one seed and tells what happens; BAILIFF_SEEDS=n how many.
 */
#include <stdlib.h>
#include <string.h>

#include "lease/lease-timing.h"
#include "support/resource-world.h"
#include "support/sanlock-host.h"

#define HOSTS_MAX 8
#define TICK_US (2 * USEC_PER_SECOND)

typedef enum ActorState {
    ACTOR_IDLE,
    ACTOR_ACQUIRING,
    ACTOR_HOLDING,
    ACTOR_CONVERTING, /* to the other mode; or giving back what a conversion has left */
    ACTOR_RELEASING,
    ACTOR_RELEASE_PAUSE,
    ACTOR_RESET,
} ActorState;

typedef struct Actor {
    WorldMember member;
    SanlockHost sanlock;
    bool is_sanlock;
    uint64_t id;
    uint64_t generation;
    ActorState state;
    MemoryRun run;
    uint64_t act_us; /* when not running */
    bool believes;
    bool shared;
    uint64_t last_renewal_us;
    bool renews;
    uint64_t reset_us; /* when it will be reset; TIME_NEVER while it renews */
} Actor;

typedef struct Simulation {
    ResourceWorld world;
    GRand *rand;
    Actor actors[HOSTS_MAX];
    unsigned n;
    uint64_t now_us;
    uint64_t tick_us;
    uint64_t last_version;
    bool faults;
    bool deaths;
    bool calm; /* the end: no trouble any more */
    unsigned seed;
    unsigned holds, shared_holds, converted, adopted, lost, fallen_back, among_sanlocks;
    bool sanlocks, shared;
    bool tell;
} Simulation;

typedef struct Mix {
    unsigned ours, sanlocks;
    bool faults, deaths, shared;
} Mix;

/* Chance */

static bool chance(Simulation *sim, double probability)
{
    return g_rand_double(sim->rand) < probability;
}

static uint64_t between(Simulation *sim, uint64_t low, uint64_t high)
{
    return low + (uint64_t)(g_rand_double(sim->rand) * (double)(high - low));
}

static MemoryIo random_io(Simulation *sim, const Actor *actor)
{
    double kind = g_rand_double(sim->rand);
    uint64_t end = kind < 0.8    ? between(sim, 100, 2000)
                   : kind < 0.95 ? between(sim, 2000, 50000)
                                 : between(sim, 50000, 900000);
    MemoryIo io = memory_io_late(between(sim, 0, end), end);
    io.sample_at_start = chance(sim, 0.1);
    /* The leader and all sectors of hosts, split anywhere. */
    io.torn_at = chance(sim, 0.1) ? (uint32_t)between(sim, 1, 10) * 512 : 0;
    if (!sim->faults || sim->calm || actor->is_sanlock)
        return io;
    kind = g_rand_double(sim->rand);
    if (kind < 0.03) {
        io.latency_us = between(sim, USEC_PER_SECOND + 1, 6 * USEC_PER_SECOND);
        io.land_us = chance(sim, 0.2) ? TIME_NEVER : between(sim, 0, io.latency_us);
    } else if (kind < 0.04) {
        io.outcome = IO_FAILED;
        io.io_errno = 5;
        io.land_us = chance(sim, 0.5) ? TIME_NEVER : io.land_us;
    } else if (kind < 0.043) {
        io = memory_io_lost();
    } else if (kind < 0.06) {
        io.held_up_us = between(sim, 1000, 20 * USEC_PER_SECOND);
    }
    return io;
}

/* Host leases */

static void renew(Simulation *sim, Actor *actor)
{
    actor->last_renewal_us = sim->now_us;
    world_set_host_lease(&sim->world, actor->id, actor->generation, sim->now_us / USEC_PER_SECOND);
}

/* All area reads happen at the same times; how old they are at any other is chance enough. */
static void tick(Simulation *sim)
{
    for (unsigned i = 0; i < sim->n; i++) {
        Actor *actor = &sim->actors[i];
        if (actor->renews)
            renew(sim, actor);
        LeaderRecord record = world_host_lease(&sim->world, actor->id);
        HostView *view = &sim->world.views[actor->id];
        if (view->timestamp != record.timestamp || view->generation != record.owner_generation) {
            world_know(&sim->world, actor->id, sim->now_us, sim->now_us, true);
        }
        view->last_check_us = sim->now_us;
    }
    sim->tick_us = sim->now_us + TICK_US;
}

static void join(Simulation *sim, Actor *actor)
{
    actor->generation++;
    actor->renews = true;
    actor->reset_us = TIME_NEVER;
    actor->state = ACTOR_IDLE;
    actor->act_us = sim->now_us + between(sim, 0, 3 * USEC_PER_SECOND);
    actor->member.lease.generation = actor->generation;
    actor->member.lease.may_be_owner = actor->member.lease.held = false;
    actor->member.lease.mode = RESOURCE_EXCLUSIVE;
    sanlock_host_init(&actor->sanlock, WORLD_LOCKSPACE, WORLD_RESOURCE, &sim->world.layout,
                      actor->id, actor->generation, WORLD_IO_TIMEOUT);
    renew(sim, actor);
}

static void fall_silent(Simulation *sim, Actor *actor)
{
    actor->renews = false;
    actor->reset_us = sim->now_us + between(sim, 0, timing_free(WORLD_IO_TIMEOUT));
    uint64_t last = actor->last_renewal_us + timing_free(WORLD_IO_TIMEOUT);
    actor->reset_us = MIN(actor->reset_us, last);
}

static bool is_running(const Actor *actor)
{
    return actor->state == ACTOR_ACQUIRING || actor->state == ACTOR_CONVERTING ||
           actor->state == ACTOR_RELEASING;
}

static void reset(Simulation *sim, Actor *actor)
{
    if (is_running(actor))
        memory_run_abandon(&actor->run);
    memory_host_reset(&actor->member.host,
                      sim->now_us + (chance(sim, 0.5) ? 3 * USEC_PER_SECOND : 0));
    if (sim->tell)
        g_test_message("%.6f host %u is reset", (double)sim->now_us / 1e6, (unsigned)actor->id);
    actor->believes = false;
    actor->reset_us = TIME_NEVER;
    actor->state = ACTOR_RESET;
    actor->act_us = sim->now_us + between(sim, 0, 100 * USEC_PER_SECOND);
    /* Some leave the lockspace properly before. */
    if (chance(sim, 0.3))
        world_set_host_lease(&sim->world, actor->id, actor->generation, 0);
}

/* Acting */

static void *start_ours(Simulation *sim, Actor *actor, MachineResume *ret_resume)
{
    WorldMember *me = &actor->member;
    if (actor->state == ACTOR_ACQUIRING && !actor->shared) {
        resource_acquire_init(&me->acquire, &me->lease, chance(sim, 0.1), 0);
        *ret_resume = (MachineResume)resource_acquire_resume;
        return &me->acquire;
    }
    if (actor->state == ACTOR_CONVERTING && actor->shared && !me->lease.may_be_owner) {
        resource_convert_init(&me->convert, &me->lease);
        *ret_resume = (MachineResume)resource_convert_resume;
        return &me->convert;
    }
    if (actor->state == ACTOR_RELEASING) {
        resource_release_init(&me->release, &me->lease);
        *ret_resume = (MachineResume)resource_release_resume;
        return &me->release;
    }
    if (actor->state == ACTOR_CONVERTING)
        resource_share_of_held_init(&me->share, &me->lease);
    else
        resource_share_init(&me->share, &me->lease, chance(sim, 0.1), 0);
    actor->shared = true; /* from now on, whatever is on disk */
    *ret_resume = (MachineResume)resource_share_resume;
    return &me->share;
}

static void *start_sanlock(Actor *actor, MachineResume *ret_resume)
{
    SanlockHost *host = &actor->sanlock;
    if (actor->state == ACTOR_ACQUIRING) {
        sanlock_acquire_init(host, actor->shared);
        *ret_resume = (MachineResume)sanlock_acquire_resume;
    } else if (actor->state == ACTOR_CONVERTING) {
        sanlock_convert_init(host, !actor->shared);
        actor->shared = true; /* whichever way */
        *ret_resume = (MachineResume)sanlock_convert_resume;
    } else {
        sanlock_release_init(host);
        *ret_resume = (MachineResume)sanlock_release_resume;
    }
    return host;
}

static void start(Simulation *sim, Actor *actor, ActorState state)
{
    WorldMember *me = &actor->member;
    MachineResume resume;
    void *machine;
    actor->state = state;
    if (actor->is_sanlock) {
        machine = start_sanlock(actor, &resume);
    } else {
        machine = start_ours(sim, actor, &resume);
    }
    me->host.now_us = sim->now_us;
    me->host.other = random_io(sim, actor);
    me->host.valid_until_us = actor->last_renewal_us + timing_fail(WORLD_IO_TIMEOUT);
    actor->believes = state == ACTOR_CONVERTING;
    memory_run_start(&actor->run, &me->host, machine, resume,
                     sim->calm || chance(sim, 0.95)
                         ? TIME_NEVER
                         : sim->now_us + between(sim, 0, USEC_PER_SECOND / 10));
}

/* Two hosts of sanlock's can both hold in a way that none of ours can prevent: one that is about to
 * try finds itself named as owner by another's hand, and takes that for its success although its
 * own RELEASED flag is still set (facts, section 5 E). That is counted; with one of ours it is the
 * end. */
static void check(Simulation *sim)
{
    unsigned exclusive = 0, shared = 0, ours = 0;
    for (unsigned i = 0; i < sim->n; i++) {
        exclusive += sim->actors[i].believes && !sim->actors[i].shared;
        shared += sim->actors[i].believes && sim->actors[i].shared;
        ours += sim->actors[i].believes && !sim->actors[i].is_sanlock;
    }
    if (exclusive <= 1 && (exclusive == 0 || shared == 0))
        return;
    sim->among_sanlocks++;
    if (ours > 0)
        g_error("seed %u: %u exclusive and %u shared holders at %.6f", sim->seed, exclusive, shared,
                (double)sim->now_us / 1e6);
}

static void acquired(Simulation *sim, Actor *actor)
{
    const LeaderRecord *leader =
        actor->is_sanlock ? &actor->sanlock.leader : &actor->member.lease.leader;
    sim->holds++;
    sim->shared_holds += actor->shared;
    sim->converted += actor->state == ACTOR_CONVERTING;
    sim->adopted += leader->write_id != actor->id;
    actor->believes = true;
    actor->state = ACTOR_HOLDING;
    actor->act_us = sim->now_us + between(sim, 0, chance(sim, 0.2) ? 5000000 : 20000);
    check(sim);
    /* What was won to pass through is nobody's version, and its end may be seen late. */
    if (actor->shared)
        return;
    /* A host of sanlock's gives versions out again when an old leader record has landed on its own
     * newer one: it overwrites the only ballot record that says so. Ours do not. */
    sim->fallen_back += leader->version_of_lease <= sim->last_version;
    if (sim->fallen_back > 0 && !sim->sanlocks)
        g_error("seed %u: version %u after %u", sim->seed, (unsigned)leader->version_of_lease,
                (unsigned)sim->last_version);
    sim->last_version = leader->version_of_lease;
}

static void convert_ended(Simulation *sim, Actor *actor, bool done)
{
    const ResourceLease *lease = &actor->member.lease;
    bool was_shared = actor->shared, held = actor->is_sanlock || lease->held;
    actor->shared = actor->is_sanlock ? actor->sanlock.want_shared : lease->mode == RESOURCE_SHARED;
    actor->believes = held;
    if (done && was_shared && !actor->shared) {
        acquired(sim, actor);
        return;
    }
    actor->act_us = sim->now_us + between(sim, 0, 30000);
    actor->state = held ? ACTOR_HOLDING : ACTOR_RELEASE_PAUSE;
}

static void ended(Simulation *sim, Actor *actor)
{
    bool done = actor->run.step.kind == STEP_DONE;
    bool owed = actor->is_sanlock ? actor->sanlock.retract : actor->member.lease.may_be_owner;
    static const char *const doing[] = {
        [ACTOR_ACQUIRING] = "acquire", [ACTOR_CONVERTING] = "convert", [ACTOR_RELEASING] = "release"
    };
    if (sim->tell)
        g_test_message("%.6f host %u %s: %s %s", (double)sim->now_us / 1e6, (unsigned)actor->id,
                       doing[actor->state],
                       done ? "done" : lease_fault_name(actor->run.step.fault.kind),
                       done ? "" : record_fault_name(actor->run.step.fault.record));
    if (actor->state == ACTOR_ACQUIRING && done) {
        acquired(sim, actor);
        return;
    }
    if (actor->state == ACTOR_CONVERTING) {
        convert_ended(sim, actor, done);
        return;
    }
    if (actor->state == ACTOR_ACQUIRING && actor->run.step.fault.kind == LEASE_BALLOT_LOST)
        sim->lost++;
    actor->act_us = sim->now_us + between(sim, 0, 30000);
    if (actor->state == ACTOR_ACQUIRING) {
        actor->state = owed ? ACTOR_RELEASE_PAUSE : ACTOR_IDLE;
        return;
    }
    if (actor->run.step.fault.kind == LEASE_NOT_OURS)
        g_error("seed %u: not ours", sim->seed);
    actor->state = done ? ACTOR_IDLE : ACTOR_RELEASE_PAUSE;
}

static uint64_t event_of(const Actor *actor)
{
    uint64_t at = actor->act_us;
    if (is_running(actor))
        at = actor->run.step.kind == STEP_WAIT ? MIN(actor->run.event_us, actor->run.stop_at_us)
                                               : actor->run.event_us;
    return MIN(at, actor->reset_us);
}

static void start_acquiring(Simulation *sim, Actor *actor)
{
    actor->shared = sim->shared && chance(sim, 0.6);
    start(sim, actor, ACTOR_ACQUIRING);
}

static void act(Simulation *sim, Actor *actor)
{
    if (sim->now_us >= actor->reset_us) {
        reset(sim, actor);
        return;
    }
    switch (actor->state) {
    case ACTOR_IDLE:
        if (sim->calm)
            actor->act_us = TIME_NEVER - 2;
        else
            start_acquiring(sim, actor);
        break;
    case ACTOR_HOLDING:
        if (sim->shared && !sim->calm && chance(sim, 0.6)) {
            start(sim, actor, ACTOR_CONVERTING);
            break;
        }
        start(sim, actor, ACTOR_RELEASING);
        break;
    case ACTOR_RELEASE_PAUSE:
        start(sim, actor, ACTOR_RELEASING);
        break;
    case ACTOR_RESET:
        join(sim, actor);
        break;
    default:
        actor->member.host.other = random_io(sim, actor);
        actor->member.host.valid_until_us = actor->last_renewal_us + timing_fail(WORLD_IO_TIMEOUT);
        memory_run_step(&actor->run);
        sim->now_us = MAX(sim->now_us, actor->member.host.now_us);
        if (sim->tell)
            member_tell_writes(&actor->member);
        break;
    }
    if (is_running(actor) && actor->run.ended)
        ended(sim, actor);
}

static void step(Simulation *sim)
{
    Actor *first = NULL;
    uint64_t at = sim->tick_us;
    for (unsigned i = 0; i < sim->n; i++) {
        if (event_of(&sim->actors[i]) < at) {
            first = &sim->actors[i];
            at = event_of(first);
        }
    }
    sim->now_us = MAX(sim->now_us, at);
    memory_disk_advance(&sim->world.resource, sim->now_us);
    if (first == NULL) {
        tick(sim);
        return;
    }
    if (sim->deaths && !sim->calm && first->renews && chance(sim, 0.002))
        fall_silent(sim, first);
    act(sim, first);
}

/* One host gets the resource and releases it, within a quarter of an hour. */
static bool gets_it(Simulation *sim, Actor *actor)
{
    actor->shared = false;
    for (unsigned tries = 0; !actor->believes; tries++) {
        if (tries > 40)
            return false;
        if (actor->state == ACTOR_IDLE)
            start(sim, actor, ACTOR_ACQUIRING);
        uint64_t pause = sim->now_us + 20 * USEC_PER_SECOND;
        while (sim->now_us < pause && !actor->believes)
            step(sim);
    }
    start(sim, actor, ACTOR_RELEASING);
    while (actor->state != ACTOR_IDLE)
        step(sim);
    return true;
}

/* All trouble ends: everybody lets go of what is left, then each host in turn must get it. A host
 * may have to wait for another one to try first: one that gave up in a ballot while an old leader
 * record landed. And a write that never ends takes its host out until it is reset; what that host
 * holds stays held. */
static bool settle(Simulation *sim)
{
    bool out = false, failed = false;
    sim->calm = true;
    uint64_t until = sim->now_us + 400 * USEC_PER_SECOND;
    while (sim->now_us < until)
        step(sim);
    for (unsigned round = 0; round < 2; round++) {
        failed = false;
        for (unsigned i = 0; i < sim->n; i++) {
            Actor *actor = &sim->actors[i];
            if (actor->state != ACTOR_IDLE) {
                out = true;
            } else if (!gets_it(sim, actor)) {
                failed = true;
                out = out || (sim->faults && actor->run.step.fault.kind == LEASE_IO_TIMEOUT);
            }
        }
    }
    if (failed && !out)
        g_error("seed %u: somebody cannot get the resource", sim->seed);
    return !failed;
}

static void simulate(Simulation *sim, unsigned seed, const Mix *mix, unsigned n_steps)
{
    *sim = (Simulation){ .seed = seed,
                         .rand = g_rand_new_with_seed(seed),
                         .n = mix->ours + mix->sanlocks,
                         .now_us = WORLD_START_US,
                         .faults = mix->faults,
                         .deaths = mix->deaths,
                         .sanlocks = mix->sanlocks > 0,
                         .shared = mix->shared,
                         .tell = g_getenv("BAILIFF_SEED") != NULL };
    world_init(&sim->world, 512, 0, 8);
    for (unsigned i = 0; i < sim->n; i++) {
        Actor *actor = &sim->actors[i];
        actor->id = i + 1;
        actor->is_sanlock = i >= mix->ours;
        member_init(&actor->member, &sim->world, actor->id, 0);
        actor->member.host.share_reads = true;
        actor->member.host.random = seed * 16 + i + 1;
        join(sim, actor);
    }
    tick(sim);
    for (unsigned i = 0; i < n_steps; i++)
        step(sim);
}

static void simulation_end(Simulation *sim)
{
    for (unsigned i = 0; i < sim->n; i++) {
        if (!sim->actors[i].run.ended)
            memory_run_abandon(&sim->actors[i].run);
        member_clear(&sim->actors[i].member);
    }
    world_clear(&sim->world);
    g_rand_free(sim->rand);
}

static void run_mix(const Mix *base)
{
    const char *one = g_getenv("BAILIFF_SEED");
    const char *count = g_getenv("BAILIFF_SEEDS");
    unsigned first = one != NULL ? (unsigned)atoi(one) : 1;
    unsigned last = one != NULL ? first : count != NULL ? (unsigned)atoi(count) : 600;
    unsigned holds = 0, shared = 0, converted = 0, adopted = 0, lost = 0, fallen_back = 0,
             stuck = 0;
    unsigned among_sanlocks = 0;
    for (unsigned seed = first; seed <= last; seed++) {
        Simulation sim;
        Mix mix = *base;
        mix.ours = MAX(mix.ours, mix.sanlocks > 0 ? 1 : 2);
        mix.ours -= seed % (mix.ours - (mix.sanlocks > 0 ? 0 : 1));
        simulate(&sim, seed, &mix, 400);
        stuck += !settle(&sim);
        holds += sim.holds;
        shared += sim.shared_holds;
        converted += sim.converted;
        adopted += sim.adopted;
        lost += sim.lost;
        fallen_back += sim.fallen_back;
        among_sanlocks += sim.among_sanlocks;
        simulation_end(&sim);
    }
    g_test_message("%u seeds, %u holds (%u shared, %u made exclusive), %u committed by another "
                   "host, %u ballots lost, "
                   "%u versions given out again, %u double holds among hosts of sanlock's, "
                   "%u ends in which somebody could not get it",
                   last - first + 1, holds, shared, converted, adopted, lost, fallen_back,
                   among_sanlocks, stuck);
    g_assert_cmpuint(holds, >, 0);
    g_assert_true(!base->shared || (shared > 0 && converted > 0));
}

static void test_ours(void)
{
    run_mix(&(Mix){ .ours = 8 });
}

static void test_ours_deaths(void)
{
    run_mix(&(Mix){ .ours = 8, .deaths = true });
}

static void test_ours_faults(void)
{
    run_mix(&(Mix){ .ours = 8, .faults = true });
}

static void test_ours_all_trouble(void)
{
    run_mix(&(Mix){ .ours = 5, .faults = true, .deaths = true });
}

static void test_ours_shared(void)
{
    run_mix(&(Mix){ .ours = 6, .shared = true });
}

static void test_ours_shared_all_trouble(void)
{
    run_mix(&(Mix){ .ours = 5, .faults = true, .deaths = true, .shared = true });
}

static void test_beside_sanlock(void)
{
    run_mix(&(Mix){ .ours = 4, .sanlocks = 3 });
}

static void test_beside_sanlock_shared(void)
{
    run_mix(&(Mix){ .ours = 3, .sanlocks = 4, .deaths = true, .shared = true });
}

static void test_beside_sanlock_all_trouble(void)
{
    run_mix(&(Mix){ .ours = 4, .sanlocks = 3, .faults = true, .deaths = true, .shared = true });
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/resource-contention/ours", test_ours);
    g_test_add_func("/resource-contention/ours-deaths", test_ours_deaths);
    g_test_add_func("/resource-contention/ours-faults", test_ours_faults);
    g_test_add_func("/resource-contention/ours-all-trouble", test_ours_all_trouble);
    g_test_add_func("/resource-contention/ours-shared", test_ours_shared);
    g_test_add_func("/resource-contention/ours-shared-all-trouble", test_ours_shared_all_trouble);
    g_test_add_func("/resource-contention/beside-sanlock", test_beside_sanlock);
    g_test_add_func("/resource-contention/beside-sanlock-shared", test_beside_sanlock_shared);
    g_test_add_func("/resource-contention/beside-sanlock-all-trouble",
                    test_beside_sanlock_all_trouble);
    return g_test_run();
}
