/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process as a target. Its end is proved by its pidfd; with descendants, by the pidfds of all
 * that were known when its failure policy began.
 *
 * All work on a tree is done in turns (tree-turns.h), for hundreds of trees may have to be looked
 * at and killed at the same moment. Those who ask for it are answered Busy until it is done:
 *
 *   prepare_to_fail   who is in the tree has to be known before a signal can end its root: so a
 *                     signal waits for that
 *   kill              goes on by itself, turn by turn, until the root has its SIGKILL: a tree that
 *                     was stopped halfway is of no use to anybody
 *   the root's end    what it left behind is killed, until the last of it has ended
 */
#include "actions/process-target.h"

#include <glib-unix.h>

#include "actions/action-process.h"
#include "actions/tree-turns.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "common/process-tree.h"

/* Between two turns: what was killed ends within moments, unless its storage hangs. */
#define PAUSE_MIN_US (UINT64_C(4) * 1000)
#define PAUSE_MAX_US (USEC_PER_SECOND / 10)
#define TURN_US 3000

/* Of a held record. */
#define MEMBERS "Members"

struct _BailiffProcessTarget {
    BailiffTarget parent_instance;

    ProcessIdentity process;
    gboolean descendants;
    /* With `descendants`, once it is failing: those that lived then. They outlive a root that ends
     * by its first signal. */
    ProcessTree *tree;
    GSource *end_watch;
    TreeTurn *turn; /* with `descendants` */
    guint64 pause_us;
    gboolean is_to_be_known;
    gboolean is_to_be_killed;
    gboolean root_was_killed;
    GError *kill_error; /* of the last turn; NULL: none, or there was no turn yet */
    gboolean root_ended;
    gboolean root_was_lost; /* it had ended before there was this target */
    guint next_left;        /* of `tree`: who is killed next when its root has ended */
    gboolean ended;         /* and announced */
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
    tree_turn_free(self->turn);
    g_clear_error(&self->kill_error);
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

    return self->ended || (!self->root_was_lost && process_identity_has_ended(&self->process));
}

static gboolean send_signal(BailiffTarget *target, int signal_number, GError **error)
{
    BailiffProcessTarget *self = BAILIFF_PROCESS_TARGET(target);

    if (self->is_to_be_known) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Try again in a moment.",
                          "Who descends from process %d is being found out.",
                          (int)self->process.pid);
        return FALSE;
    }
    return action_process_signal(&self->process, signal_number, error);
}

static gboolean kill_all(BailiffTarget *target, GError **error)
{
    BailiffProcessTarget *self = BAILIFF_PROCESS_TARGET(target);

    if (!self->descendants)
        return action_process_kill(&self->process, FALSE, error);
    if (self->root_was_killed)
        return TRUE;
    if (!self->is_to_be_killed) {
        self->is_to_be_killed = TRUE;
        self->pause_us = PAUSE_MIN_US;
        tree_turn_request(self->turn, 0);
    }
    if (self->kill_error != NULL)
        g_propagate_error(error, g_error_copy(self->kill_error));
    else
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "It is done in a moment.",
                          "Process %d and its descendants are about to be killed.",
                          (int)self->process.pid);
    return FALSE;
}

static void prepare_to_fail(BailiffTarget *target)
{
    BailiffProcessTarget *self = BAILIFF_PROCESS_TARGET(target);

    if (!self->descendants || self->root_ended)
        return;
    self->is_to_be_known = TRUE;
    g_clear_pointer(&self->tree, process_tree_free);
    tree_turn_request(self->turn, 0);
}

/* --- in turns -------------------------------------------------------------------------------- */

static void get_to_know(BailiffProcessTarget *self)
{
    g_autoptr(GError) error = NULL;

    self->is_to_be_known = FALSE;
    self->tree = process_tree_scan(&self->process, &error);
    if (self->tree == NULL)
        log_line(LOG_WARNING, LOG_SUBJECT(.pid = self->process.pid),
                 "The descendants of process %d are not known: %s", (int)self->process.pid,
                 error->message);
    else
        /* Who has to be known to the next daemon as well, should this one and the root both end. */
        bailiff_target_emit_process_changed(BAILIFF_TARGET(self));
}

