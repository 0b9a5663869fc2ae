/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource lease, written down for the bailiffd that comes after this one, and read back by that.
 *
 * It is written down
 *   as unused      before the first write of its acquisition, and before the first one of its
 *                  release, when its holder has let go of it
 *   as held        when it is published: before anybody is told that he holds it
 *   as converting  before the first write of a conversion, until nothing of it is owed
 *   as void        when nothing of it is left on disk, for a moment (void-records.h); then no more
 * so at every instant what is written allows no more than what is so: an unused lease is given back
 * by the next daemon, and only what somebody uses is kept.
 */
#include "engine/resource-state.h"

#include <string.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/device-opener.h"
#include "engine/engine-private.h"
#include "engine/lockspace-private.h"
#include "engine/registration-private.h"
#include "lease/lease-timing.h"

/* --- writing --------------------------------------------------------------------------------- */

/* Of a lockspace that was replaced the files are those of its successor. */
static const char *runtime_dir_of(BailiffResource *self)
{
    BailiffEngine *engine = self->lockspace->engine;

    return engine != NULL ? bailiff_engine_get_runtime_dir(engine) : NULL;
}

static void add_holder(SavedResource *saved, BailiffRegistration *registration)
{
    guint64 id = bailiff_registration_get_id(registration);

    g_array_append_val(saved->holders, id);
}

static void note_holders(BailiffResource *self)
{
    SavedResource *saved = self->saved;

    g_array_set_size(saved->holders, 0);
    if (self->registration != NULL)
        add_holder(saved, self->registration);
    for (guint i = 0; i < self->sharers->len; i++)
        add_holder(saved, self->sharers->pdata[i]);
    /* Whoever follows this daemon asks the same; or can read the record, being the later one. */
    g_array_append_vals(saved->holders, self->unknown->data, self->unknown->len);
    saved->persistent = self->persistent;
    saved->orphan = self->orphan;
    g_free(saved->former_holder);
    saved->former_holder = g_strdup(self->former_holder != NULL ? self->former_holder : "");
}

gboolean resource_save(BailiffResource *self, SavedResourceUse use, GError **error)
{
    const char *runtime_dir = runtime_dir_of(self);
    SavedResource *saved;

    if (runtime_dir == NULL)
        return TRUE;
    if (self->saved == NULL) {
        self->saved = saved_resource_new(self->name, self->path, self->offset);
        void_records_take(bailiff_engine_get_void_records(self->lockspace->engine),
                          self->lockspace->name, self->name);
    }
    saved = self->saved;
    saved->use = use;
    note_holders(self);
    if (use != SAVED_RESOURCE_UNUSED) {
        saved->mode = self->mode;
        saved->won_version = self->won_version;
        saved->leader = self->lease.leader;
        saved->ballot = self->lease.ballot;
    }
    return saved_resource_write(runtime_dir, self->lockspace->name, saved, error);
}

static void tell(const BailiffResource *self, const GError *error)
{
    log_message(MESSAGE_RECORD_FAILED,
                LOG_SUBJECT(.lockspace = self->lockspace->name, .resource = self->name), "%s",
                error->message);
}

void resource_resave(BailiffResource *self, SavedResourceUse use)
{
    g_autoptr(GError) error = NULL;

    if (self->saved == NULL || resource_save(self, use, &error))
        return;
    tell(self, error);
    saved_resource_spoil(runtime_dir_of(self), self->lockspace->name, self->name);
}

void resource_save_holders(BailiffResource *self)
{
    const char *runtime_dir = runtime_dir_of(self);
    g_autoptr(GError) error = NULL;

    if (self->saved == NULL || runtime_dir == NULL)
        return;
    note_holders(self);
    if (saved_resource_write(runtime_dir, self->lockspace->name, self->saved, &error))
        return;
    tell(self, error);
    saved_resource_spoil(runtime_dir, self->lockspace->name, self->name);
}

void resource_unsave(BailiffResource *self)
{
    const char *runtime_dir = runtime_dir_of(self);

    if (self->saved != NULL && runtime_dir != NULL)
        void_records_put(bailiff_engine_get_void_records(self->lockspace->engine),
                         self->lockspace->name, self->name);
    g_clear_pointer(&self->saved, saved_resource_free);
}

