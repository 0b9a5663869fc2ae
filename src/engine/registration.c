/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A registration of a process.
 */
#include "engine/registration-private.h"

#include <glib-unix.h>

#include "actions/action-process.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/process-tree.h"
#include "engine/acquisition.h"
#include "engine/engine-private.h"
#include "engine/failure-runner.h"
#include "engine/lockspace.h"
#include "engine/policy-error.h"
#include "engine/release-call.h"
#include "engine/resource-private.h"

/* Between two kills of what a tree that lost its root has left. */
#define LEFT_BEHIND_PAUSE_US (USEC_PER_SECOND / 10)

/* How long the held record of one that holds nothing any more stays: who takes and gives back
 * leases all the time need not write it each time. A daemon that dies meanwhile is succeeded by one
 * that takes that process for a holder, which errs on the right side. */
#define RECORD_REST_SECONDS 1

struct _BailiffRegistration {
    GObject parent_instance;

    BailiffEngine *engine; /* owns us; NULL once removed */
    guint64 id;
    char *name;
    ProcessIdentity process;
    gboolean descendants;
    FailurePolicy policy;
    BailiffRegistrationState state;
    int step;

    gboolean killing; /* for a request: its walk has no end but that of the process */
    gboolean ended;   /* the process has, and what was known of its descendants */
    /* With `descendants`, once it is failing: those that lived then. They outlive a root that ends
     * by its first signal. */
    ProcessTree *tree;
    GSource *left_behind_timer;
    GSource *end_watch;
    FailureRunner *runner;
    guint64 walk_fail_us; /* what its times are counted from */
    GPtrArray *resources; /* published ones, until they are gone */
    guint acquiring;
    GCancellable *cancellable;
    GHashTable *recorded; /* set of lockspace names in the held record */
    guint record_timer;
    GPtrArray *ended_runners; /* freed at the end: a runner can end inside its own callback */
};

G_DEFINE_TYPE(BailiffRegistration, bailiff_registration, G_TYPE_OBJECT)

enum {
    PROP_STATE = 1,
    PROP_STEP,
    PROP_FAILURE_POLICY,
    N_PROPS,
};

enum {
    SIGNAL_RESOURCES_CHANGED,
    SIGNAL_STEP_STARTED,
    SIGNAL_STEP_FINISHED,
    SIGNAL_CLEARED,
    SIGNAL_RELEASE_REQUESTED,
    N_SIGNALS,
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

static void check_removable(BailiffRegistration *self);

const char *bailiff_registration_state_name(BailiffRegistrationState state)
{
    static const char *const names[] = {
        [BAILIFF_REGISTRATION_ACTIVE] = "active",
        [BAILIFF_REGISTRATION_FAILING] = "failing",
        [BAILIFF_REGISTRATION_CLEARED] = "cleared",
    };

    g_return_val_if_fail((gsize)state < G_N_ELEMENTS(names), "failing");
    return names[state];
}

static void bailiff_registration_get_property(GObject *object, guint id, GValue *value,
                                              GParamSpec *spec)
{
    BailiffRegistration *self = BAILIFF_REGISTRATION(object);

    switch (id) {
    case PROP_STATE:
        g_value_set_int(value, (int)self->state);
        break;
    case PROP_STEP:
        g_value_set_int(value, self->step);
        break;
    case PROP_FAILURE_POLICY:
        g_value_set_pointer(value, &self->policy);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void drop_source(GSource **source)
{
    if (*source != NULL) {
        g_source_destroy(*source);
        g_clear_pointer(source, g_source_unref);
    }
}

static void bailiff_registration_finalize(GObject *object)
{
    BailiffRegistration *self = BAILIFF_REGISTRATION(object);

    drop_source(&self->end_watch);
    drop_source(&self->left_behind_timer);
    g_clear_pointer(&self->runner, failure_runner_free);
    g_clear_pointer(&self->tree, process_tree_free);
    g_ptr_array_unref(self->ended_runners);
    process_identity_clear(&self->process);
    g_ptr_array_unref(self->resources);
    g_object_unref(self->cancellable);
    g_clear_handle_id(&self->record_timer, g_source_remove);
    g_hash_table_unref(self->recorded);
    g_free(self->name);
    G_OBJECT_CLASS(bailiff_registration_parent_class)->finalize(object);
}

static void bailiff_registration_class_init(BailiffRegistrationClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    GType type = G_TYPE_FROM_CLASS(klass);
    const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

    object_class->get_property = bailiff_registration_get_property;
    object_class->finalize = bailiff_registration_finalize;

    props[PROP_STATE] =
        g_param_spec_int("state", NULL, NULL, 0, BAILIFF_REGISTRATION_CLEARED, 0, flags);
    props[PROP_STEP] = g_param_spec_int("step", NULL, NULL, -1, G_MAXINT, -1, flags);
    props[PROP_FAILURE_POLICY] = g_param_spec_pointer("failure-policy", NULL, NULL, flags);
    g_object_class_install_properties(object_class, N_PROPS, props);

    signals[SIGNAL_RESOURCES_CHANGED] = g_signal_new("resources-changed", type, G_SIGNAL_RUN_LAST,
                                                     0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_STEP_STARTED] =
        g_signal_new("step-started", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                     G_TYPE_UINT, G_TYPE_STRING);
    signals[SIGNAL_STEP_FINISHED] =
        g_signal_new("step-finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 4,
                     G_TYPE_UINT, G_TYPE_STRING, G_TYPE_BOOLEAN, G_TYPE_STRING);
    signals[SIGNAL_CLEARED] = g_signal_new("cleared", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                           G_TYPE_NONE, 1, G_TYPE_STRING);
    signals[SIGNAL_RELEASE_REQUESTED] =
        g_signal_new("release-requested", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                     2, BAILIFF_TYPE_RESOURCE, G_TYPE_STRING);
}

static void bailiff_registration_init(BailiffRegistration *self)
{
    self->step = -1;
    self->process.pidfd = -1;
    self->resources = g_ptr_array_new_with_free_func(g_object_unref);
    self->ended_runners = g_ptr_array_new_with_free_func((GDestroyNotify)failure_runner_free);
    self->cancellable = g_cancellable_new();
    self->recorded = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void set_state(BailiffRegistration *self, BailiffRegistrationState state)
{
    if (self->state == state)
        return;
    self->state = state;
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_STATE]);
}

static void set_step(BailiffRegistration *self, int step)
{
    if (self->step == step)
        return;
    self->step = step;
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_STEP]);
}