static void take_another_turn(BailiffProcessTarget *self)
{
    tree_turn_request(self->turn, time_add(boottime_now(), self->pause_us));
    self->pause_us = MIN(2 * self->pause_us, PAUSE_MAX_US);
}

static void kill_tree(BailiffProcessTarget *self)
{
    self->is_to_be_known = FALSE;
    g_clear_error(&self->kill_error);
    self->root_was_killed =
        action_process_kill_tree(&self->process, &self->tree, &self->kill_error);
    if (!self->root_was_killed)
        take_another_turn(self);
}

/* The root of a tree has ended before its descendants: there is nobody any more who would end them,
 * and no tree to find those in that they still make. They are killed at once, with what is below
 * each, and the target has ended when the last of them has. TRUE when none is left. One turn does
 * what it has time for; the next one goes on behind that. */
static gboolean kill_left_behind(BailiffProcessTarget *self)
{
    gint64 until_us = g_get_monotonic_time() + TURN_US;
    GArray *members = self->tree->members;
    gboolean left = FALSE;

    for (guint n = 0; n < members->len; n++) {
        const ProcessIdentity *member =
            &g_array_index(members, ProcessTreeMember, self->next_left % members->len).identity;

        if (!process_identity_has_ended(member)) {
            if (g_get_monotonic_time() >= until_us)
                return FALSE;
            action_process_kill(member, TRUE, NULL); /* taken up again until it has ended */
            left = left || !process_identity_has_ended(member);
        }
        self->next_left++;
    }
    return !left;
}

static void all_ended(BailiffProcessTarget *self)
{
    self->ended = TRUE;
    bailiff_target_emit_ended(BAILIFF_TARGET(self));
}

static void work_in_turn(gpointer user_data)
{
    g_autoptr(BailiffProcessTarget) self = g_object_ref(user_data);

    if (self->ended)
        return;
    if (self->root_ended) {
        if (kill_left_behind(self))
            all_ended(self);
        else
            take_another_turn(self);
        return;
    }
    if (self->is_to_be_killed)
        kill_tree(self); /* and gets to know it */
    else if (self->is_to_be_known)
        get_to_know(self);
}

static gboolean on_process_ended(gint fd, GIOCondition condition, gpointer user_data)
{
    g_autoptr(BailiffProcessTarget) self = g_object_ref(user_data);

    drop_source(&self->end_watch);
    self->root_ended = TRUE;
    self->is_to_be_known = FALSE;
    if (self->tree == NULL || self->tree->members->len == 0) {
        all_ended(self);
    } else {
        self->pause_us = PAUSE_MIN_US;
        tree_turn_request(self->turn, 0);
    }
    return G_SOURCE_REMOVE;
}

static void fill_guard(BailiffTarget *target, KillGuardTarget *ret)
{
    BailiffProcessTarget *self = BAILIFF_PROCESS_TARGET(target);

    ret->pidfd = self->process.pidfd;
    ret->pid = self->process.pid;
    ret->tree = self->descendants;
}

/* "PID START_TIME;" for each that lived when the policy began. */
static void fill_members(BailiffProcessTarget *self, GKeyFile *file, const char *group)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; self->tree != NULL && i < self->tree->members->len; i++) {
        const ProcessIdentity *member =
            &g_array_index(self->tree->members, ProcessTreeMember, i).identity;

        if (!process_identity_has_ended(member))
            g_string_append_printf(text, "%d %" G_GUINT64_FORMAT ";", (int)member->pid,
                                   member->start_time);
    }
    if (text->len > 0)
        g_key_file_set_value(file, group, MEMBERS, text->str);
    else
        g_key_file_remove_key(file, group, MEMBERS, NULL);
}

static void fill_record(BailiffTarget *target, GKeyFile *file, const char *group)
{
    BailiffProcessTarget *self = BAILIFF_PROCESS_TARGET(target);

    g_key_file_set_integer(file, group, "Pid", self->process.pid);
    g_key_file_set_uint64(file, group, "StartTime", self->process.start_time);
    g_key_file_set_boolean(file, group, "Descendants", self->descendants);
    fill_members(self, file, group);
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
    if (descendants)
        self->turn = tree_turn_new(work_in_turn, self);
    bailiff_target_set_description(BAILIFF_TARGET(self),
                                   g_strdup_printf("process %d", (int)self->process.pid));
    self->end_watch = g_unix_fd_source_new(self->process.pidfd, G_IO_IN);
    g_source_set_callback(self->end_watch, G_SOURCE_FUNC(on_process_ended), self, NULL);
    g_source_attach(self->end_watch, NULL);
    return BAILIFF_TARGET(self);
}