/* --- reading back ---------------------------------------------------------------------------- */

static void restore_lease(BailiffResource *self, const SavedResource *saved)
{
    bailiff_lockspace_init_lease(self->lockspace, self->name, self->offset, &self->lease);
    if (saved->use == SAVED_RESOURCE_UNUSED)
        return;
    self->lease.leader = saved->leader;
    self->lease.ballot = saved->ballot;
    self->lease.ballot_written = TRUE;
    self->lease.mode = saved->mode;
    self->lease.held = TRUE;
    self->won_version = saved->won_version;
    self->version = saved->mode == RESOURCE_SHARED ? 0 : saved->won_version;
}

static void restore_holders(BailiffResource *self, const SavedResource *saved, GPtrArray *holders,
                            const GArray *unknown)
{
    g_array_append_vals(self->unknown, unknown->data, unknown->len);
    for (guint i = 1; i < holders->len; i++)
        g_ptr_array_add(self->sharers, g_object_ref(holders->pdata[i]));
    self->orphan = holders->len == 0;
    if (self->orphan && unknown->len > 0)
        self->former_holder = bailiff_resource_describe_unknown(self);
    else if (*saved->former_holder != '\0' || self->orphan)
        self->former_holder =
            g_strdup(*saved->former_holder != '\0' ? saved->former_holder : "somebody unknown");
    self->persistent = saved->persistent;
}

BailiffResource *bailiff_resource_restore(BailiffLockspace *lockspace, const SavedResource *saved,
                                          GPtrArray *holders, const GArray *unknown)
{
    BailiffResource *self = bailiff_resource_new(
        lockspace, holders->len > 0 ? holders->pdata[0] : NULL, saved->name, saved->path,
        saved->offset, saved->use == SAVED_RESOURCE_UNUSED ? RESOURCE_EXCLUSIVE : saved->mode);

    restore_lease(self, saved);
    self->restored = TRUE;
    self->inherited = self->operating = TRUE; /* until it is proved */
    self->saved = saved_resource_new(saved->name, saved->path, saved->offset);
    self->saved->use = saved->use;
    self->saved->mode = saved->mode;
    self->saved->won_version = saved->won_version;
    self->saved->leader = saved->leader;
    self->saved->ballot = saved->ballot;
    bailiff_lockspace_add_resource(lockspace, self);
    if (saved->use == SAVED_RESOURCE_UNUSED) {
        resource_set_phase(self, RESOURCE_RELEASING);
        /* So it may not have been written down: its holder has ended meanwhile. */
        resource_resave(self, SAVED_RESOURCE_UNUSED);
        return self;
    }
    restore_holders(self, saved, holders, unknown);
    if (self->persistent)
        g_hash_table_add(lockspace->persistent, g_strdup(self->name));
    resource_set_phase(self, RESOURCE_PUBLISHED);
    self->visible = TRUE;
    bailiff_lockspace_publish_resource(lockspace, self);
    for (guint i = 0; i < holders->len; i++)
        bailiff_registration_add_resource(holders->pdata[i], self);
    bailiff_lockspace_registrations_changed(lockspace);
    note_holders(self);
    /* Who does not use it is not named any more: a name whose record is gone is a doubt. */
    if (self->saved->holders->len != saved->holders->len)
        resource_save_holders(self);
    return self;
}

gboolean bailiff_resource_is_restored(BailiffResource *self)
{
    return self->restored;
}

/* --- proving --------------------------------------------------------------------------------- */

static MachineStep resume_recheck(void *machine, const MachineInput *input)
{
    return resource_recheck_resume(machine, input);
}

static MachineStep resume_reclaim(void *machine, const MachineInput *input)
{
    return resource_reclaim_resume(machine, input);
}

/* Still not known: `operating` stays, so that nothing is done to it. */
static void prove_failed(BailiffResource *self, GError *error)
{
    g_autoptr(GTask) task = g_steal_pointer(&self->prove_task);

    self->operating = TRUE;
    if (self->abandoned) {
        self->operating = FALSE;
        resource_try_to_go(self);
    }
    g_task_return_error(task, error);
}

