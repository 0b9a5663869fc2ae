/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counts of what is in progress for each user; what exists is counted where it is, in the engine.
 */
#include "dbus/caller-quota.h"

#include <unistd.h>

#include "common/bailiff-error.h"
#include "engine/registration.h"

typedef struct Use {
    guint calls;
    gsize leases; /* asked for by these calls */
} Use;

struct CallerQuota {
    GHashTable *users; /* GUINT_TO_POINTER(uid) -> Use, while a call of its is in progress */
};

static gboolean is_exempt(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

CallerQuota *caller_quota_new(void)
{
    CallerQuota *self = g_new0(CallerQuota, 1);

    self->users = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    return self;
}

void caller_quota_free(CallerQuota *self)
{
    g_hash_table_unref(self->users);
    g_free(self);
}

static Use *use_of(CallerQuota *self, uid_t uid)
{
    return g_hash_table_lookup(self->users, GUINT_TO_POINTER(uid));
}

gboolean caller_quota_begin_call(CallerQuota *self, uid_t uid, GError **error)
{
    Use *use = use_of(self, uid);

    if (use == NULL) {
        use = g_new0(Use, 1);
        g_hash_table_insert(self->users, GUINT_TO_POINTER(uid), use);
    }
    if (!is_exempt(uid) && use->calls >= QUOTA_CALLS) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait for the replies to earlier calls.",
                          "User %u has %u calls in progress, the quota of calls of one user.",
                          (guint)uid, use->calls);
        return FALSE;
    }
    use->calls++;
    return TRUE;
}

void caller_quota_end_call(CallerQuota *self, uid_t uid)
{
    Use *use = use_of(self, uid);

    if (--use->calls == 0)
        g_hash_table_remove(self->users, GUINT_TO_POINTER(uid));
}

static gsize count_resources(BailiffEngine *engine, uid_t uid)
{
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(engine);
    gsize count = 0;

    for (guint i = 0; i < registrations->len; i++) {
        BailiffRegistration *each = g_ptr_array_index(registrations, i);
        if (bailiff_registration_get_uid(each) != uid)
            continue;
        g_autoptr(GPtrArray) resources = bailiff_registration_list_resources(each);
        count += resources->len;
    }
    return count;
}

gboolean caller_quota_begin_acquire(CallerQuota *self, BailiffEngine *engine, uid_t uid, gsize n,
                                    GError **error)
{
    Use *use = use_of(self, uid);

    if (!is_exempt(uid) &&
        (n > QUOTA_RESOURCES || count_resources(engine, uid) + use->leases + n > QUOTA_RESOURCES)) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Release what is not needed first.",
                          "With %" G_GSIZE_FORMAT " more leases user %u would have more than %u, "
                          "the quota of resources of one user.",
                          n, (guint)uid, QUOTA_RESOURCES);
        return FALSE;
    }
    use->leases += n;
    return TRUE;
}

void caller_quota_end_acquire(CallerQuota *self, uid_t uid, gsize n)
{
    use_of(self, uid)->leases -= n;
}

gboolean caller_quota_check_registration(BailiffEngine *engine, uid_t uid, GError **error)
{
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(engine);
    guint count = 0;

    for (guint i = 0; i < registrations->len; i++)
        count += bailiff_registration_get_uid(g_ptr_array_index(registrations, i)) == uid;
    if (is_exempt(uid) || count < QUOTA_REGISTRATIONS)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Unregister what is not needed first.",
                      "User %u has %u registrations, the quota of registrations of one user.",
                      (guint)uid, count);
    return FALSE;
}
