/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lockspace, written down for the bailiffd that comes after this one, and inherited by that.
 *
 *   restored    its deadlines count from the last renewal that was written down, as before
 *      |        (no storage is touched: the earlier daemon may be stuck in it)
 *   go on       the earlier daemon is gone: the storage is opened and a renewal tried
 *      |        the renewal finds our record, of this generation: nobody has taken the host id
 *   proved      each resource is looked at, and is as it was
 *      |
 *   held
 *
 * The renewal that proves it is an ordinary one after a write of unknown effect: the earlier daemon
 * may have written once more before it ended. Until it is proved no new lease is given, and it is
 * shown as late. Where the proof does not come in time it fails, as any other that is not renewed;
 * where it shows that somebody else has the host id or a resource, at once. Either way the failure
 * policies are walked, counted from the deadline.
 */
#include "engine/lockspace-lease.h"

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "common/boottime.h"
#include "engine/device-opener.h"
#include "engine/engine-private.h"
#include "engine/last-kill.h"
#include "engine/lockspace-past.h"
#include "engine/resource-private.h"
#include "engine/storage-claims.h"
#include "lease/lease-timing.h"

#define OPEN_TIMEOUT_US (30 * USEC_PER_SECOND)
#define RETRY_PAUSE_US (USEC_PER_SECOND / 2)
/* Looks at resources at a time. */
#define PROOFS_MAX 64u

/* --- writing --------------------------------------------------------------------------------- */

static void tell(const BailiffLockspace *self, const GError *error)
{
    log_message(MESSAGE_RECORD_FAILED,
                LOG_SUBJECT(.lockspace = self->name, .host_id = self->host_id), "%s",
                error->message);
}

gboolean bailiff_lockspace_save(BailiffLockspace *self, GError **error)
{
    SavedLockspace *saved = self->saved;

    if (self->engine == NULL)
        return TRUE;
    if (saved == NULL) {
        saved = self->saved = g_new0(SavedLockspace, 1);
        saved->name = g_strdup(self->name);
        saved->path = g_strdup(self->path);
        saved->host_name = g_strdup(bailiff_engine_get_host_name(self->engine));
        saved->offset = self->offset;
        saved->host_id = self->host_id;
        saved->io_timeout = self->io_timeout;
    }
    saved->last_renewal_us = self->lease.last_renewal_us;
    saved->last = self->lease.last;
    /* Only told: those who hold leases are as safe as before. */
    (void)bailiff_engine_check_runtime_dir(self->engine, NULL);
    return saved_lockspace_write(bailiff_engine_get_runtime_dir(self->engine), saved, error);
}

void bailiff_lockspace_save_state(BailiffLockspace *self, SavedLockspaceState state,
                                  guint64 fail_us)
{
    g_autoptr(GError) error = NULL;

    if (self->saved == NULL || self->engine == NULL)
        return;
    self->saved->state = state;
    self->saved->fail_us = fail_us;
    if (!saved_lockspace_write(bailiff_engine_get_runtime_dir(self->engine), self->saved, &error))
        tell(self, error);
}

void bailiff_lockspace_unsave(BailiffLockspace *self)
{
    if (self->saved != NULL && self->engine != NULL)
        saved_lockspace_remove(bailiff_engine_get_runtime_dir(self->engine), self->name);
    g_clear_pointer(&self->saved, saved_lockspace_free);
}

/* --- inheriting ------------------------------------------------------------------------------ */

static gboolean restore_lease(BailiffLockspace *self, const SavedLockspace *saved, GError **error)
{
    const char *host_name = bailiff_engine_get_host_name(self->engine);
    const HostLeaseWish wish = {
        .lockspace_name = self->name,
        .host_name = host_name,
        .lockspace_offset = self->offset,
        .host_id = self->host_id,
        .io_timeout = self->io_timeout,
    };

    if (host_lease_restore(&self->lease, &wish, &saved->last, saved->last_renewal_us) &&
        g_str_equal(saved->host_name, host_name))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_CORRUPT,
                      "Start bailiffd with the host name that it had, or wait until what used the "
                      "lockspace is stopped.",
                      "What the earlier bailiffd, as host %s, has written down of lockspace %s is "
                      "no lease that host %s can go on with.",
                      saved->host_name, self->name, host_name);
    return FALSE;
}