/* --- the failure policy ---------------------------------------------------------------------- */

static void on_step_started(guint index, const FailureStep *step, gpointer user_data)
{
    BailiffRegistration *self = user_data;

    set_step(self, (int)index);
    g_message("%s (process %d): step %u, %s.", self->name, (int)self->process.pid, index,
              failure_action_name(step->action));
    g_signal_emit(self, signals[SIGNAL_STEP_STARTED], 0, index, failure_action_name(step->action));
}

static void on_step_finished(guint index, const FailureStep *step, gboolean worked,
                             const char *detail, gpointer user_data)
{
    BailiffRegistration *self = user_data;

    g_signal_emit(self, signals[SIGNAL_STEP_FINISHED], 0, index, failure_action_name(step->action),
                  worked, detail);
}

static const FailureRunnerEvents runner_events = { on_step_started, on_step_finished };

/* Another lockspace has failed too, longer ago: what may be in use by others already does not wait
 * for the times of the first. */
static void hasten_walk(BailiffRegistration *self, const FailurePolicy *policy, guint64 fail_us)
{
    if (self->runner == NULL || fail_us >= self->walk_fail_us)
        return;
    failure_runner_cleared(self->runner);
    g_ptr_array_add(self->ended_runners, g_steal_pointer(&self->runner));
    self->walk_fail_us = fail_us;
    self->runner = failure_runner_new(policy, &self->process, self->descendants, fail_us,
                                      &runner_events, self);
}

static void start_walk(BailiffRegistration *self, const FailurePolicy *policy, guint64 fail_us)
{
    if (self->ended)
        return;
    if (self->state == BAILIFF_REGISTRATION_FAILING) {
        hasten_walk(self, policy, fail_us);
        return;
    }
    g_message("%s (process %d) is failing.", self->name, (int)self->process.pid);
    set_state(self, BAILIFF_REGISTRATION_FAILING);
    g_cancellable_cancel(self->cancellable);
    if (self->descendants) {
        g_autoptr(GError) error = NULL;

        g_clear_pointer(&self->tree, process_tree_free);
        self->tree = process_tree_scan(&self->process, &error);
        if (self->tree == NULL)
            g_warning("The descendants of %s (process %d) are not known: %s", self->name,
                      (int)self->process.pid, error->message);
    }
    self->walk_fail_us = fail_us;
    self->runner = failure_runner_new(policy, &self->process, self->descendants, fail_us,
                                      &runner_events, self);
}

void bailiff_registration_start_failing(BailiffRegistration *self, guint64 fail_us)
{
    start_walk(self, &self->policy, fail_us);
}

