/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resource leases as key files.
 */
#include "engine/saved-resource.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "common/runtime-file.h"
#include "common/runtime-text.h"
#include "common/saved-state.h"
#include "engine/saved-record.h"

#define GROUP SAVED_RESOURCE_GROUP
#define FORMAT SAVED_RESOURCE_FORMAT

static const char *const use_names[] = {
    [SAVED_RESOURCE_UNUSED] = "unused",
    [SAVED_RESOURCE_HELD] = "held",
    [SAVED_RESOURCE_CONVERTING] = "converting",
};

static const char *const mode_names[] = {
    [RESOURCE_EXCLUSIVE] = "exclusive",
    [RESOURCE_SHARED] = "shared",
};

const char *saved_resource_use_name(SavedResourceUse use)
{
    return use_names[use];
}

SavedResource *saved_resource_new(const char *name, const char *path, guint64 offset)
{
    SavedResource *self = g_new0(SavedResource, 1);

    self->name = g_strdup(name);
    self->path = g_strdup(path);
    self->former_holder = g_strdup("");
    self->holders = g_array_new(FALSE, FALSE, sizeof(guint64));
    self->offset = offset;
    return self;
}

void saved_resource_free(SavedResource *self)
{
    g_free(self->name);
    g_free(self->path);
    g_free(self->former_holder);
    g_array_unref(self->holders);
    g_free(self);
}

static char *directory_of(const char *runtime_dir, const char *lockspace)
{
    g_autofree char *name = runtime_file_name(lockspace);

    return g_build_filename(runtime_dir, SAVED_RESOURCES_DIRECTORY, name, NULL);
}

static void add_holders(GString *text, const GArray *holders)
{
    g_string_append(text, "Holders=");
    for (guint i = 0; i < holders->len; i++)
        g_string_append_printf(text, "%" G_GUINT64_FORMAT ";", g_array_index(holders, guint64, i));
    g_string_append_c(text, '\n');
}

static gboolean get_holders(GKeyFile *file, GArray *holders)
{
    g_auto(GStrv) words = g_key_file_get_string_list(file, GROUP, "Holders", NULL, NULL);

    for (guint i = 0; words != NULL && words[i] != NULL; i++) {
        guint64 id;

        if (!g_ascii_string_to_unsigned(words[i], 10, 1, G_MAXUINT64 - 1, &id, NULL))
            return FALSE;
        g_array_append_val(holders, id);
    }
    return words != NULL;
}

gboolean saved_resource_write(const char *runtime_dir, const char *lockspace,
                              const SavedResource *resource, GError **error)
{
    g_autofree char *directory = directory_of(runtime_dir, lockspace);
    g_autofree char *file_name = runtime_file_name(resource->name);
    g_autoptr(GString) text = runtime_text_new(GROUP, FORMAT, error);

    if (text == NULL)
        return FALSE;
    runtime_text_add_string(text, "Lockspace", lockspace);
    runtime_text_add_string(text, "Name", resource->name);
    runtime_text_add_string(text, "Path", resource->path);
    runtime_text_add_uint64(text, "Offset", resource->offset);
    runtime_text_add_string(text, "Use", use_names[resource->use]);
    runtime_text_add_string(text, "Mode", mode_names[resource->mode]);
    runtime_text_add_uint64(text, "WonVersion", resource->won_version);
    runtime_text_add_boolean(text, "Persistent", resource->persistent);
    runtime_text_add_boolean(text, "Orphan", resource->orphan);
    runtime_text_add_string(text, "FormerHolder", resource->former_holder);
    add_holders(text, resource->holders);
    /* Of an unused one they mean nothing, and keep the room for later. */
    saved_leader_add(text, "Leader", &resource->leader);
    saved_ballot_add(text, "Ballot", &resource->ballot);
    return runtime_file_write_text(directory, file_name, text,
                                   "Make room, or mend the runtime directory: no lease is given "
                                   "before it is written down.",
                                   error);
}

char *saved_resource_path(const char *runtime_dir, const char *lockspace, const char *name)
{
    g_autofree char *directory = directory_of(runtime_dir, lockspace);
    g_autofree char *file_name = runtime_file_name(name);

    return g_build_filename(directory, file_name, NULL);
}

