/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lockspace record, as it is shown.
 */
#include "engine/record-private.h"

#include "base/checked-time.h"
#include "engine/lockspace.h"

G_DEFINE_TYPE(BailiffRecord, bailiff_record, G_TYPE_OBJECT)

static guint signal_changed;

static void bailiff_record_finalize(GObject *object)
{
    BailiffRecord *self = BAILIFF_RECORD(object);

    boottime_timer_free(self->timer);
    g_free(self->name);
    g_free(self->path);
    lockspace_settings_free(self->settings);
    g_free(self->last_error);
    g_free(self->said);
    G_OBJECT_CLASS(bailiff_record_parent_class)->finalize(object);
}

static void bailiff_record_class_init(BailiffRecordClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = bailiff_record_finalize;
    signal_changed = g_signal_new("changed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                  NULL, NULL, G_TYPE_NONE, 0);
}

static void bailiff_record_init(BailiffRecord *self)
{
    self->last_error = g_strdup("");
}

BailiffRecord *bailiff_record_new(BailiffRecords *records, BailiffEngine *engine, const char *name,
                                  const char *path, BoottimeTimerFunc on_timer)
{
    BailiffRecord *self = g_object_new(BAILIFF_TYPE_RECORD, NULL);

    self->records = records;
    self->engine = engine;
    self->name = g_strdup(name);
    self->path = g_strdup(path);
    self->timer = boottime_timer_new(on_timer, self);
    return self;
}

void bailiff_record_changed(BailiffRecord *self)
{
    g_signal_emit(self, signal_changed, 0);
}

void bailiff_record_set_error(BailiffRecord *self, const char *message)
{
    g_free(self->last_error);
    self->last_error = g_strdup(message);
}

void bailiff_record_take(BailiffRecord *self, LockspaceSettings *settings, char *refusal)
{
    g_autofree char *text = refusal;

    lockspace_settings_free(self->settings);
    self->settings = settings;
    bailiff_record_set_error(self, text != NULL ? text : "");
}

void bailiff_record_set_next_attempt(BailiffRecord *self, guint64 when_us)
{
    self->next_attempt_us = when_us;
    boottime_timer_set(self->timer, when_us != 0 ? when_us : TIME_NEVER);
}

const char *bailiff_record_get_name(BailiffRecord *self)
{
    return self->name;
}

const char *bailiff_record_get_path(BailiffRecord *self)
{
    return self->path;
}

const LockspaceSettings *bailiff_record_get_settings(BailiffRecord *self)
{
    return self->settings;
}

static BailiffLockspace *find_lockspace(BailiffRecord *self)
{
    return self->settings != NULL && self->records != NULL
               ? bailiff_engine_find_lockspace(self->engine, self->name)
               : NULL;
}

BailiffRecordState bailiff_record_get_state(BailiffRecord *self)
{
    BailiffLockspace *lockspace = find_lockspace(self);

    if (self->settings == NULL)
        return BAILIFF_RECORD_REFUSED;
    if (lockspace != NULL && bailiff_lockspace_get_state(lockspace) != BAILIFF_LOCKSPACE_LOST)
        return BAILIFF_RECORD_JOINED;
    if (self->next_attempt_us != 0)
        return BAILIFF_RECORD_WAITING;
    if (self->failed)
        return BAILIFF_RECORD_FAILED;
    return lockspace != NULL ? BAILIFF_RECORD_JOINED : BAILIFF_RECORD_IDLE;
}

const char *bailiff_record_get_state_name(BailiffRecord *self)
{
    BailiffRecordState state = bailiff_record_get_state(self);
    static const char *const names[] = {
        [BAILIFF_RECORD_REFUSED] = "refused",
        [BAILIFF_RECORD_IDLE] = "idle",
        [BAILIFF_RECORD_WAITING] = "waiting",
        [BAILIFF_RECORD_FAILED] = "failed",
    };

    return state == BAILIFF_RECORD_JOINED
               ? bailiff_lockspace_state_name(bailiff_lockspace_get_state(find_lockspace(self)))
               : names[state];
}

const char *bailiff_record_get_last_error(BailiffRecord *self)
{
    return self->last_error;
}

guint64 bailiff_record_get_next_attempt(BailiffRecord *self)
{
    return self->next_attempt_us;
}
