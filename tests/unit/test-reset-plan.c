/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is fed to a watchdog: a timer in simulated time, and lockspaces whose renewals come or do
 * not. */
#include <glib.h>

#include "failure/failure-policy.h"
#include "failure/reset-plan.h"
#include "lease/lease-timing.h"

#define N_LOCKSPACES 3
#define SECOND USEC_PER_SECOND
/* Any time but the beginning. */
#define START (1000 * SECOND)

typedef struct World {
    guint64 now;
    guint64 deadlines[N_LOCKSPACES];
    ResetTimer timer;
    guint64 next_us;
    guint n_set;
    gboolean has_fired;
} World;

static void world_init(World *self, guint32 timeout)
{
    *self = (World){ .now = START, .timer = { .timeout = timeout, .shortest = 5 } };
    for (guint i = 0; i < N_LOCKSPACES; i++)
        self->deadlines[i] = RESET_SAFE;
}

static guint64 earliest(const World *self)
{
    guint64 deadline = RESET_SAFE;

    for (guint i = 0; i < N_LOCKSPACES; i++)
        deadline = MIN(deadline, self->deadlines[i]);
    return deadline;
}

/* What the feeder does when a deadline has changed or its time has come. */
static void look(World *self)
{
    ResetStep step = reset_plan(&self->timer, earliest(self), self->now);

    g_assert_cmpuint(step.next_us, >, self->now);
    self->next_us = step.next_us;
    if (step.seconds == 0)
        return;
    self->n_set++;
    self->timer.set = step.seconds;
    self->timer.fires_us = self->now + time_from_seconds(step.seconds);
    self->timer.found_us = 0;
}

/* Until then, or until the timer fires. */
static void run_until(World *self, guint64 until)
{
    while (!self->has_fired && self->now < until) {
        guint64 next = MIN(MIN(self->next_us, until), self->timer.fires_us);

        self->now = MAX(next, self->now);
        if (self->now >= self->timer.fires_us)
            self->has_fired = TRUE;
        else if (self->now >= self->next_us)
            look(self);
    }
}

static void renew(World *self, guint lockspace, guint32 io_timeout)
{
    self->deadlines[lockspace] = reset_deadline(self->now + timing_fail(io_timeout));
    look(self);
}

static void clear(World *self, guint lockspace)
{
    self->deadlines[lockspace] = RESET_SAFE;
    look(self);
}

static void test_numbers(void)
{
    g_assert_cmpuint(RESET_LATEST_SECONDS, ==, WATCHDOG_FIRE_SECONDS);
    g_assert_cmpuint(RESET_EARLIEST_SECONDS, ==, FAILURE_BUDGET_SECONDS + RESET_AFTER_KILL_SECONDS);
    g_assert_cmpuint(RESET_AIM_SECONDS, >, RESET_EARLIEST_SECONDS);
    g_assert_cmpuint(RESET_AIM_SECONDS, <, RESET_LATEST_SECONDS);
    g_assert_cmpuint(reset_deadline(TIME_NEVER), ==, RESET_SAFE);
    g_assert_cmpuint(reset_deadline(START), ==, START + 55 * SECOND);
    g_assert_cmpuint(reset_feed_interval(60), ==, 5 * SECOND);
    g_assert_cmpuint(reset_feed_interval(10), ==, SECOND);
}

static void test_failing_gives_no_time(void)
{
    const guint64 minute = 60 * SECOND;

    /* In time, and noticed late: what was in force stays. */
    g_assert_cmpuint(reset_fail_deadline(START, START, START), ==, START);
    g_assert_cmpuint(reset_fail_deadline(START, START, START + 52 * SECOND), ==, START);
    g_assert_cmpuint(reset_fail_deadline(START, START, START + 10 * minute), ==, START);
    /* Earlier than was thought. */
    g_assert_cmpuint(reset_fail_deadline(START + minute, START, START + 5 * SECOND), ==, START);
    /* By a minute: ten seconds for what is being killed now. */
    g_assert_cmpuint(reset_deadline(reset_fail_deadline(START + minute, START - minute, START)), ==,
                     START + 10 * SECOND);
    g_assert_cmpuint(reset_fail_deadline(RESET_SAFE, RESET_SAFE, START), ==, RESET_SAFE);
    g_assert_cmpuint(reset_fail_deadline(RESET_SAFE, 0, 0), ==, 0);
}

