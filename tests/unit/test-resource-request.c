/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests: what is written for whom, what is refused, trouble with every I/O; and what a holder
 * takes for a request.
 */
#include "lease/resource-request.h"

#include <string.h>

#include "support/resource-world.h"

#define VERSION 7

typedef struct Fixture {
    ResourceWorld world;
    WorldMember me, owner;
    ResourceRequest request;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    world_init(&f->world, 512, 0, 8);
    member_init(&f->me, &f->world, 3, 4);
    member_init(&f->owner, &f->world, 5, 2);
    world_set_held(&f->world, VERSION, 5, 2, 5);
}

static void teardown(Fixture *f, gconstpointer data)
{
    member_clear(&f->me);
    member_clear(&f->owner);
    world_clear(&f->world);
}

static uint8_t *request_sector(Fixture *f)
{
    return f->world.resource.bytes + layout_request(&f->world.layout, f->me.lease.resource_offset);
}

static RequestRecord on_disk(Fixture *f)
{
    RequestRecord record;
    request_record_decode(&record, request_sector(f));
    return record;
}

static void put(Fixture *f, RequestRecord record)
{
    request_record_encode(&record, request_sector(f));
}

static void put_request(Fixture *f, uint64_t version, uint32_t mode)
{
    RequestRecord record;
    request_record_init(&record);
    record.lver = version;
    record.force_mode = mode;
    put(f, record);
}

static MachineStep ask(Fixture *f, ResourceRequestAction action, uint64_t version)
{
    f->me.host.io_count = 0;
    memory_host_forget_log(&f->me.host);
    resource_request_init(&f->request, &f->me.lease, action, version);
    return memory_host_run(&f->me.host, &f->request, (MachineResume)resource_request_resume);
}

static void assert_asked(Fixture *f, const MachineStep *step, ResourceRequestAction action,
                         uint64_t version)
{
    g_assert_cmpstr(lease_fault_name(step->fault.kind), ==, "ok");
    g_assert_cmpint(step->kind, ==, STEP_DONE);
    RequestRecord record = on_disk(f);
    g_assert_cmpint(request_record_check(&record), ==, RECORD_OK);
    g_assert_cmpuint(record.lver, ==, version);
    g_assert_cmpuint(record.force_mode, ==, action);
    g_assert_cmpuint(f->request.version, ==, version);
}

static void test_next(Fixture *f, gconstpointer data)
{
    LeaderRecord before = world_leader(&f->world);
    memset(request_sector(f) + 20, 0x5a, 4); /* as sanlock leaves it */
    MachineStep step = ask(f, RESOURCE_REQUEST_GRACEFUL, 0);
    assert_asked(f, &step, RESOURCE_REQUEST_GRACEFUL, VERSION + 1);
    g_assert_cmpuint(f->request.owner_id, ==, 5);
    g_autofree char *trace = member_trace(&f->me);
    g_assert_cmpstr(trace, ==, "R0 R1 W1");
    for (unsigned i = 20; i < 512; i++)
        g_assert_cmpuint(request_sector(f)[i], ==, 0);
    LeaderRecord after = world_leader(&f->world);
    g_assert_true(leader_record_equal(&before, &after));

    /* The last one to ask for a version wins. */
    step = ask(f, RESOURCE_REQUEST_FORCE, VERSION + 1);
    assert_asked(f, &step, RESOURCE_REQUEST_FORCE, VERSION + 1);
    step = ask(f, RESOURCE_REQUEST_GRACEFUL, VERSION + 9);
    assert_asked(f, &step, RESOURCE_REQUEST_GRACEFUL, VERSION + 9);
}

static void test_free(Fixture *f, gconstpointer data)
{
    LeaderRecord leader = world_leader(&f->world);
    leader.timestamp = 0;
    world_set_leader(&f->world, leader);
    MachineStep step = ask(f, RESOURCE_REQUEST_FORCE, 0);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    g_assert_cmpuint(f->request.owner_id, ==, 0);
    g_assert_cmpuint(on_disk(f).force_mode, ==, 0);
    g_autofree char *trace = member_trace(&f->me);
    g_assert_cmpstr(trace, ==, "R0");
}

