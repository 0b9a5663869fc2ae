/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all targets have in common.
 */
#include "actions/target.h"

typedef struct BailiffTargetPrivate {
    char *description;
} BailiffTargetPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(BailiffTarget, bailiff_target, G_TYPE_OBJECT)

enum {
    SIGNAL_ENDED,
    SIGNAL_PROCESS_CHANGED,
    SIGNAL_RESUMED,
    N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void bailiff_target_finalize(GObject *object)
{
    BailiffTargetPrivate *private = bailiff_target_get_instance_private(BAILIFF_TARGET(object));

    g_free(private->description);
    G_OBJECT_CLASS(bailiff_target_parent_class)->finalize(object);
}

static void bailiff_target_class_init(BailiffTargetClass *klass)
{
    GType type = G_TYPE_FROM_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = bailiff_target_finalize;
    signals[SIGNAL_ENDED] =
        g_signal_new("ended", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_PROCESS_CHANGED] = g_signal_new("process-changed", type, G_SIGNAL_RUN_LAST, 0,
                                                   NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_RESUMED] =
        g_signal_new("resumed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void bailiff_target_init(BailiffTarget *self)
{
}

FailureTarget bailiff_target_get_kind(BailiffTarget *self)
{
    return BAILIFF_TARGET_GET_CLASS(self)->kind;
}

const char *bailiff_target_get_description(BailiffTarget *self)
{
    BailiffTargetPrivate *private = bailiff_target_get_instance_private(self);

    return private->description;
}

const ProcessIdentity *bailiff_target_get_process(BailiffTarget *self)
{
    return BAILIFF_TARGET_GET_CLASS(self)->get_process(self);
}

gboolean bailiff_target_has_ended(BailiffTarget *self)
{
    return BAILIFF_TARGET_GET_CLASS(self)->has_ended(self);
}

gboolean bailiff_target_signal(BailiffTarget *self, int signal_number, GError **error)
{
    return BAILIFF_TARGET_GET_CLASS(self)->signal(self, signal_number, error);
}

gboolean bailiff_target_kill(BailiffTarget *self, GError **error)
{
    return BAILIFF_TARGET_GET_CLASS(self)->kill(self, error);
}

void bailiff_target_prepare_to_fail(BailiffTarget *self)
{
    BailiffTargetClass *klass = BAILIFF_TARGET_GET_CLASS(self);

    if (klass->prepare_to_fail != NULL)
        klass->prepare_to_fail(self);
}

void bailiff_target_fill_guard(BailiffTarget *self, KillGuardTarget *ret)
{
    *ret = KILL_GUARD_TARGET_NONE;
    BAILIFF_TARGET_GET_CLASS(self)->fill_guard(self, ret);
}

void bailiff_target_fill_record(BailiffTarget *self, GKeyFile *file, const char *group)
{
    BAILIFF_TARGET_GET_CLASS(self)->fill_record(self, file, group);
}

void bailiff_target_set_description(BailiffTarget *self, char *description)
{
    BailiffTargetPrivate *private = bailiff_target_get_instance_private(self);

    g_free(private->description);
    private->description = description;
}

void bailiff_target_emit_ended(BailiffTarget *self)
{
    g_signal_emit(self, signals[SIGNAL_ENDED], 0);
}

void bailiff_target_emit_process_changed(BailiffTarget *self)
{
    g_signal_emit(self, signals[SIGNAL_PROCESS_CHANGED], 0);
}

void bailiff_target_emit_resumed(BailiffTarget *self)
{
    g_signal_emit(self, signals[SIGNAL_RESUMED], 0);
}
