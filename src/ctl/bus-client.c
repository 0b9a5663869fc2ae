/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"

#include <glib/gi18n.h>
#include <string.h>

#include "common/bailiff-error.h"
#include "ctl/daemon-start.h"
#include "ctl/exit-status.h"
#include "ctl/nearest-word.h"
#include "ctl/size-text.h"
#include "ctl/version-check.h"

GDBusConnection *bus_connect(GError **error)
{
    /* Registers the domain, so that remote errors arrive with their codes. */
    (void)bailiff_error_quark();

    g_autoptr(GError) local = NULL;
    g_autoptr(GDBusConnection) connection = NULL;
    g_autofree char *address = g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, NULL, &local);
    if (address)
        connection = g_dbus_connection_new_for_address_sync(
            address,
            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
            NULL, NULL, &local);
    if (!connection)
        ctl_set_error(
            error, CTL_EXIT_NO_DAEMON,
            _("Start it ('systemctl start dbus'), or set DBUS_SYSTEM_BUS_ADDRESS to where "
              "it listens."),
            _("The system bus cannot be reached: %s."), local->message);
    return g_steal_pointer(&connection);
}

/* The daemon answers properties from memory; one that is starting, or about to go on as another
 * process, does within this as well. */
#define FIRST_LOOK_SECONDS 10u

static gboolean daemon_is_there(GDBusProxy *manager, GError **error)
{
    g_autofree char *owner = g_dbus_proxy_get_name_owner(manager);
    if (owner)
        return TRUE;
    g_set_error_literal(error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN, BUS_NAME);
    return FALSE;
}

gboolean bus_check_daemon_runs(GError **error)
{
    g_autoptr(GDBusConnection) connection = bus_connect(error);
    g_autoptr(GVariant) reply = NULL;
    gboolean has_owner = FALSE;

    if (connection == NULL)
        return FALSE;
    reply = g_dbus_connection_call_sync(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "NameHasOwner",
                                        g_variant_new("(s)", BUS_NAME), G_VARIANT_TYPE("(b)"),
                                        G_DBUS_CALL_FLAGS_NONE, -1, NULL, error);
    if (reply == NULL)
        return FALSE;
    g_variant_get(reply, "(b)", &has_owner);
    if (!has_owner)
        g_set_error_literal(error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN, BUS_NAME);
    return has_owner;
}

/* A proxy that fetches properties waits for 25 s, and does not tell that none came. Other errors
 * than silence are for the call that the verb is about. */
