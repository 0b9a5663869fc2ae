/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a unit becomes a target, and how it is started again.
 */
#include "actions/unit-target-private.h"

#include <string.h>

#include "actions/systemd-private.h"
#include "actions/unit-name.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/printable-word.h"

#define LOOK_UP_LIMIT_US (10 * USEC_PER_SECOND)
#define START_LIMIT_US (300 * USEC_PER_SECOND)

#define CURE_RUNNING "Start the unit, then register it; a service can do that in ExecStartPre=."

/* A look-up; its task owns it. */
typedef struct LookUp {
    BailiffSystemd *systemd; /* owned, and listened to meanwhile */
    char *asked_for;
    char *object_path;
    guint64 until_us;
} LookUp;

static void look_up_free(gpointer data)
{
    LookUp *look_up = data;

    systemd_unuse(look_up->systemd);
    g_object_unref(look_up->systemd);
    g_free(look_up->asked_for);
    g_free(look_up->object_path);
    g_free(look_up);
}

static gboolean runs(const SystemdUnit *unit)
{
    static const char *const words[] = { "active", "reloading", "activating", "refreshing", NULL };

    return g_strv_contains(words, unit->active_state);
}

static BailiffUnitTarget *make_target(const LookUp *look_up, const SystemdUnit *unit,
                                      GError **error)
{
    ControlGroup *group;
    g_autoptr(GError) local_error = NULL;

    if (strcmp(unit->load_state, "not-found") == 0) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND,
                          "See which units there are (systemctl list-units).",
                          "systemd has no unit %s.", look_up->asked_for);
        return NULL;
    }
    if (!runs(unit)) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, CURE_RUNNING, "Unit %s does not run.",
                          unit->id);
        return NULL;
    }
    if (unit->control_group[0] == '\0') {
        bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                          "Register it once it has started processes.",
                          "Unit %s has no control group of its own.", unit->id);
        return NULL;
    }
    group = control_group_open(unit->control_group, &local_error);
    if (g_error_matches(local_error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND))
        /* systemd may be on the old hierarchy, with groups that this is not about. */
        bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                          "Boot with the unified control group hierarchy (cgroup v2).",
                          "The control group of unit %s is not in the unified hierarchy.",
                          unit->id);
    else if (local_error != NULL)
        g_propagate_error(error, g_steal_pointer(&local_error));
    return group != NULL ? unit_target_new(look_up->systemd, unit, look_up->object_path, group)
                         : NULL;
}

static void on_looked_up(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    GError *error = NULL;
    g_autoptr(SystemdUnit) unit = systemd_read_unit_finish(result, &error);
    BailiffUnitTarget *target = NULL;

    if (unit != NULL)
        target = make_target(g_task_get_task_data(task), unit, &error);
    if (target != NULL)
        g_task_return_pointer(task, target, g_object_unref);
    else
        g_task_return_error(task, error);
}

static void on_loaded(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    LookUp *look_up = g_task_get_task_data(task);
    GError *error = NULL;
    g_autoptr(GVariant) reply = systemd_call_finish(result, &error);

    if (reply == NULL) {
        g_task_return_error(task, error);
        return;
    }
    g_variant_get(reply, "(o)", &look_up->object_path);
    systemd_read_unit_async(look_up->systemd, look_up->asked_for, look_up->object_path,
                            look_up->until_us, g_task_get_cancellable(task), on_looked_up,
                            g_object_ref(task));
}

void bailiff_unit_target_new_async(BailiffSystemd *systemd, const char *unit,
                                   GCancellable *cancellable, GAsyncReadyCallback callback,
                                   gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(systemd, cancellable, callback, user_data);
    LookUp *look_up;

    g_task_set_source_tag(task, bailiff_unit_target_new_async);
    if (!unit_name_is_valid(unit)) {
        g_autofree char *word = printable_word(unit);
        g_task_return_error(
            task, bailiff_error_make(BAILIFF_ERROR_INVALID_ARGUMENT,
                                     "Pass the whole name of a service, scope or slice: a.service.",
                                     "'%s' is not the name of a unit that has processes.", word));
        return;
    }
    look_up = g_new0(LookUp, 1);
    look_up->systemd = g_object_ref(systemd);
    look_up->asked_for = g_strdup(unit);
    look_up->until_us = time_add(boottime_now(), LOOK_UP_LIMIT_US);
    g_task_set_task_data(task, look_up, look_up_free);
    systemd_use(systemd);
    /* Loading resolves aliases, and finds a unit that systemd has no need of at the moment. */
    systemd_call_async(systemd, "LoadUnit", g_variant_new("(s)", unit), G_VARIANT_TYPE("(o)"),
                       look_up->until_us, cancellable, on_loaded, g_object_ref(task));
}

BailiffTarget *bailiff_unit_target_new_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}

/* Starting again. The task's data is the limit. */

/* Whatever came of it: what is so now is looked at. */
static void end_start(GTask *task, GError *error)
{
    BailiffUnitTarget *self = g_task_get_source_object(task);

    self->starting = FALSE;
    unit_target_look(self);
    if (error != NULL)
        g_task_return_error(task, error);
    else
        g_task_return_boolean(task, TRUE);
}

static void on_read_after_start(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    BailiffUnitTarget *self = g_task_get_source_object(task);
    GError *error = NULL;
    g_autoptr(SystemdUnit) unit = systemd_read_unit_finish(result, &error);

    if (unit != NULL && !runs(unit))
        bailiff_set_error(&error, BAILIFF_ERROR_IO_ERROR,
                          "See why it does not stay (systemctl status, the journal).",
                          "Unit %s was started and is %s again.", self->unit, unit->active_state);
    else if (unit != NULL)
        unit_target_take(self, unit, &error);
    end_start(task, error);
}

static void on_started(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    BailiffUnitTarget *self = g_task_get_source_object(task);
    const guint64 *until_us = g_task_get_task_data(task);
    GError *error = NULL;
    g_autofree char *outcome = systemd_run_job_finish(result, &error);

    if (outcome != NULL && strcmp(outcome, "done") != 0)
        bailiff_set_error(
            &error, BAILIFF_ERROR_IO_ERROR, "See why (systemctl status, the journal).",
            "systemd could not start unit %s: %s.", self->unit, systemd_job_word(outcome));
    if (error != NULL) {
        end_start(task, error);
        return;
    }
    systemd_read_unit_async(self->systemd, self->unit, self->object_path, *until_us,
                            g_task_get_cancellable(task), on_read_after_start, g_object_ref(task));
}

void bailiff_unit_target_start_async(BailiffUnitTarget *self, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, cancellable, callback, user_data);
    guint64 until_us = time_add(boottime_now(), START_LIMIT_US);

    g_task_set_source_tag(task, bailiff_unit_target_start_async);
    g_task_set_task_data(task, g_memdup2(&until_us, sizeof until_us), g_free);
    if (!self->ended) {
        g_task_return_error(task, bailiff_error_make(BAILIFF_ERROR_BUSY, "Wait until it has ended.",
                                                     "Unit %s still runs, or may.", self->unit));
        return;
    }
    self->ended = FALSE;
    self->starting = TRUE;
    systemd_run_job_async(self->systemd, "StartUnit", self->unit, until_us, cancellable, on_started,
                          g_object_ref(task));
}

gboolean bailiff_unit_target_start_finish(BailiffUnitTarget *self, GAsyncResult *result,
                                          GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
