/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One resource lease, driven through its machines.
 */
#include "engine/resource-private.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "engine/device-opener.h"
#include "engine/engine-private.h"
#include "engine/lockspace-private.h"
#include "engine/machine-driver.h"
#include "engine/registration-private.h"
#include "lease/lease-timing.h"
#include "lease/resource-acquire.h"
#include "lease/resource-release.h"

/* Leases of one lockspace that may have an I/O handed to the kernel at the same time. */
#define RESOURCE_QUEUE_DEPTH 64u
/* While a write of ours is in flight that we have given up: how often to look whether it landed. */
#define DRAIN_POLL_US (USEC_PER_SECOND / 4)

struct _BailiffResource {
    GObject parent_instance;

    BailiffLockspace *lockspace;
    BailiffRegistration *registration;
    char *name;
    char *path;
    guint64 offset;
    ResourcePhase phase;
    gboolean visible;

    BlockDevice *device;
    /* The worker's while `operating`. */
    ResourceLease lease;
    union {
        ResourceAcquire acquire;
        ResourceRelease release;
    } machine;
    gboolean operating;
    ResourceLook look;
    guint64 version;

    GTask *acquire_task;
    gboolean patient;
    guint64 required_version;
    GPtrArray *release_tasks;
    GSource *timer; /* the next release attempt, or look at what is in flight */
    gboolean abandoned;
    guint attempts;

    gboolean persistent;
    gboolean orphan;   /* then, and ever after if it is not adopted, there is no registration */
    gboolean reserved; /* an orphan that somebody is about to adopt */
    gboolean adopted;  /* was an orphan before its present holder */
    char *former_holder;
};

G_DEFINE_TYPE(BailiffResource, bailiff_resource, G_TYPE_OBJECT)

enum {
    PROP_STATE = 1,
    PROP_ORPHAN,
    N_PROPS,
};

static GParamSpec *props[N_PROPS];

static void start_release(BailiffResource *self);
static void try_to_go(BailiffResource *self);
static void give_up_acquiring(BailiffResource *self);

static void bailiff_resource_get_property(GObject *object, guint id, GValue *value,
                                          GParamSpec *spec)
{
    if (id == PROP_STATE)
        g_value_set_int(value, (int)bailiff_resource_get_state(BAILIFF_RESOURCE(object)));
    else if (id == PROP_ORPHAN)
        g_value_set_boolean(value, BAILIFF_RESOURCE(object)->orphan);
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
    g_ptr_array_unref(self->release_tasks);
    g_free(self->name);
    g_free(self->path);
    g_free(self->former_holder);
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
    g_object_class_install_properties(object_class, N_PROPS, props);
}

static void bailiff_resource_init(BailiffResource *self)
{
    self->release_tasks = g_ptr_array_new_with_free_func(g_object_unref);
}

BailiffResource *bailiff_resource_new(BailiffLockspace *lockspace,
                                      BailiffRegistration *registration, const char *name,
                                      const char *path, guint64 offset)
{
    BailiffResource *self = g_object_new(BAILIFF_TYPE_RESOURCE, NULL);

    self->lockspace = g_object_ref(lockspace);
    self->registration = g_object_ref(registration);
    self->name = g_strdup(name);
    self->path = g_strdup(path);
    self->offset = offset;
    return self;
}

static GError *describe_fault(BailiffResource *self, const LeaseFault *fault)
{
    LeaseErrorContext context;

    bailiff_lockspace_describe(self->lockspace, &context);
    context.path = self->path;
    context.offset = self->offset;
    context.resource = self->name;
    return lease_error_new(fault, &context);
}

static void set_phase(BailiffResource *self, ResourcePhase phase)
{
    BailiffResourceState old = bailiff_resource_get_state(self);

    self->phase = phase;
    if (old != bailiff_resource_get_state(self))
        g_object_notify_by_pspec(G_OBJECT(self), props[PROP_STATE]);
}

static void operate(BailiffResource *self, MachineResume resume, GCancellable *cancellable,
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
        .acquiring = self->phase == RESOURCE_ACQUIRING,
    };

    g_assert(!self->operating);
    self->operating = TRUE;
    machine_run_async(self->lockspace->resource_worker, &job, cancellable, callback,
                      g_object_ref(self));
}

/* --- the end --------------------------------------------------------------------------------- */

static void answer_releases(BailiffResource *self, const GError *error)
{
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
    set_phase(self, RESOURCE_GONE);
    bailiff_lockspace_resource_gone(self->lockspace, self);
    if (self->registration != NULL)
        bailiff_registration_resource_gone(self->registration, self);
    answer_releases(self, NULL);
}

