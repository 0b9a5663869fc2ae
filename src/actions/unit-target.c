/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A unit by its control group and by systemd.
 *
 * How its end is proved. The kernel is the witness for processes, systemd for what it is about to
 * start; neither is enough alone: a group is empty between ExecStartPre= and ExecStart=, and while
 * systemd waits to restart a service; and an inactive unit may have left processes behind.
 *
 *   1. the group is seen empty: "populated 0", or it is gone and there is none under its name
 *   2. then systemd is asked; it answers: inactive or failed, and no job
 *   3. the group is seen empty again
 *
 * All that systemd starts in it after 2 is another life of the unit, that somebody asked for after
 * it had ended. Whoever sees no proof looks again: at each event of the kernel or of systemd, and
 * each second while the group is empty and systemd has not said that it is at rest.
 *
 * A group that systemd removes and makes again is another one for the kernel, so the group is
 * opened anew then.
 */
#include "actions/unit-target-private.h"

#include "actions/unit-name.h"

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"

#define READ_LIMIT_US (5 * USEC_PER_SECOND)
#define RETRY_US USEC_PER_SECOND
/* As long as systemd gives a service to stop, and more: it is asked anew then. */
#define STOP_LIMIT_US (100 * USEC_PER_SECOND)

G_DEFINE_TYPE(BailiffUnitTarget, bailiff_unit_target, BAILIFF_TYPE_TARGET)

enum { SIGNAL_GROUP_CHANGED, N_SIGNALS };

static guint signals[N_SIGNALS];

typedef enum GroupState {
    GROUP_UNKNOWN, /* it cannot be told: never taken for empty */
    GROUP_POPULATED,
    GROUP_EMPTY,
} GroupState;

static void ask_systemd(BailiffUnitTarget *self);

/* What is out when it is freed ends by itself. */
static gpointer weak_ref(BailiffUnitTarget *self)
{
    GWeakRef *ref = g_new(GWeakRef, 1);

    g_weak_ref_init(ref, self);
    return ref;
}

static BailiffUnitTarget *take_weak_ref(gpointer data)
{
    GWeakRef *ref = data;
    BailiffUnitTarget *self = g_weak_ref_get(ref);

    g_weak_ref_clear(ref);
    g_free(ref);
    return self;
}

/* The control group. */

static void on_group_changed(gpointer user_data)
{
    g_autoptr(BailiffUnitTarget) self = g_object_ref(user_data);

    g_signal_emit(self, signals[SIGNAL_GROUP_CHANGED], 0);
    unit_target_look(self);
}

static void set_group(BailiffUnitTarget *self, ControlGroup *group)
{
    if (group == self->group)
        return;
    control_group_free(self->group);
    self->group = group;
    if (group != NULL)
        control_group_watch(group, on_group_changed, self);
    bailiff_target_emit_process_changed(BAILIFF_TARGET(self));
}

/* FALSE with an error when it is not known whether there is a group. */
static gboolean refresh_group(BailiffUnitTarget *self, GError **error)
{
    g_autoptr(GError) local_error = NULL;
    ControlGroup *group;

    if (self->group != NULL && !control_group_read(self->group).gone)
        return TRUE;
    group = control_group_open(self->group_path, &local_error);
    set_group(self, group);
    if (group != NULL || g_error_matches(local_error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local_error));
    return FALSE;
}

static GroupState look_at_group(BailiffUnitTarget *self)
{
    if (!refresh_group(self, NULL))
        return GROUP_UNKNOWN;
    return self->group != NULL && control_group_read(self->group).populated ? GROUP_POPULATED
                                                                            : GROUP_EMPTY;
}

/* What systemd says. */

static void take_process(BailiffUnitTarget *self, guint32 pid)
{
    pid_t known = self->process.pidfd >= 0 ? self->process.pid : 0;
    gboolean holds = FALSE;

    if ((guint32)known == pid && (pid == 0 || !process_identity_has_ended(&self->process)))
        return;
    process_identity_clear(&self->process);
    /* Only who is in the group is of the unit. */
    if (pid > 0 && pid <= G_MAXINT32 &&
        process_identity_from_pid(&self->process, (pid_t)pid, 0, NULL) &&
        (!control_group_path_holds(self->group_path, (pid_t)pid, &holds, NULL) || !holds))
        process_identity_clear(&self->process);
    if (known != 0 || self->process.pidfd >= 0)
        bailiff_target_emit_process_changed(BAILIFF_TARGET(self));
}

