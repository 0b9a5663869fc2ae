/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Actions on units, with a double of systemd and real control groups: what is asked, what counts as
 * an answer, and that there is one in time whatever systemd does.
 */
#include <signal.h>

#include "actions/action.h"
#include "actions/systemd-private.h"
#include "actions/unit-target.h"
#include "base/checked-time.h"
#include "common/boottime.h"
#include "support/real-control-group.h"
#include "support/systemd-double.h"

typedef struct World {
    SystemdDouble *systemd;
    ActionServices services;
    FailurePolicy policy;
    FailureStep step;
    ActionRequest request;
    GCancellable *cancellable;
    char *path;
    BailiffTarget *target; /* NULL: no control group can be made here */
    pid_t pid;
    GAsyncResult *result;
} World;

#define LONG_US (60 * USEC_PER_SECOND)

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

static void set_up(World *world, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    if (real_control_group_mount() == NULL)
        return;
    world->systemd = double_new();
    world->services.systemd = bailiff_systemd_new();
    bailiff_systemd_set_bus(world->services.systemd, world->systemd->client);
    world->path = real_control_group_make("a.service");
    g_free(world->systemd->control_group);
    world->systemd->control_group = g_strdup(world->path);
    world->pid = real_control_group_fork(world->path, report_and_pause);
    bailiff_unit_target_new_async(world->services.systemd, "a.service", NULL, on_result, world);
    wait_for_result(world);
    world->target = bailiff_unit_target_new_finish(world->result, &error);
    g_assert_no_error(error);
    g_clear_object(&world->result);
    world->cancellable = g_cancellable_new();
    world->request = (ActionRequest){
        .target = world->target,
        .policy = &world->policy,
        .step = &world->step,
    };
}

static void tear_down(World *world, gconstpointer data)
{
    if (world->target == NULL)
        return;
    g_clear_object(&world->result);
    g_object_unref(world->cancellable);
    bailiff_systemd_set_bus(world->services.systemd, NULL);
    kill(world->pid, SIGKILL);
    g_assert_cmpint(waitpid(world->pid, NULL, 0), ==, world->pid);
    double_free(world->systemd);
    while (world->services.systemd->jobs != NULL || g_main_context_pending(NULL))
        g_main_context_iteration(NULL, TRUE);
    g_assert_finalize_object(world->target);
    g_assert_finalize_object(world->services.systemd);
    real_control_group_remove(world->path);
    g_free(world->path);
}

static void start(World *world, FailureAction action, guint64 limit_us)
{
    g_clear_object(&world->result);
    world->step.action = action;
    world->request.until_us = time_add(boottime_now(), limit_us);
    action_start(&world->services, &world->request, world->cancellable, on_result, world);
}

/* `words`: what the detail must hold. */
static void assert_answer(World *world, ActionOutcome expected, const char *words)
{
    g_autofree char *detail = NULL;

    wait_for_result(world);
    g_assert_cmpint(action_finish(world->result, &detail), ==, expected);
    g_assert_null(strchr(detail, '\n'));
    g_assert_nonnull(strstr(detail, words));
}

static void test_stop(World *world, gconstpointer action)
{
    if (world->target == NULL)
        return;
    start(world, GPOINTER_TO_INT(action), LONG_US);
    assert_answer(world, ACTION_WORKED, "systemd has stopped it");
    g_assert_cmpuint(double_count_calls(world->systemd, "StopUnit a.service replace"), ==, 1);
    /* systemd's word is no proof: its process lives. */
    g_assert_false(bailiff_target_has_ended(world->target));

    world->systemd->job_result = "canceled";
    start(world, GPOINTER_TO_INT(action), LONG_US);
    assert_answer(world, ACTION_FAILED, "canceled");
    world->systemd->job_result = "a\nb";
    start(world, GPOINTER_TO_INT(action), LONG_US);
    assert_answer(world, ACTION_FAILED, "unknown");
}

static void freeze_group(SystemdDouble *systemd, gpointer user_data)
{
    World *world = user_data;

    real_control_group_write(world->path, "cgroup.freeze", "1");
}

static void test_freeze(World *world, gconstpointer data)
{
    if (world->target == NULL)
        return;
    world->systemd->freeze = freeze_group;
    world->systemd->freeze_data = world;
    start(world, FAILURE_ACTION_FREEZE, LONG_US);
    assert_answer(world, ACTION_WORKED, "frozen");
    g_assert_true(bailiff_unit_target_is_frozen(BAILIFF_UNIT_TARGET(world->target)));
    g_assert_cmpuint(double_count_calls(world->systemd, "FreezeUnit a.service"), ==, 1);
}