static gboolean on_timer(gpointer user_data)
{
    BailiffResource *self = user_data;

    boottime_source_set(self->timer, TIME_NEVER);
    if (self->abandoned)
        try_to_go(self);
    else if (self->phase == RESOURCE_ACQUIRING)
        give_up_acquiring(self);
    else if (self->phase == RESOURCE_RELEASING && !self->operating)
        start_release(self);
    return G_SOURCE_CONTINUE;
}

static void arm(BailiffResource *self, guint64 when_us)
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
static void try_to_go(BailiffResource *self)
{
    if (self->phase == RESOURCE_GONE)
        return;
    if (may_begin_to_write(self))
        arm(self, time_add(boottime_now(), DRAIN_POLL_US));
    else if (self->device != NULL &&
             aio_write_in_flight(self->device, self->offset, self->lease.layout.align_size))
        arm(self, time_add(boottime_now(), DRAIN_POLL_US));
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
        self->lockspace->left_persistent = TRUE;
    set_phase(self, RESOURCE_RELEASING);
    answer_releases(self, NULL);
    try_to_go(self);
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
static gboolean is_worth_a_retry(const LeaseFault *fault)
{
    return fault->kind == LEASE_IO_TIMEOUT || fault->kind == LEASE_IO_ERROR ||
           fault->kind == LEASE_IO_SHORT || fault->kind == LEASE_EXPIRED;
}

static GError *describe_release_fault(BailiffResource *self, const LeaseFault *fault)
{
    if (fault->kind != LEASE_EXPIRED)
        return describe_fault(self, fault);
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
    if (worked || self->abandoned || !bailiff_lockspace_can_release(self->lockspace)) {
        self->abandoned = TRUE;
        try_to_go(self);
        return;
    }
    g_autoptr(GError) error = describe_release_fault(self, &fault);
    g_autofree char *line = bailiff_error_in_one_line(error->message);

    answer_releases(self, error);
    if (is_worth_a_retry(&fault)) {
        guint64 pause = timing_io(self->lockspace->io_timeout);

        g_message("Resource %s of lockspace %s could not be released yet, trying again: %s",
                  self->name, self->lockspace->name, line);
        /* As sanlock: after one io timeout, then every two. */
        arm(self, time_add(boottime_now(), self->attempts++ == 0 ? pause : 2 * pause));
        return;
    }
    g_warning("Resource %s of lockspace %s: %s", self->name, self->lockspace->name, error->message);
    bailiff_resource_abandon(self);
}

static void start_release(BailiffResource *self)
{
    if (!bailiff_lockspace_can_release(self->lockspace)) {
        bailiff_resource_abandon(self);
        return;
    }
    resource_release_init(&self->machine.release, &self->lease);
    operate(self, resume_release, NULL, on_released);
}

void bailiff_resource_release_async(BailiffResource *self, GAsyncReadyCallback callback,
                                    gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);

    if (self->phase == RESOURCE_GONE) {
        g_task_return_boolean(task, TRUE);
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
    set_phase(self, RESOURCE_RELEASING);
    bailiff_lockspace_registrations_changed(self->lockspace);
    start_release(self);
}

gboolean bailiff_resource_release_finish(BailiffResource *self, GAsyncResult *result,
                                         GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

/* --- acquiring ------------------------------------------------------------------------------- */

static MachineStep resume_acquire(void *machine, const MachineInput *input)
{
    return resource_acquire_resume(machine, input);
}

static void on_taken_back(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;

    /* Where that did not work it goes on in the background; the caller gets the first error. */
    bailiff_resource_release_finish(BAILIFF_RESOURCE(source), result, NULL);
    g_task_return_error(task, g_error_copy(g_task_get_task_data(task)));
}

/* The answer waits until nothing of the attempt is left on disk: whoever comes next, from this host
 * or another, finds the resource as the error describes it. */
static void acquire_failed(BailiffResource *self, GError *error)
{
    GTask *task = g_steal_pointer(&self->acquire_task);

    g_task_set_task_data(task, error, (GDestroyNotify)g_error_free);
    if (!self->lease.may_be_owner)
        bailiff_resource_abandon(self);
    bailiff_resource_release_async(self, on_taken_back, task);
}

static void on_acquired(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffResource) self = user_data;
    LeaseFault fault;
    gboolean worked = machine_run_finish(result, &fault);

    self->operating = FALSE;
    if (self->acquire_task == NULL) { /* given up */
        try_to_go(self);
        return;
    }
    if (worked && self->phase == RESOURCE_GONE) {
        worked = FALSE; /* forgotten meanwhile: nobody holds it, whatever the disk says */
        fault = (LeaseFault){ .kind = LEASE_EXPIRED };
    }
    if (!worked) {
        GError *error = fault.kind == LEASE_STOPPED
                            ? g_error_new_literal(G_IO_ERROR, G_IO_ERROR_CANCELLED, "Cancelled")
                            : describe_fault(self, &fault);

        acquire_failed(self, error);
        return;
    }
    g_autoptr(GTask) task = g_steal_pointer(&self->acquire_task);

    self->version = self->lease.leader.version_of_lease;
    set_phase(self, RESOURCE_GRANTED);
    g_task_return_boolean(task, TRUE);
}

static void give_up_acquiring(BailiffResource *self)
{
    const LeaseFault fault = { .kind = LEASE_IO_TIMEOUT };
    g_autoptr(BailiffResource) hold = g_object_ref(self);

    if (!self->operating)
        return; /* it still waits for its device, which has a time limit of its own */
    g_autoptr(GTask) task = g_steal_pointer(&self->acquire_task);

    bailiff_resource_abandon(self);
    g_task_return_error(task, describe_fault(self, &fault));
}

void bailiff_resource_stop_acquiring(BailiffResource *self)
{
    arm(self, time_add(boottime_now(), 2 * timing_io(self->lockspace->io_timeout)));
}

static void start_acquire_machine(BailiffResource *self)
{
    BailiffLockspace *lockspace = self->lockspace;
    g_autoptr(GError) error = NULL;
    const ResourceWish wish = {
        .lockspace_name = lockspace->name,
        .resource_name = self->name,
        .resource_offset = self->offset,
        .lockspace_offset = lockspace->offset,
        .lockspace_layout = lockspace->layout,
        .host_id = lockspace->host_id,
        .generation = lockspace->generation,
        .io_timeout = lockspace->io_timeout,
    };

    resource_lease_init(&self->lease, &wish);
    if (!bailiff_lockspace_check_usable(lockspace, &error)) {
        acquire_failed(self, g_steal_pointer(&error));
        return;
    }
    if (!layout_offset_ok(&lockspace->layout, self->offset)) {
        acquire_failed(self,
                       bailiff_error_make(BAILIFF_ERROR_INVALID_ARGUMENT,
                                          "Use the offset that the resource was formatted at.",
                                          "Offset %" G_GUINT64_FORMAT
                                          " is not a multiple of the sector size, %u bytes.",
                                          self->offset, lockspace->layout.sector_size));
        return;
    }
    if (lockspace->resource_worker == NULL)
        lockspace->resource_worker =
            lease_worker_new("bailiff-lease", RESOURCE_QUEUE_DEPTH, &error);
    if (lockspace->resource_worker == NULL) {
        acquire_failed(self, g_steal_pointer(&error));
        return;
    }
    resource_acquire_init(&self->machine.acquire, &self->lease, self->patient,
                          self->required_version);
    operate(self, resume_acquire, g_task_get_cancellable(self->acquire_task), on_acquired);
}

/* A lockspace whose file was replaced under it renews a lease that no other host sees. */
static gboolean check_device(BailiffResource *self, GError **error)
{
    BailiffLockspace *lockspace = self->lockspace;

    if (g_strcmp0(self->path, lockspace->path) == 0 &&
        (block_device_get_key_major(self->device) !=
             block_device_get_key_major(lockspace->device) ||
         block_device_get_key_minor(self->device) !=
             block_device_get_key_minor(lockspace->device))) {
        bailiff_set_error(error, BAILIFF_ERROR_LOST,
                          "Leave the lockspace, then join the one that is there now.",
                          "%s leads to other storage than when lockspace %s was joined.",
                          self->path, lockspace->name);
        return FALSE;
    }
    return lockspace->engine == NULL ||
           bailiff_engine_check_unclaimed(lockspace->engine, self->device, self->offset,
                                          lockspace->layout.align_size, error);
}

static void on_device_opened(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffResource) self = user_data;
    g_autoptr(GError) error = NULL;

    self->device = device_open_finish(result, &error);
    if (self->device != NULL && check_device(self, &error))
        start_acquire_machine(self);
    else
        acquire_failed(self, g_steal_pointer(&error));
}

