/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking over from an earlier daemon; see the header.
 */
#include "engine/succession.h"

#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/engine-private.h"
#include "engine/forsaken.h"
#include "engine/held-record.h"
#include "engine/lockspace-private.h"
#include "engine/registration-private.h"
#include "engine/resource-private.h"
#include "engine/saved-lockspace.h"
#include "engine/saved-resource.h"
#include "engine/unknown-holders.h"

/* How often to look whether the earlier daemon is gone. */
#define PREDECESSOR_POLL_US (USEC_PER_SECOND / 20)

struct Succession {
    BailiffEngine *engine;
    const char *runtime_dir;
    GHashTable *unreadable; /* set of guint64*: ids of registrations, missing ones among them */
    GHashTable *ended;      /* set of guint64*: those whose targets are proved to be gone */
    UnknownHolders *unknown;
    GPtrArray *lockspaces; /* restored, and not gone on with yet */
    GPtrArray *registrations;
    BoottimeTimer *poll;
    gboolean told_waiting;
};

/* --- registrations --------------------------------------------------------------------------- */

static void restore_registration(Succession *self, guint64 id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GKeyFile) record = held_record_load(self->runtime_dir, id, &error);
    BailiffRegistration *registration =
        record != NULL ? bailiff_registration_restore(self->engine, id, record, &error) : NULL;

    if (registration != NULL) {
        bailiff_engine_insert_registration(self->engine, registration);
        g_ptr_array_add(self->registrations, g_object_ref(registration));
    } else if (g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND)) {
        if (record != NULL)
            g_hash_table_add(self->ended, g_memdup2(&id, sizeof id));
        else
            held_record_remove(self->runtime_dir, id);
    } else {
        log_message(MESSAGE_REMAINS_FOUND, LOG_SUBJECT(.registration = id), "%s", error->message);
        g_hash_table_add(self->unreadable, g_memdup2(&id, sizeof id));
    }
}

static void restore_registrations(Succession *self)
{
    g_autoptr(GArray) ids = held_records_list(self->runtime_dir);

    for (guint i = 0; i < ids->len; i++)
        restore_registration(self, g_array_index(ids, guint64, i));
}

/* Only when no resource names them any more: a crash before that would leave a doubt. */
static void remove_ended(Succession *self)
{
    GHashTableIter iter;
    gpointer id;

    g_hash_table_iter_init(&iter, self->ended);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        held_record_remove(self->runtime_dir, *(guint64 *)id);
}

/* --- resources ------------------------------------------------------------------------------- */

static void note_missing(Succession *self, const BailiffLockspace *lockspace,
                         const SavedResource *saved, guint64 id)
{
    log_message(
        MESSAGE_REMAINS_FOUND,
        LOG_SUBJECT(.lockspace = lockspace->name, .resource = saved->name, .registration = id),
        "Resource %s of lockspace %s is held by registration %" G_GUINT64_FORMAT
        ", whose record is missing.",
        saved->name, lockspace->name, id);
    g_hash_table_add(self->unreadable, g_memdup2(&id, sizeof id));
    unknown_holders_add_missing(self->unknown, id);
}

/* Who holds it and could be restored. A holder that has ended is nobody any more; one whose record
 * cannot be read may be somebody. */
static GPtrArray *find_holders(Succession *self, const BailiffLockspace *lockspace,
                               const SavedResource *saved, GArray *unknown)
{
    GPtrArray *holders = g_ptr_array_new_with_free_func(g_object_unref);

    for (guint i = 0; i < saved->holders->len; i++) {
        guint64 id = g_array_index(saved->holders, guint64, i);
        BailiffRegistration *holder = bailiff_engine_find_registration(self->engine, id);

        if (holder != NULL && !bailiff_registration_uses_nothing(holder))
            g_ptr_array_add(holders, g_object_ref(holder));
        if (holder != NULL || g_hash_table_contains(self->ended, &id) ||
            saved->use == SAVED_RESOURCE_UNUSED)
            continue;
        if (!g_hash_table_contains(self->unreadable, &id))
            note_missing(self, lockspace, saved, id);
        g_array_append_val(unknown, id);
    }
    return holders;
}

