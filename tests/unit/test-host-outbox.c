/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is carried when: the life of a bit, one event at a time, requests beside events, failed
 * renewals.
 */
#include "lease/host-outbox.h"

#include <glib.h>

#define SECOND USEC_PER_SECOND
#define T0 (1000 * SECOND)
#define OWN 2
#define N 10
#define HOSTS 2000

typedef struct World {
    HostOutboxMark marks[HOSTS];
    HostOutbox outbox;
    HostEventOut out;
} World;

static void world_init(World *self)
{
    memset(self, 0, sizeof *self);
    host_outbox_init(&self->outbox, self->marks, HOSTS, OWN, N);
}

static void world_compose(World *self, uint64_t now_us)
{
    host_outbox_compose(&self->outbox, now_us, &self->out);
}

/* A renewal that works at once. */
static void world_renew(World *self, uint64_t now_us)
{
    world_compose(self, now_us);
    host_outbox_carried(&self->outbox, now_us);
}

static unsigned world_bits(const World *self)
{
    unsigned n = 0;
    for (uint64_t id = 1; id <= HOST_BITMAP_SIZE * 8; id++)
        n += host_bitmap_test(self->out.bitmap, id);
    return n;
}

static void assert_carries(const World *self, uint64_t generation, uint64_t event, uint64_t data)
{
    g_assert_cmpuint(self->out.generation, ==, generation);
    g_assert_cmpuint(self->out.event, ==, event);
    g_assert_cmpuint(self->out.data, ==, data);
}

static void test_nothing(void)
{
    World world;
    world_init(&world);
    world_renew(&world, T0);
    assert_carries(&world, 0, 0, 0);
    g_assert_cmpuint(world_bits(&world), ==, 0);
    g_assert_false(host_outbox_event_is_out(&world.outbox, T0));
}

/* The bit is set for 6 io timeouts after the first renewal that carried it, however late that was;
 * then the event is gone, too. */
static void test_life(void)
{
    World world;
    world_init(&world);
    g_assert_true(host_outbox_send(&world.outbox, 7, 3, 4, 5, false, T0));
    const uint64_t first_us = T0 + 500 * SECOND; /* the storage hung */
    g_assert_true(host_outbox_event_is_out(&world.outbox, first_us));
    for (uint64_t at = 0; at <= 6 * N; at += 2 * N) {
        world_renew(&world, first_us + at * SECOND);
        assert_carries(&world, 3, 4, 5);
        g_assert_true(host_bitmap_test(world.out.bitmap, 7));
        g_assert_cmpuint(world_bits(&world), ==, 1);
        g_assert_true(host_outbox_event_is_out(&world.outbox, first_us + at * SECOND));
    }
    g_assert_false(host_outbox_event_is_out(&world.outbox, first_us + 6 * N * SECOND + 1));
    world_renew(&world, first_us + 6 * N * SECOND + 1);
    assert_carries(&world, 0, 0, 0);
    g_assert_cmpuint(world_bits(&world), ==, 0);
}

/* What a failed renewal carried is carried again, and is as young as if it had not been tried. */
static void test_failed_renewal(void)
{
    World world;
    world_init(&world);
    host_outbox_send(&world.outbox, 7, 3, 4, 5, false, T0);
    for (uint64_t at = 0; at < 100; at++) {
        world_compose(&world, T0 + at * SECOND);
        g_assert_true(host_bitmap_test(world.out.bitmap, 7));
    }
    world_renew(&world, T0 + 100 * SECOND);
    world_compose(&world, T0 + (100 + 6 * N) * SECOND);
    g_assert_true(host_bitmap_test(world.out.bitmap, 7));
}

/* Sent while a renewal is under way: that renewal's end does not make it old. */
static void test_sent_meanwhile(void)
{
    World world;
    world_init(&world);
    world_compose(&world, T0);
    host_outbox_send(&world.outbox, 7, 3, 4, 5, false, T0);
    host_outbox_carried(&world.outbox, T0);
    world_renew(&world, T0 + 100 * SECOND);
    assert_carries(&world, 3, 4, 5);
    g_assert_true(host_bitmap_test(world.out.bitmap, 7));
}

