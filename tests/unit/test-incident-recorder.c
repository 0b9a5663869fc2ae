/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the recorder makes of a real loss: a host lease that somebody else altered fails at once, by
 * no deadline, so that nothing here takes long.
 */
#include "support/engine-fixture.h"

#include "engine/incident-log.h"

static BailiffIncident *only_incident(Fixture *fixture)
{
    g_autoptr(GPtrArray) list =
        bailiff_incident_log_list(bailiff_engine_get_incidents(fixture->engine));

    g_assert_cmpuint(list->len, <=, 1);
    return list->len == 1 ? list->pdata[0] : NULL;
}

static char *tell(const IncidentRecord *record)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < record->steps->len; i++) {
        const IncidentStep *step = record->steps->pdata[i];

        g_string_append_printf(text, "%s%s%s%s", i > 0 ? ", " : "",
                               step->name != NULL ? step->name : "", step->name != NULL ? " " : "",
                               incident_event_name(step->event));
        if (step->action != NULL)
            g_string_append_printf(text, " %d %s", step->index, step->action);
        if (step->event == INCIDENT_REGISTRATION_CLEARED)
            g_string_append_printf(text, " %s", step->detail);
    }
    return g_string_free(text, FALSE);
}

static BailiffLockspace *join_with(Fixture *fixture, BailiffRegistration *registration)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) held = NULL;
    BailiffLockspace *lockspace;

    format(fixture, NULL, 0);
    format(fixture, "disk", MEBIBYTE);
    lockspace = join(fixture);
    held = acquire(fixture, registration, "disk", MEBIBYTE, &error);
    g_assert_no_error(error);
    return lockspace;
}

/* The checksum of our record is wrong from now on. */
static void alter_record(Fixture *fixture)
{
    write_byte(fixture, 100, 0xff);
}

static void set_policy(BailiffRegistration *registration, FailureAction action)
{
    const FailurePolicy policy = { .steps = { { .action = action } }, .n_steps = 1 };
    g_autoptr(GError) error = NULL;

    bailiff_registration_set_failure_policy(registration, &policy, geteuid(), &error);
    g_assert_no_error(error);
}

static void note_step(BailiffIncident *incident, gpointer step, gpointer user_data)
{
    (*(guint *)user_data)++;
}

static void test_killed(Fixture *fixture, gconstpointer data)
{
    if (skip_without_pidfds())
        return;

    BailiffRegistration *guest = register_child(fixture, start_child(fixture), "guest");
    BailiffRegistration *idle = register_child(fixture, start_child(fixture), "idle");
    g_autoptr(BailiffIncident) incident = NULL;
    const IncidentRecord *record;
    BailiffLockspace *lockspace;
    g_autofree char *story = NULL;
    guint64 guest_id = bailiff_registration_get_id(guest);
    guint added = 0;

    set_policy(guest, FAILURE_ACTION_KILL);
    set_policy(idle, FAILURE_ACTION_KILL);
    lockspace = join_with(fixture, guest);
    g_assert_null(only_incident(fixture));
    alter_record(fixture);
    WAIT_FOR(only_incident(fixture) != NULL);
    incident = g_object_ref(only_incident(fixture));
    g_signal_connect(incident, "step-added", G_CALLBACK(note_step), &added);
    WAIT_FOR(!bailiff_incident_is_ongoing(incident));
    g_assert_cmpuint(added, >, 0);
    g_signal_handlers_disconnect_by_data(incident, &added);

    record = bailiff_incident_get_record(incident);
    story = tell(record);
    g_assert_cmpstr(story, ==,
                    "failed, guest step-started 0 kill, guest step-finished 0 kill, "
                    "guest cleared exited, lost");
    g_assert_cmpint(record->outcome, ==, INCIDENT_CLEARED);
    g_assert_cmpuint(record->number, ==, 1);
    g_assert_cmpstr(record->lockspace, ==, SPACE);
    g_assert_cmpuint(record->registrations, ==, 1);
    g_assert_cmpuint(record->cleared, ==, 1);
    g_assert_cmpuint(record->last_renewal_us, ==, bailiff_lockspace_get_last_renewal(lockspace));
    g_assert_cmpuint(record->ended_us, >=, record->started_us);
    g_assert_cmpuint(((IncidentStep *)record->steps->pdata[1])->registration, ==, guest_id);
    g_assert_nonnull(strchr(record->cause, '\n'));
}

