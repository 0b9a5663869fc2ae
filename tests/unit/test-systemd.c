/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls to a double of systemd: jobs and their ends, readings of a unit, and each of them while
 * systemd is absent, silent, late, or answers with errors.
 */
#include "actions/systemd-private.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "support/systemd-double.h"

typedef struct World {
    SystemdDouble *systemd;
    BailiffSystemd *client;
    GAsyncResult *result;
    guint n_told; /* by a watch */
} World;

#define LONG_US (60 * USEC_PER_SECOND)

static void set_up(World *world, gconstpointer data)
{
    world->systemd = double_new();
    world->client = bailiff_systemd_new();
    bailiff_systemd_set_bus(world->client, world->systemd->client);
}

static void tear_down(World *world, gconstpointer data)
{
    g_clear_object(&world->result);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    /* Nothing is kept by a call that nobody waits for any more. */
    g_assert_finalize_object(world->client);
    double_free(world->systemd);
}

static void on_result(GObject *source, GAsyncResult *result, gpointer user_data)
{
    World *world = user_data;

    g_assert_null(world->result);
    world->result = g_object_ref(result);
}

static void wait_for_result(World *world)
{
    while (world->result == NULL)
        g_main_context_iteration(NULL, TRUE);
}

static void start_job(World *world, guint64 limit_us, GCancellable *cancellable)
{
    g_clear_object(&world->result);
    systemd_run_job_async(world->client, "StopUnit", "a.service",
                          time_add(boottime_now(), limit_us), cancellable, on_result, world);
}