static void restore_resource(Succession *self, BailiffLockspace *lockspace, SavedResource *saved)
{
    g_autoptr(GArray) unknown = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_autoptr(GPtrArray) holders = find_holders(self, lockspace, saved, unknown);
    g_autoptr(BailiffResource) resource = NULL;

    /* Its holder has ended without anybody's seeing it. */
    if (saved->use != SAVED_RESOURCE_UNUSED && holders->len == 0 && unknown->len == 0 &&
        !saved->persistent)
        saved->use = SAVED_RESOURCE_UNUSED;
    resource = bailiff_resource_restore(lockspace, saved, holders, unknown);
    if (!bailiff_resource_has_unknown(resource))
        return;
    unknown_holders_watch(self->unknown, resource);
    log_message(MESSAGE_REMAINS_FOUND,
                LOG_SUBJECT(.lockspace = lockspace->name, .resource = saved->name),
                "Not all who hold resource %s of lockspace %s are known. It stays held until "
                "somebody has made sure that they do not run, and has removed their records.",
                saved->name, lockspace->name);
}

/* FALSE: one of them cannot be read, and who uses it is not known. */
static gboolean restore_resources(Succession *self, BailiffLockspace *lockspace)
{
    g_auto(GStrv) names = saved_resources_list(self->runtime_dir, lockspace->name);
    gboolean all = saved_resources_can_be_listed(self->runtime_dir, lockspace->name);

    for (guint i = 0; names[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(SavedResource) saved =
            saved_resource_load(self->runtime_dir, lockspace->name, names[i], &error);

        if (saved != NULL) {
            restore_resource(self, lockspace, saved);
        } else if (g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND)) {
            saved_resource_remove(self->runtime_dir, lockspace->name, names[i]);
        } else {
            log_message(MESSAGE_REMAINS_FOUND,
                        LOG_SUBJECT(.lockspace = lockspace->name, .resource = names[i]), "%s",
                        error->message);
            all = FALSE;
        }
    }
    return all;
}

static void remove_resources(Succession *self, const char *lockspace)
{
    g_auto(GStrv) names = saved_resources_list(self->runtime_dir, lockspace);

    for (guint i = 0; names[i] != NULL; i++)
        saved_resource_remove(self->runtime_dir, lockspace, names[i]);
}

/* --- lockspaces ------------------------------------------------------------------------------ */

/* All who may hold leases there are made harmless (forsaken.h). `fail_us`: when the lockspace
 * itself says that it fails; TIME_NEVER: that cannot be read either. What is written of it stays
 * until they are; FALSE: there is nobody. */
static gboolean make_harmless(Succession *self, const char *lockspace, guint64 fail_us)
{
    g_autoptr(GPtrArray) users = g_ptr_array_new();
    g_autoptr(GArray) unreadable = g_array_new(FALSE, FALSE, sizeof(guint64));
    GHashTableIter iter;
    gpointer id;

    for (guint i = 0; i < self->registrations->len; i++)
        if (bailiff_registration_is_recorded(self->registrations->pdata[i], lockspace))
            g_ptr_array_add(users, self->registrations->pdata[i]);
    g_hash_table_iter_init(&iter, self->unreadable);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        g_array_append_val(unreadable, *(guint64 *)id);
    return forsaken_add(bailiff_engine_get_forsaken(self->engine), lockspace, fail_us, users,
                        unreadable);
}

static void restore_lockspace(Succession *self, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SavedLockspace) saved = saved_lockspace_load(self->runtime_dir, name, &error);
    BailiffLockspace *lockspace =
        saved != NULL ? bailiff_lockspace_restore(self->engine, saved, &error) : NULL;

    if (lockspace != NULL) {
        bailiff_engine_insert_lockspace(self->engine, lockspace);
        g_ptr_array_add(self->lockspaces, g_object_ref(lockspace));
        if (!restore_resources(self, lockspace)) {
            if (!make_harmless(self, name, bailiff_lockspace_get_fail_at(lockspace)))
                remove_resources(self, name);
            bailiff_lockspace_distrust(lockspace);
        }
        return;
    }
    if (!g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND)) {
        log_message(MESSAGE_REMAINS_FOUND, LOG_SUBJECT(.lockspace = name), "%s", error->message);
        if (make_harmless(self, name, TIME_NEVER))
            return;
    }
    remove_resources(self, name);
    saved_lockspace_remove(self->runtime_dir, name);
}