/* systemd says that it is frozen, the kernel does not: until it does, nothing has worked. */
static void test_freeze_is_verified(World *world, gconstpointer data)
{
    guint n;

    if (world->target == NULL)
        return;
    start(world, FAILURE_ACTION_FREEZE, LONG_US);
    double_wait_for_calls(world->systemd, "FreezeUnit a.service", 1);
    n = world->systemd->n_reads;
    double_set_state(world->systemd, "active");
    while (world->systemd->n_reads < n + 3)
        g_main_context_iteration(NULL, TRUE);
    g_assert_null(world->result);
    freeze_group(world->systemd, world);
    assert_answer(world, ACTION_WORKED, "frozen");

    real_control_group_write(world->path, "cgroup.freeze", "0");
    while (bailiff_unit_target_is_frozen(BAILIFF_UNIT_TARGET(world->target)))
        g_main_context_iteration(NULL, TRUE);
    start(world, FAILURE_ACTION_FREEZE, LONG_US);
    double_wait_for_calls(world->systemd, "FreezeUnit a.service", 2);
    g_cancellable_cancel(world->cancellable);
    assert_answer(world, ACTION_FAILED, "not frozen in time");
}

static const FailureAction all[] = { FAILURE_ACTION_STOP_UNIT, FAILURE_ACTION_RESTART,
                                     FAILURE_ACTION_FREEZE };

static void test_absent(World *world, gconstpointer data)
{
    BailiffSystemd *systemd = world->services.systemd;

    if (world->target == NULL)
        return;
    double_vanish(world->systemd);
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        start(world, all[i], LONG_US);
        assert_answer(world, ACTION_FAILED, "systemd is not there");
    }
    bailiff_systemd_set_bus(systemd, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        start(world, all[i], LONG_US);
        assert_answer(world, ACTION_FAILED, "systemd is not there");
    }
    world->services.systemd = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        start(world, all[i], LONG_US);
        assert_answer(world, ACTION_FAILED, "not an action");
    }
    world->services.systemd = systemd;
}

static void test_error(World *world, gconstpointer data)
{
    if (world->target == NULL)
        return;
    world->systemd->error = "org.freedesktop.DBus.Error.AccessDenied";
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        start(world, all[i], LONG_US);
        assert_answer(world, ACTION_FAILED, "does not allow");
    }
    world->systemd->error = "org.freedesktop.systemd1.NotSupported";
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        start(world, all[i], LONG_US);
        assert_answer(world, ACTION_FAILED, "as the test wants it");
    }
}

/* At its limit, and when its caller goes on without it; then the answers come, late. */
static void test_silent(World *world, gconstpointer data)
{
    if (world->target == NULL)
        return;
    world->systemd->silent = TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        start(world, all[i], 50000);
        assert_answer(world, ACTION_FAILED, "did not answer");
    }
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        guint held = world->systemd->held->len;

        start(world, all[i], LONG_US);
        while (world->systemd->held->len == held)
            g_main_context_iteration(NULL, TRUE);
        g_cancellable_cancel(world->cancellable);
        assert_answer(world, ACTION_FAILED, "");
        g_object_unref(world->cancellable);
        world->cancellable = g_cancellable_new();
    }
    double_speak(world->systemd);
    start(world, FAILURE_ACTION_STOP_UNIT, LONG_US);
    assert_answer(world, ACTION_WORKED, "systemd has stopped it");
}

/* The ladder goes on to the kill, whatever systemd does, and frozen processes die. */
static void test_kill_after_freeze(World *world, gconstpointer data)
{
    if (world->target == NULL)
        return;
    world->systemd->freeze = freeze_group;
    world->systemd->freeze_data = world;
    start(world, FAILURE_ACTION_FREEZE, LONG_US);
    assert_answer(world, ACTION_WORKED, "frozen");
    world->systemd->silent = TRUE;
    start(world, FAILURE_ACTION_KILL, LONG_US);
    assert_answer(world, ACTION_WORKED, "SIGKILL");
    /* Without this it would be tear_down() that kills it. */
    g_assert_cmpint(waitid(P_PID, (id_t)world->pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!forked_tree_init())
        return 0;
#define ADD(path, data, function)                                                                  \
    g_test_add("/action-unit/" path, World, data, set_up, function, tear_down)
    ADD("stop", GINT_TO_POINTER(FAILURE_ACTION_STOP_UNIT), test_stop);
    ADD("restart", GINT_TO_POINTER(FAILURE_ACTION_RESTART), test_stop);
    ADD("freeze", NULL, test_freeze);
    ADD("freeze-is-verified", NULL, test_freeze_is_verified);
    ADD("absent", NULL, test_absent);
    ADD("error", NULL, test_error);
    ADD("silent", NULL, test_silent);
    ADD("kill-after-freeze", NULL, test_kill_after_freeze);
    return g_test_run();
}