gboolean unit_target_take(BailiffUnitTarget *self, const SystemdUnit *unit, GError **error)
{
    /* Another path only once nothing is left at the one that we know. */
    if (unit->control_group[0] != '\0' && g_strcmp0(unit->control_group, self->group_path) != 0 &&
        look_at_group(self) == GROUP_EMPTY) {
        g_free(self->group_path);
        self->group_path = g_strdup(unit->control_group);
        set_group(self, NULL);
    }
    if (!refresh_group(self, error))
        return FALSE;
    take_process(self, unit->main_pid);
    return TRUE;
}

/* It had ended, and somebody has started it again: for whoever waits to do so with its leases in
 * hand that is no life of theirs. */
static void note_new_life(BailiffUnitTarget *self, const SystemdUnit *unit)
{
    if (unit == NULL || systemd_unit_is_at_rest(unit))
        return;
    self->ended = FALSE;
    unit_target_take(self, unit, NULL);
    bailiff_target_emit_process_changed(BAILIFF_TARGET(self));
    unit_target_look(self);
}

static void on_read(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffUnitTarget) self = take_weak_ref(user_data);
    g_autoptr(GError) error = NULL;
    g_autoptr(SystemdUnit) unit = systemd_read_unit_finish(result, &error);
    gboolean at_rest;
    GroupState state;

    if (self == NULL)
        return;
    self->reading = FALSE;
    if (self->ended) {
        self->read_again = FALSE;
        note_new_life(self, unit);
        return;
    }
    if (unit != NULL)
        unit_target_take(self, unit, NULL);
    if (self->read_again) {
        self->read_again = FALSE;
        ask_systemd(self);
        return;
    }
    /* Not found: systemd knows a unit as long as it has anything to do with it. */
    at_rest = unit != NULL ? systemd_unit_is_at_rest(unit)
                           : g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    state = look_at_group(self);
    if (state == GROUP_EMPTY && self->empty_when_asked && at_rest && !self->starting) {
        self->ended = TRUE;
        boottime_timer_set(self->retry, TIME_NEVER);
        bailiff_target_emit_ended(BAILIFF_TARGET(self));
    } else {
        boottime_timer_set(self->retry, state == GROUP_POPULATED
                                            ? TIME_NEVER
                                            : time_add(boottime_now(), RETRY_US));
    }
}

static void ask_systemd(BailiffUnitTarget *self)
{
    if (self->reading) {
        self->read_again = TRUE;
        return;
    }
    self->reading = TRUE;
    self->empty_when_asked = look_at_group(self) == GROUP_EMPTY;
    systemd_read_unit_async(self->systemd, self->unit, self->object_path,
                            time_add(boottime_now(), READ_LIMIT_US), self->cancellable, on_read,
                            weak_ref(self));
}

void unit_target_look(BailiffUnitTarget *self)
{
    if (self->ended)
        return;
    switch (look_at_group(self)) {
    case GROUP_EMPTY:
        ask_systemd(self);
        break;
    case GROUP_POPULATED:
        boottime_timer_set(self->retry, TIME_NEVER);
        break;
    case GROUP_UNKNOWN:
        boottime_timer_set(self->retry, time_add(boottime_now(), RETRY_US));
        break;
    }
}

static void on_retry(gpointer user_data)
{
    g_autoptr(BailiffUnitTarget) self = g_object_ref(user_data);

    unit_target_look(self);
}

/* systemd tells a change, of whatever kind: its main process may be another one. */
static void on_unit_changed(gpointer user_data)
{
    ask_systemd(user_data);
}

/* What a target does. */

static const ProcessIdentity *unit_target_get_process(BailiffTarget *target)
{
    BailiffUnitTarget *self = BAILIFF_UNIT_TARGET(target);

    return self->process.pidfd >= 0 ? &self->process : NULL;
}

static gboolean unit_target_has_ended(BailiffTarget *target)
{
    return BAILIFF_UNIT_TARGET(target)->ended;
}