static gboolean daemon_answers(GDBusConnection *connection, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GVariant) version = NULL;
    g_autoptr(GDBusProxy) manager = g_dbus_proxy_new_sync(
        connection,
        G_DBUS_PROXY_FLAGS_DO_NOT_LOAD_PROPERTIES | G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START, NULL,
        BUS_NAME, BUS_MANAGER_PATH, BUS_INTERFACE("Manager"), NULL, error);

    if (!manager || !daemon_is_there(manager, error))
        return FALSE;
    version =
        proxy_read(manager, "Version", G_VARIANT_TYPE_STRING, FIRST_LOOK_SECONDS * 1000, &local);
    if (!g_error_matches(local, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        return TRUE;
    ctl_set_error(
        error, CTL_EXIT_NO_DAEMON,
        _("Look at 'systemctl status bailiffd' and 'journalctl -u bailiffd'; what it holds is in "
          "'bailiffctl state'.\nDeadlines of leases are guarded meanwhile: by threads of its own "
          "while it hangs, and by the watchdog, if there is one, also while it is stopped."),
        _("bailiffd is on the bus and has not answered for %u s: it hangs, or its process is "
          "stopped."),
        FIRST_LOOK_SECONDS);
    return FALSE;
}

BusClient *bus_client_new(GError **error)
{
    g_autoptr(BusClient) self = g_new0(BusClient, 1);
    self->connection = bus_connect(error);
    if (!self->connection || !daemon_start_by_bus(self->connection, BUS_NAME, error) ||
        !daemon_answers(self->connection, error))
        return NULL;
    self->manager =
        bailiff_bus_manager_proxy_new_sync(self->connection, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START,
                                           BUS_NAME, BUS_MANAGER_PATH, NULL, error);
    if (!self->manager || !daemon_is_there(G_DBUS_PROXY(self->manager), error))
        return NULL;
    g_dbus_proxy_set_default_timeout(G_DBUS_PROXY(self->manager), BUS_NO_TIME_LIMIT);
    version_check(self->manager);
    return g_steal_pointer(&self);
}

void bus_client_free(BusClient *self)
{
    if (!self)
        return;
    g_clear_object(&self->objects);
    g_clear_object(&self->manager);
    g_clear_object(&self->connection);
    g_free(self);
}

gboolean bus_client_load(BusClient *self, GError **error)
{
    self->objects = bailiff_bus_object_manager_client_new_sync(
        self->connection, G_DBUS_OBJECT_MANAGER_CLIENT_FLAGS_NONE, BUS_NAME, BUS_PATH, NULL, error);
    return self->objects != NULL;
}

static gint compare_proxies(gconstpointer a, gconstpointer b)
{
    GDBusProxy *first = *(GDBusProxy *const *)a;
    GDBusProxy *second = *(GDBusProxy *const *)b;
    const char *first_path = g_dbus_proxy_get_object_path(first);
    const char *second_path = g_dbus_proxy_get_object_path(second);
    guint64 m, n;
    /* Hosts and registrations end in numbers, but only siblings are ordered by them. */
    gsize first_stem = (gsize)(object_path_leaf(first_path) - first_path);
    gsize second_stem = (gsize)(object_path_leaf(second_path) - second_path);
    if (first_stem == second_stem && strncmp(first_path, second_path, first_stem) == 0 &&
        number_text_parse(&m, first_path + first_stem) == SIZE_OK &&
        number_text_parse(&n, second_path + second_stem) == SIZE_OK && m != n)
        return m < n ? -1 : 1;
    return strcmp(first_path, second_path);
}

static GPtrArray *collect(BusClient *self, const char *interface, const char *below)
{
    GPtrArray *proxies = g_ptr_array_new_with_free_func(g_object_unref);
    GList *objects = g_dbus_object_manager_get_objects(self->objects);
    for (GList *l = objects; l; l = l->next) {
        GDBusInterface *proxy = g_dbus_object_get_interface(l->data, interface);
        if (!proxy)
            continue;
        g_autofree char *lockspace = object_path_lockspace(g_dbus_object_get_object_path(l->data));
        if (!below || g_strcmp0(lockspace, below) == 0)
            g_ptr_array_add(proxies, proxy);
        else
            g_object_unref(proxy);
    }
    g_list_free_full(objects, g_object_unref);
    g_ptr_array_sort(proxies, compare_proxies);
    return proxies;
}

GPtrArray *bus_client_lockspaces(BusClient *self)
{
    return collect(self, BUS_INTERFACE("Lockspace"), NULL);
}

GPtrArray *bus_client_registrations(BusClient *self)
{
    return collect(self, BUS_INTERFACE("Registration"), NULL);
}

GPtrArray *bus_client_hosts(BusClient *self, const char *lockspace_path)
{
    return collect(self, BUS_INTERFACE("Host"), lockspace_path);
}

GPtrArray *bus_client_resources(BusClient *self, const char *lockspace_path)
{
    return collect(self, BUS_INTERFACE("Resource"), lockspace_path);
}

GPtrArray *bus_client_incidents(BusClient *self)
{
    return collect(self, BUS_INTERFACE("Incident"), NULL);
}

GPtrArray *bus_client_records(BusClient *self)
{
    return collect(self, BUS_INTERFACE("Record"), NULL);
}

BailiffBusRecord *bus_client_find_record(BusClient *self, const char *name, GError **error)
{
    g_autoptr(GPtrArray) records = bus_client_records(self);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < records->len; i++) {
        if (g_strcmp0(bailiff_bus_record_get_name(records->pdata[i]), name) == 0)
            return g_object_ref(records->pdata[i]);
        g_ptr_array_add(names, (gpointer)bailiff_bus_record_get_name(records->pdata[i]));
    }
    g_ptr_array_add(names, NULL);
    const char *near = nearest_word(name, (const char *const *)names->pdata);
    g_autofree char *cure =
        near ? g_strdup_printf(_("Did you mean '%s'?"), near)
             : g_strdup(_("See 'bailiffctl records'; 'bailiffctl join --persist' writes one."));
    ctl_set_error(error, CTL_EXIT_ERROR, cure, _("There is no record of a lockspace '%s'."), name);
    return NULL;
}