void bailiff_resource_acquire_async(BailiffResource *self, gboolean patient,
                                    guint64 required_version, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data)
{
    g_assert(self->phase == RESOURCE_ACQUIRING && self->acquire_task == NULL);
    self->acquire_task = g_task_new(self, cancellable, callback, user_data);
    /* What was acquired on disk is not forgotten because the caller lost interest. */
    g_task_set_check_cancellable(self->acquire_task, FALSE);
    self->patient = patient;
    self->required_version = required_version;
    /* Opened anew each time: a path can lead to other storage than it did. */
    device_open_async(self->lockspace->openers, self->path, FALSE,
                      timing_io(self->lockspace->io_timeout), on_device_opened, g_object_ref(self));
}

gboolean bailiff_resource_acquire_finish(BailiffResource *self, GAsyncResult *result,
                                         GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

void bailiff_resource_publish(BailiffResource *self)
{
    set_phase(self, RESOURCE_PUBLISHED);
    self->visible = TRUE;
    bailiff_lockspace_publish_resource(self->lockspace, self);
    bailiff_registration_add_resource(self->registration, self);
    bailiff_lockspace_registrations_changed(self->lockspace);
}

/* --- persistent ------------------------------------------------------------------------------ */

static void on_let_go(GObject *source, GAsyncResult *result, gpointer user_data)
{
    /* Where it did not work the resource goes on trying by itself. */
    bailiff_resource_release_finish(BAILIFF_RESOURCE(source), result, NULL);
}

void bailiff_resource_set_persistent(BailiffResource *self, gboolean persistent)
{
    self->persistent = persistent;
}

static void set_orphan(BailiffResource *self, gboolean orphan)
{
    self->orphan = orphan;
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_ORPHAN]);
    bailiff_lockspace_registrations_changed(self->lockspace);
}