void bailiff_registration_request_release(BailiffRegistration *self, BailiffResource *resource,
                                          gboolean force)
{
    static const FailurePolicy kill_now = { .steps = { { .action = FAILURE_ACTION_KILL } },
                                            .n_steps = 1 };
    g_autoptr(GError) error = NULL;

    g_signal_emit(self, signals[SIGNAL_RELEASE_REQUESTED], 0, resource,
                  force ? "force" : "graceful");
    if (self->policy.steps[0].action == FAILURE_ACTION_IGNORE || self->ended)
        return;
    self->killing = self->killing || force;
    if (force)
        start_walk(self, &kill_now, boottime_now());
    else if (!action_process_signal(&self->process, SIGTERM, &error))
        g_message("%s (process %d) could not be told: %s", self->name, (int)self->process.pid,
                  error->message);
}

/* It provably uses no lease of a failed lockspace any more. */
static void become_cleared(BailiffRegistration *self, const char *how)
{
    gboolean was_failing = self->state == BAILIFF_REGISTRATION_FAILING;

    if (self->runner != NULL) {
        failure_runner_cleared(self->runner);
        g_ptr_array_add(self->ended_runners, g_steal_pointer(&self->runner));
    }
    set_step(self, -1);
    /* What it holds in other lockspaces it goes on using, if it lives. */
    set_state(self, self->ended || self->resources->len == 0 ? BAILIFF_REGISTRATION_CLEARED
                                                             : BAILIFF_REGISTRATION_ACTIVE);
    if (was_failing)
        g_message("%s (process %d) is cleared: %s.", self->name, (int)self->process.pid, how);
    g_signal_emit(self, signals[SIGNAL_CLEARED], 0, how);
}

/* --- the process ----------------------------------------------------------------------------- */

static void let_go_of_everything(BailiffRegistration *self)
{
    g_autoptr(GPtrArray) resources = bailiff_registration_list_resources(self);

    for (guint i = 0; i < resources->len; i++)
        bailiff_resource_holder_ended(resources->pdata[i], self);
}

static void everything_has_ended(BailiffRegistration *self)
{
    self->ended = TRUE;
    become_cleared(self, "exited");
    let_go_of_everything(self);
    check_removable(self);
}

/* The root of a tree has ended before its descendants: there is nobody any more who would end them,
 * and no tree to find those in that they still make. They are killed at once, with what is below
 * each, and the registration is cleared when the last of them has ended. TRUE when none is left. */
static gboolean kill_left_behind(BailiffRegistration *self)
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

static gboolean on_left_behind(gpointer user_data)
{
    g_autoptr(BailiffRegistration) self = g_object_ref(user_data);

    if (!kill_left_behind(self)) {
        boottime_source_set(self->left_behind_timer,
                            time_add(boottime_now(), LEFT_BEHIND_PAUSE_US));
        return G_SOURCE_CONTINUE;
    }
    drop_source(&self->left_behind_timer);
    everything_has_ended(self);
    return G_SOURCE_REMOVE;
}

static gboolean on_process_ended(gint fd, GIOCondition condition, gpointer user_data)
{
    g_autoptr(BailiffRegistration) self = g_object_ref(user_data);

    drop_source(&self->end_watch);
    g_cancellable_cancel(self->cancellable);
    if (kill_left_behind(self)) {
        everything_has_ended(self);
        return G_SOURCE_REMOVE;
    }
    self->left_behind_timer = boottime_source_new(time_add(boottime_now(), LEFT_BEHIND_PAUSE_US));
    g_source_set_callback(self->left_behind_timer, on_left_behind, self, NULL);
    g_source_attach(self->left_behind_timer, NULL);
    return G_SOURCE_REMOVE;
}

BailiffRegistration *bailiff_registration_new(BailiffEngine *engine, guint64 id, const char *name,
                                              ProcessIdentity *process, gboolean descendants,
                                              const FailurePolicy *policy)
{
    BailiffRegistration *self = g_object_new(BAILIFF_TYPE_REGISTRATION, NULL);

    self->engine = engine;
    self->id = id;
    self->name = g_strdup(name);
    self->process = *process;
    *process = (ProcessIdentity){ .pidfd = -1 };
    self->descendants = descendants;
    self->policy = *policy;
    self->end_watch = g_unix_fd_source_new(self->process.pidfd, G_IO_IN);
    g_source_set_callback(self->end_watch, G_SOURCE_FUNC(on_process_ended), self, NULL);
    g_source_attach(self->end_watch, NULL);
    return self;
}