static void set_lockspace_not_found(GPtrArray *lockspaces, const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < lockspaces->len; i++) {
        BailiffBusLockspace *each = lockspaces->pdata[i];
        /* One that could not be joined is listed until somebody takes it away. */
        if (g_strcmp0(bailiff_bus_lockspace_get_state(each), "lost") != 0)
            g_ptr_array_add(names, (gpointer)bailiff_bus_lockspace_get_name(each));
    }
    gboolean none = names->len == 0;
    g_ptr_array_add(names, NULL);
    const char *const *list = (const char *const *)names->pdata;
    const char *near = nearest_word(name, list);

    g_autofree char *cure = NULL;
    if (near)
        cure = g_strdup_printf(_("Did you mean '%s'?"), near);
    else if (none)
        cure = g_strdup(_("It has joined none: see 'bailiffctl join --help'."));
    else {
        g_autofree char *all = g_strjoinv(", ", (char **)names->pdata);
        cure = g_strdup_printf(_("It has joined: %s."), all);
    }
    ctl_set_error(error, CTL_EXIT_ERROR, cure, _("This host has not joined a lockspace '%s'."),
                  name);
}

BailiffBusLockspace *bus_client_find_lockspace(BusClient *self, const char *name, GError **error)
{
    g_autoptr(GPtrArray) lockspaces = bus_client_lockspaces(self);
    for (guint i = 0; i < lockspaces->len; i++)
        if (g_strcmp0(bailiff_bus_lockspace_get_name(lockspaces->pdata[i]), name) == 0)
            return g_object_ref(lockspaces->pdata[i]);
    set_lockspace_not_found(lockspaces, name, error);
    return NULL;
}

BailiffBusRegistration *bus_client_find_registration(BusClient *self, const char *word,
                                                     GError **error)
{
    g_autoptr(GPtrArray) registrations = bus_client_registrations(self);
    BailiffBusRegistration *by_name = NULL;
    guint n_by_name = 0;
    for (guint i = 0; i < registrations->len; i++) {
        BailiffBusRegistration *registration = registrations->pdata[i];
        const char *path = g_dbus_proxy_get_object_path(G_DBUS_PROXY(registration));
        if (strcmp(path, word) == 0 || strcmp(object_path_leaf(path), word) == 0)
            return g_object_ref(registration);
        if (g_strcmp0(bailiff_bus_registration_get_name(registration), word) == 0) {
            by_name = registration;
            n_by_name++;
        }
    }
    if (n_by_name == 1)
        return g_object_ref(by_name);
    ctl_set_error(error, CTL_EXIT_ERROR,
                  _("The registrations and their numbers are in 'bailiffctl status'."),
                  n_by_name ? _("More than one registration has the name '%s'.")
                            : _("There is no registration '%s'."),
                  word);
    return NULL;
}

const char *object_path_leaf(const char *path)
{
    return strrchr(path, '/') + 1;
}

char *object_path_lockspace(const char *path)
{
    static const char prefix[] = BUS_PATH "/lockspaces/";
    if (!path || !g_str_has_prefix(path, prefix))
        return NULL;
    const char *name = path + strlen(prefix);
    return g_strndup(path, strlen(prefix) + strcspn(name, "/"));
}

GVariant *proxy_properties(gpointer proxy)
{
    GVariantDict properties;
    g_variant_dict_init(&properties, NULL);
    g_auto(GStrv) names = g_dbus_proxy_get_cached_property_names(proxy);
    for (gsize i = 0; names && names[i]; i++) {
        g_autoptr(GVariant) value = g_dbus_proxy_get_cached_property(proxy, names[i]);
        g_variant_dict_insert_value(&properties, names[i], value);
    }
    return g_variant_dict_end(&properties);
}

GVariant *proxy_read(gpointer proxy, const char *property, const GVariantType *type, int timeout_ms,
                     GError **error)
{
    g_autoptr(GVariant) reply = g_dbus_proxy_call_sync(
        proxy, "org.freedesktop.DBus.Properties.Get",
        g_variant_new("(ss)", g_dbus_proxy_get_interface_name(proxy), property),
        G_DBUS_CALL_FLAGS_NO_AUTO_START, timeout_ms, NULL, error);
    if (!reply)
        return NULL;
    g_autoptr(GVariant) value = NULL;
    g_variant_get(reply, "(v)", &value);
    if (!g_variant_is_of_type(value, type)) {
        ctl_set_error(error, CTL_EXIT_ERROR, _("Is bailiffd of the same version as bailiffctl?"),
                      _("bailiffd answered with a value of an unknown type."));
        return NULL;
    }
    return g_steal_pointer(&value);
}

GVariant *proxy_read_all(gpointer proxy, GError **error)
{
    g_autoptr(GVariant) reply =
        g_dbus_proxy_call_sync(proxy, "org.freedesktop.DBus.Properties.GetAll",
                               g_variant_new("(s)", g_dbus_proxy_get_interface_name(proxy)),
                               G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, error);
    return reply ? g_variant_get_child_value(reply, 0) : NULL;
}
