/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One resource lease, driven through its machines.
 */
#include "engine/resource-state.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/lockspace-private.h"
#include "engine/registration-private.h"
#include "lease/lease-timing.h"

/* While a write of ours is in flight that we have given up: how often to look whether it landed. */
#define DRAIN_POLL_US (USEC_PER_SECOND / 4)

G_DEFINE_TYPE(BailiffResource, bailiff_resource, G_TYPE_OBJECT)

enum {
    PROP_STATE = 1,
    PROP_ORPHAN,
    PROP_MODE,
    PROP_REGISTRATIONS,
    N_PROPS,
};

static GParamSpec *props[N_PROPS];

static void start_release(BailiffResource *self);

static void bailiff_resource_get_property(GObject *object, guint id, GValue *value,
                                          GParamSpec *spec)
{
    if (id == PROP_STATE)
        g_value_set_int(value, (int)bailiff_resource_get_state(BAILIFF_RESOURCE(object)));
    else if (id == PROP_ORPHAN)
        g_value_set_boolean(value, BAILIFF_RESOURCE(object)->orphan);
    else if (id == PROP_MODE)
        g_value_set_int(value, (int)BAILIFF_RESOURCE(object)->mode);
    else if (id == PROP_REGISTRATIONS)
        g_value_take_boxed(value, bailiff_resource_list_registrations(BAILIFF_RESOURCE(object)));
    else
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void drop_timer(BailiffResource *self)
{
    if (self->timer != NULL) {
        g_source_destroy(self->timer);
        g_clear_pointer(&self->timer, g_source_unref);
    }
}

static void bailiff_resource_finalize(GObject *object)
{
    BailiffResource *self = BAILIFF_RESOURCE(object);

    drop_timer(self);
    g_clear_pointer(&self->device, block_device_unref);
    g_clear_object(&self->lockspace);
    g_clear_object(&self->registration);
    g_ptr_array_unref(self->sharers);
    g_array_unref(self->unknown);
    g_ptr_array_unref(self->release_tasks);
    g_clear_object(&self->stop_converting);
    g_clear_error(&self->convert_error);
    g_free(self->new_name);
    g_free(self->name);
    g_free(self->path);
    g_free(self->former_holder);
    g_clear_pointer(&self->saved, saved_resource_free);
    G_OBJECT_CLASS(bailiff_resource_parent_class)->finalize(object);
}

static void bailiff_resource_class_init(BailiffResourceClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    object_class->get_property = bailiff_resource_get_property;
    object_class->finalize = bailiff_resource_finalize;
    props[PROP_STATE] = g_param_spec_int("state", NULL, NULL, 0, BAILIFF_RESOURCE_RELEASING, 0,
                                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    props[PROP_ORPHAN] = g_param_spec_boolean("orphan", NULL, NULL, FALSE,
                                              G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    props[PROP_MODE] = g_param_spec_int("mode", NULL, NULL, 0, RESOURCE_SHARED, 0,
                                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    props[PROP_REGISTRATIONS] = g_param_spec_boxed("registrations", NULL, NULL, G_TYPE_PTR_ARRAY,
                                                   G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    g_object_class_install_properties(object_class, N_PROPS, props);
}

static void bailiff_resource_init(BailiffResource *self)
{
    self->sharers = g_ptr_array_new_with_free_func(g_object_unref);
    self->unknown = g_array_new(FALSE, FALSE, sizeof(guint64));
    self->release_tasks = g_ptr_array_new_with_free_func(g_object_unref);
}

BailiffResource *bailiff_resource_new(BailiffLockspace *lockspace,
                                      BailiffRegistration *registration, const char *name,
                                      const char *path, guint64 offset, ResourceMode mode)
{
    BailiffResource *self = g_object_new(BAILIFF_TYPE_RESOURCE, NULL);

    self->lockspace = g_object_ref(lockspace);
    if (registration != NULL)
        self->registration = g_object_ref(registration);
    self->name = g_strdup(name);
    self->path = g_strdup(path);
    self->offset = offset;
    self->mode = mode;
    return self;
}

GError *resource_describe_fault(BailiffResource *self, const LeaseFault *fault)
{
    LeaseErrorContext context;

    bailiff_lockspace_describe(self->lockspace, &context);
    context.path = self->path;
    context.offset = self->offset;
    context.resource = self->name;
    return lease_error_new(fault, &context);
}

void resource_set_phase(BailiffResource *self, ResourcePhase phase)
{
    BailiffResourceState old = bailiff_resource_get_state(self);

    self->phase = phase;
    if (old != bailiff_resource_get_state(self))
        g_object_notify_by_pspec(G_OBJECT(self), props[PROP_STATE]);
}

void resource_notify_orphan(BailiffResource *self)
{
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_ORPHAN]);
}

void resource_notify_mode(BailiffResource *self)
{
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_MODE]);
}

void resource_notify_registrations(BailiffResource *self)
{
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_REGISTRATIONS]);
}

