/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A daemon that ends in the midst of an operation on a resource: what had been done to the resource
 * before, the operation, and after which of its I/Os it ends; that one has reached the disk or
 * never will.
 */
#pragma once

#include "lease/resource-reclaim.h"
#include "support/resource-world.h"

#define ME 3
#define MY_GENERATION 4

/* What the daemon that ends, and another host, have done before. */
typedef enum Past {
    PAST_NONE,          /* formatted */
    PAST_OURS,          /* we released it */
    PAST_OTHERS,        /* another host released it */
    PAST_ADOPTED,       /* we released a version that another host committed for us */
    PAST_OTHER_SHARES,  /* another host shares it */
    PAST_BALLOT,        /* another host is in the middle of a ballot */
    PAST_OTHER_DECIDED, /* another host holds it */
    N_PASTS
} Past;

typedef enum Operation {
    CUT_ACQUIRE,
    CUT_SHARE,
    CUT_RELEASE,
    CUT_RELEASE_SHARED,
    CUT_TO_EXCLUSIVE,
    CUT_TO_SHARED,
    N_OPERATIONS
} Operation;

typedef struct Fixture {
    ResourceWorld world;
    WorldMember me, next, other, third; /* next: who comes after me, on the same host */
    ResourceReclaim reclaim;
    MemoryRun ballot; /* PAST_BALLOT: the other host's */
    bool in_ballot;
} Fixture;

static inline void setup(Fixture *f, gconstpointer data)
{
    *f = (Fixture){ 0 };
    world_init(&f->world, 512, 0, 8);
    member_init(&f->me, &f->world, ME, MY_GENERATION);
    member_init(&f->next, &f->world, ME, MY_GENERATION);
    member_init(&f->other, &f->world, 5, 1);
    member_init(&f->third, &f->world, 7, 9);
    f->other.host.random = 77;
}

static inline void teardown(Fixture *f, gconstpointer data)
{
    if (f->in_ballot && !f->ballot.ended)
        memory_run_abandon(&f->ballot);
    member_clear(&f->me);
    member_clear(&f->next);
    member_clear(&f->other);
    member_clear(&f->third);
    world_clear(&f->world);
}

static inline void assert_ok(const MachineStep *step)
{
    g_assert_cmpstr(lease_fault_name(step->fault.kind), ==, lease_fault_name(LEASE_OK));
    g_assert_cmpint(step->kind, ==, STEP_DONE);
}

#define must(call)                                                                                 \
    G_STMT_START                                                                                   \
    {                                                                                              \
        MachineStep step_ = (call);                                                                \
        assert_ok(&step_);                                                                         \
    }                                                                                              \
    G_STMT_END

static inline void make_past(Fixture *f, Past past)
{
    switch (past) {
    case PAST_NONE:
    case N_PASTS:
        break;
    case PAST_OURS:
        must(member_acquire(&f->me));
        must(member_release(&f->me));
        break;
    case PAST_OTHERS:
    case PAST_OTHER_SHARES:
    case PAST_OTHER_DECIDED:
        must(past == PAST_OTHER_SHARES ? member_share(&f->other) : member_acquire(&f->other));
        if (past == PAST_OTHERS)
            must(member_release(&f->other));
        break;
    case PAST_ADOPTED: {
        must(member_acquire(&f->me));
        LeaderRecord leader = world_leader(&f->world);
        leader.write_id = 7;
        leader.write_generation = 9;
        world_set_leader(&f->world, leader);
        must(member_release(&f->me));
        break;
    }
    case PAST_BALLOT:
        /* Its first ballot record is on disk. */
        resource_acquire_init(&f->other.acquire, &f->other.lease, false, 0);
        memory_run_start(&f->ballot, &f->other.host, &f->other.acquire,
                         (MachineResume)resource_acquire_resume, TIME_NEVER);
        f->in_ballot = true;
        while (memory_host_count_writes(&f->other.host) < 1 || f->ballot.step.kind == STEP_WRITE)
            memory_run_step(&f->ballot);
        g_assert_false(f->ballot.ended);
        break;
    }
}

static inline bool is_in_use(Operation operation)
{
    return operation == CUT_TO_EXCLUSIVE || operation == CUT_TO_SHARED;
}

/* What the operation begins with; false: there is no such case. */
static inline bool prepare(Fixture *f, Operation operation)
{
    MachineStep step = { .kind = STEP_DONE };

    if (operation == CUT_RELEASE || operation == CUT_TO_SHARED)
        step = member_acquire(&f->me);
    else if (operation == CUT_RELEASE_SHARED || operation == CUT_TO_EXCLUSIVE)
        step = member_share(&f->me);
    memory_host_forget_log(&f->me.host);
    f->me.host.io_count = 0;
    return step.kind == STEP_DONE;
}

static inline MachineResume start_operation(WorldMember *me, Operation operation,
                                            void **ret_machine)
{
    *ret_machine = &me->share;
    switch (operation) {
    case CUT_ACQUIRE:
        resource_acquire_init(&me->acquire, &me->lease, false, 0);
        *ret_machine = &me->acquire;
        return (MachineResume)resource_acquire_resume;
    case CUT_RELEASE:
    case CUT_RELEASE_SHARED:
        resource_release_init(&me->release, &me->lease);
        *ret_machine = &me->release;
        return (MachineResume)resource_release_resume;
    case CUT_TO_EXCLUSIVE:
        resource_convert_init(&me->convert, &me->lease);
        *ret_machine = &me->convert;
        return (MachineResume)resource_convert_resume;
    case CUT_TO_SHARED:
        resource_share_of_held_init(&me->share, &me->lease);
        return (MachineResume)resource_share_resume;
    default:
        resource_share_init(&me->share, &me->lease, false, 0);
        return (MachineResume)resource_share_resume;
    }
}

/* The daemon ends while its I/O `n` is out (0: the first one, which never lands). If that is a
 * write it has `landed` or never will. False: there are not so many. */
static inline bool cut_off(Fixture *f, Operation operation, unsigned n, bool landed)
{
    MemoryHost *host = &f->me.host;
    void *machine;
    MachineResume resume = start_operation(&f->me, operation, &machine);
    MemoryRun run;

    if (n > 0)
        memory_host_plan(host, n, memory_io_late(landed ? 1 : TIME_NEVER, 1000));
    memory_run_start(&run, host, machine, resume, TIME_NEVER);
    while (!run.ended && host->io_count < n)
        memory_run_step(&run);
    bool got_there = host->io_count >= n && !run.ended;
    if (!run.ended)
        memory_run_abandon(&run);
    memory_host_reset(host, TIME_NEVER);
    host->now_us += 1000;
    return got_there;
}
