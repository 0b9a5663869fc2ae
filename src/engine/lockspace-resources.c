/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The resources of a lockspace, and whether it is in a state for what is to be done with them.
 */
#include "engine/lockspace-private.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "engine/host-private.h"
#include "engine/resource-private.h"

/* Leases of one lockspace that may have an I/O handed to the kernel at the same time. */
#define RESOURCE_QUEUE_DEPTH 256u
/* Where there are many lockspaces each gets fewer: the kernel has room for 65536 in all
 * (fs.aio-max-nr). */
#define RESOURCE_QUEUE_DEPTH_OF_MANY 64u
#define MANY_LOCKSPACES 32u

void bailiff_lockspace_init_lease(BailiffLockspace *self, const char *resource, guint64 offset,
                                  ResourceLease *ret)
{
    const ResourceWish wish = {
        .lockspace_name = self->name,
        .resource_name = resource,
        .resource_offset = offset,
        .lockspace_offset = self->offset,
        .lockspace_layout = self->layout,
        .host_id = self->host_id,
        .generation = self->generation,
        .io_timeout = self->io_timeout,
    };

    resource_lease_init(ret, &wish);
}

static unsigned choose_depth(const BailiffLockspace *self)
{
    g_autoptr(GPtrArray) all =
        self->engine != NULL ? bailiff_engine_list_lockspaces(self->engine) : NULL;

    return all != NULL && all->len > MANY_LOCKSPACES ? RESOURCE_QUEUE_DEPTH_OF_MANY
                                                     : RESOURCE_QUEUE_DEPTH;
}

gboolean bailiff_lockspace_ensure_resource_worker(BailiffLockspace *self, GError **error)
{
    if (self->resource_worker == NULL)
        self->resource_worker = lease_worker_new("bailiff-lease", choose_depth(self), error);
    return self->resource_worker != NULL;
}

BailiffResource *bailiff_lockspace_find_resource(BailiffLockspace *self, const char *name)
{
    return g_hash_table_lookup(self->resources, name);
}

void bailiff_lockspace_add_resource(BailiffLockspace *self, BailiffResource *resource)
{
    g_hash_table_insert(self->resources, g_strdup(bailiff_resource_get_name(resource)),
                        g_object_ref(resource));
    bailiff_lockspace_registrations_changed(self);
}

GPtrArray *bailiff_lockspace_list_resources(BailiffLockspace *self)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_object_unref);
    GHashTableIter iter;
    gpointer resource;

    g_hash_table_iter_init(&iter, self->resources);
    while (g_hash_table_iter_next(&iter, NULL, &resource))
        if (bailiff_resource_is_visible(resource))
            g_ptr_array_add(list, g_object_ref(resource));
    return list;
}

GPtrArray *bailiff_lockspace_list_registrations(BailiffLockspace *self)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_object_unref);
    GHashTableIter iter;
    gpointer resource;

    g_hash_table_iter_init(&iter, self->resources);
    while (g_hash_table_iter_next(&iter, NULL, &resource)) {
        g_autoptr(GPtrArray) holders = bailiff_resource_list_registrations(resource);

        for (guint i = 0; bailiff_resource_is_used(resource) && i < holders->len; i++)
            if (!g_ptr_array_find(list, holders->pdata[i], NULL))
                g_ptr_array_add(list, g_object_ref(holders->pdata[i]));
    }
    return list;
}

static gboolean has_company(BailiffLockspace *self)
{
    GHashTableIter iter;
    gpointer host;

    g_hash_table_iter_init(&iter, self->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &host)) {
        HostState state = bailiff_host_get_state(host);

        if (bailiff_host_get_host_id(host) != self->host_id && state != HOST_FREE &&
            state != HOST_DEAD)
            return TRUE;
    }
    return FALSE;
}

void bailiff_lockspace_resource_gone(BailiffLockspace *self, BailiffResource *resource)
{
    g_autoptr(BailiffResource) hold = g_object_ref(resource);
    gboolean was_held = bailiff_resource_get_won_version(resource) != 0;

    g_hash_table_remove(self->resources, bailiff_resource_get_name(resource));
    bailiff_lockspace_emit_resource_removed(self, resource);
    bailiff_lockspace_registrations_changed(self);
    turn_resource_gone(self->turns, bailiff_resource_get_name(resource), was_held,
                       has_company(self), boottime_now());
    bailiff_lockspace_check_cleared(self);
}

gboolean bailiff_lockspace_check_usable(BailiffLockspace *self, GError **error)
{
    switch (self->state) {
    case BAILIFF_LOCKSPACE_HELD:
        return TRUE;
    case BAILIFF_LOCKSPACE_JOINING:
        bailiff_set_error(error, BAILIFF_ERROR_NOT_JOINED, "Wait until its state is held.",
                          "Lockspace %s is still being joined.", self->name);
        return FALSE;
    case BAILIFF_LOCKSPACE_LATE:
        bailiff_set_error(
            error, BAILIFF_ERROR_BUSY, "Check the storage; try again when the lockspace is held.",
            "Lockspace %s is late with its renewal: no new leases for now.", self->name);
        return FALSE;
    case BAILIFF_LOCKSPACE_LEAVING:
        bailiff_set_error(error, BAILIFF_ERROR_NOT_JOINED, "Join it again.",
                          "Lockspace %s is being left.", self->name);
        return FALSE;
    case BAILIFF_LOCKSPACE_FAILING:
    case BAILIFF_LOCKSPACE_LOST:
        break;
    }
    bailiff_set_error(error, BAILIFF_ERROR_LOST, "Check the storage, then join it again.",
                      "Lockspace %s is lost.", self->name);
    return FALSE;
}

gboolean bailiff_lockspace_check_device(BailiffLockspace *self, const char *path,
                                        const BlockDevice *device, GError **error)
{
    if (g_strcmp0(path, self->path) != 0 || block_device_is_same(device, self->device))
        return TRUE;
    bailiff_set_error(
        error, BAILIFF_ERROR_LOST, "Leave the lockspace, then join the one that is there now.",
        "%s leads to other storage than when lockspace %s was joined.", path, self->name);
    return FALSE;
}

gboolean bailiff_lockspace_can_release(BailiffLockspace *self)
{
    return !self->abandoned && self->engine != NULL &&
           (self->state == BAILIFF_LOCKSPACE_HELD || self->state == BAILIFF_LOCKSPACE_LATE ||
            (self->state == BAILIFF_LOCKSPACE_LEAVING && !self->gave_back));
}

gboolean bailiff_lockspace_holds_orphans(BailiffLockspace *self)
{
    return !self->abandoned &&
           (self->state == BAILIFF_LOCKSPACE_HELD || self->state == BAILIFF_LOCKSPACE_LATE);
}