void resource_operate(BailiffResource *self, MachineResume resume, GCancellable *cancellable,
                      GAsyncReadyCallback callback)
{
    const MachineJob job = {
        .resume = resume,
        .machine = &self->machine,
        .lockspace_device = self->lockspace->device,
        .resource_device = self->device,
        .sight = self->lockspace->sight,
        .permit = self->lockspace->resource_permit,
        .observe_offset = self->lockspace->offset,
        .observe_length = self->lockspace->layout.align_size,
        .bounded = TRUE,
        .acquiring = self->phase == RESOURCE_ACQUIRING || self->stop_converting != NULL,
    };

    g_assert(!self->operating);
    self->operating = TRUE;
    machine_run_async(self->lockspace->resource_worker, &job, cancellable, callback,
                      g_object_ref(self));
}

/* --- the end --------------------------------------------------------------------------------- */

gboolean resource_check_idle(BailiffResource *self, GError **error)
{
    if (self->phase == RESOURCE_PUBLISHED && !self->operating)
        return TRUE;
    if (self->phase == RESOURCE_PUBLISHED && self->inherited)
        bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                          "Try again when the lockspace is held, or failing.",
                          "Resource %s of lockspace %s is held since before bailiffd was started, "
                          "which has yet to be seen on the storage.",
                          self->name, self->lockspace->name);
    else
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Look at its state, then try again.",
                          "Resource %s of lockspace %s is being converted or released.", self->name,
                          self->lockspace->name);
    return FALSE;
}

static void answer_releases(BailiffResource *self, const GError *error)
{
    g_autoptr(GError) not_renamed = NULL;

    /* Left alone, with the name that it had. */
    if (error == NULL && self->new_name != NULL)
        error = not_renamed = bailiff_error_make(
            BAILIFF_ERROR_LOST, "Acquire it again, then release it with the new name.",
            "Resource %s of lockspace %s keeps its name: the lockspace was left or lost, or is too "
            "late.",
            self->name, self->lockspace->name);
    g_autoptr(GPtrArray) tasks = g_steal_pointer(&self->release_tasks);

    self->release_tasks = g_ptr_array_new_with_free_func(g_object_unref);
    for (guint i = 0; i < tasks->len; i++) {
        if (error != NULL)
            g_task_return_error(tasks->pdata[i], g_error_copy(error));
        else
            g_task_return_boolean(tasks->pdata[i], TRUE);
    }
}

static void become_gone(BailiffResource *self)
{
    g_autoptr(BailiffResource) hold = g_object_ref(self);

    drop_timer(self);
    resource_set_phase(self, RESOURCE_GONE);
    resource_unsave(self);
    if (!self->left_behind)
        bailiff_lockspace_forget_persistent(self->lockspace, self->name);
    bailiff_lockspace_resource_gone(self->lockspace, self);
    resource_tell_gone(self);
    answer_releases(self, NULL);
}

