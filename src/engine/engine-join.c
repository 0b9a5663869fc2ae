/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may join what: the engine's part of a join, before the lockspace does its own.
 */
#include "engine/engine-private.h"

#include "base/fixed-name.h"
#include "common/bailiff-error.h"
#include "engine/forsaken.h"
#include "engine/lockspace-lease.h"
#include "engine/lockspace-private.h"
#include "engine/name-error.h"
#include "engine/persistent-record.h"
#include "engine/records.h"
#include "engine/registration-private.h"
#include "lease/lease-timing.h"

static gboolean check_place(BailiffEngine *self, const char *name, const char *path, guint64 offset,
                            GError **error)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(self);

    for (guint i = 0; i < lockspaces->len; i++) {
        BailiffLockspace *other = lockspaces->pdata[i];
        gboolean lost = bailiff_lockspace_get_state(other) == BAILIFF_LOCKSPACE_LOST;

        if (g_strcmp0(bailiff_lockspace_get_name(other), name) == 0) {
            if (lost)
                continue;
            bailiff_set_error(error, BAILIFF_ERROR_ALREADY_EXISTS,
                              "Use it, or leave it before joining it again.",
                              "Lockspace %s is already %s.", name,
                              bailiff_lockspace_state_name(bailiff_lockspace_get_state(other)));
            return FALSE;
        }
        if (!lost && g_strcmp0(bailiff_lockspace_get_path(other), path) == 0 &&
            bailiff_lockspace_get_offset(other) == offset) {
            bailiff_set_error(error, BAILIFF_ERROR_ALREADY_EXISTS,
                              "Check path and offset: one place holds one lockspace.",
                              "Lockspace %s is joined at this place.",
                              bailiff_lockspace_get_name(other));
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean is_own_record(guint64 id, gpointer user_data)
{
    return bailiff_engine_find_registration(user_data, id) != NULL;
}

/* Of a lockspace that could not be taken over there is no object to say so. */
static gboolean check_none_failing_for(BailiffEngine *self, const char *lockspace, GError **error)
{
    g_autoptr(GPtrArray) list = bailiff_engine_list_registrations(self);

    for (guint i = 0; i < list->len; i++) {
        if (bailiff_registration_get_state(list->pdata[i]) != BAILIFF_REGISTRATION_FAILING ||
            !bailiff_registration_is_recorded(list->pdata[i], lockspace) ||
            bailiff_registration_holds_some(list->pdata[i]))
            continue;
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait until it is, then join again.",
                          "%s (%s) had leases of lockspace %s from an earlier bailiffd, and is not "
                          "stopped yet.",
                          bailiff_registration_get_name(list->pdata[i]),
                          bailiff_registration_describe(list->pdata[i]), lockspace);
        return FALSE;
    }
    return TRUE;
}

gboolean bailiff_join_check(const BailiffJoin *join, GError **error)
{
    Layout smallest = { .sector_size = SECTOR_SIZE_MIN, .align_size = MEBIBYTE };

    if (!bailiff_check_name("lockspace", join->name, FIXED_NAME_SIZE, error) ||
        !bailiff_check_path(join->path, error))
        return FALSE;
    if (join->host_id > LAYOUT_MAX_HOSTS) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Use 1 to 2000, or less where the lockspace is smaller.",
                          "Host id %" G_GUINT64_FORMAT " is not possible.", join->host_id);
        return FALSE;
    }
    if (join->io_timeout > IO_TIMEOUT_MAX) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Use 1 to 255 seconds.",
                          "An io timeout of %u seconds is not possible.", join->io_timeout);
        return FALSE;
    }
    if (!layout_offset_ok(&smallest, join->offset)) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Use the offset that the lockspace was formatted at.",
                          "Offset %" G_GUINT64_FORMAT
                          " is not a multiple of 512 bytes, or too large.",
                          join->offset);
        return FALSE;
    }
    return TRUE;
}

gboolean bailiff_engine_check_join(BailiffEngine *self, const BailiffJoin *join, GError **error)
{
    return bailiff_engine_check_accepts_work(self, error) && bailiff_join_check(join, error) &&
           check_place(self, join->name, join->path, join->offset, error) &&
           bailiff_engine_check_predecessor_gone(self, error) &&
           forsaken_check_join(bailiff_engine_get_forsaken(self), join->name, error) &&
           check_none_failing_for(self, join->name, error) &&
           lockspace_check_watchdog(self, join->name,
                                    join->io_timeout != 0 ? join->io_timeout : IO_TIMEOUT_DEFAULT,
                                    error) &&
           held_records_check(bailiff_engine_get_runtime_dir(self),
                              bailiff_engine_get_first_id(self), is_own_record, self, join->name,
                              error) &&
           persistent_record_check(bailiff_engine_get_runtime_dir(self), join->name, error);
}

gboolean bailiff_engine_forget_orphans(BailiffEngine *self, const char *lockspace, GError **error)
{
    static const char *const none[] = { NULL };
    BailiffLockspace *here = bailiff_engine_find_lockspace(self, lockspace);

    /* Those of a lockspace that is joined are not left behind. */
    if (here != NULL && bailiff_lockspace_get_state(here) != BAILIFF_LOCKSPACE_LOST)
        return TRUE;
    return bailiff_check_name("lockspace", lockspace, FIXED_NAME_SIZE, error) &&
           persistent_record_write(bailiff_engine_get_runtime_dir(self), lockspace, none, error);
}

BailiffLockspace *bailiff_engine_join(BailiffEngine *self, const char *name, const char *path,
                                      guint64 offset, guint64 host_id, guint32 io_timeout,
                                      GError **error)
{
    const BailiffJoin join = {
        .name = name, .path = path, .offset = offset, .host_id = host_id, .io_timeout = io_timeout
    };

    return bailiff_engine_join_as(self, &join, error);
}

BailiffLockspace *bailiff_engine_join_as(BailiffEngine *self, const BailiffJoin *join,
                                         GError **error)
{
    BailiffLockspace *lockspace, *lost;

    if (!bailiff_engine_check_join(self, join, error))
        return NULL;
    lost = bailiff_engine_find_lockspace(self, join->name);
    if (lost != NULL) {
        /* Its writes that may still land are fenced, ours wait for them; and no other begins. */
        bailiff_lockspace_abandon(lost);
        bailiff_engine_remove_lockspace(self, lost);
    }
    lockspace =
        bailiff_lockspace_new(self, join->name, join->path, join->offset, join->host_id,
                              join->io_timeout != 0 ? join->io_timeout : IO_TIMEOUT_DEFAULT);
    bailiff_engine_insert_lockspace(self, lockspace);
    lockspace->is_retried = join->is_retried;
    engine_watchdog_joining(bailiff_engine_get_watchdog(self));
    bailiff_records_lockspace_joining(bailiff_engine_get_records(self), join->name);
    if (join->host_id != 0)
        bailiff_lockspace_start_join(lockspace);
    else
        bailiff_lockspace_start_join_anywhere(lockspace, join->kept_host_id);
    return lockspace;
}