BailiffLockspace *bailiff_lockspace_restore(BailiffEngine *engine, const SavedLockspace *saved,
                                            GError **error)
{
    g_autoptr(BailiffLockspace) self = bailiff_lockspace_new(
        engine, saved->name, saved->path, saved->offset, saved->host_id, saved->io_timeout);

    if (!restore_lease(self, saved, error)) {
        self->engine = NULL;
        return NULL;
    }
    self->inherited = TRUE;
    self->leaves_when_proved = saved->state == SAVED_LOCKSPACE_LEAVING;
    self->layout = self->lease.layout;
    self->generation = self->lease.last.owner_generation;
    self->last_renewal_us = saved->last_renewal_us;
    self->past = self->past_before =
        lockspace_past_load(bailiff_engine_get_runtime_dir(engine), self->name, self->host_id);
    self->sight = lease_sight_new(self->name, &self->lease.layout, self->host_id, self->generation,
                                  self->io_timeout);
    lease_sight_set_valid_until(self->sight, 0);
    bailiff_lockspace_watch_clocks(self);
    self->state = BAILIFF_LOCKSPACE_LATE;
    g_free(self->reason);
    self->reason = g_strdup("It is taken over from a bailiffd that has ended.");
    self->saved = g_new0(SavedLockspace, 1);
    *self->saved = *saved;
    self->saved->name = g_strdup(saved->name);
    self->saved->path = g_strdup(saved->path);
    self->saved->host_name = g_strdup(saved->host_name);
    return g_steal_pointer(&self);
}

void bailiff_lockspace_distrust(BailiffLockspace *self)
{
    self->saved->state = SAVED_LOCKSPACE_FAILING;
    self->saved->fail_us = boottime_now();
    self->distrusted = TRUE;
}

void bailiff_lockspace_count_deadlines(BailiffLockspace *self)
{
    g_autoptr(BailiffLockspace) hold = g_object_ref(self);

    last_kill_renewed(self);
    self->guard_fail_us = bailiff_lockspace_get_fail_at(self);
    if (self->saved->state == SAVED_LOCKSPACE_FAILING)
        self->guard_fail_us = MIN(self->guard_fail_us, self->saved->fail_us);
    lockspace_guard_inherited(self);
    if (self->saved->state == SAVED_LOCKSPACE_FAILING)
        lockspace_fail(self, self->saved->fail_us,
                       self->distrusted
                           ? "What an earlier bailiffd has written down of its leases is damaged.\n"
                             "Make sure that nothing on this host uses them, then join it again."
                           : "It was failing when the earlier bailiffd ended.\n"
                             "Check the storage, then join it again.");
    else
        lockspace_arm(&self->deadline_timer, bailiff_lockspace_get_fail_at(self),
                      lockspace_on_deadline, self);
}

static void on_retry(gpointer user_data)
{
    bailiff_lockspace_go_on(user_data);
}

static void on_device_opened(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffLockspace) self = user_data;
    g_autoptr(GError) error = NULL;

    g_autoptr(BlockDevice) device = device_open_finish(result, &error);

    self->operating = FALSE;
    if (self->abandoned || self->state == BAILIFF_LOCKSPACE_LOST)
        return;
    if (device != NULL &&
        bailiff_engine_check_unused(self->engine, device, self->offset, SECTOR_SIZE_MIN, &error))
        self->device = g_steal_pointer(&device);
    if (self->device != NULL && self->renewal_worker == NULL)
        self->renewal_worker = lockspace_make_renewal_worker(&error);
    if (self->renewal_worker != NULL) {
        lockspace_start_renewal(self);
        return;
    }
    g_clear_pointer(&self->device, block_device_unref);
    if (self->state == BAILIFF_LOCKSPACE_LATE)
        bailiff_lockspace_set_state(self, BAILIFF_LOCKSPACE_LATE, error->message);
    if (self->state == BAILIFF_LOCKSPACE_LEAVING)
        lockspace_go_on_leaving(self);
    else
        lockspace_arm(&self->renewal_timer, time_add(boottime_now(), RETRY_PAUSE_US), on_retry,
                      self);
}

