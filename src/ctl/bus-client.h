/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffd on the system bus, as a one-shot program sees it: a connection, the manager, and all
 * objects with the values that their properties had when the client was made.
 */
#pragma once

#include "bailiff-bus-generated.h"

#define BUS_NAME "org.bailiff.Bailiff1"
#define BUS_PATH "/org/bailiff/Bailiff1"
#define BUS_MANAGER_PATH BUS_PATH "/Manager"
#define BUS_INTERFACE(name) BUS_NAME "." name

/* For calls that last as long as storage or a person needs: the daemon bounds them. */
#define BUS_NO_TIME_LIMIT G_MAXINT

typedef struct BusClient {
    GDBusConnection *connection;
    BailiffBusManager *manager;
    GDBusObjectManager *objects; /* NULL until bus_client_load() */
} BusClient;

/* Connects to the system bus (DBUS_SYSTEM_BUS_ADDRESS, if set). The connection's end does not end
 * the program. */
GDBusConnection *bus_connect(GError **error);

/* FALSE with an error when none runs. For verbs that have nothing to say to one that is started by
 * their call. */
gboolean bus_check_daemon_runs(GError **error);

/* Fails with CTL_ERROR when there is no bus or no daemon, or it answers nothing for 10 s. Of a
 * daemon of another version it tells on standard error. */
BusClient *bus_client_new(GError **error);
void bus_client_free(BusClient *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BusClient, bus_client_free)

/* Fetches all objects; afterwards they follow the daemon's signals while the main loop runs. */
gboolean bus_client_load(BusClient *self, GError **error);

/* New arrays of proxies with references, ordered by name or number. */
GPtrArray *bus_client_lockspaces(BusClient *self);
GPtrArray *bus_client_registrations(BusClient *self);
/* Of one lockspace; NULL: of all. */
GPtrArray *bus_client_hosts(BusClient *self, const char *lockspace_path);
GPtrArray *bus_client_resources(BusClient *self, const char *lockspace_path);

GPtrArray *bus_client_incidents(BusClient *self);
GPtrArray *bus_client_records(BusClient *self);

/* A new reference. NotFound (CTL_ERROR) with what there is. */
BailiffBusLockspace *bus_client_find_lockspace(BusClient *self, const char *name, GError **error);
/* The same. */
BailiffBusRecord *bus_client_find_record(BusClient *self, const char *name, GError **error);
/* By number, object path, or a name that only one has. */
BailiffBusRegistration *bus_client_find_registration(BusClient *self, const char *word,
                                                     GError **error);

/* The last element of an object path. */
const char *object_path_leaf(const char *path);

/* The object path of the lockspace that an object at `path` belongs to; NULL when to none. */
char *object_path_lockspace(const char *path);

/* All properties that the proxy knows, a{sv}; floating. */
GVariant *proxy_properties(gpointer proxy);

/* One property as the daemon has it now, not as it was announced; NULL with an error. Waits for at
 * most `timeout_ms`. */
GVariant *proxy_read(gpointer proxy, const char *property, const GVariantType *type, int timeout_ms,
                     GError **error);

/* All properties as the daemon has them now, a{sv}: also those that are told to nobody who does not
 * ask. A full reference; NULL with an error. */
GVariant *proxy_read_all(gpointer proxy, GError **error);
