/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of what was given up.
 */
#include "engine/given-up.h"

#include "common/saved-state.h"
#include "engine/lockspace.h"
#include "engine/resource-private.h"

#define GROUP_PREFIX SAVED_GIVEN_UP_GROUP_PREFIX

static void given_up_free(gpointer data)
{
    GivenUp *one = data;

    g_free(one->lockspace);
    g_free(one->resource);
    g_free(one->path);
    g_free(one);
}

GPtrArray *given_up_list_new(void)
{
    return g_ptr_array_new_with_free_func(given_up_free);
}

static GivenUp *find(GPtrArray *self, const char *lockspace, const char *resource)
{
    for (guint i = 0; i < self->len; i++) {
        GivenUp *one = self->pdata[i];

        if (g_strcmp0(one->lockspace, lockspace) == 0 && g_strcmp0(one->resource, resource) == 0)
            return one;
    }
    return NULL;
}

void given_up_list_note(GPtrArray *self, BailiffResource *resource)
{
    const char *lockspace = bailiff_lockspace_get_name(bailiff_resource_get_lockspace(resource));
    const char *name = bailiff_resource_get_name(resource);
    GivenUp *one = find(self, lockspace, name);

    if (one == NULL) {
        one = g_new0(GivenUp, 1);
        one->lockspace = g_strdup(lockspace);
        one->resource = g_strdup(name);
        one->path = g_strdup(bailiff_resource_get_path(resource));
        one->offset = bailiff_resource_get_offset(resource);
        g_ptr_array_add(self, one);
    }
    one->shared = bailiff_resource_get_version(resource) == 0;
    one->version = bailiff_resource_get_won_version(resource);
    one->persistent = bailiff_resource_is_persistent(resource);
}

void given_up_list_save(const GPtrArray *self, GKeyFile *record)
{
    for (guint i = 0; i < self->len; i++) {
        const GivenUp *one = self->pdata[i];
        g_autofree char *group = g_strdup_printf(GROUP_PREFIX "%u", i + 1);

        g_key_file_set_string(record, group, "Lockspace", one->lockspace);
        g_key_file_set_string(record, group, "Resource", one->resource);
        g_key_file_set_string(record, group, "Path", one->path);
        g_key_file_set_uint64(record, group, "Offset", one->offset);
        g_key_file_set_uint64(record, group, "Version", one->version);
        g_key_file_set_boolean(record, group, "Shared", one->shared);
        g_key_file_set_boolean(record, group, "Persistent", one->persistent);
    }
}

gboolean given_up_list_load(GPtrArray *self, GKeyFile *record)
{
    for (guint i = 0;; i++) {
        g_autofree char *group = g_strdup_printf(GROUP_PREFIX "%u", i + 1);
        GivenUp *one;

        if (!g_key_file_has_group(record, group))
            return TRUE;
        one = g_new0(GivenUp, 1);
        g_ptr_array_add(self, one);
        one->lockspace = g_key_file_get_string(record, group, "Lockspace", NULL);
        one->resource = g_key_file_get_string(record, group, "Resource", NULL);
        one->path = g_key_file_get_string(record, group, "Path", NULL);
        one->offset = g_key_file_get_uint64(record, group, "Offset", NULL);
        one->version = g_key_file_get_uint64(record, group, "Version", NULL);
        one->shared = g_key_file_get_boolean(record, group, "Shared", NULL);
        one->persistent = g_key_file_get_boolean(record, group, "Persistent", NULL);
        if (one->lockspace == NULL || one->resource == NULL || one->path == NULL ||
            one->version == 0)
            return FALSE;
    }
}