static void test_addressees(void)
{
    World world;
    world_init(&world);
    const uint64_t nobody[] = { OWN, HOSTS + 1, UINT64_MAX };
    for (unsigned i = 0; i < G_N_ELEMENTS(nobody); i++) {
        g_assert_false(host_outbox_send(&world.outbox, nobody[i], 1, 1, 1, true, T0));
        host_outbox_request(&world.outbox, nobody[i]);
        host_outbox_withdraw(&world.outbox, nobody[i]);
    }
    g_assert_false(host_outbox_send(&world.outbox, 7, 1, 0, 1, true, T0));
    host_outbox_request(&world.outbox, 0);
    world_renew(&world, T0);
    g_assert_cmpuint(world_bits(&world), ==, 0);

    g_assert_true(host_outbox_send(&world.outbox, OUTBOX_ALL_HOSTS, 0, 4, 5, false, T0));
    world_renew(&world, T0);
    assert_carries(&world, 0, 4, 5);
    g_assert_cmpuint(world_bits(&world), ==, HOSTS - 1);
    g_assert_false(host_bitmap_test(world.out.bitmap, OWN));
    g_assert_true(host_bitmap_test(world.out.bitmap, 1));
    g_assert_true(host_bitmap_test(world.out.bitmap, HOSTS));
}

static void test_one_at_a_time(void)
{
    World world;
    world_init(&world);
    host_outbox_send(&world.outbox, 7, 3, 4, 5, false, T0);
    world_renew(&world, T0);
    /* The same to one more. */
    g_assert_true(host_outbox_send(&world.outbox, 8, 3, 4, 5, false, T0));
    /* Another in one of the three. */
    g_assert_false(host_outbox_send(&world.outbox, 9, 2, 4, 5, false, T0));
    g_assert_false(host_outbox_send(&world.outbox, 9, 3, 9, 5, false, T0));
    g_assert_false(host_outbox_send(&world.outbox, 9, 3, 4, 9, false, T0));
    world_renew(&world, T0 + SECOND);
    assert_carries(&world, 3, 4, 5);
    g_assert_true(host_bitmap_test(world.out.bitmap, 7));
    g_assert_true(host_bitmap_test(world.out.bitmap, 8));
    g_assert_cmpuint(world_bits(&world), ==, 2);

    /* Replaced: nobody else reads the new one as his. */
    g_assert_true(host_outbox_send(&world.outbox, 9, 2, 6, 7, true, T0 + 2 * SECOND));
    world_renew(&world, T0 + 2 * SECOND);
    assert_carries(&world, 2, 6, 7);
    g_assert_true(host_bitmap_test(world.out.bitmap, 9));
    g_assert_cmpuint(world_bits(&world), ==, 1);

    /* Over: the next one needs no leave. */
    const uint64_t over_us = T0 + (2 + 6 * N) * SECOND;
    g_assert_false(host_outbox_send(&world.outbox, 7, 1, 1, 1, false, over_us));
    g_assert_true(host_outbox_send(&world.outbox, 7, 1, 1, 1, false, over_us + 1));
    world_renew(&world, over_us + 1);
    g_assert_true(host_bitmap_test(world.out.bitmap, 7));
    g_assert_cmpuint(world_bits(&world), ==, 1);
}

static void test_withdraw(void)
{
    World world;
    world_init(&world);
    host_outbox_send(&world.outbox, 7, 3, 4, 5, false, T0);
    host_outbox_send(&world.outbox, 8, 3, 4, 5, false, T0);
    world_renew(&world, T0);
    host_outbox_withdraw(&world.outbox, 7);
    world_renew(&world, T0 + SECOND);
    assert_carries(&world, 3, 4, 5);
    g_assert_true(host_bitmap_test(world.out.bitmap, 8));
    g_assert_cmpuint(world_bits(&world), ==, 1);
    host_outbox_withdraw(&world.outbox, OUTBOX_ALL_HOSTS);
    world_renew(&world, T0 + 2 * SECOND);
    assert_carries(&world, 0, 0, 0);
    g_assert_cmpuint(world_bits(&world), ==, 0);
    g_assert_true(host_outbox_send(&world.outbox, 7, 1, 1, 1, false, T0 + 2 * SECOND));
}

