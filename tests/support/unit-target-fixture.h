/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A unit with a real control group and real processes, as a target, and a double of systemd.
 */
#pragma once

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

static inline void count(BailiffTarget *target, gpointer user_data)
{
    (*(guint *)user_data)++;
}

static inline void set_up(World *world, gconstpointer data)
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

static inline void tear_down(World *world, gconstpointer data)
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

static inline void on_result(GObject *source, GAsyncResult *result, gpointer user_data)
{
    World *world = user_data;

    g_assert_null(world->result);
    world->result = g_object_ref(result);
}

static inline BailiffTarget *look_up(World *world, const char *name, GError **error)
{
    g_clear_object(&world->result);
    bailiff_unit_target_new_async(world->client, name, NULL, on_result, world);
    while (world->result == NULL)
        g_main_context_iteration(NULL, TRUE);
    return bailiff_unit_target_new_finish(world->result, error);
}

/* FALSE where no control groups can be made. */
static inline gboolean make_target(World *world)
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

static inline pid_t run_in_group(World *world)
{
    return real_control_group_fork(world->path, report_and_pause);
}

static inline void reap(pid_t pid)
{
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}

static inline gboolean populated(World *world)
{
    g_autoptr(ControlGroup) group = control_group_open(world->path, NULL);

    return group != NULL && control_group_read(group).populated;
}

static inline void end_process(World *world, pid_t pid)
{
    kill(pid, SIGKILL);
    reap(pid);
    g_assert_false(populated(world));
}

static inline void wait_for_end_of_unit(World *world)
{
    while (world->n_ended == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_true(bailiff_target_has_ended(world->target));
    g_assert_cmpuint(world->n_ended, ==, 1);
}

/* Everything that systemd is asked on account of what has happened is answered, twice. */
static inline void let_it_look(World *world)
{
    guint n = world->systemd->n_reads + 6;

    while (world->systemd->n_reads < n)
        g_main_context_iteration(NULL, TRUE);
    while (BAILIFF_UNIT_TARGET(world->target)->reading)
        g_main_context_iteration(NULL, TRUE);
}

static inline void assert_not_ended(World *world)
{
    let_it_look(world);
    g_assert_false(bailiff_target_has_ended(world->target));
    g_assert_cmpuint(world->n_ended, ==, 0);
}

static inline void assert_refused(World *world, const char *name, int code)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(look_up(world, name, &error));
    g_assert_error(error, BAILIFF_ERROR, code);
    g_assert_nonnull(strchr(error->message, '\n'));
}

static inline void set_control_group(World *world, const char *path)
{
    g_free(world->systemd->control_group);
    world->systemd->control_group = g_strdup(path);
}

#define ADD_UNIT_TEST(path, data, function)                                                        \
    g_test_add(path, World, data, set_up, function, tear_down)
