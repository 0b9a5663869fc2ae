/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A registration: what is shown of it, and its life.
 */
#include "engine/registration-state.h"

#include "actions/domain-target.h"
#include "actions/process-target.h"
#include "actions/unit-target.h"
#include "common/bailiff-error.h"
#include "engine/engine-private.h"
#include "engine/lockspace.h"
#include "engine/policy-error.h"
#include "engine/resource.h"

G_DEFINE_TYPE(BailiffRegistration, bailiff_registration, G_TYPE_OBJECT)

enum {
    PROP_STATE = 1,
    PROP_STEP,
    PROP_FAILURE_POLICY,
    PROP_PID,
    PROP_RECOVERY,
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

const char *bailiff_registration_state_name(BailiffRegistrationState state)
{
    static const char *const names[] = {
        [BAILIFF_REGISTRATION_ACTIVE] = "active",
        [BAILIFF_REGISTRATION_FAILING] = "failing",
        [BAILIFF_REGISTRATION_PAUSED] = "paused",
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
    case PROP_PID:
        g_value_set_int(value, bailiff_registration_get_pid(self));
        break;
    case PROP_RECOVERY:
        g_value_set_string(value, bailiff_registration_get_recovery(self));
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void bailiff_registration_finalize(GObject *object)
{
    BailiffRegistration *self = BAILIFF_REGISTRATION(object);

    g_signal_handlers_disconnect_by_data(self->target, self);
    g_clear_pointer(&self->runner, failure_runner_free);
    g_free(self->walk_detail);
    boottime_timer_free(self->overdue_timer);
    g_ptr_array_unref(self->ended_runners);
    g_clear_pointer(&self->recovery, recovery_free);
    g_clear_pointer(&self->last_kill, last_kill_free);
    g_object_unref(self->target);
    g_ptr_array_unref(self->resources);
    g_object_unref(self->cancellable);
    g_clear_handle_id(&self->record_timer, g_source_remove);
    g_clear_handle_id(&self->save_idle, g_source_remove);
    g_clear_pointer(&self->saved_walk, saved_walk_free);
    g_hash_table_unref(self->recorded);
    failure_defaults_unref(self->defaults);
    g_free(self->failed_lockspace);
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
    props[PROP_PID] = g_param_spec_int("pid", NULL, NULL, 0, G_MAXINT, 0, flags);
    props[PROP_RECOVERY] = g_param_spec_string("recovery", NULL, NULL, "", flags);
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
    self->resources = g_ptr_array_new_with_free_func(g_object_unref);
    self->ended_runners = g_ptr_array_new_with_free_func((GDestroyNotify)failure_runner_free);
    self->cancellable = g_cancellable_new();
    self->recorded = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

/* --- what its parts tell --------------------------------------------------------------------- */

void registration_set_state(BailiffRegistration *self, BailiffRegistrationState state)
{
    if (self->state == state)
        return;
    self->state = state;
    registration_save_soon(self);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_STATE]);
}

void registration_set_step(BailiffRegistration *self, int step)
{
    if (self->step == step)
        return;
    self->step = step;
    registration_save_soon(self);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_STEP]);
}

void registration_emit_step_started(BailiffRegistration *self, guint index, const char *action)
{
    g_signal_emit(self, signals[SIGNAL_STEP_STARTED], 0, index, action);
}

void registration_emit_step_finished(BailiffRegistration *self, guint index, const char *action,
                                     gboolean worked, const char *detail)
{
    g_signal_emit(self, signals[SIGNAL_STEP_FINISHED], 0, index, action, worked, detail);
}

void registration_emit_cleared(BailiffRegistration *self, const char *how)
{
    g_signal_emit(self, signals[SIGNAL_CLEARED], 0, how);
}

void registration_emit_release_requested(BailiffRegistration *self, BailiffResource *resource,
                                         const char *how)
{
    g_signal_emit(self, signals[SIGNAL_RELEASE_REQUESTED], 0, resource, how);
}

void registration_emit_resources_changed(BailiffRegistration *self)
{
    g_signal_emit(self, signals[SIGNAL_RESOURCES_CHANGED], 0);
}

void registration_notify_recovery(BailiffRegistration *self)
{
    registration_save_soon(self);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_RECOVERY]);
}

/* --- its life -------------------------------------------------------------------------------- */

static void on_process_changed(BailiffTarget *target, BailiffRegistration *self)
{
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_PID]);
    last_kill_target_changed(self->last_kill, target);
    registration_save_soon(self);
    /* Of one that was paused this is another life, whose beginning came with the end of the last.
     */
    if (self->state == BAILIFF_REGISTRATION_CLEARED || self->state == BAILIFF_REGISTRATION_PAUSED)
        registration_target_runs(self);
}