static void test_refused(Fixture *f, gconstpointer data)
{
    MachineStep step = ask(f, RESOURCE_REQUEST_FORCE, VERSION);
    assert_failed(&step, LEASE_REQUEST_PASSED);
    g_assert_cmpuint(step.fault.version, ==, VERSION);
    put_request(f, VERSION + 2, RESOURCE_REQUEST_GRACEFUL);
    step = ask(f, RESOURCE_REQUEST_FORCE, 0);
    assert_failed(&step, LEASE_REQUEST_LATER);
    g_assert_cmpuint(step.fault.version, ==, VERSION + 2);
    g_assert_cmpuint(on_disk(f).force_mode, ==, RESOURCE_REQUEST_GRACEFUL);

    RequestRecord record = on_disk(f);
    record.magic ^= 1;
    put(f, record);
    for (int action = RESOURCE_REQUEST_NONE; action <= RESOURCE_REQUEST_GRACEFUL; action++) {
        step = ask(f, (ResourceRequestAction)action, VERSION + 3);
        assert_failed(&step, LEASE_BAD_REQUEST);
        g_assert_cmpint(step.fault.record, ==, RECORD_BAD_MAGIC);
    }
    record.magic ^= 1;
    record.version = UINT32_C(0x00020001);
    put(f, record);
    step = ask(f, RESOURCE_REQUEST_FORCE, VERSION + 3);
    assert_failed(&step, LEASE_BAD_REQUEST);
    g_assert_cmpint(step.fault.record, ==, RECORD_BAD_VERSION);
    g_assert_cmpuint(on_disk(f).version, ==, UINT32_C(0x00020001));

    LeaderRecord leader = world_leader(&f->world);
    leader.name[0] ^= 1;
    world_set_leader(&f->world, leader);
    for (int action = RESOURCE_REQUEST_NONE; action <= RESOURCE_REQUEST_GRACEFUL; action++) {
        step = ask(f, (ResourceRequestAction)action, 0);
        assert_failed(&step, LEASE_BAD_RECORD);
    }
}

static void test_take_back(Fixture *f, gconstpointer data)
{
    put_request(f, VERSION + 2, RESOURCE_REQUEST_FORCE);
    MachineStep step = ask(f, RESOURCE_REQUEST_NONE, 99);
    assert_asked(f, &step, RESOURCE_REQUEST_NONE, 0);
    g_assert_cmpuint(f->request.owner_id, ==, 0);
    /* What asks for something that does not exist, too. */
    put_request(f, VERSION + 2, 3);
    step = ask(f, RESOURCE_REQUEST_NONE, 0);
    assert_asked(f, &step, RESOURCE_REQUEST_NONE, 0);
}

static void test_trouble(Fixture *f, gconstpointer data)
{
    unsigned n;
    const WorldTrouble *troubles = world_troubles(&n);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned io = 1; io <= 3; io++) {
            memory_host_unplan(&f->me.host);
            memory_host_plan(&f->me.host, io, troubles[i].io);
            MachineStep step = ask(f, RESOURCE_REQUEST_GRACEFUL, 0);
            g_test_message("%s at I/O %u: %s", troubles[i].name, io,
                           lease_fault_name(step.fault.kind));
            if (step.kind == STEP_DONE) {
                assert_asked(f, &step, RESOURCE_REQUEST_GRACEFUL, VERSION + 1);
            } else {
                g_assert_cmpint(step.kind, ==, STEP_FAILED);
                g_assert_cmpint(step.fault.wrote, ==, io == 3);
            }
            /* Whatever happened: once more is right. */
            memory_host_unplan(&f->me.host);
            f->me.host.now_us += 200 * USEC_PER_SECOND;
            step = ask(f, RESOURCE_REQUEST_GRACEFUL, 0);
            assert_asked(f, &step, RESOURCE_REQUEST_GRACEFUL, VERSION + 1);
            put_request(f, 0, 0);
        }
    }
}

/* A host that may not act on its own lease any more asks nothing of others. */
static void test_expired(Fixture *f, gconstpointer data)
{
    f->me.host.valid_until_us = f->me.host.now_us;
    MachineStep step = ask(f, RESOURCE_REQUEST_FORCE, 0);
    assert_failed(&step, LEASE_EXPIRED);
    g_assert_cmpuint(on_disk(f).force_mode, ==, 0);
}

