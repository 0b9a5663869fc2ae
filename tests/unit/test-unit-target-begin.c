/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a unit becomes a target, and how one that has ended is started again, by bailiffd or by
 * others.
 */
#include "support/unit-target-fixture.h"

static void test_refusals(World *world, gconstpointer data)
{
    static const char *const dead[] = { "inactive", "failed", "deactivating", "maintenance", "?" };

    assert_refused(world, "a", BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_refused(world, "../a.service", BAILIFF_ERROR_INVALID_ARGUMENT);
    g_assert_cmpstr(world->systemd->calls->str, ==, "");

    for (guint i = 0; i < G_N_ELEMENTS(dead); i++) {
        world->systemd->active_state = dead[i];
        assert_refused(world, "a.service", BAILIFF_ERROR_NOT_FOUND);
    }
    world->systemd->active_state = "active";
    world->systemd->load_state = "not-found";
    assert_refused(world, "a.service", BAILIFF_ERROR_NOT_FOUND);
    world->systemd->load_state = "loaded";
    world->systemd->error = "org.freedesktop.systemd1.NoSuchUnit";
    assert_refused(world, "a.service", BAILIFF_ERROR_NOT_FOUND);
    world->systemd->error = "org.freedesktop.DBus.Error.AccessDenied";
    assert_refused(world, "a.service", BAILIFF_ERROR_NOT_AUTHORIZED);
    world->systemd->error = NULL;

    set_control_group(world, "");
    assert_refused(world, "a.service", BAILIFF_ERROR_UNSUPPORTED);
    if (world->path != NULL) {
        static const char *const hostile[] = { "/", "/..", "/../../tmp", "tmp", "/no-such-group" };

        for (guint i = 0; i < G_N_ELEMENTS(hostile); i++) {
            set_control_group(world, hostile[i]);
            assert_refused(world, "a.service", BAILIFF_ERROR_UNSUPPORTED);
        }
    }
    double_vanish(world->systemd);
    assert_refused(world, "a.service", BAILIFF_ERROR_IO_ERROR);
    bailiff_systemd_set_bus(world->client, NULL);
    assert_refused(world, "a.service", BAILIFF_ERROR_IO_ERROR);
}

static void test_silent_look_up(World *world, gconstpointer data)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;

    world->systemd->silent = TRUE;
    bailiff_unit_target_new_async(world->client, "a.service", cancellable, on_result, world);
    double_wait_for_calls(world->systemd, "LoadUnit a.service", 1);
    g_cancellable_cancel(cancellable);
    while (world->result == NULL)
        g_main_context_iteration(NULL, TRUE);
    g_assert_null(bailiff_unit_target_new_finish(world->result, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void test_look_up(World *world, gconstpointer data)
{
    const ProcessIdentity *process;
    KillGuardTarget guard = KILL_GUARD_TARGET_NONE;
    pid_t pid;

    if (world->path == NULL) {
        real_control_group_mount();
        return;
    }
    pid = run_in_group(world);
    world->systemd->main_pid = (guint)pid;
    world->systemd->id = "real.service";
    g_assert_true(make_target(world));
    g_assert_cmpint(bailiff_target_get_kind(world->target), ==, FAILURE_TARGET_UNIT);
    g_assert_cmpstr(bailiff_target_get_description(world->target), ==, "unit real.service");
    g_assert_cmpstr(bailiff_unit_target_get_unit(BAILIFF_UNIT_TARGET(world->target)), ==,
                    "real.service");
    process = bailiff_target_get_process(world->target);
    g_assert_nonnull(process);
    g_assert_cmpint(process->pid, ==, pid);
    bailiff_target_fill_guard(world->target, &guard);
    g_assert_cmpint(guard.cgroup_kill_fd, >=, 0);
    g_assert_cmpint(guard.pidfd, ==, -1);

    /* Another main process; then one that is not in the group; then none. */
    world->systemd->main_pid = (guint)getpid();
    double_set_state(world->systemd, "active");
    while (world->n_process_changed < 1)
        g_main_context_iteration(NULL, TRUE);
    g_assert_null(bailiff_target_get_process(world->target));
    world->systemd->main_pid = (guint)pid;
    double_set_state(world->systemd, "active");
    while (world->n_process_changed < 2)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpint(bailiff_target_get_process(world->target)->pid, ==, pid);
    end_process(world, pid);
}

static void start(World *world, GCancellable *cancellable)
{
    g_clear_object(&world->result);
    bailiff_unit_target_start_async(BAILIFF_UNIT_TARGET(world->target), cancellable, on_result,
                                    world);
}

static void assert_start(World *world, GQuark domain, int code)
{
    g_autoptr(GError) error = NULL;
    gboolean started;

    while (world->result == NULL)
        g_main_context_iteration(NULL, TRUE);
    started =
        bailiff_unit_target_start_finish(BAILIFF_UNIT_TARGET(world->target), world->result, &error);
    g_assert_cmpint(started, ==, domain == 0);
    if (domain == 0)
        g_assert_no_error(error);
    else
        g_assert_error(error, domain, code);
}

static void end_unit(World *world)
{
    world->n_ended = 0;
    double_set_state(world->systemd, "inactive");
    wait_for_end_of_unit(world);
}

/* systemctl start, while a recovery waits for its leases. */
static void test_started_by_others(World *world, gconstpointer data)
{
    guint n_before;
    pid_t pid;

    if (!make_target(world))
        return;
    end_unit(world);
    g_assert_true(bailiff_target_has_ended(world->target));
    n_before = world->n_process_changed;
    pid = run_in_group(world);
    double_set_state(world->systemd, "active");
    while (bailiff_target_has_ended(world->target))
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(world->n_process_changed, >, n_before);

    world->n_ended = 0;
    world->systemd->state_after_stop = "inactive";
    g_assert_true(bailiff_target_kill(world->target, NULL));
    reap(pid);
    wait_for_end_of_unit(world);
}

/* What a start is asked of: it has ended, and nothing of it was started yet. */
static gboolean make_ended(World *world)
{
    if (!make_target(world))
        return FALSE;
    end_unit(world);
    world->n_ended = 0;
    return TRUE;
}

static void test_start(World *world, gconstpointer data)
{
    pid_t pid;

    if (!make_target(world))
        return;
    start(world, NULL);
    assert_start(world, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
    end_unit(world);

    world->systemd->state_after_start = "active";
    start(world, NULL);
    g_assert_false(bailiff_target_has_ended(world->target));
    assert_start(world, 0, 0);
    g_assert_false(bailiff_target_has_ended(world->target));
    g_assert_cmpuint(double_count_calls(world->systemd, "StartUnit a.service replace"), ==, 1);
    pid = run_in_group(world);
    g_assert_true(bailiff_target_kill(world->target, NULL));
    reap(pid);
    end_unit(world);
}

typedef struct FailedStart {
    const char *job_result;
    const char *error; /* that systemd answers with */
    BailiffError code;
} FailedStart;

/* It cannot be started; it ends at once; systemd refuses: an end of it each time. */
static void test_start_fails(World *world, gconstpointer data)
{
    static const FailedStart ways[] = {
        { "failed", NULL, BAILIFF_ERROR_IO_ERROR },
        { "done", NULL, BAILIFF_ERROR_IO_ERROR },
        { "done", "org.freedesktop.systemd1.NoSuchUnit", BAILIFF_ERROR_NOT_FOUND },
    };

    if (!make_ended(world))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(ways); i++) {
        world->systemd->job_result = ways[i].job_result;
        world->systemd->error = ways[i].error;
        world->n_ended = 0;
        start(world, NULL);
        assert_start(world, BAILIFF_ERROR, (int)ways[i].code);
        wait_for_end_of_unit(world);
    }
}

/* While its start is not at its end it has not ended, whatever is told meanwhile. */
static void test_start_takes_long(World *world, gconstpointer data)
{
    g_autofree char *path = NULL;

    if (!make_ended(world))
        return;
    world->systemd->job_end = DOUBLE_JOB_NEVER;
    start(world, NULL);
    double_wait_for_calls(world->systemd, "StartUnit a.service replace", 1);
    double_set_state(world->systemd, "inactive");
    assert_not_ended(world);
    path = g_strdup_printf("/org/freedesktop/systemd1/job/%u", world->systemd->n_jobs);
    double_end_job(world->systemd, path, "done");
    assert_start(world, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    wait_for_end_of_unit(world);
}

/* With the call out: what is carried out late is seen, and not taken for ended. */
static void test_start_cancelled(World *world, gconstpointer data)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();

    if (!make_ended(world))
        return;
    world->systemd->silent = TRUE;
    start(world, cancellable);
    double_wait_for_calls(world->systemd, "StartUnit a.service replace", 1);
    g_cancellable_cancel(cancellable);
    assert_start(world, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_assert_false(bailiff_target_has_ended(world->target));
    world->systemd->state_after_start = "active";
    double_speak(world->systemd);
    assert_not_ended(world);
    end_unit(world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!forked_tree_init())
        return 0;
    ADD_UNIT_TEST("/unit-target-begin/refusals", NULL, test_refusals);
    ADD_UNIT_TEST("/unit-target-begin/silent-look-up", NULL, test_silent_look_up);
    ADD_UNIT_TEST("/unit-target-begin/look-up", NULL, test_look_up);
    ADD_UNIT_TEST("/unit-target-begin/started-by-others", NULL, test_started_by_others);
    ADD_UNIT_TEST("/unit-target-begin/start", NULL, test_start);
    ADD_UNIT_TEST("/unit-target-begin/start-fails", NULL, test_start_fails);
    ADD_UNIT_TEST("/unit-target-begin/start-takes-long", NULL, test_start_takes_long);
    ADD_UNIT_TEST("/unit-target-begin/start-cancelled", NULL, test_start_cancelled);
    return g_test_run();
}
