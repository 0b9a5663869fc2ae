/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The calls are made without proxies: each of those would ask for its object's properties first.
 */
#include "ctl/domain-registration.h"

#include <glib/gi18n.h>
#include <string.h>

#include "common/bailiff-error.h"
#include "ctl/bus-client.h"
#include "ctl/exit-status.h"
#include "ctl/lockfailure-policy.h"
#include "ctl/policy-option.h"
#include "ctl/registration-watch.h"

/* Above what bailiffd needs when it is well, busy or not. */
#define CALL_LIMIT_MS 10000
/* Above what an acquisition can take on storage that is slow: bailiffd ends it itself when its
 * I/O, or the lockspace, is too late. */
#define ACQUIRE_LIMIT_MS 180000

/* Whose last run has just ended gives its leases back before it can have them anew. */
#define GIVEN_BACK_LIMIT_US (10 * G_USEC_PER_SEC)

/* One that exists, as the bus has it. */
typedef struct Found {
    char *path;
    char *state;
    char *recovery;      /* not empty: it is to get lost leases back, and to go on then */
    guint32 pid;         /* 0: no process is known */
    GVariant *resources; /* ao */
} Found;

static void found_clear(Found *self)
{
    g_free(self->path);
    g_free(self->state);
    g_free(self->recovery);
    g_clear_pointer(&self->resources, g_variant_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Found, found_clear)

static GVariant *call(GDBusConnection *bus, const char *path, const char *interface,
                      const char *method, GVariant *arguments, const char *reply_type, int limit_ms,
                      GError **error)
{
    return g_dbus_connection_call_sync(bus, BUS_NAME, path, interface, method, arguments,
                                       G_VARIANT_TYPE(reply_type), G_DBUS_CALL_FLAGS_NO_AUTO_START,
                                       limit_ms, NULL, error);
}

/* All objects: a{oa{sa{sv}}}. */
static GVariant *get_objects(GDBusConnection *bus, GError **error)
{
    g_autoptr(GVariant) reply =
        call(bus, BUS_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL,
             "(a{oa{sa{sv}}})", CALL_LIMIT_MS, error);
    return reply ? g_variant_get_child_value(reply, 0) : NULL;
}

static gboolean is_text(GVariant *properties, const char *name, const char *wanted)
{
    const char *value;
    return g_variant_lookup(properties, name, "&s", &value) && strcmp(value, wanted) == 0;
}

/* FALSE when the domain is not registered. */
static gboolean find_domain(GVariant *objects, const char *uuid, Found *ret)
{
    GVariantIter iter;
    const char *path;
    GVariant *interfaces;

    g_variant_iter_init(&iter, objects);
    while (g_variant_iter_loop(&iter, "{&o@a{sa{sv}}}", &path, &interfaces)) {
        g_autoptr(GVariant) properties = g_variant_lookup_value(
            interfaces, BUS_INTERFACE("Registration"), G_VARIANT_TYPE_VARDICT);
        if (!properties || !is_text(properties, "Kind", "domain") ||
            !is_text(properties, "Domain", uuid))
            continue;
        ret->path = g_strdup(path);
        g_variant_lookup(properties, "State", "s", &ret->state);
        g_variant_lookup(properties, "Recovery", "s", &ret->recovery);
        g_variant_lookup(properties, "Pid", "u", &ret->pid);
        ret->resources = g_variant_lookup_value(properties, "Resources", G_VARIANT_TYPE("ao"));
        g_variant_unref(interfaces);
        return TRUE;
    }
    return FALSE;
}

static gboolean is_at(GVariant *properties, const DomainLease *lease)
{
    guint64 offset;
    return is_text(properties, "Lockspace", lease->lockspace) &&
           is_text(properties, "Name", lease->resource) &&
           is_text(properties, "Path", lease->path) && is_text(properties, "Mode", "exclusive") &&
           g_variant_lookup(properties, "Offset", "t", &offset) && offset == lease->offset;
}

static gboolean holds(GVariant *objects, const Found *found, const DomainLease *lease)
{
    gsize n = found->resources ? g_variant_n_children(found->resources) : 0;
    for (gsize i = 0; i < n; i++) {
        const char *path;
        g_variant_get_child(found->resources, i, "&o", &path);
        g_autoptr(GVariant) interfaces =
            g_variant_lookup_value(objects, path, G_VARIANT_TYPE("a{sa{sv}}"));
        g_autoptr(GVariant) properties =
            interfaces ? g_variant_lookup_value(interfaces, BUS_INTERFACE("Resource"),
                                                G_VARIANT_TYPE_VARDICT)
                       : NULL;
        if (properties && is_at(properties, lease))
            return TRUE;
    }
    return FALSE;
}

static gboolean acquire(GDBusConnection *bus, const char *registration, GPtrArray *leases,
                        GError **error)
{
    g_auto(GVariantBuilder) wishes = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(sssta{sv})"));
    for (guint i = 0; i < leases->len; i++) {
        const DomainLease *lease = leases->pdata[i];
        g_variant_builder_add(&wishes, "(ssst@a{sv})", lease->lockspace, lease->resource,
                              lease->path, lease->offset, g_variant_new("a{sv}", NULL));
    }
    g_autoptr(GVariant) reply =
        call(bus, registration, BUS_INTERFACE("Registration"), "Acquire",
             g_variant_new("(@a(sssta{sv})@a{sv})", g_variant_builder_end(&wishes),
                           g_variant_new("a{sv}", NULL)),
             "(ao)", ACQUIRE_LIMIT_MS, error);
    return reply != NULL;
}

static gboolean unregister(GDBusConnection *bus, const char *registration, GError **error)
{
    g_autoptr(GVariant) reply =
        call(bus, registration, BUS_INTERFACE("Registration"), "Unregister",
             g_variant_new("(@a{sv})", g_variant_new("a{sv}", NULL)), "()", CALL_LIMIT_MS, error);
    return reply != NULL;
}

/* Naming the domain keeps bailiffd from asking libvirt, which would not answer now. */
static char *register_domain(GDBusConnection *bus, const DomainXml *domain, GError **error)
{
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    FailurePolicy policy;
    char *path = NULL;

    g_variant_dict_insert(&options, "domain-name", "s", domain->name);
    if (lockfailure_policy(domain->lockfailure, &policy))
        policy_add_options(&options, &policy);
    g_autoptr(GVariant) reply =
        call(bus, BUS_MANAGER_PATH, BUS_INTERFACE("Manager"), "RegisterDomain",
             g_variant_new("(s@a{sv})", domain->uuid, g_variant_dict_end(&options)), "(o)",
             CALL_LIMIT_MS, error);
    if (reply)
        g_variant_get(reply, "(o)", &path);
    return path;
}

static gboolean start_new(GDBusConnection *bus, const DomainXml *domain, GError **error)
{
    g_autofree char *path = register_domain(bus, domain, error);
    if (!path)
        return FALSE;
    if (acquire(bus, path, domain->leases, error))
        return TRUE;
    /* What is told is why the leases could not be had; an empty registration does no harm. */
    unregister(bus, path, NULL);
    return FALSE;
}

/* Gone meanwhile, by bailiffd's doing. */
static gboolean is_gone(const GError *error)
{
    return g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT) ||
           g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD) ||
           g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
}

