/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/lease-users.h"

#include "common/bailiff-error.h"
#include "engine/lockspace.h"
#include "engine/registration.h"
#include "engine/resource.h"

/* A message is read by people; all of them are in the objects. */
#define NAMED_MAX 20u

static gboolean is_user(BailiffRegistration *registration)
{
    g_autoptr(GPtrArray) resources = bailiff_registration_list_resources(registration);

    switch (bailiff_registration_get_state(registration)) {
    case BAILIFF_REGISTRATION_FAILING:
    case BAILIFF_REGISTRATION_PAUSED:
        return TRUE;
    case BAILIFF_REGISTRATION_ACTIVE:
    case BAILIFF_REGISTRATION_CLEARED:
        break;
    }
    return resources->len > 0 || *bailiff_registration_get_recovery(registration) != '\0';
}

static GPtrArray *list_users(BailiffEngine *engine)
{
    GPtrArray *users = bailiff_engine_list_registrations(engine);

    for (guint i = users->len; i > 0; i--)
        if (!is_user(users->pdata[i - 1]))
            g_ptr_array_remove_index(users, i - 1);
    return users;
}

gboolean lease_users_exist(BailiffEngine *engine)
{
    g_autoptr(GPtrArray) users = list_users(engine);

    return users->len > 0;
}

static void append_target(GString *text, BailiffRegistration *registration)
{
    const char *unit = bailiff_registration_get_unit(registration);
    const char *domain = bailiff_registration_get_domain(registration);

    if (*unit != '\0')
        g_string_append_printf(text, "unit %s", unit);
    else if (*domain != '\0')
        g_string_append_printf(text, "domain %s", domain);
    else
        g_string_append_printf(text, "process %d", (int)bailiff_registration_get_pid(registration));
}

static void append_leases(GString *text, BailiffRegistration *registration)
{
    g_autoptr(GPtrArray) resources = bailiff_registration_list_resources(registration);

    for (guint i = 0; i < MIN(resources->len, NAMED_MAX); i++)
        g_string_append_printf(
            text, "%s%s/%s", i > 0 ? ", " : "",
            bailiff_lockspace_get_name(bailiff_resource_get_lockspace(resources->pdata[i])),
            bailiff_resource_get_name(resources->pdata[i]));
    if (resources->len > NAMED_MAX)
        g_string_append_printf(text, " and %u more", resources->len - NAMED_MAX);
    if (resources->len == 0)
        g_string_append(text, "its lost leases");
}

char *lease_users_describe(BailiffEngine *engine)
{
    g_autoptr(GPtrArray) users = list_users(engine);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < MIN(users->len, NAMED_MAX); i++) {
        g_string_append_printf(text, "%s%s (", i > 0 ? "; " : "",
                               bailiff_registration_get_name(users->pdata[i]));
        append_target(text, users->pdata[i]);
        g_string_append(text, "): ");
        append_leases(text, users->pdata[i]);
    }
    if (users->len > NAMED_MAX)
        g_string_append_printf(text, "; and %u more", users->len - NAMED_MAX);
    return g_string_free(text, FALSE);
}

/* "space/thing, space/other"; "" without any. */
static char *describe_orphans(BailiffEngine *engine)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(engine);
    GString *text = g_string_new(NULL);
    guint count = 0;

    for (guint i = 0; i < lockspaces->len; i++) {
        g_autoptr(GPtrArray) orphans = bailiff_lockspace_list_orphans(lockspaces->pdata[i]);

        for (guint j = 0; j < orphans->len; j++)
            if (count++ < NAMED_MAX)
                g_string_append_printf(text, "%s%s/%s", text->len > 0 ? ", " : "",
                                       bailiff_lockspace_get_name(lockspaces->pdata[i]),
                                       bailiff_resource_get_name(orphans->pdata[j]));
    }
    if (count > NAMED_MAX)
        g_string_append_printf(text, " and %u more", count - NAMED_MAX);
    return g_string_free(text, FALSE);
}

/* As bailiff_lockspace_describe_unknown() does it, of all lockspaces. */
static char *describe_unknown(BailiffEngine *engine)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(engine);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < lockspaces->len; i++) {
        g_autofree char *unknown = bailiff_lockspace_describe_unknown(lockspaces->pdata[i]);

        if (*unknown != '\0')
            g_string_append_printf(text, "%slockspace %s by %s", text->len > 0 ? "; " : "",
                                   bailiff_lockspace_get_name(lockspaces->pdata[i]), unknown);
    }
    return g_string_free(text, FALSE);
}

/* Of those who are not known nobody can say that they have ended, as of others who left orphans:
 * that is said first, whatever else is in the way. Nor can force have them stopped. */
gboolean lease_users_check_all_known(BailiffEngine *engine, GError **error)
{
    g_autofree char *unknown = describe_unknown(engine);

    if (*unknown == '\0')
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                      "Make sure that it does not run any more, then remove that file.",
                      "bailiffd is needed for what may be used: %s, which cannot be read.",
                      unknown);
    return FALSE;
}

/* Orphans are nobody whose end could be waited for, but are kept from other hosts by this daemon's
 * renewals alone: so they are in the way here as they are of leaving their lockspace. */
gboolean lease_users_check_none(BailiffEngine *engine, GError **error)
{
    g_autofree char *users = lease_users_describe(engine);
    g_autofree char *orphans = describe_orphans(engine);

    if (!lease_users_check_all_known(engine, error))
        return FALSE;
    if (*users != '\0' && *orphans != '\0')
        bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                          "End those, or have them release their leases, and give orphans back "
                          "(bailiffctl release-orphans LOCKSPACE); with force failure policies are "
                          "walked, and orphans stay on the storage as they are.",
                          "bailiffd is needed by who holds leases: %s; and for orphans: %s.", users,
                          orphans);
    else if (*users != '\0')
        bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                          "End those, or have them release their leases; with force their failure "
                          "policies are walked.",
                          "bailiffd is needed by who holds leases: %s.", users);
    else if (*orphans != '\0')
        bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                          "Give them back (bailiffctl release-orphans LOCKSPACE); with force they "
                          "stay on the storage as they are, and other hosts may take them when "
                          "this host's lease has expired.",
                          "bailiffd keeps orphans, leases whose holder has ended: %s.", orphans);
    else
        return TRUE;
    return FALSE;
}

char *lease_users_describe_remaining(BailiffEngine *engine)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(engine);
    for (guint i = 0; i < registrations->len; i++) {
        BailiffRegistration *registration = g_ptr_array_index(registrations, i);
        g_autoptr(GPtrArray) resources = bailiff_registration_list_resources(registration);
        if (resources->len > 0)
            g_string_append_printf(
                text, "registration %s (process %d, %s, %u leases), ",
                bailiff_registration_get_name(registration),
                (int)bailiff_registration_get_pid(registration),
                bailiff_registration_state_name(bailiff_registration_get_state(registration)),
                resources->len);
    }
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(engine);
    for (guint i = 0; i < lockspaces->len; i++) {
        BailiffLockspace *lockspace = g_ptr_array_index(lockspaces, i);
        g_string_append_printf(
            text, "lockspace %s (%s), ", bailiff_lockspace_get_name(lockspace),
            bailiff_lockspace_state_name(bailiff_lockspace_get_state(lockspace)));
    }
    if (text->len == 0)
        return g_strdup("the end of the last step");
    g_string_truncate(text, text->len - 2);
    return g_strdup(text->str);
}
