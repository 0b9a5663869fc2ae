/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where an incident stands, by its steps alone.
 */
#include <glib.h>

#include "base/checked-time.h"
#include "engine/incident-replay.h"

#define IN_TIME_US (50 * USEC_PER_SECOND)
#define FAILED_US (100 * USEC_PER_SECOND)

static IncidentRecord *record_new(void)
{
    IncidentRecord *record = incident_record_new();

    record->fail_at_us = FAILED_US;
    return record;
}

static void add(IncidentRecord *record, guint64 time_us, IncidentEvent event, guint64 registration,
                int index, const char *action, const char *detail)
{
    const IncidentStep step = {
        .time_us = time_us,
        .event = event,
        .registration = registration,
        .name = registration != 0 ? (char *)"guest" : NULL,
        .kind = registration != 0 ? (char *)"process" : NULL,
        .index = index,
        .action = (char *)action,
        .detail = (char *)detail,
    };

    g_assert_true(incident_record_add(record, incident_step_new(&step)));
}

static void cleared(IncidentRecord *record, guint64 time_us, guint64 registration, const char *how)
{
    add(record, time_us, INCIDENT_REGISTRATION_CLEARED, registration, -1, NULL, how);
}

static void fail(IncidentRecord *record, guint64 time_us)
{
    add(record, time_us, INCIDENT_FAILED, 0, -1, NULL, NULL);
}

static void test_late(void)
{
    g_autoptr(IncidentRecord) record = record_new();
    g_autoptr(IncidentReplay) replay = NULL;
    g_autoptr(GArray) list = NULL;

    add(record, 1, INCIDENT_RENEWAL_LATE, 0, -1, NULL, NULL);
    cleared(record, 2, 5, "exited");
    cleared(record, 2, 6, "released");
    replay = incident_replay_new(record, IN_TIME_US);
    list = incident_replay_list(replay);
    g_assert_cmpuint(replay->failed_us, ==, 0);
    g_assert_cmpuint(replay->early, ==, 1);
    g_assert_false(replay->lost || replay->joined || replay->overdue);
    g_assert_cmpuint(list->len, ==, 1);
}

static void test_failed(void)
{
    g_autoptr(IncidentRecord) record = record_new();
    g_autoptr(IncidentReplay) replay = NULL;
    const ReplayedPart *part;

    cleared(record, 1, 9, "released");
    fail(record, FAILED_US + 7);
    add(record, FAILED_US + 8, INCIDENT_STEP_STARTED, 5, 0, "signal", NULL);
    add(record, FAILED_US + 8, INCIDENT_STEP_STARTED, 6, 0, "ignore", NULL);
    add(record, FAILED_US + 9, INCIDENT_STEP_STARTED, 7, 0, "pause", NULL);
    add(record, FAILED_US + 10, INCIDENT_STEP_FINISHED, 7, 0, "pause", "it is paused");
    add(record, FAILED_US + 11, INCIDENT_TAKEN_OVER, 0, -1, NULL, NULL);
    add(record, FAILED_US + 12, INCIDENT_STEP_CONTINUED, 5, 0, "signal", NULL);
    replay = incident_replay_new(record, IN_TIME_US);
    g_assert_cmpuint(replay->failed_us, ==, FAILED_US); /* the earlier of the two */
    g_assert_null(incident_replay_find(replay, 9));     /* let go before it had failed */
    part = incident_replay_find(replay, 5);
    g_assert_cmpint(part->state, ==, PART_USING);
    g_assert_cmpuint(part->step_started_us, ==, FAILED_US + 8); /* the daemon before did */
    g_assert_cmpint(part->last->index, ==, 0);
    g_assert_cmpint(incident_replay_find(replay, 6)->state, ==, PART_IGNORING);
    part = incident_replay_find(replay, 7);
    g_assert_cmpint(part->state, ==, PART_USING);
    g_assert_cmpuint(part->step_started_us, ==, 0);
}

static void test_end(void)
{
    g_autoptr(IncidentRecord) record = record_new();
    g_autoptr(IncidentReplay) replay = NULL;
    g_autoptr(GArray) list = NULL;

    fail(record, FAILED_US);
    cleared(record, FAILED_US + 1, 5, "paused");
    cleared(record, FAILED_US + 1, 6, "exited");
    cleared(record, FAILED_US + 2, 7, "released");
    cleared(record, FAILED_US + IN_TIME_US + 1, 8, "exited");
    add(record, FAILED_US + 3, INCIDENT_LOST, 0, -1, NULL, NULL);
    add(record, FAILED_US + 4, INCIDENT_JOINED, 0, -1, NULL, NULL);
    add(record, FAILED_US + 5, INCIDENT_RESUMED, 5, -1, NULL, NULL);
    replay = incident_replay_new(record, IN_TIME_US);
    g_assert_true(replay->lost && replay->joined && replay->overdue);
    g_assert_cmpint(incident_replay_find(replay, 5)->state, ==, PART_RELEASED);
    g_assert_cmpint(incident_replay_find(replay, 6)->state, ==, PART_ENDED);
    g_assert_cmpint(incident_replay_find(replay, 7)->state, ==, PART_RELEASED);
    list = incident_replay_list(replay);
    g_assert_cmpuint(list->len, ==, 2); /* who has ended may be started again */
}

static void test_in_time(void)
{
    g_autoptr(IncidentRecord) record = record_new();
    g_autoptr(IncidentReplay) replay = NULL;

    fail(record, FAILED_US);
    cleared(record, FAILED_US + IN_TIME_US, 5, "exited");
    replay = incident_replay_new(record, IN_TIME_US);
    g_assert_false(replay->overdue);
}

/* A daemon that ends again and again leaves room for the end of the story. */
static void test_many_take_overs(void)
{
    g_autoptr(IncidentRecord) record = record_new();
    const IncidentStep step = { .event = INCIDENT_TAKEN_OVER, .index = -1 };
    const IncidentStep lost = { .event = INCIDENT_LOST, .index = -1 };

    for (guint i = 0; i < 2 * INCIDENT_LOCKSPACE_STEPS_MAX; i++)
        (void)incident_record_add(record, incident_step_new(&step));
    g_assert_cmpuint(record->dropped, >, 0);
    g_assert_true(incident_record_add(record, incident_step_new(&lost)));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/incident-replay/late", test_late);
    g_test_add_func("/incident-replay/failed", test_failed);
    g_test_add_func("/incident-replay/end", test_end);
    g_test_add_func("/incident-replay/in-time", test_in_time);
    g_test_add_func("/incident-replay/many-take-overs", test_many_take_overs);
    return g_test_run();
}