static gboolean is_recovering(const Found *found)
{
    return found->recovery && found->recovery[0] != '\0';
}

/* Its last run has ended, and what it held is still shown. */
static gboolean gives_back(const Found *found)
{
    return g_strcmp0(found->state, "cleared") == 0 && !is_recovering(found) && found->resources &&
           g_variant_n_children(found->resources) > 0;
}

/* That it holds all is only worth something when it keeps them. One whose last run ended a moment
 * ago may be shown as active with its leases, and be about to give them back. So bailiffd, which
 * looks at the process first, is asked for one of them: only who is not to end has it already. */
static gboolean keeps_leases(GDBusConnection *bus, const Found *found, GPtrArray *leases,
                             GError **error)
{
    g_autoptr(GPtrArray) first = g_ptr_array_new();
    g_autoptr(GError) local = NULL;

    g_ptr_array_add(first, leases->pdata[0]);
    if (acquire(bus, found->path, first, &local) ||
        g_error_matches(local, BAILIFF_ERROR, BAILIFF_ERROR_ALREADY_EXISTS))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

/* By bailiffd's own recovery, which starts it now, or by hand. What state it has to be in for
 * further leases is for bailiffd to say. */
static gboolean start_registered(GDBusConnection *bus, GVariant *objects, const Found *found,
                                 const DomainXml *domain, GError **error)
{
    gboolean active = g_strcmp0(found->state, "active") == 0;
    g_autoptr(GPtrArray) missing = g_ptr_array_new();

    if (found->pid != 0) {
        ctl_set_error(error, CTL_EXIT_HELD,
                      _("It waits for storage: start the domain when that answers again. "
                        "'bailiffctl status' shows whether it has ended."),
                      _("Process %u of the domain's last run has not ended yet."), found->pid);
        return FALSE;
    }
    if (g_strcmp0(found->state, "failing") == 0) {
        ctl_set_error(error, CTL_EXIT_HELD,
                      _("Start it when 'bailiffctl status' does not show it as failing any more."),
                      _("The domain's leases are lost, and its failure policy is at work."));
        return FALSE;
    }
    for (guint i = 0; i < domain->leases->len; i++)
        if (!active || !holds(objects, found, domain->leases->pdata[i]))
            g_ptr_array_add(missing, domain->leases->pdata[i]);
    if (missing->len > 0 && !acquire(bus, found->path, missing, error))
        return FALSE;
    /* With a recovery it is active while it is started: that has the leases, and keeps them. */
    return (active && is_recovering(found)) || keeps_leases(bus, found, domain->leases, error);
}

typedef enum Attempt {
    STARTED,
    REFUSED, /* with an error */
    CHANGED, /* what was found is gone: look again */
    WAITS,   /* for what `found` gives back */
} Attempt;

static Attempt try_to_start(GDBusConnection *bus, const DomainXml *domain, Found *found,
                            GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GVariant) objects = get_objects(bus, error);

    if (!objects)
        return REFUSED;
    if (!find_domain(objects, domain->uuid, found))
        return start_new(bus, domain, error) ? STARTED : REFUSED;
    if (gives_back(found))
        return WAITS;
    if (start_registered(bus, objects, found, domain, &local))
        return STARTED;
    if (is_gone(local))
        return CHANGED;
    g_propagate_error(error, g_steal_pointer(&local));
    return REFUSED;
}

