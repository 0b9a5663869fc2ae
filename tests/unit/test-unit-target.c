/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Units with real control groups and real processes, and a double of systemd.
 */
#include <signal.h>

#include "actions/systemd-private.h"
#include "actions/unit-target-private.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "support/real-control-group.h"
#include "support/systemd-double.h"

typedef struct World {
    SystemdDouble *systemd;
    BailiffSystemd *client;
    GAsyncResult *result;
    char *path; /* of the unit's control group; NULL: none can be made here */
    BailiffTarget *target;
    guint n_ended;
    guint n_process_changed;
    guint n_group_changed;
} World;

static void count(BailiffTarget *target, gpointer user_data)
{
    (*(guint *)user_data)++;
}

static void set_up(World *world, gconstpointer data)
{
    world->systemd = double_new();
    world->client = bailiff_systemd_new();
    bailiff_systemd_set_bus(world->client, world->systemd->client);
    if (real_control_group_mount() == NULL)
        return;
    world->path = real_control_group_make("a.service");
    g_free(world->systemd->control_group);
    world->systemd->control_group = g_strdup(world->path);
}

static void tear_down(World *world, gconstpointer data)
{
    g_clear_object(&world->result);
    if (world->target != NULL)
        g_assert_finalize_object(world->target);
    /* Whatever is out ends with the bus at the latest. */
    bailiff_systemd_set_bus(world->client, NULL);
    double_free(world->systemd);
    while (world->client->jobs != NULL || g_main_context_pending(NULL))
        g_main_context_iteration(NULL, TRUE);
    g_assert_finalize_object(world->client);
    if (world->path != NULL)
        real_control_group_remove(world->path);
    g_free(world->path);
}

static void on_result(GObject *source, GAsyncResult *result, gpointer user_data)
{
    World *world = user_data;

    g_assert_null(world->result);
    world->result = g_object_ref(result);
}

static BailiffTarget *look_up(World *world, const char *name, GError **error)
{
    g_clear_object(&world->result);
    bailiff_unit_target_new_async(world->client, name, NULL, on_result, world);
    while (world->result == NULL)
        g_main_context_iteration(NULL, TRUE);
    return bailiff_unit_target_new_finish(world->result, error);
}

/* FALSE where no control groups can be made. */
static gboolean make_target(World *world)
{
    g_autoptr(GError) error = NULL;

    if (world->path == NULL) {
        real_control_group_mount();
        return FALSE;
    }
    world->target = look_up(world, "a.service", &error);
    g_assert_no_error(error);
    g_signal_connect(world->target, "ended", G_CALLBACK(count), &world->n_ended);
    g_signal_connect(world->target, "process-changed", G_CALLBACK(count),
                     &world->n_process_changed);
    g_signal_connect(world->target, "group-changed", G_CALLBACK(count), &world->n_group_changed);
    return TRUE;
}

static pid_t run_in_group(World *world)
{
    return real_control_group_fork(world->path, report_and_pause);
}

static void reap(pid_t pid)
{
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}

static gboolean populated(World *world)
{
    g_autoptr(ControlGroup) group = control_group_open(world->path, NULL);

    return group != NULL && control_group_read(group).populated;
}

static void end_process(World *world, pid_t pid)
{
    kill(pid, SIGKILL);
    reap(pid);
    g_assert_false(populated(world));
}

static void wait_for_end_of_unit(World *world)
{
    while (world->n_ended == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_true(bailiff_target_has_ended(world->target));
    g_assert_cmpuint(world->n_ended, ==, 1);
}

/* Everything that systemd is asked on account of what has happened is answered, twice. */
static void let_it_look(World *world)
{
    guint n = world->systemd->n_reads + 6;

    while (world->systemd->n_reads < n)
        g_main_context_iteration(NULL, TRUE);
    while (BAILIFF_UNIT_TARGET(world->target)->reading)
        g_main_context_iteration(NULL, TRUE);
}

static void assert_not_ended(World *world)
{
    let_it_look(world);
    g_assert_false(bailiff_target_has_ended(world->target));
    g_assert_cmpuint(world->n_ended, ==, 0);
}

static void assert_refused(World *world, const char *name, int code)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(look_up(world, name, &error));
    g_assert_error(error, BAILIFF_ERROR, code);
    g_assert_nonnull(strchr(error->message, '\n'));
}

static void set_control_group(World *world, const char *path)
{
    g_free(world->systemd->control_group);
    world->systemd->control_group = g_strdup(path);
}

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