static void assert_job(World *world, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *word = NULL;

    wait_for_result(world);
    word = systemd_run_job_finish(world->result, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(word, ==, expected);
}

static void assert_job_error(World *world, GQuark domain, int code)
{
    g_autoptr(GError) error = NULL;

    wait_for_result(world);
    g_assert_null(systemd_run_job_finish(world->result, &error));
    g_assert_error(error, domain, code);
    if (domain == BAILIFF_ERROR)
        g_assert_nonnull(strchr(error->message, '\n'));
}

static void test_job(World *world, gconstpointer data)
{
    start_job(world, LONG_US, NULL);
    assert_job(world, "done");
    /* Told before the answer that says which job it was. */
    world->systemd->job_end = DOUBLE_JOB_BEFORE_ANSWER;
    world->systemd->job_result = "timeout";
    start_job(world, LONG_US, NULL);
    assert_job(world, "timeout");
    g_assert_cmpuint(double_count_calls(world->systemd, "StopUnit a.service replace"), ==, 2);
    g_assert_cmpuint(g_hash_table_size(world->client->ended_jobs), ==, 0);
    /* Subscribed before the first call, not only when somebody saw that systemd is there. */
    g_assert_true(g_str_has_prefix(world->systemd->calls->str, "Subscribe\nStopUnit"));
}

/* Another unit's job, and another job of this unit. */
static void test_job_of_others(World *world, gconstpointer data)
{
    world->systemd->job_end = DOUBLE_JOB_NEVER;
    start_job(world, LONG_US, NULL);
    double_wait_for_calls(world->systemd, "StopUnit a.service replace", 1);
    double_end_job(world->systemd, "/org/freedesktop/systemd1/job/77", "failed");
    double_end_job(world->systemd, "/org/freedesktop/systemd1/job/1", "canceled");
    assert_job(world, "canceled");
}

static void test_job_limit(World *world, gconstpointer data)
{
    world->systemd->job_end = DOUBLE_JOB_NEVER;
    start_job(world, 50000, NULL);
    assert_job_error(world, BAILIFF_ERROR, BAILIFF_ERROR_IO_TIMEOUT);
}

static void test_job_silent(World *world, gconstpointer data)
{
    world->systemd->silent = TRUE;
    start_job(world, 50000, NULL);
    assert_job_error(world, BAILIFF_ERROR, BAILIFF_ERROR_IO_TIMEOUT);
    /* Answered when nobody waits any more. */
    double_wait_for_calls(world->systemd, "StopUnit a.service replace", 1);
    double_speak(world->systemd);
    start_job(world, LONG_US, NULL);
    assert_job(world, "done");
    while (world->client->jobs != NULL)
        g_main_context_iteration(NULL, TRUE);
}

static void test_job_cancelled(World *world, gconstpointer data)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();

    world->systemd->silent = TRUE;
    start_job(world, LONG_US, cancellable);
    double_wait_for_calls(world->systemd, "StopUnit a.service replace", 1);
    g_cancellable_cancel(cancellable);
    assert_job_error(world, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    /* The late answer and the end of that job do no harm, and do not end the next one. */
    start_job(world, LONG_US, NULL);
    double_wait_for_calls(world->systemd, "StopUnit a.service replace", 2);
    world->systemd->job_end = DOUBLE_JOB_NEVER;
    double_speak(world->systemd);
    double_end_job(world->systemd, "/org/freedesktop/systemd1/job/1", "failed");
    double_end_job(world->systemd, "/org/freedesktop/systemd1/job/2", "done");
    assert_job(world, "done");
    while (world->client->jobs != NULL)
        g_main_context_iteration(NULL, TRUE);
}

static void test_job_systemd_goes(World *world, gconstpointer data)
{
    world->systemd->job_end = DOUBLE_JOB_NEVER;
    start_job(world, LONG_US, NULL);
    while (world->client->jobs == NULL || world->systemd->n_jobs == 0)
        g_main_context_iteration(NULL, TRUE);
    double_vanish(world->systemd);
    assert_job_error(world, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    /* Absent; then there again. */
    start_job(world, LONG_US, NULL);
    assert_job_error(world, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    double_appear(world->systemd);
    world->systemd->job_end = DOUBLE_JOB_AFTER_ANSWER;
    start_job(world, LONG_US, NULL);
    assert_job(world, "done");
    /* No bus at all. */
    bailiff_systemd_set_bus(world->client, NULL);
    start_job(world, LONG_US, NULL);
    assert_job_error(world, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
}

static void test_errors(World *world, gconstpointer data)
{
    static const struct {
        const char *name;
        int code;
    } errors[] = {
        { "org.freedesktop.systemd1.NoSuchUnit", BAILIFF_ERROR_NOT_FOUND },
        { "org.freedesktop.DBus.Error.AccessDenied", BAILIFF_ERROR_NOT_AUTHORIZED },
        { "org.freedesktop.DBus.Error.Spawn.ChildExited", BAILIFF_ERROR_IO_ERROR },
        { "org.freedesktop.DBus.Error.ServiceUnknown", BAILIFF_ERROR_IO_ERROR },
        { "org.freedesktop.DBus.Error.NoReply", BAILIFF_ERROR_IO_TIMEOUT },
        { "org.freedesktop.systemd1.TransactionIsDestructive", BAILIFF_ERROR_IO_ERROR },
        { "net.example.Whatever", BAILIFF_ERROR_IO_ERROR },
    };

    for (guint i = 0; i < G_N_ELEMENTS(errors); i++) {
        world->systemd->error = errors[i].name;
        start_job(world, LONG_US, NULL);
        assert_job_error(world, BAILIFF_ERROR, errors[i].code);
    }
}

static SystemdUnit *read_unit(World *world, GError **error)
{
    g_clear_object(&world->result);
    systemd_read_unit_async(world->client, "a.service", DOUBLE_UNIT_PATH,
                            time_add(boottime_now(), LONG_US), NULL, on_result, world);
    wait_for_result(world);
    return systemd_read_unit_finish(world->result, error);
}

static void test_read(World *world, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SystemdUnit) unit = NULL;
    static const struct {
        const char *state;
        guint job;
        gboolean at_rest;
    } states[] = {
        { "inactive", 0, TRUE },   { "failed", 0, TRUE },        { "inactive", 7, FALSE },
        { "failed", 7, FALSE },    { "activating", 0, FALSE },   { "active", 0, FALSE },
        { "reloading", 0, FALSE }, { "deactivating", 0, FALSE }, { "", 0, FALSE },
    };

    g_free(world->systemd->control_group);
    world->systemd->control_group = g_strdup("/system.slice/a.service");
    world->systemd->main_pid = 812;
    unit = read_unit(world, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(unit->id, ==, "a.service");
    g_assert_cmpstr(unit->load_state, ==, "loaded");
    g_assert_cmpstr(unit->control_group, ==, "/system.slice/a.service");
    g_assert_cmpuint(unit->main_pid, ==, 812);

    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autoptr(SystemdUnit) read = NULL;

        world->systemd->active_state = states[i].state;
        world->systemd->job = states[i].job;
        read = read_unit(world, &error);
        g_assert_no_error(error);
        g_assert_cmpint(systemd_unit_is_at_rest(read), ==, states[i].at_rest);
    }
    /* Whoever has the name may say anything. */
    world->systemd->id = "../a\n.service";
    g_assert_null(read_unit(world, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
}

static void on_told(gpointer user_data)
{
    World *world = user_data;

    world->n_told++;
}

static void wait_until_told(World *world)
{
    guint n = world->n_told;

    while (world->n_told == n)
        g_main_context_iteration(NULL, TRUE);
}

static void test_watch(World *world, gconstpointer data)
{
    SystemdWatch *watch, *other;

    g_assert_cmpstr(world->systemd->calls->str, ==, "");
    watch = systemd_watch_new(world->client, on_told, world);
    systemd_watch_set_path(watch, DOUBLE_UNIT_PATH);
    other = systemd_watch_new(world->client, on_told, world);
    wait_until_told(world); /* it is there */
    double_wait_for_calls(world->systemd, "Subscribe", 1);
    double_set_state(world->systemd, "inactive");
    wait_until_told(world);
    double_vanish(world->systemd);
    wait_until_told(world);
    double_appear(world->systemd);
    double_wait_for_calls(world->systemd, "Subscribe", 3);
    g_assert_cmpuint(double_count_calls(world->systemd, "Unsubscribe"), ==, 0);
    systemd_watch_free(other);
    systemd_watch_free(watch);
    double_wait_for_calls(world->systemd, "Unsubscribe", 1);
    g_assert_cmpuint(world->systemd->n_reads, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, function) g_test_add("/systemd/" path, World, NULL, set_up, function, tear_down)
    ADD("job", test_job);
    ADD("job-of-others", test_job_of_others);
    ADD("job-limit", test_job_limit);
    ADD("job-silent", test_job_silent);
    ADD("job-cancelled", test_job_cancelled);
    ADD("job-systemd-goes", test_job_systemd_goes);
    ADD("errors", test_errors);
    ADD("read", test_read);
    ADD("watch", test_watch);
    return g_test_run();
}