static gboolean unit_target_signal(BailiffTarget *target, int signal_number, GError **error)
{
    BailiffUnitTarget *self = BAILIFF_UNIT_TARGET(target);

    return refresh_group(self, error) &&
           (self->group == NULL || control_group_signal(self->group, signal_number, error));
}

static void on_stopped(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffUnitTarget) self = take_weak_ref(user_data);
    g_autofree char *outcome = systemd_run_job_finish(result, NULL);

    if (self == NULL)
        return;
    self->stopping = FALSE;
    unit_target_look(self);
}

/* So that systemd does not start it again (Restart=), or go on starting it. Asked once, and again
 * by a later kill when that has come to its end. Carried out late, after the unit was started again
 * for somebody who may, it stops a unit that could have run on; a start of ours comes after it. */
static void ask_to_stop(BailiffUnitTarget *self)
{
    if (self->stopping)
        return;
    self->stopping = TRUE;
    systemd_run_job_async(self->systemd, "StopUnit", self->unit,
                          time_add(boottime_now(), STOP_LIMIT_US), NULL, on_stopped,
                          weak_ref(self));
}

/* In this order: stopping a unit thaws a frozen one. */
static gboolean unit_target_kill(BailiffTarget *target, GError **error)
{
    BailiffUnitTarget *self = BAILIFF_UNIT_TARGET(target);
    gboolean killed;

    if (self->ended)
        return TRUE;
    killed = refresh_group(self, error) &&
             (self->group == NULL || control_group_kill(self->group, error));
    ask_to_stop(self);
    return killed;
}

static void unit_target_fill_guard(BailiffTarget *target, KillGuardTarget *ret)
{
    BailiffUnitTarget *self = BAILIFF_UNIT_TARGET(target);

    if (self->group != NULL)
        ret->cgroup_kill_fd = control_group_get_kill_fd(self->group);
    /* Before Linux 5.14 there is no such file: as much as can be had. */
    if (ret->cgroup_kill_fd < 0 && self->process.pidfd >= 0) {
        ret->pidfd = self->process.pidfd;
        ret->pid = self->process.pid;
        ret->tree = TRUE;
    }
}

static void unit_target_fill_record(BailiffTarget *target, GKeyFile *file, const char *group)
{
    BailiffUnitTarget *self = BAILIFF_UNIT_TARGET(target);
    g_autofree char *boot_id = process_boot_id(NULL);

    g_key_file_set_string(file, group, "Kind", failure_target_name(FAILURE_TARGET_UNIT));
    g_key_file_set_string(file, group, "Unit", self->unit);
    g_key_file_set_string(file, group, "ObjectPath", self->object_path);
    g_key_file_set_string(file, group, "ControlGroup", self->group_path);
    g_key_file_remove_key(file, group, "Pid", NULL);
    if (self->process.pidfd >= 0)
        g_key_file_set_integer(file, group, "Pid", self->process.pid);
    if (boot_id != NULL)
        g_key_file_set_string(file, group, "BootId", boot_id);
}

/* Of a record that makes no sense nothing is known: what it tells of may live. */
gboolean bailiff_unit_target_record_has_ended(GKeyFile *file, const char *group)
{
    g_autofree char *boot_id = process_boot_id(NULL);
    g_autofree char *its_boot = g_key_file_get_string(file, group, "BootId", NULL);
    g_autofree char *path = g_key_file_get_string(file, group, "ControlGroup", NULL);
    g_autoptr(ControlGroup) control_group = NULL;
    g_autoptr(GError) error = NULL;
    ControlGroupState state;

    if (boot_id == NULL || its_boot == NULL || path == NULL)
        return FALSE;
    if (g_strcmp0(boot_id, its_boot) != 0)
        return TRUE;
    control_group = control_group_open(path, &error);
    if (control_group == NULL)
        return g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    state = control_group_read(control_group);
    return state.gone || !state.populated;
}

const char *bailiff_unit_target_get_unit(BailiffUnitTarget *self)
{
    return self->unit;
}

gboolean bailiff_unit_target_is_frozen(BailiffUnitTarget *self)
{
    return self->group != NULL && control_group_read(self->group).frozen;
}