/* The processes end first, then the unit. */
static void test_ends(World *world, gconstpointer data)
{
    pid_t pid;

    if (!make_target(world))
        return;
    pid = run_in_group(world);
    end_process(world, pid);
    assert_not_ended(world);
    double_set_state(world->systemd, "deactivating");
    assert_not_ended(world);
    double_set_state(world->systemd, "inactive");
    wait_for_end_of_unit(world);
}

/* The unit is inactive and has left a process behind (KillMode=process). */
static void test_ends_late(World *world, gconstpointer data)
{
    guint n;
    pid_t pid;

    if (!make_target(world))
        return;
    pid = run_in_group(world);
    n = world->systemd->n_reads;
    double_set_state(world->systemd, "inactive");
    while (world->systemd->n_reads == n || BAILIFF_UNIT_TARGET(world->target)->reading)
        g_main_context_iteration(NULL, TRUE);
    g_assert_false(bailiff_target_has_ended(world->target));
    g_assert_true(populated(world));
    end_process(world, pid);
    wait_for_end_of_unit(world);
}

/* Between two programs of the unit, and before it is restarted. */
static void test_empty_for_a_moment(World *world, gconstpointer data)
{
    static const char *const states[] = { "activating", "reloading", "active" };
    pid_t pid;

    if (!make_target(world))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        pid = run_in_group(world);
        double_set_state(world->systemd, states[i]);
        end_process(world, pid);
        assert_not_ended(world);
    }
    /* A restart: inactive, but there is a job. */
    world->systemd->job = 12;
    double_set_state(world->systemd, "inactive");
    assert_not_ended(world);
    world->systemd->job = 0;
    wait_for_end_of_unit(world);
}

/* It is not taken for ended, and the answer counts when it comes. */
static void test_systemd_does_not_answer(World *world, gconstpointer data)
{
    pid_t pid;
    guint n;

    if (!make_target(world))
        return;
    pid = run_in_group(world);
    while (BAILIFF_UNIT_TARGET(world->target)->reading)
        g_main_context_iteration(NULL, TRUE);
    world->systemd->silent = TRUE;
    world->systemd->active_state = "inactive";
    end_process(world, pid);
    while (world->systemd->held->len == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_false(bailiff_target_has_ended(world->target));
    double_speak(world->systemd);
    wait_for_end_of_unit(world);
    /* What is told after that is looked at, since somebody may have started it; it stays ended. */
    n = world->systemd->n_reads;
    double_set_state(world->systemd, "inactive");
    while (world->systemd->n_reads == n)
        g_main_context_iteration(NULL, TRUE);
    double_vanish(world->systemd);
    double_appear(world->systemd);
    while (BAILIFF_UNIT_TARGET(world->target)->reading)
        g_main_context_iteration(NULL, TRUE);
    g_assert_true(bailiff_target_has_ended(world->target));
    g_assert_cmpuint(world->n_ended, ==, 1);
}

/* A process comes into the group after it was seen empty, before the answer. */
static void test_populated_meanwhile(World *world, gconstpointer data)
{
    pid_t pid;

    if (!make_target(world))
        return;
    pid = run_in_group(world);
    while (BAILIFF_UNIT_TARGET(world->target)->reading)
        g_main_context_iteration(NULL, TRUE);
    world->systemd->silent = TRUE;
    world->systemd->active_state = "inactive";
    end_process(world, pid);
    while (world->systemd->held->len < 3)
        g_main_context_iteration(NULL, TRUE);
    pid = run_in_group(world);
    double_speak(world->systemd);
    while (BAILIFF_UNIT_TARGET(world->target)->reading)
        g_main_context_iteration(NULL, TRUE);
    g_assert_false(bailiff_target_has_ended(world->target));
    end_process(world, pid);
    wait_for_end_of_unit(world);
}

/* systemd executes itself anew: absent for a moment, and asked again when it is back. */
static void test_systemd_comes_back(World *world, gconstpointer data)
{
    pid_t pid;

    if (!make_target(world))
        return;
    pid = run_in_group(world);
    double_vanish(world->systemd);
    world->systemd->active_state = "failed";
    end_process(world, pid);
    while (BAILIFF_UNIT_TARGET(world->target)->reading)
        g_main_context_iteration(NULL, TRUE);
    g_assert_false(bailiff_target_has_ended(world->target));
    double_appear(world->systemd);
    wait_for_end_of_unit(world);
}

static void test_signal(World *world, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    pid_t one, two;
    int status;

    if (!make_target(world))
        return;
    one = run_in_group(world);
    two = run_in_group(world);
    g_assert_true(bailiff_target_signal(world->target, SIGUSR2, &error));
    g_assert_no_error(error);
    g_assert_cmpint(waitpid(one, &status, 0), ==, one);
    g_assert_cmpint(WTERMSIG(status), ==, SIGUSR2);
    g_assert_cmpint(waitpid(two, &status, 0), ==, two);
    g_assert_cmpint(WTERMSIG(status), ==, SIGUSR2);
}

static void test_kill(World *world, gconstpointer frozen)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *below = NULL;
    pid_t one, two;

    if (!make_target(world))
        return;
    below = real_control_group_make_below(world->path, "below");
    one = run_in_group(world);
    two = real_control_group_fork(below, report_and_pause);
    if (frozen != NULL) {
        real_control_group_write(world->path, "cgroup.freeze", "1");
        while (world->n_group_changed == 0 ||
               !bailiff_unit_target_is_frozen(BAILIFF_UNIT_TARGET(world->target)))
            g_main_context_iteration(NULL, TRUE);
    }
    world->systemd->state_after_stop = "inactive";
    g_assert_true(bailiff_target_kill(world->target, &error));
    g_assert_no_error(error);
    g_assert_true(bailiff_target_kill(world->target, &error));
    reap(one);
    reap(two);
    wait_for_end_of_unit(world);
    g_assert_true(bailiff_target_kill(world->target, &error));
    g_assert_cmpuint(double_count_calls(world->systemd, "StopUnit a.service replace"), ==, 1);
    real_control_group_remove(below);
}