void saved_resource_remove(const char *runtime_dir, const char *lockspace, const char *name)
{
    g_autofree char *path = saved_resource_path(runtime_dir, lockspace, name);

    if (g_unlink(path) != 0 && errno != ENOENT)
        log_message(MESSAGE_RECORD_FAILED, LOG_SUBJECT(.lockspace = lockspace, .resource = name),
                    "%s could not be removed: %s", path, g_strerror(errno));
}

void saved_resource_spoil(const char *runtime_dir, const char *lockspace, const char *name)
{
    g_autofree char *path = saved_resource_path(runtime_dir, lockspace, name);

    /* By its path: there may be no descriptor left. */
    if (truncate(path, 0) != 0)
        log_message(MESSAGE_RECORD_FAILED, LOG_SUBJECT(.lockspace = lockspace, .resource = name),
                    "%s could not be made void: %s", path, g_strerror(errno));
}

char **saved_resources_list(const char *runtime_dir, const char *lockspace)
{
    g_autofree char *directory = directory_of(runtime_dir, lockspace);

    return saved_names_list(directory);
}

gboolean saved_resources_can_be_listed(const char *runtime_dir, const char *lockspace)
{
    g_autofree char *directory = directory_of(runtime_dir, lockspace);

    return saved_names_can_be_listed(directory);
}

char **saved_resources_list_lockspaces(const char *runtime_dir)
{
    g_autofree char *directory = g_build_filename(runtime_dir, "resources", NULL);

    return saved_names_list(directory);
}

/* The index of the word that `key` has; -1: of none. */
static int get_word(GKeyFile *file, const char *key, const char *const *words, int n_words)
{
    g_autofree char *word = g_key_file_get_string(file, GROUP, key, NULL);

    for (int i = 0; word != NULL && i < n_words; i++)
        if (g_str_equal(word, words[i]))
            return i;
    return -1;
}

static gboolean read_all(GKeyFile *file, SavedResource *self)
{
    int use = get_word(file, "Use", use_names, G_N_ELEMENTS(use_names));
    int mode = get_word(file, "Mode", mode_names, G_N_ELEMENTS(mode_names));

    if (use < 0 || mode < 0 || !get_holders(file, self->holders))
        return FALSE;
    self->use = (SavedResourceUse)use;
    self->mode = (ResourceMode)mode;
    self->won_version = g_key_file_get_uint64(file, GROUP, "WonVersion", NULL);
    self->persistent = g_key_file_get_boolean(file, GROUP, "Persistent", NULL);
    self->orphan = g_key_file_get_boolean(file, GROUP, "Orphan", NULL);
    g_free(self->former_holder);
    self->former_holder = g_key_file_get_string(file, GROUP, "FormerHolder", NULL);
    if (self->former_holder == NULL)
        return FALSE;
    return self->use == SAVED_RESOURCE_UNUSED ||
           (saved_leader_get(file, GROUP, "Leader", &self->leader) &&
            saved_ballot_get(file, GROUP, "Ballot", &self->ballot));
}

SavedResource *saved_resource_load(const char *runtime_dir, const char *lockspace, const char *name,
                                   GError **error)
{
    g_autofree char *directory = directory_of(runtime_dir, lockspace);
    g_autofree char *file_name = runtime_file_name(name);
    g_autoptr(GKeyFile) file = runtime_file_load(directory, file_name, GROUP, FORMAT, error);
    g_autoptr(SavedResource) self = NULL;
    g_autofree char *path = NULL;
    g_autofree char *its_name = NULL;
    g_autofree char *its_lockspace = NULL;

    if (file == NULL)
        return NULL;
    path = g_key_file_get_string(file, GROUP, "Path", NULL);
    its_name = g_key_file_get_string(file, GROUP, "Name", NULL);
    its_lockspace = g_key_file_get_string(file, GROUP, "Lockspace", NULL);
    self = saved_resource_new(name, path != NULL ? path : "",
                              g_key_file_get_uint64(file, GROUP, "Offset", NULL));
    if (path == NULL || !g_path_is_absolute(path) || g_strcmp0(its_name, name) != 0 ||
        g_strcmp0(its_lockspace, lockspace) != 0 || !read_all(file, self)) {
        bailiff_set_error(error, BAILIFF_ERROR_CORRUPT,
                          "Make sure that nothing which uses the resource still runs, then remove "
                          "the file.",
                          "%s/%s does not tell of resource %s what it has to.", directory,
                          file_name, name);
        return NULL;
    }
    return g_steal_pointer(&self);
}