static void test_examine(Fixture *f, gconstpointer data)
{
    ResourceExamine examine;
    put_request(f, VERSION + 1, RESOURCE_REQUEST_FORCE);
    resource_examine_init(&examine, &f->owner.lease);
    MachineStep step =
        memory_host_run(&f->owner.host, &examine, (MachineResume)resource_examine_resume);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    g_autofree char *trace = member_trace(&f->owner);
    g_assert_cmpstr(trace, ==, "R0+2");
    g_assert_cmpuint(f->owner.lease.leader.version_of_lease, ==, VERSION);
    g_assert_cmpint(resource_request_asks(&f->owner.lease.request, VERSION), ==,
                    RESOURCE_REQUEST_FORCE);

    memory_host_plan(&f->owner.host, 2, memory_io_error(5, false));
    resource_examine_init(&examine, &f->owner.lease);
    step = memory_host_run(&f->owner.host, &examine, (MachineResume)resource_examine_resume);
    assert_failed(&step, LEASE_IO_ERROR);

    LeaderRecord leader = world_leader(&f->world);
    leader.name[0] ^= 1;
    world_set_leader(&f->world, leader);
    resource_examine_init(&examine, &f->owner.lease);
    step = memory_host_run(&f->owner.host, &examine, (MachineResume)resource_examine_resume);
    assert_failed(&step, LEASE_BAD_RECORD);
}

/* Whoever acquires finds a request for a later version without asking. */
static void test_acquire_knows(Fixture *f, gconstpointer data)
{
    LeaderRecord leader = world_leader(&f->world);
    leader.timestamp = 0;
    world_set_leader(&f->world, leader);
    put_request(f, VERSION + 5, RESOURCE_REQUEST_GRACEFUL);
    MachineStep step = member_acquire(&f->owner);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    g_assert_cmpint(
        resource_request_asks(&f->owner.lease.request, f->owner.lease.leader.version_of_lease), ==,
        RESOURCE_REQUEST_GRACEFUL);
}

static void test_asks(void)
{
    const struct {
        uint32_t magic, version;
        uint64_t lver;
        uint32_t mode;
        ResourceRequestAction asks;
    } rows[] = {
        { REQUEST_MAGIC, REQUEST_VERSION, 8, 1, RESOURCE_REQUEST_FORCE },
        { REQUEST_MAGIC, REQUEST_VERSION, 8, 2, RESOURCE_REQUEST_GRACEFUL },
        { REQUEST_MAGIC, REQUEST_VERSION + 5, UINT64_MAX, 2, RESOURCE_REQUEST_GRACEFUL },
        { REQUEST_MAGIC, REQUEST_VERSION, 8, 0, RESOURCE_REQUEST_NONE },
        { REQUEST_MAGIC, REQUEST_VERSION, 8, 3, RESOURCE_REQUEST_NONE },
        { REQUEST_MAGIC, REQUEST_VERSION, 7, 1, RESOURCE_REQUEST_NONE },
        { REQUEST_MAGIC, REQUEST_VERSION, 0, 1, RESOURCE_REQUEST_NONE },
        { REQUEST_MAGIC + 1, REQUEST_VERSION, 8, 1, RESOURCE_REQUEST_NONE },
        { REQUEST_MAGIC, REQUEST_VERSION + 0x10000, 8, 1, RESOURCE_REQUEST_NONE },
        { 0, 0, 0, 0, RESOURCE_REQUEST_NONE },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        const RequestRecord record = { rows[i].magic, rows[i].version, rows[i].lver, rows[i].mode };
        g_assert_cmpint(resource_request_asks(&record, 7), ==, rows[i].asks);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
    g_test_add("/resource-request/" name, Fixture, NULL, setup, function, teardown)
    ADD("next", test_next);
    ADD("free", test_free);
    ADD("refused", test_refused);
    ADD("take-back", test_take_back);
    ADD("trouble", test_trouble);
    ADD("expired", test_expired);
    ADD("examine", test_examine);
    ADD("acquire-knows", test_acquire_knows);
    g_test_add_func("/resource-request/asks", test_asks);
    return g_test_run();
}