/* The processes end at once, whatever systemd does; the unit has not ended before it says so. */
static void test_kill_without_systemd(World *world, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    pid_t pid;

    if (!make_target(world))
        return;
    pid = run_in_group(world);
    world->systemd->silent = TRUE;
    g_assert_true(bailiff_target_kill(world->target, &error));
    g_assert_no_error(error);
    reap(pid);
    double_wait_for_calls(world->systemd, "StopUnit a.service replace", 1);
    double_vanish(world->systemd);
    while (BAILIFF_UNIT_TARGET(world->target)->stopping)
        g_main_context_iteration(NULL, TRUE);
    g_assert_true(bailiff_target_kill(world->target, &error));
    g_assert_no_error(error);
    g_assert_false(bailiff_target_has_ended(world->target));
    double_appear(world->systemd);
    world->systemd->state_after_stop = "failed";
    double_speak(world->systemd);
    wait_for_end_of_unit(world);
}

/* systemd has restarted it before it was told to stop: a new group under the old name, which is
 * killed, too, and whose file the guard gets. */
static void test_restarted_meanwhile(World *world, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    KillGuardTarget guard = KILL_GUARD_TARGET_NONE;
    pid_t pid;

    if (!make_target(world))
        return;
    pid = run_in_group(world);
    end_process(world, pid);
    real_control_group_remove(world->path);
    double_set_state(world->systemd, "activating");
    assert_not_ended(world);
    g_assert_true(bailiff_target_kill(world->target, &error));
    g_assert_no_error(error);
    while (BAILIFF_UNIT_TARGET(world->target)->stopping)
        g_main_context_iteration(NULL, TRUE);

    g_free(world->path);
    world->path = real_control_group_make("a.service");
    pid = run_in_group(world);
    double_set_state(world->systemd, "active");
    while (BAILIFF_UNIT_TARGET(world->target)->group == NULL)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(world->n_process_changed, >, 0);
    bailiff_target_fill_guard(world->target, &guard);
    g_assert_cmpint(write(guard.cgroup_kill_fd, "1", 1), ==, 1);
    reap(pid);

    pid = run_in_group(world);
    world->systemd->state_after_stop = "inactive";
    g_assert_true(bailiff_target_kill(world->target, &error));
    g_assert_no_error(error);
    reap(pid);
    wait_for_end_of_unit(world);
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

static void test_start(World *world, gconstpointer data)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autofree char *path = NULL;
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

    /* It cannot be started; it ends at once; systemd refuses: an end of it each time. */
    world->systemd->state_after_start = NULL;
    world->systemd->job_result = "failed";
    world->n_ended = 0;
    start(world, NULL);
    assert_start(world, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    wait_for_end_of_unit(world);
    world->systemd->job_result = "done";
    world->n_ended = 0;
    start(world, NULL);
    assert_start(world, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    wait_for_end_of_unit(world);
    world->systemd->error = "org.freedesktop.systemd1.NoSuchUnit";
    world->n_ended = 0;
    start(world, NULL);
    assert_start(world, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    wait_for_end_of_unit(world);
    world->systemd->error = NULL;

    /* While its start is not at its end it has not ended, whatever is told meanwhile. */
    world->n_ended = 0;
    world->systemd->job_end = DOUBLE_JOB_NEVER;
    start(world, NULL);
    double_wait_for_calls(world->systemd, "StartUnit a.service replace", 5);
    double_set_state(world->systemd, "inactive");
    assert_not_ended(world);
    path = g_strdup_printf("/org/freedesktop/systemd1/job/%u", world->systemd->n_jobs);
    double_end_job(world->systemd, path, "done");
    assert_start(world, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    wait_for_end_of_unit(world);
    world->systemd->job_end = DOUBLE_JOB_AFTER_ANSWER;

    /* Cancelled with the call out: what is carried out late is seen, and not taken for ended. */
    world->n_ended = 0;
    world->systemd->silent = TRUE;
    start(world, cancellable);
    double_wait_for_calls(world->systemd, "StartUnit a.service replace", 6);
    g_cancellable_cancel(cancellable);
    assert_start(world, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_assert_false(bailiff_target_has_ended(world->target));
    world->systemd->state_after_start = "active";
    double_speak(world->systemd);
    assert_not_ended(world);
    end_unit(world);
}

static void test_record(World *world, gconstpointer data)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *unit = NULL;
    g_autofree char *kind = NULL;
    pid_t pid;

    if (!make_target(world))
        return;
    bailiff_target_fill_record(world->target, file, "r");
    unit = g_key_file_get_string(file, "r", "Unit", NULL);
    kind = g_key_file_get_string(file, "r", "Kind", NULL);
    g_assert_cmpstr(unit, ==, "a.service");
    g_assert_cmpstr(kind, ==, "unit");

    g_assert_true(bailiff_unit_target_record_has_ended(file, "r")); /* nobody is in it yet */
    pid = run_in_group(world);
    g_assert_false(bailiff_unit_target_record_has_ended(file, "r"));
    end_process(world, pid);
    real_control_group_remove(world->path);
    g_assert_true(bailiff_unit_target_record_has_ended(file, "r"));
    g_free(world->path);
    world->path = real_control_group_make("a.service");
    pid = run_in_group(world);
    g_assert_false(bailiff_unit_target_record_has_ended(file, "r"));

    /* What makes no sense may live; another boot's is over. */
    g_key_file_set_string(file, "r", "ControlGroup", "/../etc");
    g_assert_false(bailiff_unit_target_record_has_ended(file, "r"));
    g_key_file_set_string(file, "r", "ControlGroup", "/");
    g_assert_false(bailiff_unit_target_record_has_ended(file, "r"));
    g_key_file_remove_key(file, "r", "ControlGroup", NULL);
    g_assert_false(bailiff_unit_target_record_has_ended(file, "r"));
    bailiff_target_fill_record(world->target, file, "r");
    g_key_file_set_string(file, "r", "BootId", "00000000-0000-4000-8000-000000000000");
    g_assert_true(bailiff_unit_target_record_has_ended(file, "r"));
    g_key_file_remove_key(file, "r", "BootId", NULL);
    g_assert_false(bailiff_unit_target_record_has_ended(file, "r"));
    end_process(world, pid);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!forked_tree_init())
        return 0;
#define ADD(path, data, function)                                                                  \
    g_test_add("/unit-target/" path, World, data, set_up, function, tear_down)
    ADD("refusals", NULL, test_refusals);
    ADD("silent-look-up", NULL, test_silent_look_up);
    ADD("look-up", NULL, test_look_up);
    ADD("ends", NULL, test_ends);
    ADD("ends-late", NULL, test_ends_late);
    ADD("empty-for-a-moment", NULL, test_empty_for_a_moment);
    ADD("systemd-does-not-answer", NULL, test_systemd_does_not_answer);
    ADD("populated-meanwhile", NULL, test_populated_meanwhile);
    ADD("systemd-comes-back", NULL, test_systemd_comes_back);
    ADD("signal", NULL, test_signal);
    ADD("kill", NULL, test_kill);
    ADD("kill-frozen", "", test_kill);
    ADD("kill-without-systemd", NULL, test_kill_without_systemd);
    ADD("restarted-meanwhile", NULL, test_restarted_meanwhile);
    ADD("started-by-others", NULL, test_started_by_others);
    ADD("start", NULL, test_start);
    ADD("record", NULL, test_record);
    return g_test_run();
}
