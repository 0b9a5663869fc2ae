/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host that was stopped and continued as a whole, and finds out.
 *
 * Two things look for it. Each renewal compares the clocks of the other hosts with ours
 * (lease/frozen-watch.h) and is not written when they show that our fail deadline was over. And
 * each good renewal is followed by a look at the leader records of what is held here
 * (lease/resource-recheck.h), by the worker of the resources: one in eight at a time, those first
 * whose last look is the longest ago, so that each is seen within eight renewals, sixteen io
 * timeouts (of more than 256 it takes longer); of up to eight one at a time, a sector for each
 * renewal. When the clocks of others disagree with each other all are looked at.
 *
 * What a look shows counts only if what is held is still what was looked for.
 */
#include "engine/lockspace-private.h"

#include <string.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/machine-driver.h"
#include "engine/resource-private.h"
#include "lease/resource-recheck.h"

#define SHARE_OF_ALL 8u
/* Reads in the worker's queue at a time: acquisitions are not to wait for more. */
#define LOOKS_MAX 32u

typedef struct Look {
    BailiffLockspace *lockspace;
    BailiffResource *resource;
    ResourceRecheck machine;
} Look;

static void look_free(Look *look)
{
    g_object_unref(look->lockspace);
    g_object_unref(look->resource);
    g_free(look);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Look, look_free)

void bailiff_lockspace_watch_clocks(BailiffLockspace *self)
{
    frozen_watch_init(&self->frozen_watch, lease_sight_get_frozen_peers(self->sight),
                      &self->lease.layout, self->host_id, self->io_timeout);
    self->lease.watch = &self->frozen_watch;
}

static gboolean is_relied_on(BailiffLockspace *self)
{
    return !self->abandoned &&
           (self->state == BAILIFF_LOCKSPACE_HELD || self->state == BAILIFF_LOCKSPACE_LATE ||
            self->state == BAILIFF_LOCKSPACE_LEAVING);
}

static gboolean is_still_held(const Look *look)
{
    const ResourceLease *then = &look->machine.lease;
    ResourceLease now;

    return bailiff_resource_copy_held(look->resource, &now) && now.mode == then->mode &&
           leader_record_equal(&now.leader, &then->leader) &&
           memcmp(&now.ballot, &then->ballot, sizeof now.ballot) == 0;
}

static GError *describe_fault(const Look *look, const LeaseFault *fault)
{
    LeaseErrorContext context;

    bailiff_lockspace_describe(look->lockspace, &context);
    context.path = bailiff_resource_get_path(look->resource);
    context.offset = bailiff_resource_get_offset(look->resource);
    context.resource = bailiff_resource_get_name(look->resource);
    return lease_error_new(fault, &context);
}

static gboolean shows_taken(const LeaseFault *fault)
{
    return fault->kind == LEASE_NOT_OURS || fault->kind == LEASE_SHARE_LOST;
}

/* Others cannot acquire what cannot be read, or is damaged; so it is said, and tried again. */
static void note_trouble(Look *look, const LeaseFault *fault)
{
    ResourceLook *mark = bailiff_resource_get_look(look->resource);
    g_autoptr(GError) error = describe_fault(look, fault);

    if (!mark->troubled && fault->kind != LEASE_STOPPED)
        log_line(LOG_WARNING,
                 LOG_SUBJECT(.lockspace = look->lockspace->name,
                             .resource = bailiff_resource_get_name(look->resource)),
                 "Whether resource %s of lockspace %s is still held cannot be seen for now: %s",
                 bailiff_resource_get_name(look->resource), look->lockspace->name, error->message);
    mark->troubled = TRUE;
}

static void on_looked(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(Look) look = user_data;
    ResourceLook *mark = bailiff_resource_get_look(look->resource);
    LeaseFault fault;
    gboolean held = machine_run_finish(result, &fault);

    mark->under_way = FALSE;
    if (!is_relied_on(look->lockspace) || !is_still_held(look))
        return;
    if (!held && !shows_taken(&fault)) {
        note_trouble(look, &fault);
        return;
    }
    mark->troubled = FALSE;
    mark->number = ++look->lockspace->looks;
    mark->version = look->machine.lease.leader.version_of_lease;
    mark->mode = look->machine.lease.mode;
    if (!held) {
        g_autoptr(GError) error = describe_fault(look, &fault);

        bailiff_lockspace_fail_taken(look->lockspace, error->message);
    }
}

static MachineStep resume_recheck(void *machine, const MachineInput *input)
{
    return resource_recheck_resume(machine, input);
}

static void start_look(BailiffLockspace *self, BailiffResource *resource,
                       const ResourceLease *lease)
{
    ResourceLook *mark = bailiff_resource_get_look(resource);
    Look *look = g_new(Look, 1);
    const MachineJob job = {
        .resume = resume_recheck,
        .machine = &look->machine,
        .lockspace_device = self->device,
        .resource_device = bailiff_resource_get_device(resource),
        .sight = self->sight,
        .permit = self->permit,
        .bounded = TRUE,
    };
    gboolean first = mark->mode != lease->mode || mark->version != lease->leader.version_of_lease;

    look->lockspace = g_object_ref(self);
    look->resource = g_object_ref(resource);
    resource_recheck_init(&look->machine, lease, first);
    mark->under_way = TRUE;
    machine_run_async(self->resource_worker, &job, NULL, on_looked, look);
}

static gint compare_looks(gconstpointer a, gconstpointer b)
{
    const ResourceLook *x = bailiff_resource_get_look(*(BailiffResource *const *)a);
    const ResourceLook *y = bailiff_resource_get_look(*(BailiffResource *const *)b);

    return x->number < y->number ? -1 : x->number > y->number;
}

static void note_suspicion(BailiffLockspace *self)
{
    gboolean suspected = self->machine.renew.suspects_frozen;

    if (suspected && !self->is_suspected)
        log_message(MESSAGE_LOCKSPACE_SUSPECTED,
                    LOG_SUBJECT(.lockspace = self->name, .host_id = self->host_id),
                    "Lockspace %s: by the clock of another host this one stood still, by others it "
                    "did not; what is held is looked at.",
                    self->name);
    self->is_suspected = suspected;
}

void bailiff_lockspace_recheck(BailiffLockspace *self)
{
    g_autoptr(GPtrArray) held = g_ptr_array_new();
    GHashTableIter iter;
    gpointer resource;
    guint wanted;

    note_suspicion(self);
    if (!is_relied_on(self) || self->resource_worker == NULL)
        return;
    g_hash_table_iter_init(&iter, self->resources);
    while (g_hash_table_iter_next(&iter, NULL, &resource)) {
        ResourceLook *mark = bailiff_resource_get_look(resource);

        /* New ones come last: where leases come and go all the time the old ones have their turn,
         * too. */
        if (mark->number == 0)
            mark->number = ++self->looks;
        if (!mark->under_way)
            g_ptr_array_add(held, resource);
    }
    g_ptr_array_sort(held, compare_looks);
    wanted = self->is_suspected ? held->len : (held->len + SHARE_OF_ALL - 1) / SHARE_OF_ALL;
    wanted = MIN(wanted, LOOKS_MAX);
    for (guint i = 0; i < held->len && wanted > 0; i++) {
        ResourceLease lease;

        if (!bailiff_resource_copy_held(held->pdata[i], &lease))
            continue;
        start_look(self, held->pdata[i], &lease);
        wanted--;
    }
}
