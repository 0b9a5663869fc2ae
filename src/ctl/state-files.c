/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading what bailiffd has written down; see the header.
 *
 * The daemon writes a file in its place, by one write(): who reads at that moment may find some of
 * the old and some of the new, which the checksum shows. So a file that seems damaged is read again
 * after a little while. One that is gone or void by then tells of what is over.
 */
#include "ctl/state-files.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>

#include "common/bailiff-error.h"
#include "common/runtime-file.h"
#include "common/saved-state.h"
#include "ctl/exit-status.h"

#define READS 5u
#define READ_PAUSE_US 20000u

typedef GKeyFile *(*StateLoad)(const char *directory, const char *name, const char *group,
                               int format, GError **error);

/* What a file is, and what it must tell to be shown at all. */
typedef struct StateKind {
    const char *group;
    int format;
    const char *const *needs;
    StateLoad load;
} StateKind;

static const char *const lockspace_needs[] = { "Name", "Path", "State", NULL };
static const char *const resource_needs[] = { "Lockspace", "Name", "Path", "Use", "Mode", NULL };
static const char *const registration_needs[] = { "Name", "Target", "State", NULL };
static const char *const incident_needs[] = { "Lockspace", "Cause", "Outcome", NULL };

/* It has no checksum, since it is replaced whole. */
static GKeyFile *load_incident(const char *directory, const char *name, const char *group,
                               int format, GError **error)
{
    return runtime_file_load_unsealed(directory, name, group, format, SAVED_INCIDENT_MAX, error);
}

static const StateKind lockspace_kind = { SAVED_LOCKSPACE_GROUP, SAVED_LOCKSPACE_FORMAT,
                                          lockspace_needs, runtime_file_load };
static const StateKind resource_kind = { SAVED_RESOURCE_GROUP, SAVED_RESOURCE_FORMAT,
                                         resource_needs, runtime_file_load };
static const StateKind registration_kind = { SAVED_REGISTRATION_GROUP, SAVED_REGISTRATION_FORMAT,
                                             registration_needs, runtime_file_load };
static const StateKind incident_kind = { SAVED_INCIDENT_GROUP, SAVED_INCIDENT_FORMAT,
                                         incident_needs, load_incident };

static void state_file_free(gpointer data)
{
    StateFile *self = data;

    g_free(self->path);
    g_clear_pointer(&self->keys, g_key_file_unref);
    g_clear_error(&self->error);
    g_free(self);
}

static gboolean tells_all(GKeyFile *keys, const StateKind *kind, const char *path, GError **error)
{
    for (guint i = 0; kind->needs[i] != NULL; i++) {
        g_autofree char *text = g_key_file_get_string(keys, kind->group, kind->needs[i], NULL);

        if (text == NULL) {
            ctl_set_error(error, CTL_EXIT_ERROR,
                          _("Make sure that nothing which it may tell of still runs, then remove "
                            "it."),
                          _("%s does not tell what it has to: %s is missing."), path,
                          kind->needs[i]);
            return FALSE;
        }
    }
    return TRUE;
}

