/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What systemd says of a unit: properties of two interfaces, asked for together.
 */
#include "actions/systemd-private.h"

#include "actions/unit-name.h"
#include "common/bailiff-error.h"

/* One reading; its task owns it. */
typedef struct Reading {
    SystemdUnit *unit;
    guint n_out;   /* calls that are not answered yet */
    GError *error; /* the first one */
} Reading;

void systemd_unit_free(SystemdUnit *self)
{
    if (self == NULL)
        return;
    g_free(self->id);
    g_free(self->load_state);
    g_free(self->active_state);
    g_free(self->control_group);
    g_free(self);
}

/* A restart is a job that is there before, during and after the moment in which the unit is
 * inactive. */
gboolean systemd_unit_is_at_rest(const SystemdUnit *self)
{
    return !self->has_job && (g_strcmp0(self->active_state, "inactive") == 0 ||
                              g_strcmp0(self->active_state, "failed") == 0);
}

static void reading_free(gpointer data)
{
    Reading *reading = data;

    systemd_unit_free(reading->unit);
    g_clear_error(&reading->error);
    g_free(reading);
}

static void set_senseless(Reading *reading, const char *what)
{
    if (reading->error == NULL)
        reading->error = bailiff_error_make(
            BAILIFF_ERROR_IO_ERROR, "See that it is systemd who has its name on the bus.",
            "What systemd says of the unit's %s makes no sense.", what);
}

/* Takes over the reference to the task. */
static void answered(GTask *task)
{
    g_autoptr(GTask) owned = task;
    Reading *reading = g_task_get_task_data(task);

    if (--reading->n_out > 0)
        return;
    if (reading->error != NULL)
        g_task_return_error(task, g_steal_pointer(&reading->error));
    else
        g_task_return_pointer(task, g_steal_pointer(&reading->unit),
                              (GDestroyNotify)systemd_unit_free);
}

static GVariant *take_reply(GTask *task, GAsyncResult *result)
{
    Reading *reading = g_task_get_task_data(task);

    return systemd_call_finish(result, reading->error == NULL ? &reading->error : NULL);
}

static void on_unit(GObject *source, GAsyncResult *result, gpointer user_data)
{
    GTask *task = user_data;
    Reading *reading = g_task_get_task_data(task);
    SystemdUnit *unit = reading->unit;
    g_autoptr(GVariant) reply = take_reply(task, result);
    g_autoptr(GVariant) properties = NULL;
    guint32 job = 0;

    if (reply != NULL) {
        properties = g_variant_get_child_value(reply, 0);
        if (!g_variant_lookup(properties, "Id", "s", &unit->id) ||
            !g_variant_lookup(properties, "LoadState", "s", &unit->load_state) ||
            !g_variant_lookup(properties, "ActiveState", "s", &unit->active_state) ||
            !unit_name_is_valid(unit->id))
            set_senseless(reading, "state");
        g_variant_lookup(properties, "Job", "(uo)", &job, NULL);
        unit->has_job = job != 0;
    }
    answered(task);
}

static void on_control_group(GObject *source, GAsyncResult *result, gpointer user_data)
{
    GTask *task = user_data;
    Reading *reading = g_task_get_task_data(task);
    g_autoptr(GVariant) reply = take_reply(task, result);
    g_autoptr(GVariant) value = NULL;

    if (reply != NULL) {
        g_variant_get(reply, "(v)", &value);
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
            reading->unit->control_group = g_variant_dup_string(value, NULL);
        else
            set_senseless(reading, "control group");
    }
    answered(task);
}

static void on_main_pid(GObject *source, GAsyncResult *result, gpointer user_data)
{
    GTask *task = user_data;
    Reading *reading = g_task_get_task_data(task);
    g_autoptr(GVariant) reply = take_reply(task, result);
    g_autoptr(GVariant) value = NULL;

    if (reply != NULL) {
        g_variant_get(reply, "(v)", &value);
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32))
            reading->unit->main_pid = g_variant_get_uint32(value);
        else
            set_senseless(reading, "main process");
    }
    answered(task);
}

void systemd_read_unit_async(BailiffSystemd *systemd, const char *name, const char *path,
                             guint64 until_us, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(systemd, cancellable, callback, user_data);
    const char *interface = unit_name_get_interface(name);
    Reading *reading = g_new0(Reading, 1);

    g_return_if_fail(interface != NULL);

    reading->unit = g_new0(SystemdUnit, 1);
    g_task_set_source_tag(task, systemd_read_unit_async);
    g_task_set_task_data(task, reading, reading_free);

    reading->n_out = g_str_has_suffix(name, ".service") ? 3 : 2;
    systemd_call_unit_async(systemd, path, "GetAll", g_variant_new("(s)", SYSTEMD_UNIT),
                            G_VARIANT_TYPE("(a{sv})"), until_us, cancellable, on_unit,
                            g_object_ref(task));
    systemd_call_unit_async(systemd, path, "Get", g_variant_new("(ss)", interface, "ControlGroup"),
                            G_VARIANT_TYPE("(v)"), until_us, cancellable, on_control_group,
                            g_object_ref(task));
    if (g_str_has_suffix(name, ".service"))
        systemd_call_unit_async(systemd, path, "Get", g_variant_new("(ss)", interface, "MainPID"),
                                G_VARIANT_TYPE("(v)"), until_us, cancellable, on_main_pid,
                                g_object_ref(task));
}

SystemdUnit *systemd_read_unit_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}