/* It is looked once more after the watch was made: what happened in between was not announced to
 * it.
 */
static gboolean wait_for_change(GDBusConnection *bus, const Found *found, gint64 until_us,
                                RegistrationWatch **watch, GError **error)
{
    if (!*watch) {
        *watch = registration_watch_new(bus, found->path);
        return TRUE;
    }
    if (registration_watch_wait(*watch, until_us))
        return TRUE;
    ctl_set_error(error, CTL_EXIT_HELD,
                  _("It waits for storage: start the domain when that answers again. "
                    "'bailiffctl status' shows whether it has ended."),
                  _("The leases of the domain's last run have not been given back yet."));
    return FALSE;
}

gboolean domain_registration_start(const DomainXml *domain, GError **error)
{
    gint64 until_us = g_get_monotonic_time() + GIVEN_BACK_LIMIT_US;
    g_autoptr(RegistrationWatch) watch = NULL;
    g_autoptr(GDBusConnection) bus = bus_connect(error);
    Attempt attempt = CHANGED;

    if (!bus)
        return FALSE;
    while (attempt == CHANGED || attempt == WAITS) {
        g_auto(Found) found = { 0 };

        attempt = try_to_start(bus, domain, &found, error);
        if (attempt == CHANGED && g_get_monotonic_time() >= until_us)
            attempt = WAITS;
        if (attempt == WAITS && !wait_for_change(bus, &found, until_us, &watch, error))
            return FALSE;
    }
    return attempt == STARTED;
}

gboolean domain_registration_end(const char *uuid, GError **error)
{
    g_auto(Found) found = { 0 };
    g_autoptr(GError) local = NULL;
    g_autoptr(GDBusConnection) bus = bus_connect(error);
    g_autoptr(GVariant) objects = bus ? get_objects(bus, error) : NULL;

    if (!objects)
        return FALSE;
    if (!find_domain(objects, uuid, &found) || found.pid != 0 ||
        g_strcmp0(found.state, "active") != 0 || is_recovering(&found))
        return TRUE;
    g_autoptr(GVariant) reply =
        call(bus, found.path, BUS_INTERFACE("Registration"), "Release",
             g_variant_new("(@ao@a{sv})", g_variant_new("ao", NULL), g_variant_new("a{sv}", NULL)),
             "()", CALL_LIMIT_MS, &local);
    if ((reply && unregister(bus, found.path, &local)) || is_gone(local))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}