/* A request bit sets no event: not that of an earlier time either. */
static void test_request_alone(void)
{
    World world;
    world_init(&world);
    host_outbox_send(&world.outbox, 7, 3, 4, 5, false, T0);
    world_renew(&world, T0);
    uint64_t now_us = T0 + (6 * N + 1) * SECOND;
    host_outbox_request(&world.outbox, 8);
    for (uint64_t at = 0; at <= 6 * N; at += 2 * N) {
        world_renew(&world, now_us + at * SECOND);
        assert_carries(&world, 0, 0, 0);
        g_assert_true(host_bitmap_test(world.out.bitmap, 8));
        g_assert_cmpuint(world_bits(&world), ==, 1);
    }
    world_renew(&world, now_us + 6 * N * SECOND + 1);
    g_assert_cmpuint(world_bits(&world), ==, 0);
}

/* Nobody reads an event that was not sent to him, while requests are about, too. */
static void test_request_beside_event(void)
{
    World world;
    world_init(&world);
    host_outbox_request(&world.outbox, 8);
    world_renew(&world, T0);
    g_assert_true(host_bitmap_test(world.out.bitmap, 8));
    uint64_t now_us = T0 + N * SECOND;
    host_outbox_send(&world.outbox, 7, 3, 4, 5, false, now_us);
    host_outbox_request(&world.outbox, 7);
    host_outbox_request(&world.outbox, 9);
    for (uint64_t at = 0; at <= 6 * N; at += 2 * N) {
        world_renew(&world, now_us + at * SECOND);
        assert_carries(&world, 3, 4, 5);
        g_assert_true(host_bitmap_test(world.out.bitmap, 7));
        g_assert_cmpuint(world_bits(&world), ==, 1);
    }
    /* Then the other two, for a whole life: that of host 8 had been cut short. Host 7 has heard. */
    now_us += (6 * N + 1) * SECOND;
    for (uint64_t at = 0; at <= 6 * N; at += 2 * N) {
        world_renew(&world, now_us + at * SECOND);
        assert_carries(&world, 0, 0, 0);
        g_assert_true(host_bitmap_test(world.out.bitmap, 8));
        g_assert_true(host_bitmap_test(world.out.bitmap, 9));
        g_assert_cmpuint(world_bits(&world), ==, 2);
    }
    world_renew(&world, now_us + 6 * N * SECOND + 1);
    g_assert_cmpuint(world_bits(&world), ==, 0);
}

/* The addressee of an event that is replaced keeps his request. */
static void test_request_of_replaced(void)
{
    World world;
    world_init(&world);
    host_outbox_send(&world.outbox, 7, 3, 4, 5, false, T0);
    host_outbox_request(&world.outbox, 7);
    world_renew(&world, T0);
    host_outbox_send(&world.outbox, 8, 3, 6, 7, true, T0);
    world_renew(&world, T0 + SECOND);
    g_assert_false(host_bitmap_test(world.out.bitmap, 7));
    world_renew(&world, T0 + (6 * N + 2) * SECOND);
    assert_carries(&world, 0, 0, 0);
    g_assert_true(host_bitmap_test(world.out.bitmap, 7));
    g_assert_cmpuint(world_bits(&world), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-outbox/nothing", test_nothing);
    g_test_add_func("/host-outbox/life", test_life);
    g_test_add_func("/host-outbox/failed-renewal", test_failed_renewal);
    g_test_add_func("/host-outbox/sent-meanwhile", test_sent_meanwhile);
    g_test_add_func("/host-outbox/addressees", test_addressees);
    g_test_add_func("/host-outbox/one-at-a-time", test_one_at_a_time);
    g_test_add_func("/host-outbox/withdraw", test_withdraw);
    g_test_add_func("/host-outbox/request-alone", test_request_alone);
    g_test_add_func("/host-outbox/request-beside-event", test_request_beside_event);
    g_test_add_func("/host-outbox/request-of-replaced", test_request_of_replaced);
    return g_test_run();
}