static void read_file(StateFiles *self, GPtrArray *list, const char *directory, const char *name,
                      const StateKind *kind)
{
    StateFile *file = g_new0(StateFile, 1);

    file->path = g_build_filename(directory, name, NULL);
    for (guint i = 0; file->keys == NULL && i < READS; i++) {
        if (i > 0)
            g_usleep(READ_PAUSE_US);
        g_clear_error(&file->error);
        file->keys = kind->load(directory, name, kind->group, kind->format, &file->error);
        if (!g_error_matches(file->error, BAILIFF_ERROR, BAILIFF_ERROR_CORRUPT))
            break;
    }
    if (file->keys != NULL && !tells_all(file->keys, kind, file->path, &file->error))
        g_clear_pointer(&file->keys, g_key_file_unref);
    if (file->keys != NULL)
        g_ptr_array_add(list, file);
    else if (!runtime_file_is_void(file->path) &&
             (g_access(file->path, F_OK) == 0 || errno != ENOENT))
        g_ptr_array_add(self->unreadable, file);
    else
        state_file_free(file);
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the entries of a directory, in order; none when there is no such directory. NULL:
 * it cannot be read. */
static GPtrArray *list_directory(const char *directory, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) local = NULL;
    g_autoptr(GDir) dir = g_dir_open(directory, 0, &local);
    const char *name;

    if (dir == NULL && g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_ACCES))
        ctl_set_error(error, CTL_EXIT_NOT_AUTHORIZED,
                      _("What bailiffd writes down is for root alone: try as root."),
                      _("The directory %s may not be read."), directory);
    else if (dir == NULL && !g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        ctl_set_error(error, CTL_EXIT_ERROR, _("Mend the runtime directory."),
                      _("The directory %s cannot be read: %s"), directory, local->message);
    if (dir == NULL && !g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return NULL;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        if (!g_str_has_prefix(name, RUNTIME_FILE_NEW))
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}

static gboolean read_named(StateFiles *self, GPtrArray *list, const char *directory,
                           const StateKind *kind, GError **error)
{
    g_autoptr(GPtrArray) names = list_directory(directory, error);

    for (guint i = 0; names != NULL && i < names->len; i++) {
        g_autofree char *name = runtime_file_name_of(names->pdata[i]);

        if (name != NULL)
            read_file(self, list, directory, names->pdata[i], kind);
    }
    return names != NULL;
}

static gboolean read_resources(StateFiles *self, const char *runtime_dir, GError **error)
{
    g_autofree char *directory = g_build_filename(runtime_dir, SAVED_RESOURCES_DIRECTORY, NULL);
    g_autoptr(GPtrArray) names = list_directory(directory, error);

    for (guint i = 0; names != NULL && i < names->len; i++) {
        g_autofree char *lockspace = runtime_file_name_of(names->pdata[i]);
        g_autofree char *below = g_build_filename(directory, names->pdata[i], NULL);

        if (lockspace != NULL && !read_named(self, self->resources, below, &resource_kind, error))
            return FALSE;
    }
    return names != NULL;
}

guint64 state_file_id(const StateFile *self)
{
    const char *slash = strrchr(self->path, '/');
    guint64 id = 0;

    g_ascii_string_to_unsigned(slash != NULL ? slash + 1 : self->path, 10, 1, G_MAXUINT64 - 1, &id,
                               NULL);
    return id;
}

static gint compare_ids(gconstpointer a, gconstpointer b)
{
    guint64 x = state_file_id(*(StateFile *const *)a), y = state_file_id(*(StateFile *const *)b);

    return x < y ? -1 : x > y;
}

static gboolean read_numbered(StateFiles *self, GPtrArray *list, const char *directory,
                              const StateKind *kind, GError **error)
{
    g_autoptr(GPtrArray) names = list_directory(directory, error);

    for (guint i = 0; names != NULL && i < names->len; i++) {
        guint64 id;

        if (g_ascii_string_to_unsigned(names->pdata[i], 10, 1, G_MAXUINT64 - 1, &id, NULL))
            read_file(self, list, directory, names->pdata[i], kind);
    }
    g_ptr_array_sort(list, compare_ids);
    return names != NULL;
}

static gboolean has_nothing(const StateFiles *self)
{
    return self->lockspaces->len + self->resources->len + self->registrations->len +
               self->incidents->len + self->unreadable->len ==
           0;
}

/* A bailiffd creates its lock before anything else, and leaves it there. That nobody holds leases
 * must not be concluded from a directory that is another one than meant. */
static gboolean was_used(const char *runtime_dir)
{
    g_autofree char *lock = g_build_filename(runtime_dir, "lock", NULL);
    GStatBuf status;

    return g_lstat(lock, &status) == 0 || errno != ENOENT;
}

StateFiles *state_files_read(const char *runtime_dir, GError **error)
{
    g_autoptr(StateFiles) self = g_new0(StateFiles, 1);
    g_autofree char *lockspaces = g_build_filename(runtime_dir, SAVED_LOCKSPACES_DIRECTORY, NULL);
    g_autofree char *held = g_build_filename(runtime_dir, SAVED_REGISTRATIONS_DIRECTORY, NULL);
    g_autofree char *incidents = g_build_filename(runtime_dir, SAVED_INCIDENTS_DIRECTORY, NULL);

    self->lockspaces = g_ptr_array_new_with_free_func(state_file_free);
    self->resources = g_ptr_array_new_with_free_func(state_file_free);
    self->registrations = g_ptr_array_new_with_free_func(state_file_free);
    self->incidents = g_ptr_array_new_with_free_func(state_file_free);
    self->unreadable = g_ptr_array_new_with_free_func(state_file_free);
    if (!g_file_test(runtime_dir, G_FILE_TEST_IS_DIR)) {
        ctl_set_error(error, CTL_EXIT_ERROR,
                      _("If bailiffd writes into another directory, name it with --runtime-dir."),
                      _("There is no directory %s: bailiffd has not run since the boot."),
                      runtime_dir);
        return NULL;
    }
    if (!read_named(self, self->lockspaces, lockspaces, &lockspace_kind, error) ||
        !read_resources(self, runtime_dir, error) ||
        !read_numbered(self, self->registrations, held, &registration_kind, error) ||
        !read_numbered(self, self->incidents, incidents, &incident_kind, error))
        return NULL;
    if (has_nothing(self) && !was_used(runtime_dir)) {
        ctl_set_error(error, CTL_EXIT_ERROR,
                      _("If bailiffd writes into another directory, name it with --runtime-dir."),
                      _("bailiffd has never used the directory %s: there is no file 'lock' in it."),
                      runtime_dir);
        return NULL;
    }
    return g_steal_pointer(&self);
}

void state_files_free(StateFiles *self)
{
    g_ptr_array_unref(self->lockspaces);
    g_ptr_array_unref(self->resources);
    g_ptr_array_unref(self->registrations);
    g_ptr_array_unref(self->incidents);
    g_ptr_array_unref(self->unreadable);
    g_free(self);
}

const StateFile *state_files_find_registration(const StateFiles *self, guint64 id)
{
    for (guint i = 0; i < self->registrations->len; i++)
        if (state_file_id(self->registrations->pdata[i]) == id)
            return self->registrations->pdata[i];
    return NULL;
}