static void remove_record(BailiffRegistration *self)
{
    g_clear_handle_id(&self->record_timer, g_source_remove);
    if (self->engine == NULL || g_hash_table_size(self->recorded) == 0)
        return;
    held_record_remove(bailiff_engine_get_runtime_dir(self->engine), self->id);
    g_hash_table_remove_all(self->recorded);
}

static gboolean on_record_rested(gpointer user_data)
{
    BailiffRegistration *self = user_data;

    self->record_timer = 0;
    if (self->resources->len == 0 && self->acquiring == 0)
        remove_record(self);
    return G_SOURCE_REMOVE;
}

/* Gone once the process has ended and nothing of it is left on disk or under way. */
static void check_removable(BailiffRegistration *self)
{
    BailiffEngine *engine = self->engine;

    if (self->resources->len > 0 || self->acquiring > 0)
        return;
    if (self->ended)
        remove_record(self);
    else if (self->record_timer == 0 && g_hash_table_size(self->recorded) > 0)
        self->record_timer = g_timeout_add_seconds(RECORD_REST_SECONDS, on_record_rested, self);
    if (!self->ended || engine == NULL)
        return;
    self->engine = NULL;
    bailiff_engine_remove_registration(engine, self);
}

/* --- leases ---------------------------------------------------------------------------------- */

gboolean bailiff_registration_check_ready(BailiffRegistration *self, GError **error)
{
    if (self->ended || self->engine == NULL || process_identity_has_ended(&self->process)) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, "Register a process that runs.",
                          "Process %d (%s) has ended.", (int)self->process.pid, self->name);
        return FALSE;
    }
    if (self->state == BAILIFF_REGISTRATION_FAILING) {
        bailiff_set_error(error, BAILIFF_ERROR_LOST,
                          "Release what it holds in the failed lockspace, or register again.",
                          "The failure policy of %s is being walked: no new leases for it.",
                          self->name);
        return FALSE;
    }
    if (bailiff_engine_is_shutting_down(self->engine)) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait for bailiffd to be started again.",
                          "bailiffd is shutting down: no new leases.");
        return FALSE;
    }
    return TRUE;
}

gboolean bailiff_registration_record_held(BailiffRegistration *self, const BailiffLeaseWish *wishes,
                                          gsize n_wishes, GError **error)
{
    g_autoptr(GPtrArray) added = g_ptr_array_new();
    g_autofree char **names = NULL;

    for (gsize i = 0; i < n_wishes; i++)
        if (g_hash_table_add(self->recorded, g_strdup(wishes[i].lockspace)))
            g_ptr_array_add(added, (gpointer)wishes[i].lockspace);
    if (added->len == 0)
        return TRUE;
    names = (char **)g_hash_table_get_keys_as_array(self->recorded, NULL);
    if (held_record_write(bailiff_engine_get_runtime_dir(self->engine), self->id, self->name,
                          &self->process, (const char *const *)names, error))
        return TRUE;
    /* What stood there before still stands on disk, and may be held. */
    for (guint i = 0; i < added->len; i++)
        g_hash_table_remove(self->recorded, added->pdata[i]);
    return FALSE;
}

void bailiff_registration_begin_acquiring(BailiffRegistration *self)
{
    self->acquiring++;
}

void bailiff_registration_end_acquiring(BailiffRegistration *self)
{
    self->acquiring--;
    check_removable(self);
}

GCancellable *bailiff_registration_get_cancellable(BailiffRegistration *self)
{
    return self->cancellable;
}

void bailiff_registration_add_resource(BailiffRegistration *self, BailiffResource *resource)
{
    g_ptr_array_add(self->resources, g_object_ref(resource));
    g_signal_emit(self, signals[SIGNAL_RESOURCES_CHANGED], 0);
}

static gboolean is_in_failed_lockspace(BailiffResource *resource)
{
    BailiffLockspaceState state =
        bailiff_lockspace_get_state(bailiff_resource_get_lockspace(resource));

    return state == BAILIFF_LOCKSPACE_FAILING || state == BAILIFF_LOCKSPACE_LEAVING;
}

/* While its failure policy is walked a process may still let go by itself: then it lives on. */
static gboolean let_go_of_failed(BailiffRegistration *self)
{
    for (guint i = 0; i < self->resources->len; i++)
        if (is_in_failed_lockspace(self->resources->pdata[i]))
            return FALSE;
    return TRUE;
}

void bailiff_registration_resource_gone(BailiffRegistration *self, BailiffResource *resource)
{
    g_autoptr(BailiffRegistration) hold = g_object_ref(self);

    if (!g_ptr_array_remove(self->resources, resource))
        return; /* was never published */
    g_signal_emit(self, signals[SIGNAL_RESOURCES_CHANGED], 0);
    if (self->state == BAILIFF_REGISTRATION_FAILING && !self->ended && !self->killing &&
        let_go_of_failed(self)) {
        become_cleared(self, "released");
        g_object_unref(self->cancellable);
        self->cancellable = g_cancellable_new();
    }
    check_removable(self);
}

