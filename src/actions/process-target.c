/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process as a target. Its end is proved by its pidfd; with descendants, by the pidfds of all
 * that were known when its failure policy began.
 */
#include "actions/process-target.h"

#include <glib-unix.h>

#include "actions/action-process.h"
#include "base/checked-time.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"
#include "common/process-tree.h"

/* Between two kills of what a tree that lost its root has left. */
#define LEFT_BEHIND_PAUSE_US (USEC_PER_SECOND / 10)

struct _BailiffProcessTarget {
    BailiffTarget parent_instance;

    ProcessIdentity process;
    gboolean descendants;
    /* With `descendants`, once it is failing: those that lived then. They outlive a root that ends
     * by its first signal. */
    ProcessTree *tree;
    GSource *end_watch;
    GSource *left_behind_timer;
    gboolean ended; /* and announced */
};

G_DEFINE_FINAL_TYPE(BailiffProcessTarget, bailiff_process_target, BAILIFF_TYPE_TARGET)

static void drop_source(GSource **source)
{
    if (*source != NULL) {
        g_source_destroy(*source);
        g_clear_pointer(source, g_source_unref);
    }
}

static void bailiff_process_target_finalize(GObject *object)
{
    BailiffProcessTarget *self = BAILIFF_PROCESS_TARGET(object);

    drop_source(&self->end_watch);
    drop_source(&self->left_behind_timer);
    g_clear_pointer(&self->tree, process_tree_free);
    process_identity_clear(&self->process);
    G_OBJECT_CLASS(bailiff_process_target_parent_class)->finalize(object);
}

static const ProcessIdentity *get_process(BailiffTarget *target)
{
    return &BAILIFF_PROCESS_TARGET(target)->process;
}

/* Without what its root left behind: who asks wants to know whether it may be given leases. */
static gboolean has_ended(BailiffTarget *target)
{
    BailiffProcessTarget *self = BAILIFF_PROCESS_TARGET(target);

    return self->ended || process_identity_has_ended(&self->process);
}

static gboolean send_signal(BailiffTarget *target, int signal_number, GError **error)
{
    return action_process_signal(&BAILIFF_PROCESS_TARGET(target)->process, signal_number, error);
}

static gboolean kill_all(BailiffTarget *target, GError **error)
{
    BailiffProcessTarget *self = BAILIFF_PROCESS_TARGET(target);

    return action_process_kill(&self->process, self->descendants, error);
}

static void prepare_to_fail(BailiffTarget *target)
{
    BailiffProcessTarget *self = BAILIFF_PROCESS_TARGET(target);
    g_autoptr(GError) error = NULL;

    if (!self->descendants)
        return;
    g_clear_pointer(&self->tree, process_tree_free);
    self->tree = process_tree_scan(&self->process, &error);
    if (self->tree == NULL)
        g_warning("The descendants of process %d are not known: %s", (int)self->process.pid,
                  error->message);
}

/* The root of a tree has ended before its descendants: there is nobody any more who would end them,
 * and no tree to find those in that they still make. They are killed at once, with what is below
 * each, and the target has ended when the last of them has. TRUE when none is left. */
static gboolean kill_left_behind(BailiffProcessTarget *self)
{
    gboolean left = FALSE;

    for (guint i = 0; self->tree != NULL && i < self->tree->members->len; i++) {
        const ProcessIdentity *member =
            &g_array_index(self->tree->members, ProcessTreeMember, i).identity;

        if (process_identity_has_ended(member))
            continue;
        action_process_kill(member, TRUE, NULL); /* taken up again until it has ended */
        left = left || !process_identity_has_ended(member);
    }
    return !left;
}

static void all_ended(BailiffProcessTarget *self)
{
    self->ended = TRUE;
    bailiff_target_emit_ended(BAILIFF_TARGET(self));
}

static gboolean on_left_behind(gpointer user_data)
{
    g_autoptr(BailiffProcessTarget) self = g_object_ref(user_data);

    if (!kill_left_behind(self)) {
        boottime_source_set(self->left_behind_timer,
                            time_add(boottime_now(), LEFT_BEHIND_PAUSE_US));
        return G_SOURCE_CONTINUE;
    }
    drop_source(&self->left_behind_timer);
    all_ended(self);
    return G_SOURCE_REMOVE;
}

static gboolean on_process_ended(gint fd, GIOCondition condition, gpointer user_data)
{
    g_autoptr(BailiffProcessTarget) self = g_object_ref(user_data);

    drop_source(&self->end_watch);
    if (kill_left_behind(self)) {
        all_ended(self);
        return G_SOURCE_REMOVE;
    }
    self->left_behind_timer = boottime_source_new(time_add(boottime_now(), LEFT_BEHIND_PAUSE_US));
    g_source_set_callback(self->left_behind_timer, on_left_behind, self, NULL);
    g_source_attach(self->left_behind_timer, NULL);
    return G_SOURCE_REMOVE;
}

static void fill_guard(BailiffTarget *target, KillGuardTarget *ret)
{
    BailiffProcessTarget *self = BAILIFF_PROCESS_TARGET(target);

    ret->pidfd = self->process.pidfd;
    ret->pid = self->process.pid;
    ret->tree = self->descendants;
}

static void fill_record(BailiffTarget *target, GKeyFile *file, const char *group)
{
    BailiffProcessTarget *self = BAILIFF_PROCESS_TARGET(target);

    g_key_file_set_integer(file, group, "Pid", self->process.pid);
    g_key_file_set_uint64(file, group, "StartTime", self->process.start_time);
}

static void bailiff_process_target_class_init(BailiffProcessTargetClass *klass)
{
    BailiffTargetClass *target_class = BAILIFF_TARGET_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = bailiff_process_target_finalize;
    target_class->kind = FAILURE_TARGET_PROCESS;
    target_class->get_process = get_process;
    target_class->has_ended = has_ended;
    target_class->signal = send_signal;
    target_class->kill = kill_all;
    target_class->prepare_to_fail = prepare_to_fail;
    target_class->fill_guard = fill_guard;
    target_class->fill_record = fill_record;
}

static void bailiff_process_target_init(BailiffProcessTarget *self)
{
    self->process.pidfd = -1;
}

BailiffTarget *bailiff_process_target_new(ProcessIdentity *process, gboolean descendants)
{
    BailiffProcessTarget *self = g_object_new(BAILIFF_TYPE_PROCESS_TARGET, NULL);

    self->process = *process;
    *process = (ProcessIdentity){ .pidfd = -1 };
    self->descendants = descendants;
    bailiff_target_set_description(BAILIFF_TARGET(self),
                                   g_strdup_printf("process %d", (int)self->process.pid));
    self->end_watch = g_unix_fd_source_new(self->process.pidfd, G_IO_IN);
    g_source_set_callback(self->end_watch, G_SOURCE_FUNC(on_process_ended), self, NULL);
    g_source_attach(self->end_watch, NULL);
    return BAILIFF_TARGET(self);
}

gboolean bailiff_process_target_has_descendants(BailiffProcessTarget *self)
{
    return self->descendants;
}