static gboolean on_timer(gpointer user_data)
{
    BailiffResource *self = user_data;

    boottime_source_set(self->timer, TIME_NEVER);
    if (self->abandoned)
        resource_try_to_go(self);
    else if (self->phase == RESOURCE_ACQUIRING)
        resource_give_up_acquiring(self);
    else if (self->phase == RESOURCE_RELEASING && !self->operating && !self->pinned)
        start_release(self);
    else if (!self->pinned)
        resource_settle(self);
    return G_SOURCE_CONTINUE;
}

void resource_arm(BailiffResource *self, guint64 when_us)
{
    if (self->timer == NULL) {
        self->timer = boottime_source_new(when_us);
        g_source_set_callback(self->timer, on_timer, self, NULL);
        g_source_attach(self->timer, NULL);
    } else {
        boottime_source_set(self->timer, when_us);
    }
}

/* The thread of a machine that is under way may be held by the kernel for as long as the storage
 * hangs (io_submit, when the queue of the storage is full). Such a machine is waited for only while
 * it may still begin to write. */
static gboolean may_begin_to_write(BailiffResource *self)
{
    return self->operating && !self->lockspace->resource_writes_ended;
}

/* A write of ours that is still on its way could land after another host has taken the resource:
 * until it has ended, this resource is not over. */
void resource_try_to_go(BailiffResource *self)
{
    if (self->pinned || self->phase == RESOURCE_GONE)
        return;
    if (may_begin_to_write(self))
        resource_arm(self, time_add(boottime_now(), DRAIN_POLL_US));
    else if (self->device != NULL &&
             aio_write_in_flight(self->device, self->offset, self->lease.layout.align_size))
        resource_arm(self, time_add(boottime_now(), DRAIN_POLL_US));
    else
        become_gone(self);
}

void bailiff_resource_abandon(BailiffResource *self)
{
    g_autoptr(BailiffResource) hold = g_object_ref(self);

    if (self->phase == RESOURCE_GONE)
        return;
    self->abandoned = TRUE;
    /* Nobody has said that it is out of use. */
    if (self->persistent && self->phase == RESOURCE_PUBLISHED)
        self->left_behind = self->lockspace->left_persistent = TRUE;
    resource_set_phase(self, RESOURCE_RELEASING);
    resource_end_conversion(self);
    answer_releases(self, NULL);
    resource_try_to_go(self);
}

void bailiff_resource_forget(BailiffResource *self)
{
    if (self->phase == RESOURCE_GONE)
        return;
    self->abandoned = TRUE;
    become_gone(self);
}

/* --- releasing ------------------------------------------------------------------------------- */

static MachineStep resume_release(void *machine, const MachineInput *input)
{
    return resource_release_resume(machine, input);
}

/* An attempt that the fail deadline of its time has ended is, while the lockspace holds its lease:
 * that was renewed meanwhile, or it fails at any moment and ends all attempts. A damaged record is
 * not: nobody can acquire it, and nothing is written into it. */
gboolean resource_is_worth_a_retry(const LeaseFault *fault)
{
    return fault->kind == LEASE_IO_TIMEOUT || fault->kind == LEASE_IO_ERROR ||
           fault->kind == LEASE_IO_SHORT || fault->kind == LEASE_EXPIRED;
}

static GError *describe_release_fault(BailiffResource *self, const LeaseFault *fault)
{
    if (fault->kind != LEASE_EXPIRED)
        return resource_describe_fault(self, fault);
    return bailiff_error_make(BAILIFF_ERROR_IO_TIMEOUT,
                              "Check the storage and the way to it; it is tried again by itself.",
                              "Lockspace %s was too late with its renewal to release resource %s.",
                              self->lockspace->name, self->name);
}