void bailiff_lockspace_go_on(BailiffLockspace *self)
{
    /* One that was failing is not renewed: whether it was taken is not known. */
    if (self->operating || self->abandoned || self->state != BAILIFF_LOCKSPACE_LATE)
        return;
    self->operating = TRUE;
    device_open_async(NULL, self->path, FALSE, OPEN_TIMEOUT_US, on_device_opened,
                      g_object_ref(self));
}

/* --- proving --------------------------------------------------------------------------------- */

static void become_proved(BailiffLockspace *self)
{
    self->inherited = FALSE;
    if (self->state != BAILIFF_LOCKSPACE_LATE)
        return;
    log_message(MESSAGE_LOCKSPACE_TAKEN_OVER,
                LOG_SUBJECT(.lockspace = self->name, .host_id = self->host_id),
                "Lockspace %s is taken over: host id %" G_GUINT64_FORMAT
                ", generation %" G_GUINT64_FORMAT ".",
                self->name, self->host_id, self->generation);
    bailiff_lockspace_set_state(self, BAILIFF_LOCKSPACE_HELD, "");
    if (self->leaves_when_proved)
        bailiff_lockspace_start_leave(self);
}

static void start_proofs(BailiffLockspace *self);

static void on_proved(GObject *source, GAsyncResult *result, gpointer user_data)
{
    BailiffResource *resource = BAILIFF_RESOURCE(source);
    g_autoptr(BailiffLockspace) self = user_data;
    g_autoptr(GError) error = NULL;
    gboolean relied_on;

    self->proofs--;
    if (!bailiff_resource_prove_finish(resource, result, &error)) {
        relied_on =
            bailiff_resource_is_used(resource) && !self->abandoned &&
            (self->state == BAILIFF_LOCKSPACE_HELD || self->state == BAILIFF_LOCKSPACE_LATE);
        tell(self, error);
        if (relied_on && (g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_LOST) ||
                          g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_HELD))) {
            bailiff_lockspace_fail_taken(self, error->message);
            return;
        }
    }
    start_proofs(self);
}

/* Those that have not had their turn in this round. What cannot be seen for now is tried again
 * after the next renewal: nobody can have taken it as long as the host lease was never free to
 * take, and nothing is done to it before. */
static void start_proofs(BailiffLockspace *self)
{
    g_autoptr(GPtrArray) list = lockspace_list_resources(self);

    if (self->abandoned || self->state == BAILIFF_LOCKSPACE_FAILING ||
        self->state == BAILIFF_LOCKSPACE_LOST)
        return;
    for (guint i = 0; i < list->len && self->proofs < PROOFS_MAX; i++)
        if (bailiff_resource_wants_proof(list->pdata[i], self->proof_round)) {
            self->proofs++;
            bailiff_resource_prove_async(list->pdata[i], self->proof_round, on_proved,
                                         g_object_ref(self));
        }
    if (self->proofs == 0 && self->inherited)
        become_proved(self);
}

void bailiff_lockspace_prove(BailiffLockspace *self)
{
    g_autoptr(GError) error = NULL;

    if (self->proofs > 0)
        return;
    if (!bailiff_lockspace_ensure_resource_worker(self, &error)) {
        tell(self, error);
        return;
    }
    self->proof_round++;
    start_proofs(self);
}
