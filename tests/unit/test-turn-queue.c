/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting in turn: the order, who is told what, and when others get their chance.
 */
#include "engine/turn-queue.h"

#define NOW (100 * USEC_PER_SECOND)
#define NOT_TOLD 0

typedef struct Person {
    TurnWaiter turn;
    guint64 told_us;
} Person;

static void on_go(gpointer user_data, guint64 when_us)
{
    ((Person *)user_data)->told_us = when_us;
}

static void person_init(Person *self)
{
    *self = (Person){ .turn = { .go = on_go, .user_data = self } };
}

static guint64 take_told(Person *self)
{
    guint64 told_us = self->told_us;

    self->told_us = NOT_TOLD;
    return told_us;
}

static void test_order(void)
{
    TurnQueues *queues = turn_queues_new();
    Person a, b, c, other;

    person_init(&a);
    person_init(&b);
    person_init(&c);
    person_init(&other);
    g_assert_false(turn_is_awaited(queues, "disk"));
    turn_enter(queues, "disk", &a.turn, NOW);
    turn_enter(queues, "disk", &b.turn, NOW);
    turn_enter(queues, "disk", &c.turn, NOW);
    turn_enter(queues, "disk", &a.turn, NOW); /* has its place already */
    turn_enter(queues, "tape", &other.turn, NOW);
    g_assert_true(turn_is_first(&a.turn));
    g_assert_false(turn_is_first(&b.turn));
    g_assert_true(turn_is_first(&other.turn));

    turn_resource_gone(queues, "disk", TRUE, FALSE, NOW + 1);
    g_assert_cmpuint(take_told(&a), ==, NOW + 1);
    g_assert_cmpuint(take_told(&b), ==, NOT_TOLD);
    turn_leave(queues, &a.turn, TRUE, NOW + 2); /* has got it; perhaps it can be shared */
    g_assert_cmpuint(take_told(&b), ==, NOW + 2);
    g_assert_true(turn_is_first(&b.turn));

    turn_leave(queues, &c.turn, TRUE, NOW + 3); /* gives up */
    turn_resource_gone(queues, "disk", TRUE, FALSE, NOW + 4);
    g_assert_cmpuint(take_told(&b), ==, NOW + 4);
    g_assert_cmpuint(take_told(&c), ==, NOT_TOLD);
    turn_leave(queues, &b.turn, FALSE, NOW + 5);
    turn_leave(queues, &b.turn, FALSE, NOW + 5);
    g_assert_false(turn_is_awaited(queues, "disk"));
    g_assert_true(turn_is_awaited(queues, "tape"));
    g_assert_cmpuint(take_told(&other), ==, NOT_TOLD);
    turn_leave(queues, &other.turn, FALSE, NOW + 6);
    turn_queues_free(queues);
}

/* It was the turn of somebody who gives up while nobody here holds it. */
static void test_first_gives_up(void)
{
    TurnQueues *queues = turn_queues_new();
    Person a, b;

    person_init(&a);
    person_init(&b);
    turn_enter(queues, "disk", &a.turn, NOW);
    turn_enter(queues, "disk", &b.turn, NOW);
    turn_leave(queues, &a.turn, FALSE, NOW + 1);
    g_assert_cmpuint(take_told(&b), ==, NOW + 1);
    turn_wake_all(queues, NOW + 2);
    g_assert_cmpuint(take_told(&b), ==, NOW + 2);
    g_assert_cmpuint(take_told(&a), ==, NOT_TOLD);
    turn_leave(queues, &b.turn, FALSE, NOW + 3);
    turn_queues_free(queues);
}

/* Two who take turns: one is always alone in the queue, and yet others get their chance. */
static void test_chance_of_others(void)
{
    TurnQueues *queues = turn_queues_new();
    Person people[2];
    guint waits = 1;

    person_init(&people[0]);
    person_init(&people[1]);
    turn_enter(queues, "disk", &people[0].turn, NOW);
    for (guint i = 0; i < TURN_HAND_OVERS_MAX; i++) {
        waits = !waits;
        turn_resource_gone(queues, "disk", TRUE, TRUE, NOW + i);
        g_assert_cmpuint(take_told(&people[waits]), ==, NOW + i);
        turn_leave(queues, &people[waits].turn, TRUE, NOW + i);
        turn_enter(queues, "disk", &people[!waits].turn, NOW + i);
    }
    turn_resource_gone(queues, "disk", TRUE, TRUE, NOW + 50);
    g_assert_cmpuint(take_told(&people[!waits]), ==, NOW + 50 + TURN_CHANCE_US);
    /* Who comes in the meantime, and finds himself first, stands back as well. */
    turn_enter(queues, "disk", &people[waits].turn, NOW + 51);
    turn_leave(queues, &people[!waits].turn, FALSE, NOW + 52);
    g_assert_cmpuint(take_told(&people[waits]), ==, NOW + 50 + TURN_CHANCE_US);
    turn_leave(queues, &people[waits].turn, FALSE, NOW + 53);
    turn_queues_free(queues);
}

static void test_pace(void)
{
    static const struct {
        guint hand_overs;
        guint64 after_us; /* the last chance */
        gboolean others;
        guint64 pause_us;
    } rows[] = {
        { 0, 1, TRUE, 0 },
        { TURN_HAND_OVERS_MAX - 1, 1, TRUE, 0 },
        { TURN_HAND_OVERS_MAX, 1, TRUE, TURN_CHANCE_US },
        { TURN_HAND_OVERS_MAX, 1, FALSE, 0 },
        { 0, TURN_RUN_MAX_US - 1, TRUE, 0 },
        { 0, TURN_RUN_MAX_US, TRUE, TURN_CHANCE_US },
        { 0, TURN_RUN_MAX_US, FALSE, 0 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        TurnPace pace = { .hand_overs = rows[i].hand_overs, .chance_us = NOW - rows[i].after_us };

        g_assert_cmpuint(turn_pace_next(&pace, NOW, rows[i].others), ==, NOW + rows[i].pause_us);
        if (rows[i].pause_us > 0)
            g_assert_cmpuint(turn_pace_next(&pace, NOW + TURN_CHANCE_US, TRUE), ==,
                             NOW + TURN_CHANCE_US);
    }
}

/* A try that failed is no hand-over. */
static void test_tries_do_not_count(void)
{
    TurnQueues *queues = turn_queues_new();
    Person a;

    person_init(&a);
    turn_enter(queues, "disk", &a.turn, NOW);
    for (guint i = 0; i < 3 * TURN_HAND_OVERS_MAX; i++) {
        turn_resource_gone(queues, "disk", FALSE, TRUE, NOW + i);
        g_assert_cmpuint(take_told(&a), ==, NOW + i);
    }
    turn_leave(queues, &a.turn, FALSE, NOW);
    turn_queues_free(queues);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/turn-queue/order", test_order);
    g_test_add_func("/turn-queue/first-gives-up", test_first_gives_up);
    g_test_add_func("/turn-queue/chance-of-others", test_chance_of_others);
    g_test_add_func("/turn-queue/pace", test_pace);
    g_test_add_func("/turn-queue/tries-do-not-count", test_tries_do_not_count);
    return g_test_run();
}