static void on_released(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffResource) self = user_data;
    LeaseFault fault;
    gboolean worked = machine_run_finish(result, &fault);

    self->operating = FALSE;
    if (worked)
        g_clear_pointer(&self->new_name, g_free);
    if (worked && self->lockspace->sight != NULL && self->device != NULL)
        remains_table_put(lease_sight_get_remains(self->lockspace->sight), self->name, self->device,
                          self->offset, &self->lease.remains);
    if (worked || self->abandoned || !bailiff_lockspace_can_release(self->lockspace)) {
        self->abandoned = TRUE;
        resource_try_to_go(self);
        return;
    }
    g_autoptr(GError) error = describe_release_fault(self, &fault);

    answer_releases(self, error);
    if (resource_is_worth_a_retry(&fault)) {
        guint64 pause = timing_io(self->lockspace->io_timeout);

        log_message(MESSAGE_RESOURCE_NOT_RELEASED,
                    LOG_SUBJECT(.lockspace = self->lockspace->name, .resource = self->name),
                    "Resource %s of lockspace %s could not be released yet, trying again: %s",
                    self->name, self->lockspace->name, error->message);
        /* As sanlock: after one io timeout, then every two. */
        resource_arm(self, time_add(boottime_now(), self->attempts++ == 0 ? pause : 2 * pause));
        return;
    }
    g_clear_pointer(&self->new_name, g_free); /* answered */
    log_message(MESSAGE_RESOURCE_GIVEN_UP,
                LOG_SUBJECT(.lockspace = self->lockspace->name, .resource = self->name),
                "Resource %s of lockspace %s cannot be released and is given up: %s", self->name,
                self->lockspace->name, error->message);
    bailiff_resource_abandon(self);
}

static void start_release(BailiffResource *self)
{
    if (!bailiff_lockspace_can_release(self->lockspace)) {
        bailiff_resource_abandon(self);
        return;
    }
    if (self->timer != NULL)
        boottime_source_set(self->timer, TIME_NEVER);
    if (self->operating)
        return; /* a conversion or a value: it goes on here when that has ended */
    resource_release_init(&self->machine.release, &self->lease);
    if (self->new_name != NULL)
        resource_release_rename(&self->machine.release, self->new_name);
    resource_operate(self, resume_release, NULL, on_released);
}

void bailiff_resource_begin_operation(BailiffResource *self)
{
    g_assert(!self->operating);
    self->operating = TRUE;
    g_object_ref(self);
}

void bailiff_resource_end_operation(BailiffResource *self)
{
    self->operating = FALSE;
    if (self->abandoned)
        resource_try_to_go(self);
    else if (self->phase == RESOURCE_RELEASING)
        start_release(self);
    g_object_unref(self);
}

void bailiff_resource_release_async(BailiffResource *self, GAsyncReadyCallback callback,
                                    gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    GError *unknown = NULL;

    if (self->phase == RESOURCE_GONE) {
        g_task_return_boolean(task, TRUE);
        return;
    }
    if (!resource_check_known(self, &unknown)) {
        g_task_return_error(task, unknown);
        return;
    }
    if (self->reserved) {
        g_task_return_error(task, bailiff_error_make(BAILIFF_ERROR_BUSY, "Look who holds it now.",
                                                     "Resource %s of lockspace %s, an orphan, is "
                                                     "being adopted.",
                                                     self->name, self->lockspace->name));
        return;
    }
    g_ptr_array_add(self->release_tasks, g_steal_pointer(&task));
    if (self->phase == RESOURCE_RELEASING) {
        if (self->abandoned)
            answer_releases(self, NULL); /* nothing is written any more */
        return;                          /* else under way: the next attempt answers */
    }
    resource_set_phase(self, RESOURCE_RELEASING);
    resource_resave(self, SAVED_RESOURCE_UNUSED);
    bailiff_lockspace_registrations_changed(self->lockspace);
    resource_end_conversion(self);
    if (!self->pinned)
        start_release(self);
}

