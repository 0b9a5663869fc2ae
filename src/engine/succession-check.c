/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All that is written down, read once.
 */
#include "engine/succession-check.h"

#include <sys/resource.h>

#include "common/bailiff-error.h"
#include "engine/held-record.h"
#include "engine/saved-lockspace.h"
#include "engine/saved-resource.h"

/* More than what there is takes: a process, its pidfd and that of the kill guard; a unit, its
 * control group and two files there; a lockspace, its device, two queues and their events. */
#define DESCRIPTORS_OF_DAEMON 64
#define DESCRIPTORS_OF_LOCKSPACE 8
#define DESCRIPTORS_OF_REGISTRATION 8

/* The one that runs goes on writing: what is in the midst of a change is read again. */
#define ATTEMPTS 5
#define PAUSE_US 5000

static gboolean check_lockspace(const char *runtime_dir, const char *name, const char *host_name,
                                GError **error)
{
    g_autoptr(SavedLockspace) saved = saved_lockspace_load(runtime_dir, name, error);

    if (saved == NULL || g_str_equal(saved->host_name, host_name))
        return saved != NULL;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "Start it with the same --host-name, or leave all lockspaces before.",
                      "The bailiffd that runs holds lockspace %s as host %s, and this one would be "
                      "host %s.",
                      name, saved->host_name, host_name);
    return FALSE;
}

static gboolean check_resources(const char *runtime_dir, const char *lockspace, GError **error)
{
    g_auto(GStrv) names = saved_resources_list(runtime_dir, lockspace);

    for (guint i = 0; names[i] != NULL; i++) {
        g_autoptr(GError) local = NULL;
        g_autoptr(SavedResource) saved =
            saved_resource_load(runtime_dir, lockspace, names[i], &local);

        if (saved == NULL && !g_error_matches(local, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND)) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean check_lockspaces(const char *runtime_dir, const char *host_name, GError **error)
{
    g_auto(GStrv) names = saved_lockspaces_list(runtime_dir);

    for (guint i = 0; names[i] != NULL; i++) {
        g_autoptr(GError) local = NULL;

        /* It may be left in this moment. */
        if (!check_lockspace(runtime_dir, names[i], host_name, &local) &&
            !g_error_matches(local, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND)) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        if (!check_resources(runtime_dir, names[i], error))
            return FALSE;
    }
    return TRUE;
}

static gboolean check_registrations(const char *runtime_dir, GError **error)
{
    g_autoptr(GArray) ids = held_records_list(runtime_dir);

    for (guint i = 0; i < ids->len; i++) {
        g_autoptr(GError) local = NULL;
        g_autoptr(GKeyFile) record =
            held_record_load(runtime_dir, g_array_index(ids, guint64, i), &local);

        if (record == NULL && !g_error_matches(local, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND)) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
    }
    return TRUE;
}

/* Too few would show when the other one is gone, wherever that happens to be. */
static gboolean check_descriptors(const char *runtime_dir, GError **error)
{
    g_auto(GStrv) lockspaces = saved_lockspaces_list(runtime_dir);
    g_autoptr(GArray) registrations = held_records_list(runtime_dir);
    rlim_t needed = DESCRIPTORS_OF_DAEMON +
                    (rlim_t)g_strv_length(lockspaces) * DESCRIPTORS_OF_LOCKSPACE +
                    (rlim_t)registrations->len * DESCRIPTORS_OF_REGISTRATION;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                      "Raise the limit on open files (ulimit -n, LimitNOFILE=).",
                      "What is to be taken over may need %" G_GUINT64_FORMAT
                      " file descriptors, and this bailiffd may have %" G_GUINT64_FORMAT ".",
                      (guint64)needed, (guint64)limit.rlim_cur);
    return FALSE;
}

gboolean succession_check(const char *runtime_dir, const char *host_name, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (!check_descriptors(runtime_dir, error))
        return FALSE;
    for (int i = 0; i < ATTEMPTS; i++) {
        g_clear_error(&local);
        if (check_lockspaces(runtime_dir, host_name, &local) &&
            check_registrations(runtime_dir, &local))
            return TRUE;
        if (!g_error_matches(local, BAILIFF_ERROR, BAILIFF_ERROR_CORRUPT))
            break;
        g_usleep(PAUSE_US);
    }
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}