static void on_ended(BailiffTarget *target, BailiffRegistration *self)
{
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_PID]);
    registration_target_ended(self);
}

static void on_resumed(BailiffTarget *target, BailiffRegistration *self)
{
    registration_target_runs(self);
}

BailiffRegistration *bailiff_registration_new(BailiffEngine *engine, guint64 id, const char *name,
                                              BailiffTarget *target, uid_t owner_uid,
                                              const FailurePolicy *policy)
{
    BailiffRegistration *self = g_object_new(BAILIFF_TYPE_REGISTRATION, NULL);

    self->engine = engine;
    self->id = id;
    self->name = g_strdup(name);
    self->target = target;
    self->owner_uid = owner_uid;
    self->has_own_policy = policy != NULL;
    self->defaults = failure_defaults_ref(bailiff_engine_get_failure_defaults(engine));
    self->policy = policy != NULL ? *policy
                                  : *failure_defaults_get(self->defaults, NULL,
                                                          bailiff_target_get_kind(target));
    self->last_kill = last_kill_new(bailiff_engine_get_kill_guard(engine));
    g_signal_connect(target, "process-changed", G_CALLBACK(on_process_changed), self);
    g_signal_connect(target, "ended", G_CALLBACK(on_ended), self);
    g_signal_connect(target, "resumed", G_CALLBACK(on_resumed), self);
    registration_save_soon(self);
    return self;
}

void registration_remove(BailiffRegistration *self)
{
    BailiffEngine *engine = self->engine;

    if (engine == NULL)
        return;
    registration_remove_record(self);
    last_kill_uncover_all(self->last_kill);
    g_clear_pointer(&self->recovery, recovery_free);
    self->engine = NULL;
    g_signal_handlers_disconnect_by_data(self->target, self);
    bailiff_engine_remove_registration(engine, self);
}

void registration_check_removable(BailiffRegistration *self)
{
    if (self->resources->len > 0 || self->acquiring > 0)
        return;
    if (self->ended)
        registration_remove(self);
    else if (self->recovery == NULL)
        registration_let_record_rest(self);
}

static void set_policy(BailiffRegistration *self, const FailurePolicy *policy)
{
    self->policy = *policy;
    registration_save_soon(self);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_FAILURE_POLICY]);
}

const FailurePolicy *bailiff_registration_get_policy_for(BailiffRegistration *self,
                                                         const char *lockspace)
{
    if (self->has_own_policy || self->engine == NULL)
        return &self->policy;
    return failure_defaults_get(self->defaults, lockspace, bailiff_target_get_kind(self->target));
}

void registration_choose_policy(BailiffRegistration *self, const char *lockspace)
{
    const FailurePolicy *policy = bailiff_registration_get_policy_for(self, lockspace);

    if (!failure_policy_equal(policy, &self->policy))
        set_policy(self, policy);
}

/* One that was `ignore` may be another one now, or the other way round. */
static gboolean change_policy(BailiffRegistration *self, const FailurePolicy *policy,
                              GError **error)
{
    const FailurePolicy old_policy = self->policy;
    gboolean had_own_policy = self->has_own_policy;

    self->has_own_policy = TRUE;
    self->policy = *policy;
    if (!registration_prepare_last_kill(self, error)) {
        self->has_own_policy = had_own_policy;
        self->policy = old_policy;
        registration_review_last_kill(self);
        return FALSE;
    }
    registration_review_last_kill(self);
    set_policy(self, policy);
    return TRUE;
}

gboolean bailiff_registration_take_defaults(BailiffRegistration *self, FailureDefaults *defaults,
                                            GError **error)
{
    g_autoptr(FailureDefaults) old = failure_defaults_ref(self->defaults);

    if (self->state == BAILIFF_REGISTRATION_FAILING)
        return TRUE;
    failure_defaults_unref(self->defaults);
    self->defaults = failure_defaults_ref(defaults);
    if (self->has_own_policy || self->engine == NULL)
        return TRUE;
    if (!registration_prepare_last_kill(self, error)) {
        failure_defaults_unref(self->defaults);
        self->defaults = g_steal_pointer(&old);
        registration_review_last_kill(self);
        return FALSE;
    }
    registration_review_last_kill(self);
    registration_choose_policy(self, NULL);
    return TRUE;
}

