/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Orphans: persistent leases whose holder has ended.
 *
 * An orphan is held on disk as before, so no other host gets it while this one renews its host
 * lease. It has no registration, and so nobody who could be made harmless: when the lockspace fails
 * or is left it is simply left on disk. Because something that is no process may still use it, the
 * host lease is not given back then: other hosts have to wait until that has expired, and this one
 * does not join again before somebody has said that it is out of use (persistent-record.h).
 */
#include "engine/lockspace-private.h"

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/engine-private.h"
#include "engine/persistent-record.h"
#include "engine/release-call.h"
#include "engine/resource-private.h"

GPtrArray *bailiff_lockspace_list_orphans(BailiffLockspace *self)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_object_unref);
    GHashTableIter iter;
    gpointer resource;

    g_hash_table_iter_init(&iter, self->resources);
    while (g_hash_table_iter_next(&iter, NULL, &resource))
        if (bailiff_resource_is_orphan(resource))
            g_ptr_array_add(list, g_object_ref(resource));
    return list;
}

static gboolean write_record(BailiffLockspace *self, GError **error)
{
    g_autofree char **names = (char **)g_hash_table_get_keys_as_array(self->persistent, NULL);

    return persistent_record_write(bailiff_engine_get_runtime_dir(self->engine), self->name,
                                   (const char *const *)names, error);
}

gboolean bailiff_lockspace_note_persistent(BailiffLockspace *self, const char *resource,
                                           GError **error)
{
    if (self->engine == NULL || !g_hash_table_add(self->persistent, g_strdup(resource)) ||
        write_record(self, error))
        return TRUE;
    g_hash_table_remove(self->persistent, resource);
    return FALSE;
}

void bailiff_lockspace_forget_persistent(BailiffLockspace *self, const char *resource)
{
    g_autoptr(GError) error = NULL;

    /* Where the lockspace was replaced, the record is that of its successor. */
    if (self->engine != NULL && g_hash_table_remove(self->persistent, resource) &&
        !write_record(self, &error))
        log_message(MESSAGE_RECORD_FAILED,
                    LOG_SUBJECT(.lockspace = self->name, .resource = resource), "%s",
                    error->message);
}

static gboolean check_orphan(BailiffResource *orphan, const char *path, guint64 offset,
                             guint64 required_version, GError **error)
{
    const char *name = bailiff_resource_get_name(orphan);
    const char *lockspace = bailiff_lockspace_get_name(bailiff_resource_get_lockspace(orphan));

    if (g_strcmp0(bailiff_resource_get_path(orphan), path) != 0 ||
        bailiff_resource_get_offset(orphan) != offset) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Name its path and offset.",
                          "The orphan of resource %s of lockspace %s lies on %s at offset "
                          "%" G_GUINT64_FORMAT ".",
                          name, lockspace, bailiff_resource_get_path(orphan),
                          bailiff_resource_get_offset(orphan));
        return FALSE;
    }
    if (required_version != 0 && bailiff_resource_get_version(orphan) != required_version) {
        bailiff_set_error(
            error, BAILIFF_ERROR_HELD,
            "If it is higher somebody has held it since: look at the data before you go on, then "
            "adopt it without the option version. If it is lower check the number.",
            "The orphan of resource %s of lockspace %s has version %" G_GUINT64_FORMAT
            ", not the demanded one.",
            name, lockspace, bailiff_resource_get_version(orphan));
        return FALSE;
    }
    return TRUE;
}

BailiffResource *bailiff_lockspace_reserve_orphan(BailiffLockspace *self, const char *name,
                                                  const char *path, guint64 offset,
                                                  guint64 required_version, GError **error)
{
    BailiffResource *here = bailiff_lockspace_find_resource(self, name);

    if (here == NULL || !bailiff_resource_is_orphan(here)) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND,
                          "Acquire it without the option adopt; look first whether its data is in "
                          "order.",
                          "There is no orphan of resource %s of lockspace %s on this host.", name,
                          self->name);
        return NULL;
    }
    if (!check_orphan(here, path, offset, required_version, error) ||
        !bailiff_resource_reserve(here, error))
        return NULL;
    return here;
}

static void on_all_released(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    GError *error = NULL;

    if (release_call_finish(result, &error))
        g_task_return_int(task, GPOINTER_TO_INT(g_task_get_task_data(task)));
    else
        g_task_return_error(task, error);
}

void bailiff_lockspace_release_orphans_async(BailiffLockspace *self, GAsyncReadyCallback callback,
                                             gpointer user_data)
{
    g_autoptr(GPtrArray) orphans = bailiff_lockspace_list_orphans(self);
    GTask *task = g_task_new(self, NULL, callback, user_data);

    g_task_set_task_data(task, GINT_TO_POINTER((int)orphans->len), NULL);
    release_call_start(orphans, on_all_released, task);
}

gboolean bailiff_lockspace_release_orphans_finish(BailiffLockspace *self, GAsyncResult *result,
                                                  guint *ret_count, GError **error)
{
    GError *local = NULL;
    gssize count = g_task_propagate_int(G_TASK(result), &local);

    if (local != NULL) {
        g_propagate_error(error, local);
        return FALSE;
    }
    *ret_count = (guint)count;
    return TRUE;
}