/* It is known. Goes on with what was asked for meanwhile. */
static void prove_done(BailiffResource *self)
{
    g_autoptr(GTask) task = g_steal_pointer(&self->prove_task);

    self->inherited = FALSE;
    if (!resource_moved_on(self))
        resource_settle(self);
    g_task_return_boolean(task, TRUE);
}

static void on_rechecked(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffResource) self = user_data;
    LeaseFault fault;

    self->operating = FALSE;
    if (machine_run_finish(result, &fault))
        prove_done(self);
    else
        prove_failed(self, resource_describe_fault(self, &fault));
}

static void on_conversion_reclaimed(BailiffResource *self)
{
    self->mode = self->lease.mode;
    if (self->mode == RESOURCE_EXCLUSIVE)
        self->won_version = self->lease.leader.version_of_lease;
    self->version = self->mode == RESOURCE_SHARED ? 0 : self->won_version;
    resource_notify_mode(self);
    if (self->phase == RESOURCE_PUBLISHED)
        resource_resave(self,
                        self->lease.may_be_owner ? SAVED_RESOURCE_CONVERTING : SAVED_RESOURCE_HELD);
}

static void on_reclaimed(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffResource) self = user_data;
    LeaseFault fault;

    self->operating = FALSE;
    if (machine_run_finish(result, &fault)) {
        if (self->machine.reclaim.kind == RECLAIM_CONVERTING)
            on_conversion_reclaimed(self);
        prove_done(self);
        return;
    }
    if (self->machine.reclaim.kind == RECLAIM_UNUSED && fault.kind == LEASE_BAD_RECORD) {
        /* Somebody formatted or deleted it: nothing of ours is left there. Or it is damaged: then
         * it lets nobody in, and nothing is written. */
        g_autoptr(GError) error = resource_describe_fault(self, &fault);

        tell(self, error);
        self->abandoned = TRUE;
        prove_done(self);
        return;
    }
    prove_failed(self, resource_describe_fault(self, &fault));
}

static void start_proving(BailiffResource *self)
{
    SavedResourceUse use = self->saved != NULL ? self->saved->use : SAVED_RESOURCE_UNUSED;

    self->operating = FALSE;
    if (self->lease.held && use != SAVED_RESOURCE_CONVERTING) {
        resource_recheck_init(&self->machine.recheck, &self->lease, TRUE);
        resource_operate(self, resume_recheck, NULL, on_rechecked);
        return;
    }
    resource_reclaim_init(&self->machine.reclaim, &self->lease,
                          self->lease.held ? RECLAIM_CONVERTING : RECLAIM_UNUSED);
    resource_operate(self, resume_reclaim, NULL, on_reclaimed);
}

static void on_device_opened(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffResource) self = user_data;
    GError *error = NULL;
    g_autoptr(BlockDevice) device = device_open_finish(result, &error);

    if (device != NULL &&
        !bailiff_lockspace_check_device(self->lockspace, self->path, device, &error)) {
        prove_failed(self, error);
        return;
    }
    if (device == NULL) {
        prove_failed(self, error);
        return;
    }
    g_clear_pointer(&self->device, block_device_unref);
    self->device = g_steal_pointer(&device);
    if (self->abandoned || self->phase == RESOURCE_GONE || self->lockspace->abandoned)
        prove_failed(self, bailiff_error_make(BAILIFF_ERROR_LOST, "Join the lockspace again.",
                                              "Lockspace %s was given up meanwhile.",
                                              self->lockspace->name));
    else
        start_proving(self);
}

gboolean bailiff_resource_wants_proof(BailiffResource *self, guint round)
{
    return self->inherited && self->prove_task == NULL && self->proof_round != round &&
           self->phase != RESOURCE_GONE && !self->abandoned;
}

void bailiff_resource_prove_async(BailiffResource *self, guint round, GAsyncReadyCallback callback,
                                  gpointer user_data)
{
    g_assert(self->prove_task == NULL);
    self->proof_round = round;
    self->prove_task = g_task_new(self, NULL, callback, user_data);
    device_open_async(self->lockspace->openers, self->path, FALSE,
                      timing_io(self->lockspace->io_timeout), on_device_opened, g_object_ref(self));
}

gboolean bailiff_resource_prove_finish(BailiffResource *self, GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