/* What is held there is written down, and the lockspace is not. */
static void check_forsaken(Succession *self, const char *lockspace)
{
    g_auto(GStrv) names = saved_resources_list(self->runtime_dir, lockspace);
    gboolean is_held = FALSE;

    if (bailiff_engine_find_lockspace(self->engine, lockspace) != NULL ||
        forsaken_has(bailiff_engine_get_forsaken(self->engine), lockspace))
        return;
    for (guint i = 0; names[i] != NULL && !is_held; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(SavedResource) saved =
            saved_resource_load(self->runtime_dir, lockspace, names[i], &error);

        is_held = saved != NULL ? saved->use != SAVED_RESOURCE_UNUSED
                                : !g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    }
    if (!is_held || !make_harmless(self, lockspace, TIME_NEVER))
        remove_resources(self, lockspace);
}

/* What is held is written down where it cannot be seen for now: whoever was given leases anywhere
 * is known by his own record. */
static void forsake_recorded(Succession *self)
{
    for (guint i = 0; i < self->registrations->len; i++) {
        g_autofree const char **names =
            bailiff_registration_list_recorded(self->registrations->pdata[i]);

        for (guint j = 0; names[j] != NULL; j++)
            if (bailiff_engine_find_lockspace(self->engine, names[j]) == NULL &&
                !forsaken_has(bailiff_engine_get_forsaken(self->engine), names[j]))
                (void)make_harmless(self, names[j], TIME_NEVER);
    }
}

static void restore_lockspaces(Succession *self)
{
    gboolean can_be_listed = saved_lockspaces_can_be_listed(self->runtime_dir);
    g_auto(GStrv) names = saved_lockspaces_list(self->runtime_dir);
    g_auto(GStrv) with_resources = saved_resources_list_lockspaces(self->runtime_dir);

    for (guint i = 0; names[i] != NULL; i++)
        restore_lockspace(self, names[i]);
    for (guint i = 0; with_resources[i] != NULL; i++)
        check_forsaken(self, with_resources[i]);
    if (!can_be_listed)
        forsake_recorded(self);
}

/* --- going on -------------------------------------------------------------------------------- */

static void on_poll(gpointer user_data)
{
    Succession *self = user_data;

    if (bailiff_engine_check_predecessor_gone(self->engine, NULL)) {
        for (guint i = 0; i < self->lockspaces->len; i++)
            bailiff_lockspace_go_on(self->lockspaces->pdata[i]);
        g_ptr_array_set_size(self->lockspaces, 0);
        return;
    }
    if (!self->told_waiting && self->lockspaces->len > 0)
        log_message(MESSAGE_PREDECESSOR_STUCK, NULL,
                    "The earlier bailiffd has not ended, since storage hangs. Its leases are not "
                    "renewed before it has; their deadlines count.");
    self->told_waiting = TRUE;
    boottime_timer_set(self->poll, time_add(boottime_now(), PREDECESSOR_POLL_US));
}

Succession *succession_new(BailiffEngine *engine)
{
    Succession *self = g_new0(Succession, 1);

    self->engine = engine;
    self->runtime_dir = bailiff_engine_get_runtime_dir(engine);
    self->unreadable = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    self->lockspaces = g_ptr_array_new_with_free_func(g_object_unref);
    self->registrations = g_ptr_array_new_with_free_func(g_object_unref);
    self->ended = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    self->unknown = unknown_holders_new(engine);
    self->poll = boottime_timer_new(on_poll, self);
    restore_registrations(self);
    restore_lockspaces(self);
    remove_ended(self);
    if (self->registrations->len > 0 || self->lockspaces->len > 0)
        log_message(MESSAGE_TAKEN_OVER, NULL,
                    "Taken over from an earlier bailiffd: lockspaces: %u, registrations: %u.",
                    self->lockspaces->len, self->registrations->len);
    bailiff_incident_recorder_take_over(bailiff_engine_get_recorder(engine), engine,
                                        self->runtime_dir);
    for (guint i = 0; i < self->registrations->len; i++)
        bailiff_registration_go_on(self->registrations->pdata[i]);
    for (guint i = 0; i < self->lockspaces->len; i++)
        bailiff_lockspace_count_deadlines(self->lockspaces->pdata[i]);
    bailiff_incident_log_end_take_over(bailiff_engine_get_incidents(engine));
    g_ptr_array_set_size(self->registrations, 0);
    on_poll(self);
    return self;
}

void succession_free(Succession *self)
{
    boottime_timer_free(self->poll);
    unknown_holders_free(self->unknown);
    g_hash_table_unref(self->unreadable);
    g_hash_table_unref(self->ended);
    g_ptr_array_unref(self->lockspaces);
    g_ptr_array_unref(self->registrations);
    g_free(self);
}
