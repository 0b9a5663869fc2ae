/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How units end, and how they are ended: by real control groups and real processes.
 */
#include "support/unit-target-fixture.h"

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
    ADD_UNIT_TEST("/unit-target/ends", NULL, test_ends);
    ADD_UNIT_TEST("/unit-target/ends-late", NULL, test_ends_late);
    ADD_UNIT_TEST("/unit-target/empty-for-a-moment", NULL, test_empty_for_a_moment);
    ADD_UNIT_TEST("/unit-target/systemd-does-not-answer", NULL, test_systemd_does_not_answer);
    ADD_UNIT_TEST("/unit-target/populated-meanwhile", NULL, test_populated_meanwhile);
    ADD_UNIT_TEST("/unit-target/systemd-comes-back", NULL, test_systemd_comes_back);
    ADD_UNIT_TEST("/unit-target/signal", NULL, test_signal);
    ADD_UNIT_TEST("/unit-target/kill", NULL, test_kill);
    ADD_UNIT_TEST("/unit-target/kill-frozen", "", test_kill);
    ADD_UNIT_TEST("/unit-target/kill-without-systemd", NULL, test_kill_without_systemd);
    ADD_UNIT_TEST("/unit-target/restarted-meanwhile", NULL, test_restarted_meanwhile);
    ADD_UNIT_TEST("/unit-target/record", NULL, test_record);
    return g_test_run();
}
