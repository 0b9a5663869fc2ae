/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values: where they lie, what is written, and when nothing may be written.
 */
#include "lease/resource-value.h"

#include <string.h>

#include "support/resource-world.h"

typedef struct Fixture {
    ResourceWorld world;
    WorldMember me;
    ResourceValue value;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    world_init(&f->world, *(const uint32_t *)data, 0, 8);
    member_init(&f->me, &f->world, 3, 4);
    MachineStep step = member_acquire(&f->me);
    g_assert_cmpint(step.kind, ==, STEP_DONE);
    memory_host_forget_log(&f->me.host);
    f->me.host.io_count = 0;
}

static void teardown(Fixture *f, gconstpointer data)
{
    member_clear(&f->me);
    world_clear(&f->world);
}

static uint8_t *on_disk(Fixture *f)
{
    g_assert_true(layout_has_value(&f->world.layout));
    return f->world.resource.bytes + layout_value(&f->world.layout, f->me.lease.resource_offset);
}

static MachineStep run(Fixture *f)
{
    return memory_host_run(&f->me.host, &f->value, (MachineResume)resource_value_resume);
}

static MachineStep write_value(Fixture *f, const char *text, uint32_t length)
{
    resource_value_init_write(&f->value, &f->me.lease, (const uint8_t *)text, length);
    return run(f);
}

static void assert_ok(const MachineStep *step)
{
    g_assert_cmpstr(lease_fault_name(step->fault.kind), ==, "ok");
    g_assert_cmpint(step->kind, ==, STEP_DONE);
}

static void test_write_and_read(Fixture *f, gconstpointer data)
{
    uint32_t sector_size = f->world.layout.sector_size;
    g_autofree char *whole = g_strnfill(sector_size, 'x');
    g_autofree uint8_t *before = g_memdup2(f->world.resource.bytes, f->world.resource.size);
    MachineStep step = write_value(f, whole, sector_size);
    assert_ok(&step);
    g_assert_cmpmem(on_disk(f), sector_size, whole, sector_size);
    step = write_value(f, "short", 5);
    assert_ok(&step);
    g_assert_cmpmem(on_disk(f), 6, "short", 6);
    for (uint32_t i = 5; i < sector_size; i++)
        g_assert_cmpuint(on_disk(f)[i], ==, 0);

    resource_value_init_read(&f->value, &f->me.lease);
    step = run(f);
    assert_ok(&step);
    g_assert_cmpmem(f->value.sector, sector_size, on_disk(f), sector_size);
    g_autofree char *trace = member_trace(&f->me);
    g_assert_cmpstr(trace, ==, "R0 W2002 R0 W2002 R2002");

    step = write_value(f, "", 0);
    assert_ok(&step);
    g_assert_cmpuint(on_disk(f)[0], ==, 0);
    g_assert_cmpmem(before, f->world.resource.size, f->world.resource.bytes,
                    f->world.resource.size);
}

/* Whatever the reason: not a byte changes. */
static void assert_not_written(Fixture *f, LeaseFaultKind kind)
{
    g_autofree uint8_t *before = g_memdup2(f->world.resource.bytes, f->world.resource.size);
    MachineStep step = write_value(f, "text", 4);
    assert_failed(&step, kind);
    g_assert_cmpmem(before, f->world.resource.size, f->world.resource.bytes,
                    f->world.resource.size);
}

static void test_taken(Fixture *f, gconstpointer data)
{
    world_set_held(&f->world, 2, 5, 1, 5);
    assert_not_written(f, LEASE_NOT_OURS);
}

static void test_damaged(Fixture *f, gconstpointer data)
{
    f->world.resource.bytes[f->me.lease.resource_offset + 168] ^= 1;
    assert_not_written(f, LEASE_BAD_RECORD);
}

static void test_expired(Fixture *f, gconstpointer data)
{
    f->me.host.valid_until_us = f->me.host.now_us;
    assert_not_written(f, LEASE_EXPIRED);
    resource_value_init_read(&f->value, &f->me.lease);
    MachineStep step = run(f);
    assert_failed(&step, LEASE_EXPIRED);
}

/* A host that is stopped between the look and the write, until after its deadline. */
static void test_stopped_before_the_write(Fixture *f, gconstpointer data)
{
    f->me.host.valid_until_us = f->me.host.now_us + 5 * USEC_PER_SECOND;
    memory_host_plan(&f->me.host, 2, memory_io_held_up(5 * USEC_PER_SECOND));
    g_autofree uint8_t *before = g_memdup2(f->world.resource.bytes, f->world.resource.size);
    MachineStep step = write_value(f, "text", 4);
    g_assert_cmpint(step.kind, ==, STEP_FAILED);
    g_assert_cmpmem(before, f->world.resource.size, f->world.resource.bytes,
                    f->world.resource.size);
}

static void test_trouble(Fixture *f, gconstpointer data)
{
    unsigned n;
    const WorldTrouble *troubles = world_troubles(&n);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned io = 1; io <= 2; io++) {
            memory_host_unplan(&f->me.host);
            f->me.host.io_count = 0;
            memory_host_plan(&f->me.host, io, troubles[i].io);
            MachineStep step = write_value(f, "text", 4);
            g_test_message("%s at I/O %u: %s", troubles[i].name, io,
                           lease_fault_name(step.fault.kind));
            if (step.kind == STEP_DONE)
                g_assert_cmpmem(on_disk(f), 4, "text", 4);
            else
                g_assert_cmpint(step.fault.wrote, ==, io == 2);
            memory_host_unplan(&f->me.host);
            f->me.host.now_us += 200 * USEC_PER_SECOND;
            step = write_value(f, "other", 5);
            assert_ok(&step);
            g_assert_cmpmem(on_disk(f), 5, "other", 5);
        }
    }
}

int main(int argc, char **argv)
{
    static const uint32_t small = 512, large = 4096;
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
    g_test_add("/resource-value/512/" name, Fixture, &small, setup, function, teardown);           \
    g_test_add("/resource-value/4096/" name, Fixture, &large, setup, function, teardown)
    ADD("write-and-read", test_write_and_read);
    ADD("taken", test_taken);
    ADD("damaged", test_damaged);
    ADD("expired", test_expired);
    ADD("stopped-before-the-write", test_stopped_before_the_write);
    ADD("trouble", test_trouble);
    return g_test_run();
}