gboolean bailiff_registration_check_failure_policy(BailiffRegistration *self,
                                                   const FailurePolicy *policy, GError **error)
{
    if (!bailiff_failure_policy_check(policy, bailiff_target_get_kind(self->target), error))
        return FALSE;
    if (self->state == BAILIFF_REGISTRATION_FAILING) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait until the registration is cleared.",
                          "The failure policy of %s is being walked.", self->name);
        return FALSE;
    }
    if (self->ended || self->engine == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, "Register again.",
                          "The %s (%s) has ended.", bailiff_target_get_description(self->target),
                          self->name);
        return FALSE;
    }
    return TRUE;
}

gboolean bailiff_registration_set_failure_policy(BailiffRegistration *self,
                                                 const FailurePolicy *policy, uid_t owner_uid,
                                                 GError **error)
{
    if (!bailiff_registration_check_failure_policy(self, policy, error))
        return FALSE;
    if (!change_policy(self, policy, error))
        return FALSE;
    self->owner_uid = owner_uid;
    return TRUE;
}

gboolean bailiff_registration_unregister(BailiffRegistration *self, gboolean force, GError **error)
{
    if (self->resources->len > 0 || self->acquiring > 0) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Release its leases first.",
                          "%s (%s) holds, or is acquiring, leases.", self->name,
                          bailiff_target_get_description(self->target));
        return FALSE;
    }
    if (self->killing && self->state == BAILIFF_REGISTRATION_FAILING) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait until it has ended.",
                          "%s (%s) is being stopped, for leases that it may have.", self->name,
                          bailiff_target_get_description(self->target));
        return FALSE;
    }
    if (self->recovery != NULL && self->state == BAILIFF_REGISTRATION_FAILING) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait until it is paused again, or has ended.",
                          "%s (%s) runs without its leases and is being stopped.", self->name,
                          bailiff_target_get_description(self->target));
        return FALSE;
    }
    if (self->recovery != NULL && !force) {
        bailiff_set_error(
            error, BAILIFF_ERROR_BUSY,
            "Wait for that, or give it up with the option force; a paused domain must "
            "not be resumed then.",
            "%s (%s) lost its leases and waits to get them again.", self->name,
            bailiff_target_get_description(self->target));
        return FALSE;
    }
    registration_remove(self);
    return TRUE;
}

/* --- looking --------------------------------------------------------------------------------- */

BailiffTarget *bailiff_registration_get_target(BailiffRegistration *self)
{
    return self->target;
}

const char *bailiff_registration_describe(BailiffRegistration *self)
{
    return bailiff_target_get_description(self->target);
}

guint64 bailiff_registration_get_id(BailiffRegistration *self)
{
    return self->id;
}

const char *bailiff_registration_get_kind(BailiffRegistration *self)
{
    return failure_target_name(bailiff_target_get_kind(self->target));
}

const char *bailiff_registration_get_name(BailiffRegistration *self)
{
    return self->name;
}

/* A target that has ended and is to be started again still knows what it was. */
static const ProcessIdentity *living_process(BailiffRegistration *self)
{
    const ProcessIdentity *process = bailiff_target_get_process(self->target);

    return process != NULL && !process_identity_has_ended(process) ? process : NULL;
}

LogSubject registration_log_subject(BailiffRegistration *self)
{
    LogSubject subject = {
        .registration = self->id,
        .registration_name = self->name,
        .pid = bailiff_registration_get_pid(self),
    };

    /* A drill, or a walk for a request, is for the sake of none. */
    if (self->failed_lockspace == NULL || self->failed_lockspace[0] == '\0')
        return subject;
    subject.lockspace = self->failed_lockspace;
    if (self->engine != NULL)
        subject.incident = bailiff_incident_log_find_last(
            bailiff_engine_get_incidents(self->engine), self->failed_lockspace);
    return subject;
}

pid_t bailiff_registration_get_pid(BailiffRegistration *self)
{
    const ProcessIdentity *process = living_process(self);

    return process != NULL ? process->pid : 0;
}

uid_t bailiff_registration_get_uid(BailiffRegistration *self)
{
    const ProcessIdentity *process = living_process(self);

    return process != NULL ? process->uid : 0;
}

const char *bailiff_registration_get_unit(BailiffRegistration *self)
{
    return BAILIFF_IS_UNIT_TARGET(self->target)
               ? bailiff_unit_target_get_unit(BAILIFF_UNIT_TARGET(self->target))
               : "";
}

const char *bailiff_registration_get_domain(BailiffRegistration *self)
{
    return BAILIFF_IS_DOMAIN_TARGET(self->target)
               ? bailiff_domain_target_get_uuid(BAILIFF_DOMAIN_TARGET(self->target))
               : "";
}

const char *bailiff_registration_get_recovery(BailiffRegistration *self)
{
    return self->recovery != NULL ? recovery_describe(self->recovery) : "";
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
