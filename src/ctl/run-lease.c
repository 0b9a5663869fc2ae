/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/run-lease.h"

#include <glib/gi18n.h>
#include <unistd.h>

#include "common/boottime.h"
#include "ctl/exit-status.h"
#include "ctl/register-call.h"

#define GIVE_BACK_MS 10000

/* The versions and names; the objects exist since the leases are held. */
static gboolean read_resources(RunLease *self, BusClient *client, GError **error)
{
    guint n = g_strv_length(self->resources);
    self->versions = g_new0(guint64, n);
    self->names = g_new0(char *, n + 1);
    for (guint i = 0; i < n; i++) {
        g_autoptr(BailiffBusResource) resource = bailiff_bus_resource_proxy_new_sync(
            client->connection, G_DBUS_PROXY_FLAGS_NONE, BUS_NAME, self->resources[i], NULL, error);
        if (!resource)
            return FALSE;
        const char *name = bailiff_bus_resource_get_name(resource);
        self->versions[i] = bailiff_bus_resource_get_version(resource);
        self->names[i] = g_strdup(name ? name : "");
        if (!name) {
            ctl_set_error(error, CTL_EXIT_RUN_FAILED, _("Look at 'bailiffctl status'."),
                          _("The lease '%s' is gone again."), object_path_leaf(self->resources[i]));
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean read_lockspace(RunLease *self, BusClient *client, GError **error)
{
    g_autoptr(BailiffBusLockspace) lockspace = bailiff_bus_lockspace_proxy_new_sync(
        client->connection, G_DBUS_PROXY_FLAGS_NONE, BUS_NAME, self->lockspace, NULL, error);
    if (!lockspace)
        return FALSE;
    const char *state = bailiff_bus_lockspace_get_state(lockspace);
    self->fail_at_us = bailiff_bus_lockspace_get_fail_at_usec(lockspace);
    if ((g_strcmp0(state, "held") == 0 || g_strcmp0(state, "late") == 0) &&
        self->fail_at_us > boottime_now())
        return TRUE;
    ctl_set_error(error, CTL_EXIT_RUN_FAILED, _("Look at 'bailiffctl status' for the reason."),
                  _("The lockspace '%s' is %s; the command was not started."), self->lockspace_name,
                  state ? state : "gone");
    return FALSE;
}

RunLease *run_lease_take(BusClient *client, const RunWish *wish, GError **error)
{
    g_autoptr(RunLease) self = g_new0(RunLease, 1);
    const AcquireOptions wanted = { .wait = wish->wait, .shared = wish->shared };
    g_autoptr(GVariant) wishes = acquire_wishes(wish->lockspace, wish->places, &wanted, error);
    if (!wishes)
        return NULL;
    g_variant_ref_sink(wishes);
    self->lockspace_name = g_strdup(wish->lockspace);
    self->registration = register_process(client, getpid(), wish->name, wish->policy, TRUE, error);
    if (!self->registration)
        return NULL;
    if (!bailiff_bus_registration_call_acquire_sync(
            self->registration, wishes, g_variant_new("a{sv}", NULL),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, &self->resources,
            NULL, error))
        return NULL;
    self->lockspace = object_path_lockspace(self->resources[0]);
    if (!self->lockspace) {
        ctl_set_error(error, CTL_EXIT_RUN_FAILED,
                      _("Is bailiffd of the same version as bailiffctl?"),
                      _("bailiffd answered with leases of no lockspace."));
        return NULL;
    }
    if (!read_resources(self, client, error) || !read_lockspace(self, client, error)) {
        (void)run_lease_give_back(self, client->connection, NULL);
        return NULL;
    }
    return g_steal_pointer(&self);
}

void run_lease_free(RunLease *self)
{
    if (!self)
        return;
    g_clear_object(&self->registration);
    g_strfreev(self->resources);
    g_strfreev(self->names);
    g_free(self->versions);
    g_free(self->lockspace);
    g_free(self->lockspace_name);
    g_free(self);
}

gboolean run_lease_give_back(RunLease *self, GDBusConnection *connection, GError **error)
{
    g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
        connection, BUS_NAME, g_dbus_proxy_get_object_path(G_DBUS_PROXY(self->registration)),
        BUS_INTERFACE("Registration"), "Release", g_variant_new("(aoa{sv})", NULL, NULL), NULL,
        G_DBUS_CALL_FLAGS_NO_AUTO_START, GIVE_BACK_MS, NULL, error);
    return reply != NULL;
}

/* Those of an outer `bailiffctl run` would be taken for ours. */
static char **unset_foreign(char **environment)
{
    static const char *const prefixes[] = { "BAILIFF_LOCKSPACE=", "BAILIFF_RESOURCE=",
                                            "BAILIFF_RESOURCE_",
                                            "BAILIFF_VERSION=", "BAILIFF_VERSION_" };
    GPtrArray *kept = g_ptr_array_new();
    for (char **e = environment; *e; e++) {
        gboolean foreign = FALSE;
        for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++)
            foreign = foreign || g_str_has_prefix(*e, prefixes[i]);
        if (foreign)
            g_free(*e);
        else
            g_ptr_array_add(kept, *e);
    }
    g_free(environment);
    g_ptr_array_add(kept, NULL);
    return (char **)g_ptr_array_free(kept, FALSE);
}

char **run_lease_environment(const RunLease *self)
{
    guint n = g_strv_length(self->names);
    char **environment = unset_foreign(g_get_environ());
    environment = g_environ_setenv(environment, "BAILIFF_LOCKSPACE", self->lockspace_name, TRUE);
    for (guint i = 0; i < n; i++) {
        g_autofree char *suffix = n == 1 ? g_strdup("") : g_strdup_printf("_%u", i + 1);
        g_autofree char *resource_key = g_strconcat("BAILIFF_RESOURCE", suffix, NULL);
        g_autofree char *version_key = g_strconcat("BAILIFF_VERSION", suffix, NULL);
        g_autofree char *version = g_strdup_printf("%" G_GUINT64_FORMAT, self->versions[i]);
        environment = g_environ_setenv(environment, resource_key, self->names[i], TRUE);
        if (self->versions[i] != 0)
            environment = g_environ_setenv(environment, version_key, version, TRUE);
    }
    return environment;
}
