/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Held lockspaces as key files.
 */
#include "engine/saved-lockspace.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/fixed-name.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "common/runtime-file.h"
#include "common/saved-state.h"
#include "engine/saved-record.h"
#include "lease/lease-timing.h"

#define GROUP SAVED_LOCKSPACE_GROUP
#define FORMAT SAVED_LOCKSPACE_FORMAT

static const char *const state_names[] = {
    [SAVED_LOCKSPACE_HELD] = "held",
    [SAVED_LOCKSPACE_FAILING] = "failing",
    [SAVED_LOCKSPACE_LEAVING] = "leaving",
};

void saved_lockspace_free(SavedLockspace *self)
{
    g_free(self->name);
    g_free(self->path);
    g_free(self->host_name);
    g_free(self);
}

static char *directory_of(const char *runtime_dir)
{
    return g_build_filename(runtime_dir, SAVED_LOCKSPACES_DIRECTORY, NULL);
}

gboolean saved_lockspace_write(const char *runtime_dir, const SavedLockspace *lockspace,
                               GError **error)
{
    g_autofree char *directory = directory_of(runtime_dir);
    g_autofree char *file_name = runtime_file_name(lockspace->name);
    g_autoptr(GKeyFile) file = runtime_file_new(GROUP, FORMAT, error);

    if (file == NULL)
        return FALSE;
    g_key_file_set_string(file, GROUP, "Name", lockspace->name);
    g_key_file_set_string(file, GROUP, "Path", lockspace->path);
    g_key_file_set_uint64(file, GROUP, "Offset", lockspace->offset);
    g_key_file_set_string(file, GROUP, "HostName", lockspace->host_name);
    g_key_file_set_uint64(file, GROUP, "HostId", lockspace->host_id);
    g_key_file_set_uint64(file, GROUP, "Generation", lockspace->last.owner_generation);
    g_key_file_set_uint64(file, GROUP, "IoTimeout", lockspace->io_timeout);
    g_key_file_set_string(file, GROUP, "State", state_names[lockspace->state]);
    g_key_file_set_uint64(file, GROUP, "LastRenewalUsec", lockspace->last_renewal_us);
    g_key_file_set_uint64(
        file, GROUP, "FailAtUsec",
        lockspace->state == SAVED_LOCKSPACE_FAILING
            ? lockspace->fail_us
            : time_add(lockspace->last_renewal_us, timing_fail(lockspace->io_timeout)));
    /* Both can be told from the rest: for people who read it. */
    g_key_file_set_uint64(file, GROUP, "FreeAtUsec",
                          time_add(lockspace->last_renewal_us, timing_free(lockspace->io_timeout)));
    g_key_file_set_uint64(file, GROUP, "Generation", lockspace->last.owner_generation);
    saved_leader_set(file, GROUP, "Record", &lockspace->last);
    return runtime_file_write(directory, file_name, file,
                              "Make room, or mend the runtime directory: the next bailiffd has to "
                              "know what this one holds.",
                              error);
}

void saved_lockspace_remove(const char *runtime_dir, const char *name)
{
    g_autofree char *directory = directory_of(runtime_dir);
    g_autofree char *file_name = runtime_file_name(name);
    g_autofree char *path = g_build_filename(directory, file_name, NULL);

    if (g_unlink(path) != 0 && errno != ENOENT)
        log_message(MESSAGE_RECORD_FAILED, LOG_SUBJECT(.lockspace = name),
                    "%s could not be removed: %s", path, g_strerror(errno));
}

char **saved_lockspaces_list(const char *runtime_dir)
{
    g_autofree char *directory = directory_of(runtime_dir);

    return saved_names_list(directory);
}

gboolean saved_lockspaces_can_be_listed(const char *runtime_dir)
{
    g_autofree char *directory = directory_of(runtime_dir);

    return saved_names_can_be_listed(directory);
}

static gboolean read_state(GKeyFile *file, SavedLockspaceState *ret)
{
    g_autofree char *word = g_key_file_get_string(file, GROUP, "State", NULL);

    for (guint i = 0; word != NULL && i < G_N_ELEMENTS(state_names); i++)
        if (g_str_equal(word, state_names[i])) {
            *ret = (SavedLockspaceState)i;
            return TRUE;
        }
    return FALSE;
}

/* What is still to come was not seen: deadlines that count from it would come too late. */
static gboolean is_past(const SavedLockspace *self)
{
    guint64 now_us = boottime_now();

    return self->last_renewal_us != 0 && self->last_renewal_us <= now_us &&
           (self->state != SAVED_LOCKSPACE_FAILING || self->fail_us <= now_us);
}

static gboolean is_sound(const SavedLockspace *self, const char *name)
{
    return self->name != NULL && g_str_equal(self->name, name) && self->path != NULL &&
           g_path_is_absolute(self->path) && self->host_name != NULL &&
           fixed_name_check(self->host_name, FIXED_NAME_SIZE) == NAME_OK && self->host_id >= 1 &&
           self->host_id <= LAYOUT_MAX_HOSTS && self->io_timeout >= IO_TIMEOUT_MIN &&
           self->io_timeout <= IO_TIMEOUT_MAX && is_past(self);
}

SavedLockspace *saved_lockspace_load(const char *runtime_dir, const char *name, GError **error)
{
    g_autoptr(SavedLockspace) self = g_new0(SavedLockspace, 1);
    g_autofree char *directory = directory_of(runtime_dir);
    g_autofree char *file_name = runtime_file_name(name);
    g_autoptr(GKeyFile) file = runtime_file_load(directory, file_name, GROUP, FORMAT, error);

    if (file == NULL)
        return NULL;
    self->name = g_key_file_get_string(file, GROUP, "Name", NULL);
    self->path = g_key_file_get_string(file, GROUP, "Path", NULL);
    self->host_name = g_key_file_get_string(file, GROUP, "HostName", NULL);
    self->offset = g_key_file_get_uint64(file, GROUP, "Offset", NULL);
    self->host_id = g_key_file_get_uint64(file, GROUP, "HostId", NULL);
    self->io_timeout = (guint32)MIN(g_key_file_get_uint64(file, GROUP, "IoTimeout", NULL), 1000);
    self->last_renewal_us = g_key_file_get_uint64(file, GROUP, "LastRenewalUsec", NULL);
    self->fail_us = g_key_file_get_uint64(file, GROUP, "FailAtUsec", NULL);
    if (!saved_leader_get(file, GROUP, "Record", &self->last) || !read_state(file, &self->state) ||
        !is_sound(self, name)) {
        bailiff_set_error(error, BAILIFF_ERROR_CORRUPT,
                          "Make sure that nothing which uses the lockspace still runs, then remove "
                          "the file.",
                          "%s/%s does not tell of lockspace %s what it has to.", directory,
                          file_name, name);
        return NULL;
    }
    return g_steal_pointer(&self);
}