/* Nothing is guarded, or all is fresh: fed for as long as it goes on. */
static void test_healthy(gconstpointer data)
{
    World world;
    guint32 io_timeout = GPOINTER_TO_UINT(data);

    world_init(&world, 60);
    look(&world);
    run_until(&world, START + 600 * SECOND);
    g_assert_false(world.has_fired);
    g_assert_cmpuint(world.n_set, >=, 120);
    g_assert_cmpuint(world.n_set, <=, 130);
    for (guint i = 0; i < 300; i++) {
        renew(&world, 0, io_timeout);
        run_until(&world, world.now + timing_renewal_interval(io_timeout));
    }
    g_assert_false(world.has_fired);
    g_assert_cmpuint(world.timer.fires_us, >=, world.now + 54 * SECOND);
}

/* No renewal works any more and nobody becomes harmless: whatever the io timeout and the device. */
static void test_fires_in_the_window(void)
{
    static const guint32 timeouts[] = { 10, 15, 20, 30, 55, 60, 61, 120, 300, 600 };
    static const guint32 io_timeouts[] = { 1, 2, 3, 10, 30, 255 };

    for (gsize i = 0; i < G_N_ELEMENTS(timeouts); i++)
        for (gsize k = 0; k < G_N_ELEMENTS(io_timeouts); k++)
            for (guint late = 0; late < 20; late++) {
                guint64 fail;
                World world;

                world_init(&world, timeouts[i]);
                look(&world);
                run_until(&world, START + late * SECOND * 37 / 100);
                fail = world.now + timing_fail(io_timeouts[k]);
                renew(&world, 0, io_timeouts[k]);
                run_until(&world, fail + 100 * SECOND);
                g_assert_true(world.has_fired);
                g_assert_cmpuint(world.now, >=, fail + RESET_EARLIEST_SECONDS * SECOND);
                g_assert_cmpuint(world.now, <=, fail + RESET_AIM_SECONDS * SECOND);
            }
}

/* The feeder itself stands still at some moment: never later than the deadline. */
static void test_feeder_dies(void)
{
    for (guint at = 0; at < 200; at++) {
        guint64 fail;
        World world;

        world_init(&world, 60);
        renew(&world, 0, 10);
        fail = world.now + timing_fail(10);
        run_until(&world, START + at * SECOND * 6 / 10);
        world.next_us = TIME_NEVER;
        run_until(&world, fail + 100 * SECOND);
        g_assert_true(world.has_fired);
        g_assert_cmpuint(world.now, <=, fail + RESET_AIM_SECONDS * SECOND);
        /* Nor so early that nobody could have taken over. */
        g_assert_cmpuint(world.now, >=, START + at * SECOND * 6 / 10 + 14 * SECOND);
    }
}

/* Whoever feeds is killed: the kernel feeds once more with what the timer was set to. */
static void test_last_close(void)
{
    for (guint at = 0; at < 1340; at++) {
        guint64 fail;
        World world;

        world_init(&world, 60);
        renew(&world, 0, 10);
        fail = world.now + timing_fail(10);
        run_until(&world, START + at * SECOND / 10);
        if (world.has_fired)
            break;
        world.timer.fires_us = world.now + time_from_seconds(world.timer.set);
        g_assert_cmpuint(world.timer.fires_us, <, fail + RESET_LATEST_SECONDS * SECOND);
        /* Until the last seconds it is no later for that than without. */
        if (world.now < fail + 45 * SECOND)
            g_assert_cmpuint(world.timer.fires_us, <=, fail + (RESET_AIM_SECONDS + 1) * SECOND);
    }
}