static void become_orphan(BailiffResource *self)
{
    g_autoptr(BailiffRegistration) holder = g_steal_pointer(&self->registration);

    g_free(self->former_holder);
    self->former_holder = g_strdup_printf("%s (process %d)", bailiff_registration_get_name(holder),
                                          (int)bailiff_registration_get_pid(holder));
    g_message("Resource %s of lockspace %s is an orphan now: %s has left it.", self->name,
              self->lockspace->name, self->former_holder);
    set_orphan(self, TRUE);
    bailiff_registration_resource_gone(holder, self);
}

void bailiff_resource_holder_ended(BailiffResource *self)
{
    if (!self->persistent || self->phase != RESOURCE_PUBLISHED)
        bailiff_resource_release_async(self, on_let_go, NULL);
    else if (bailiff_lockspace_holds_orphans(self->lockspace))
        become_orphan(self);
    else
        bailiff_resource_abandon(
            self); /* as are the orphans of a lockspace that fails or is left */
}

void bailiff_resource_take_back(BailiffResource *self)
{
    self->persistent = self->adopted;
    if (self->registration != NULL)
        bailiff_resource_holder_ended(self);
}

gboolean bailiff_resource_reserve(BailiffResource *self, GError **error)
{
    if (self->reserved) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Look who holds it now.",
                          "Resource %s of lockspace %s, an orphan, is being adopted by another "
                          "call.",
                          self->name, self->lockspace->name);
        return FALSE;
    }
    self->reserved = TRUE;
    return TRUE;
}

void bailiff_resource_unreserve(BailiffResource *self)
{
    self->reserved = FALSE;
}

void bailiff_resource_adopt(BailiffResource *self, BailiffRegistration *registration)
{
    g_assert(self->reserved && bailiff_resource_is_orphan(self));
    self->reserved = FALSE;
    self->adopted = TRUE;
    self->registration = g_object_ref(registration);
    set_orphan(self, FALSE);
    bailiff_registration_add_resource(registration, self);
}

gboolean bailiff_resource_is_orphan(BailiffResource *self)
{
    return self->orphan && self->phase == RESOURCE_PUBLISHED;
}

const char *bailiff_resource_get_former_holder(BailiffResource *self)
{
    return self->former_holder != NULL ? self->former_holder : "";
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

ResourceLook *bailiff_resource_get_look(BailiffResource *self)
{
    return &self->look;
}

gboolean bailiff_resource_copy_held(BailiffResource *self, ResourceLease *ret)
{
    if (self->operating || !self->lease.held || self->abandoned || self->device == NULL ||
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

guint64 bailiff_resource_get_version(BailiffResource *self)
{
    return self->version;
}

BailiffRegistration *bailiff_resource_get_registration(BailiffResource *self)
{
    return self->registration;
}

BailiffResourceState bailiff_resource_get_state(BailiffResource *self)
{
    return self->phase >= RESOURCE_RELEASING ? BAILIFF_RESOURCE_RELEASING : BAILIFF_RESOURCE_HELD;
}

const char *bailiff_resource_state_name(BailiffResourceState state)
{
    return state == BAILIFF_RESOURCE_HELD ? "held" : "releasing";
}