static void test_ignored(Fixture *fixture, gconstpointer data)
{
    if (skip_without_pidfds())
        return;

    pid_t child = start_child(fixture);
    BailiffRegistration *guest = register_child(fixture, child, "guest");
    g_autoptr(BailiffIncident) incident = NULL;
    const IncidentRecord *record;
    g_autofree char *story = NULL;
    guint64 ended_us;

    set_policy(guest, FAILURE_ACTION_IGNORE);
    join_with(fixture, guest);
    alter_record(fixture);
    WAIT_FOR(only_incident(fixture) != NULL);
    incident = g_object_ref(only_incident(fixture));
    record = bailiff_incident_get_record(incident);
    WAIT_FOR(record->outcome == INCIDENT_IGNORED);
    g_assert_cmpuint(record->cleared, ==, 0);
    ended_us = record->ended_us;

    /* What comes after the end does not change how it ended. */
    end_child(fixture, child);
    WAIT_FOR(((IncidentStep *)record->steps->pdata[record->steps->len - 1])->event ==
             INCIDENT_LOST);
    g_assert_cmpuint(record->cleared, ==, 1);
    g_assert_cmpint(record->outcome, ==, INCIDENT_IGNORED);
    g_assert_cmpuint(record->ended_us, ==, ended_us);
    story = tell(record);
    g_assert_true(g_str_has_suffix(story, "guest cleared exited, lost"));
}

/* Who let go and lives is in that story no longer: what is done to it later is another one. */
static void test_afterwards(Fixture *fixture, gconstpointer data)
{
    if (skip_without_pidfds())
        return;

    const FailurePolicy policy = { .steps = { { .action = FAILURE_ACTION_NOTIFY,
                                                .grace_seconds = 1 },
                                              { .action = FAILURE_ACTION_KILL } },
                                   .n_steps = 2 };
    BailiffRegistration *guest = register_child(fixture, start_child(fixture), "guest");
    guint64 id = bailiff_registration_get_id(guest);
    g_autoptr(GError) error = NULL;
    g_autofree char *story = NULL;
    const IncidentRecord *record;

    bailiff_registration_set_failure_policy(guest, &policy, getuid(), &error);
    g_assert_no_error(error);
    join_with(fixture, guest);
    alter_record(fixture);
    WAIT_FOR(bailiff_registration_get_state(guest) == BAILIFF_REGISTRATION_FAILING);
    bailiff_registration_release_async(guest, NULL, on_result, fixture);
    g_autoptr(GAsyncResult) result = wait_for_result(fixture);
    g_assert_true(bailiff_registration_release_finish(guest, result, NULL));
    record = bailiff_incident_get_record(only_incident(fixture));
    WAIT_FOR(record->outcome == INCIDENT_CLEARED);

    bailiff_registration_drill(guest, &error);
    g_assert_no_error(error);
    WAIT_FOR(bailiff_engine_find_registration(fixture->engine, id) == NULL);
    story = tell(record);
    g_assert_cmpstr(story, ==, "failed, guest step-started 0 notify, guest cleared released, lost");
    g_assert_cmpuint(record->cleared, ==, 1);
}

/* Leaving walks failure policies, too, but no lease is lost by it. */
static void test_leaving_is_no_incident(Fixture *fixture, gconstpointer data)
{
    if (skip_without_pidfds())
        return;

    BailiffRegistration *guest = register_child(fixture, start_child(fixture), "guest");
    BailiffLockspace *lockspace;

    set_policy(guest, FAILURE_ACTION_KILL);
    lockspace = join_with(fixture, guest);
    bailiff_lockspace_leave_async(lockspace, TRUE, on_result, fixture);
    g_autoptr(GAsyncResult) result = wait_for_result(fixture);
    g_assert_true(bailiff_lockspace_leave_finish(lockspace, result, NULL));
    g_assert_null(only_incident(fixture));
}

static void test_nobody_is_concerned(Fixture *fixture, gconstpointer data)
{
    const IncidentRecord *record;
    g_autofree char *story = NULL;

    format(fixture, NULL, 0);
    join(fixture);
    alter_record(fixture);
    WAIT_FOR(only_incident(fixture) != NULL);
    record = bailiff_incident_get_record(only_incident(fixture));
    WAIT_FOR(record->outcome != INCIDENT_ONGOING);
    story = tell(record);
    g_assert_cmpstr(story, ==, "failed, lost");
    g_assert_cmpint(record->outcome, ==, INCIDENT_CLEARED);
    g_assert_cmpuint(record->registrations, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, function)                                                                        \
    g_test_add("/incident-recorder/" path, Fixture, NULL, set_up, function, tear_down)
    ADD("killed", test_killed);
    ADD("ignored", test_ignored);
    ADD("afterwards", test_afterwards);
    ADD("leaving-is-no-incident", test_leaving_is_no_incident);
    ADD("nobody-is-concerned", test_nobody_is_concerned);
    return g_test_run();
}
