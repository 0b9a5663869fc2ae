/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loaded before a program's libraries (LD_PRELOAD): the program is killed as soon as its first call
 * of the D-Bus method $CRASH_AT_CALL has left it, before its next line. No signal from outside hits
 * such an instant.
 */
#include <dlfcn.h>
#include <gio/gio.h>
#include <signal.h>

typedef void (*Call)(GDBusConnection *connection, const char *bus_name, const char *path,
                     const char *interface, const char *method, GVariant *parameters,
                     const GVariantType *reply_type, GDBusCallFlags flags, int timeout_msec,
                     GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

__attribute__((visibility("default"))) void
g_dbus_connection_call(GDBusConnection *connection, const char *bus_name, const char *path,
                       const char *interface, const char *method, GVariant *parameters,
                       const GVariantType *reply_type, GDBusCallFlags flags, int timeout_msec,
                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
    Call real = (Call)dlsym(RTLD_NEXT, "g_dbus_connection_call");

    real(connection, bus_name, path, interface, method, parameters, reply_type, flags, timeout_msec,
         cancellable, callback, user_data);
    if (g_strcmp0(method, g_getenv("CRASH_AT_CALL")) != 0)
        return;
    g_dbus_connection_flush_sync(connection, NULL, NULL);
    (void)raise(SIGKILL);
}
