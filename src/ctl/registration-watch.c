/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/registration-watch.h"

#include "ctl/bus-client.h"

enum {
    PROPERTIES,
    REMOVAL,
    OWNER,
    N_SUBSCRIPTIONS,
};

struct RegistrationWatch {
    GDBusConnection *bus;
    GMainContext *context;
    guint subscriptions[N_SUBSCRIPTIONS];
    gboolean changed;
};

static void on_signal(GDBusConnection *bus, const char *sender, const char *path,
                      const char *interface, const char *name, GVariant *arguments,
                      gpointer user_data)
{
    ((RegistrationWatch *)user_data)->changed = TRUE;
}

RegistrationWatch *registration_watch_new(GDBusConnection *bus, const char *path)
{
    RegistrationWatch *self = g_new0(RegistrationWatch, 1);

    self->bus = g_object_ref(bus);
    self->context = g_main_context_new();
    g_main_context_push_thread_default(self->context);
    self->subscriptions[PROPERTIES] = g_dbus_connection_signal_subscribe(
        bus, BUS_NAME, "org.freedesktop.DBus.Properties", "PropertiesChanged", path, NULL,
        G_DBUS_SIGNAL_FLAGS_NONE, on_signal, self, NULL);
    /* Of whatever object: GDBus compares strings only, and this argument is none. */
    self->subscriptions[REMOVAL] = g_dbus_connection_signal_subscribe(
        bus, BUS_NAME, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved", BUS_PATH, NULL,
        G_DBUS_SIGNAL_FLAGS_NONE, on_signal, self, NULL);
    self->subscriptions[OWNER] = g_dbus_connection_signal_subscribe(
        bus, "org.freedesktop.DBus", "org.freedesktop.DBus", "NameOwnerChanged",
        "/org/freedesktop/DBus", BUS_NAME, G_DBUS_SIGNAL_FLAGS_NONE, on_signal, self, NULL);
    g_main_context_pop_thread_default(self->context);
    return self;
}

void registration_watch_free(RegistrationWatch *self)
{
    for (guint i = 0; i < N_SUBSCRIPTIONS; i++)
        g_dbus_connection_signal_unsubscribe(self->bus, self->subscriptions[i]);
    g_main_context_unref(self->context);
    g_object_unref(self->bus);
    g_free(self);
}

static gboolean on_time(gpointer user_data)
{
    *(gboolean *)user_data = TRUE;
    return G_SOURCE_REMOVE;
}

gboolean registration_watch_wait(RegistrationWatch *self, gint64 until_us)
{
    gboolean changed;
    gint64 left_us = MAX(until_us - g_get_monotonic_time(), 0);
    g_autoptr(GSource) limit = g_timeout_source_new((guint)(left_us / 1000));
    gboolean is_late = FALSE;

    g_source_set_callback(limit, on_time, &is_late, NULL);
    g_source_attach(limit, self->context);
    while (!self->changed && !is_late)
        g_main_context_iteration(self->context, TRUE);
    g_source_destroy(limit);
    changed = self->changed;
    self->changed = FALSE;
    return changed;
}