/* Those of a record that live. */
static ProcessTree *load_members(GKeyFile *file, const char *group)
{
    g_autoptr(ProcessTree) tree = process_tree_new();
    g_auto(GStrv) words = g_key_file_get_string_list(file, group, MEMBERS, NULL, NULL);

    for (guint i = 0; words != NULL && words[i] != NULL; i++) {
        ProcessTreeMember member = { .identity = { .pidfd = -1 }, .parent = PROCESS_TREE_ROOT };
        g_auto(GStrv) numbers = g_strsplit(words[i], " ", 2);
        guint64 pid, start_time;

        if (g_strv_length(numbers) == 2 &&
            g_ascii_string_to_unsigned(numbers[0], 10, 1, G_MAXINT32, &pid, NULL) &&
            g_ascii_string_to_unsigned(numbers[1], 10, 1, G_MAXUINT64, &start_time, NULL) &&
            process_identity_from_pid(&member.identity, (pid_t)pid, start_time, NULL))
            g_array_append_val(tree->members, member);
    }
    return g_steal_pointer(&tree);
}

/* The root has ended while no daemon looked, and left some behind: one of them stands for the
 * target, and all are killed at once, as when it had been seen. NULL: nobody is left. */
static BailiffTarget *restore_left_behind(GKeyFile *file, const char *group)
{
    g_autoptr(ProcessTree) tree = load_members(file, group);
    g_auto(ProcessIdentity) first = { .pidfd = -1 };
    BailiffProcessTarget *self;
    const ProcessIdentity *known;

    if (tree->members->len == 0)
        return NULL;
    known = &g_array_index(tree->members, ProcessTreeMember, 0).identity;
    if (!process_identity_from_pid(&first, known->pid, known->start_time, NULL))
        return NULL;
    self = BAILIFF_PROCESS_TARGET(bailiff_process_target_new(&first, TRUE));
    drop_source(&self->end_watch);
    self->root_ended = self->root_was_killed = self->root_was_lost = TRUE;
    self->tree = g_steal_pointer(&tree);
    self->pause_us = PAUSE_MIN_US;
    tree_turn_request(self->turn, 0);
    return BAILIFF_TARGET(self);
}

BailiffTarget *bailiff_process_target_restore(GKeyFile *file, const char *group, GError **error)
{
    gint64 pid = g_key_file_get_int64(file, group, "Pid", NULL);
    guint64 start_time = g_key_file_get_uint64(file, group, "StartTime", NULL);
    g_auto(ProcessIdentity) process = { .pidfd = -1 };

    if (bailiff_process_target_record_has_ended(file, group)) {
        BailiffTarget *left = restore_left_behind(file, group);

        if (left != NULL)
            return left;
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, "Nothing is to be done.",
                          "Process %" G_GINT64_FORMAT " has ended.", pid);
        return NULL;
    }
    if (pid <= 0 || pid > G_MAXINT32 || start_time == 0) {
        bailiff_set_error(error, BAILIFF_ERROR_CORRUPT, "Look what uses the leases.",
                          "The record names no process.");
        return NULL;
    }
    if (!process_identity_from_pid(&process, (pid_t)pid, start_time, error))
        return NULL;
    return bailiff_process_target_new(&process,
                                      g_key_file_get_boolean(file, group, "Descendants", NULL));
}

gboolean bailiff_process_target_record_has_ended(GKeyFile *file, const char *group)
{
    gint64 pid = g_key_file_get_int64(file, group, "Pid", NULL);
    guint64 start_time = g_key_file_get_uint64(file, group, "StartTime", NULL);
    g_auto(ProcessIdentity) process = { .pidfd = -1 };
    g_autoptr(GError) error = NULL;

    if (pid <= 0 || pid > G_MAXINT32 || start_time == 0)
        return FALSE;
    if (process_identity_from_pid(&process, (pid_t)pid, start_time, &error))
        return FALSE;
    /* InvalidArgument: the number is a thread's of another process by now. */
    return g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND) ||
           g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
}