gboolean bailiff_resource_pin(BailiffResource *self)
{
    self->pinned = self->phase == RESOURCE_GRANTED;
    return self->pinned;
}

void bailiff_resource_unpin(BailiffResource *self)
{
    gboolean pinned = self->pinned;

    self->pinned = FALSE;
    if (pinned)
        resource_moved_on(self);
}

void bailiff_resource_rename_async(BailiffResource *self, const char *new_name,
                                   GAsyncReadyCallback callback, gpointer user_data)
{
    GError *error = NULL;

    if (resource_check_rename(self, new_name, &error)) {
        self->new_name = g_strdup(new_name);
        bailiff_resource_release_async(self, callback, user_data);
    } else {
        g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
        g_task_return_error(task, error);
    }
}

gboolean resource_moved_on(BailiffResource *self)
{
    if (self->phase < RESOURCE_RELEASING)
        return FALSE;
    if (self->abandoned)
        resource_try_to_go(self);
    else
        start_release(self);
    return TRUE;
}

gboolean bailiff_resource_release_finish(BailiffResource *self, GAsyncResult *result,
                                         GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

/* --- looking --------------------------------------------------------------------------------- */

ResourcePhase bailiff_resource_get_phase(BailiffResource *self)
{
    return self->phase;
}

BlockDevice *bailiff_resource_get_device(BailiffResource *self)
{
    return self->device;
}

const ResourceLease *bailiff_resource_get_lease(BailiffResource *self)
{
    return &self->lease;
}

ResourceLook *bailiff_resource_get_look(BailiffResource *self)
{
    return &self->look;
}

gboolean bailiff_resource_copy_held(BailiffResource *self, ResourceLease *ret)
{
    /* While a conversion is not settled nobody knows what is on disk. */
    if (self->operating || self->pinned || !self->lease.held || self->lease.may_be_owner ||
        self->abandoned || self->device == NULL ||
        (self->phase != RESOURCE_GRANTED && self->phase != RESOURCE_PUBLISHED))
        return FALSE;
    *ret = self->lease;
    return TRUE;
}

gboolean bailiff_resource_is_visible(BailiffResource *self)
{
    return self->visible && self->phase != RESOURCE_GONE;
}

gboolean bailiff_resource_is_used(BailiffResource *self)
{
    return self->phase < RESOURCE_RELEASING;
}

const char *bailiff_resource_get_name(BailiffResource *self)
{
    return self->name;
}

BailiffLockspace *bailiff_resource_get_lockspace(BailiffResource *self)
{
    return self->lockspace;
}

const char *bailiff_resource_get_path(BailiffResource *self)
{
    return self->path;
}

guint64 bailiff_resource_get_offset(BailiffResource *self)
{
    return self->offset;
}

guint64 bailiff_resource_get_won_version(BailiffResource *self)
{
    return self->won_version;
}

guint64 bailiff_resource_get_version(BailiffResource *self)
{
    return self->version;
}

guint64 bailiff_resource_get_found_version(BailiffResource *self)
{
    return self->lease.leader.version_of_lease;
}

BailiffRegistration *bailiff_resource_get_registration(BailiffResource *self)
{
    return self->registration;
}

gboolean bailiff_resource_is_shared(BailiffResource *self)
{
    return self->mode == RESOURCE_SHARED;
}

const char *bailiff_resource_get_mode_name(BailiffResource *self)
{
    return self->mode == RESOURCE_SHARED ? "shared" : "exclusive";
}

BailiffResourceState bailiff_resource_get_state(BailiffResource *self)
{
    return self->phase >= RESOURCE_RELEASING ? BAILIFF_RESOURCE_RELEASING : BAILIFF_RESOURCE_HELD;
}

const char *bailiff_resource_state_name(BailiffResourceState state)
{
    return state == BAILIFF_RESOURCE_HELD ? "held" : "releasing";
}