void bailiff_registration_acquire_async(BailiffRegistration *self, const BailiffLeaseWish *wishes,
                                        gsize n_wishes, GCancellable *cancellable,
                                        GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, cancellable, callback, user_data);

    g_task_set_check_cancellable(task, FALSE);
    if (self->engine == NULL) {
        g_task_return_error(task, bailiff_error_make(BAILIFF_ERROR_NOT_FOUND, "Register again.",
                                                     "This registration is gone."));
        return;
    }
    if (self->state == BAILIFF_REGISTRATION_CLEARED && !self->ended)
        set_state(self, BAILIFF_REGISTRATION_ACTIVE);
    acquisition_start(self->engine, self, wishes, n_wishes, task);
}

GPtrArray *bailiff_registration_acquire_finish(BailiffRegistration *self, GAsyncResult *result,
                                               GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}

static void on_all_released(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    GError *error = NULL;

    if (release_call_finish(result, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

void bailiff_registration_release_async(BailiffRegistration *self, GPtrArray *resources,
                                        GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GPtrArray) all = bailiff_registration_list_resources(self);

    g_autoptr(GPtrArray) last = g_ptr_array_new();
    GPtrArray *list = resources != NULL && resources->len > 0 ? resources : all;

    /* Where others on this host share it that is all; those who are the last release it. */
    for (guint i = 0; i < list->len; i++)
        if (!bailiff_resource_leave(list->pdata[i], self))
            g_ptr_array_add(last, list->pdata[i]);
    release_call_start(last, on_all_released, g_task_new(self, NULL, callback, user_data));
}

void bailiff_registration_take_back(BailiffRegistration *self, GPtrArray *resources)
{
    for (guint i = 0; i < resources->len; i++)
        bailiff_resource_take_back(resources->pdata[i], self);
}

gboolean bailiff_registration_release_finish(BailiffRegistration *self, GAsyncResult *result,
                                             GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

gboolean bailiff_registration_set_failure_policy(BailiffRegistration *self,
                                                 const FailurePolicy *policy, GError **error)
{
    if (!bailiff_failure_policy_check(policy, error))
        return FALSE;
    if (self->state == BAILIFF_REGISTRATION_FAILING) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait until the registration is cleared.",
                          "The failure policy of %s is being walked.", self->name);
        return FALSE;
    }
    self->policy = *policy;
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_FAILURE_POLICY]);
    return TRUE;
}

gboolean bailiff_registration_unregister(BailiffRegistration *self, GError **error)
{
    BailiffEngine *engine = self->engine;

    if (self->resources->len > 0 || self->acquiring > 0) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Release its leases first.",
                          "%s (process %d) holds, or is acquiring, leases.", self->name,
                          (int)self->process.pid);
        return FALSE;
    }
    if (engine == NULL)
        return TRUE;
    remove_record(self);
    drop_source(&self->end_watch);
    self->engine = NULL;
    bailiff_engine_remove_registration(engine, self);
    return TRUE;
}

/* --- looking --------------------------------------------------------------------------------- */

const ProcessIdentity *bailiff_registration_get_process(BailiffRegistration *self)
{
    return &self->process;
}

gboolean bailiff_registration_has_descendants(BailiffRegistration *self)
{
    return self->descendants;
}

guint64 bailiff_registration_get_id(BailiffRegistration *self)
{
    return self->id;
}

const char *bailiff_registration_get_kind(BailiffRegistration *self)
{
    return "process";
}

const char *bailiff_registration_get_name(BailiffRegistration *self)
{
    return self->name;
}

pid_t bailiff_registration_get_pid(BailiffRegistration *self)
{
    return self->process.pid;
}

uid_t bailiff_registration_get_uid(BailiffRegistration *self)
{
    return self->process.uid;
}

BailiffRegistrationState bailiff_registration_get_state(BailiffRegistration *self)
{
    return self->state;
}

const FailurePolicy *bailiff_registration_get_failure_policy(BailiffRegistration *self)
{
    return &self->policy;
}

int bailiff_registration_get_step(BailiffRegistration *self)
{
    return self->step;
}

GPtrArray *bailiff_registration_list_resources(BailiffRegistration *self)
{
    return g_ptr_array_copy(self->resources, (GCopyFunc)(void (*)(void))g_object_ref, NULL);
}