static BailiffUnitTarget *make(BailiffSystemd *systemd, const char *unit, const char *object_path,
                               const char *group_path, ControlGroup *group, guint32 main_pid)
{
    BailiffUnitTarget *self = g_object_new(BAILIFF_TYPE_UNIT_TARGET, NULL);

    bailiff_target_set_description(BAILIFF_TARGET(self), g_strdup_printf("unit %s", unit));
    self->systemd = g_object_ref(systemd);
    self->unit = g_strdup(unit);
    self->object_path = g_strdup(object_path);
    self->group_path = g_strdup(group_path);
    set_group(self, group);
    take_process(self, main_pid);
    self->watch = systemd_watch_new(systemd, on_unit_changed, self);
    systemd_watch_set_path(self->watch, object_path);
    /* What changed since `unit` was read went unheard. */
    ask_systemd(self);
    return self;
}

BailiffUnitTarget *unit_target_new(BailiffSystemd *systemd, const SystemdUnit *unit,
                                   const char *object_path, ControlGroup *group)
{
    return make(systemd, unit->id, object_path, control_group_get_path(group), group,
                unit->main_pid);
}

/* Its group may be gone by now: what that means is found out as ever. */
BailiffTarget *bailiff_unit_target_restore(BailiffSystemd *systemd, GKeyFile *file,
                                           const char *group, gboolean ended, GError **error)
{
    g_autofree char *unit = g_key_file_get_string(file, group, "Unit", NULL);
    g_autofree char *object_path = g_key_file_get_string(file, group, "ObjectPath", NULL);
    g_autofree char *group_path = g_key_file_get_string(file, group, "ControlGroup", NULL);
    gint pid = g_key_file_get_integer(file, group, "Pid", NULL);
    BailiffUnitTarget *self;

    if (unit == NULL || !unit_name_is_valid(unit) || object_path == NULL ||
        !g_variant_is_object_path(object_path) || group_path == NULL ||
        !g_path_is_absolute(group_path)) {
        bailiff_set_error(error, BAILIFF_ERROR_CORRUPT, "Look what uses the leases.",
                          "The record names no unit.");
        return NULL;
    }
    self = make(systemd, unit, object_path, group_path, control_group_open(group_path, NULL),
                (guint32)MAX(pid, 0));
    self->ended = ended;
    return BAILIFF_TARGET(self);
}

static void bailiff_unit_target_dispose(GObject *object)
{
    BailiffUnitTarget *self = BAILIFF_UNIT_TARGET(object);

    g_cancellable_cancel(self->cancellable);
    g_clear_pointer(&self->watch, systemd_watch_free);
    g_clear_pointer(&self->retry, boottime_timer_free);
    g_clear_pointer(&self->group, control_group_free);
    g_clear_object(&self->systemd);
    G_OBJECT_CLASS(bailiff_unit_target_parent_class)->dispose(object);
}

static void bailiff_unit_target_finalize(GObject *object)
{
    BailiffUnitTarget *self = BAILIFF_UNIT_TARGET(object);

    process_identity_clear(&self->process);
    g_object_unref(self->cancellable);
    g_free(self->unit);
    g_free(self->object_path);
    g_free(self->group_path);
    G_OBJECT_CLASS(bailiff_unit_target_parent_class)->finalize(object);
}

static void bailiff_unit_target_class_init(BailiffUnitTargetClass *klass)
{
    BailiffTargetClass *target_class = BAILIFF_TARGET_CLASS(klass);

    G_OBJECT_CLASS(klass)->dispose = bailiff_unit_target_dispose;
    G_OBJECT_CLASS(klass)->finalize = bailiff_unit_target_finalize;
    target_class->kind = FAILURE_TARGET_UNIT;
    target_class->get_process = unit_target_get_process;
    target_class->has_ended = unit_target_has_ended;
    target_class->signal = unit_target_signal;
    target_class->kill = unit_target_kill;
    target_class->fill_guard = unit_target_fill_guard;
    target_class->fill_record = unit_target_fill_record;
    signals[SIGNAL_GROUP_CHANGED] =
        g_signal_new("group-changed", BAILIFF_TYPE_UNIT_TARGET, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                     NULL, G_TYPE_NONE, 0);
}

static void bailiff_unit_target_init(BailiffUnitTarget *self)
{
    self->process.pidfd = -1;
    self->cancellable = g_cancellable_new();
    self->retry = boottime_timer_new(on_retry, self);
}