/* Followers that are killed as soon as they have looked at a timer which somebody else has set. */
static void test_followers(void)
{
    /* When the first one comes, in seconds from the fail deadline, and what the next ones do after
     * that many seconds. */
    for (guint first = 0; first < 55; first++)
        for (guint every = 1; every < 15; every++) {
            guint64 fires_us = START + 55 * SECOND;
            World world;

            world_init(&world, 60);
            world.now = START + first * SECOND;
            for (guint i = 0; i < 60 && world.now < fires_us; i++) {
                world.timer = (ResetTimer){ .timeout = 60, .shortest = 5, .fires_us = TIME_NEVER };
                world.timer.found_us = world.now;
                world.deadlines[0] = reset_deadline(START);
                look(&world);
                if (world.timer.found_us == 0)
                    fires_us = world.timer.fires_us;
                g_assert_cmpuint(fires_us, <=, START + 55 * SECOND);
                world.now += every * SECOND;
            }
            g_assert_cmpuint(world.now, >=, fires_us);
        }
}

/* What is overdue is left to fire, and set to the shortest when it must have, if it ran. */
static void test_found_and_does_not_run(void)
{
    static const guint64 agos[] = { 1, 54, 56, 900 };

    for (gsize i = 0; i < G_N_ELEMENTS(agos); i++) {
        guint64 deadline = reset_deadline(START - agos[i] * SECOND);
        World world;

        world_init(&world, 60);
        world.timer = (ResetTimer){ .timeout = 60, .shortest = 5, .fires_us = TIME_NEVER };
        world.timer.found_us = START;
        world.deadlines[0] = deadline;
        look(&world);
        run_until(&world, TIME_NEVER - 1);
        g_assert_cmpuint(world.now, >=, MAX(deadline - 2 * SECOND, START));
        g_assert_cmpuint(world.now, <=, MAX(deadline, START + 19 * SECOND));
    }
}

/* Each of them fails, is cleared 39 s later, and the next one fails a second before: the timer is
 * never fed in full for minutes, and no reset comes of it. */
static void test_troubles_do_not_add_up(void)
{
    World world;
    guint64 fails[N_LOCKSPACES];

    world_init(&world, 60);
    for (guint i = 0; i < N_LOCKSPACES; i++) {
        fails[i] = START + i * 38 * SECOND;
        world.deadlines[i] = reset_deadline(fails[i]);
    }
    look(&world);
    for (guint round = 0; round < 20; round++)
        for (guint i = 0; i < N_LOCKSPACES; i++) {
            run_until(&world, fails[i] + 39 * SECOND);
            g_assert_false(world.has_fired);
            clear(&world, i);
            /* Joined again, and in trouble again. */
            fails[i] += 38 * N_LOCKSPACES * SECOND;
            world.deadlines[i] = reset_deadline(fails[i]);
            g_assert_cmpuint(world.timer.fires_us, <=, earliest(&world));
            look(&world);
        }
    g_assert_cmpuint(world.now, >, START + 2000 * SECOND);
    /* The last one is not cleared. */
    run_until(&world, TIME_NEVER - 1);
    g_assert_cmpuint(world.now, >=, fails[0] + RESET_EARLIEST_SECONDS * SECOND);
    g_assert_cmpuint(world.now, <=, fails[0] + RESET_AIM_SECONDS * SECOND);
}

/* One that is cleared gives no time to one that is not. */
static void test_one_cleared_of_two(void)
{
    World world;

    world_init(&world, 60);
    world.deadlines[0] = reset_deadline(START);
    world.deadlines[1] = reset_deadline(START + 20 * SECOND);
    look(&world);
    run_until(&world, START + 30 * SECOND);
    clear(&world, 1);
    run_until(&world, START + 40 * SECOND);
    renew(&world, 2, 10);
    run_until(&world, TIME_NEVER - 1);
    g_assert_cmpuint(world.now, >=, START + 50 * SECOND);
    g_assert_cmpuint(world.now, <=, START + 55 * SECOND);
}

/* The last moment before the reset is early enough. */
static void test_cleared_in_the_last_moment(void)
{
    World world;

    world_init(&world, 60);
    world.deadlines[0] = reset_deadline(START);
    look(&world);
    run_until(&world, START + 52 * SECOND);
    g_assert_false(world.has_fired);
    clear(&world, 0);
    run_until(&world, START + 300 * SECOND);
    g_assert_false(world.has_fired);
}

/* A host that was suspended with its timer: the deadline has passed in the meantime. */
static void test_suspended(void)
{
    World world;

    world_init(&world, 60);
    renew(&world, 0, 10);
    run_until(&world, START + 20 * SECOND);
    world.now += 3600 * SECOND;
    world.timer.fires_us += 3600 * SECOND;
    look(&world);
    /* The first that can be trusted to be taken. */
    g_assert_cmpuint(world.timer.fires_us, ==, world.now + 5 * SECOND);
    look(&world);
    g_assert_cmpuint(world.timer.fires_us, ==, world.now + 5 * SECOND);
}

/* The call that fed took so long that the timer runs past the deadline. */
static void test_slow_call_is_mended(void)
{
    World world;

    world_init(&world, 60);
    renew(&world, 0, 10);
    world.now = START + 90 * SECOND;
    world.timer.fires_us = world.now + 60 * SECOND;
    look(&world);
    g_assert_cmpuint(world.timer.fires_us, <=, START + (80 + 55) * SECOND);
    g_assert_cmpuint(world.timer.fires_us, >=, START + (80 + 50) * SECOND);
}

static void test_far_numbers(void)
{
    static const guint64 times[] = { 0, 1, START, TIME_NEVER / 2, TIME_NEVER - 1, TIME_NEVER };

    for (gsize i = 0; i < G_N_ELEMENTS(times); i++)
        for (gsize k = 0; k < G_N_ELEMENTS(times); k++)
            for (gsize l = 0; l < G_N_ELEMENTS(times); l++) {
                ResetTimer timer = { .timeout = 60, .shortest = 5, .fires_us = times[l] };
                ResetStep step = reset_plan(&timer, times[i], times[k]);

                g_assert_cmpuint(step.seconds, <=, 60);
                g_assert_cmpuint(step.next_us, >=, times[k]);
            }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/reset-plan/numbers", test_numbers);
    g_test_add_data_func("/reset-plan/healthy/1", GUINT_TO_POINTER(1), test_healthy);
    g_test_add_data_func("/reset-plan/healthy/10", GUINT_TO_POINTER(10), test_healthy);
    g_test_add_func("/reset-plan/fires-in-the-window", test_fires_in_the_window);
    g_test_add_func("/reset-plan/feeder-dies", test_feeder_dies);
    g_test_add_func("/reset-plan/failing-gives-no-time", test_failing_gives_no_time);
    g_test_add_func("/reset-plan/last-close", test_last_close);
    g_test_add_func("/reset-plan/followers", test_followers);
    g_test_add_func("/reset-plan/found-and-does-not-run", test_found_and_does_not_run);
    g_test_add_func("/reset-plan/troubles-do-not-add-up", test_troubles_do_not_add_up);
    g_test_add_func("/reset-plan/one-cleared-of-two", test_one_cleared_of_two);
    g_test_add_func("/reset-plan/cleared-in-the-last-moment", test_cleared_in_the_last_moment);
    g_test_add_func("/reset-plan/suspended", test_suspended);
    g_test_add_func("/reset-plan/slow-call", test_slow_call_is_mended);
    g_test_add_func("/reset-plan/far-numbers", test_far_numbers);
    return g_test_run();
}
