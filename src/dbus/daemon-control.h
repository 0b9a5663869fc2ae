/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What callers on the bus can ask of the daemon as a process, which this layer knows nothing of:
 * only the daemon's own beginning and end know how it is done.
 */
#pragma once

#include <gio/gio.h>

typedef struct DaemonSuccessor {
    const char *watchdog; /* its setting; NULL: it does not say. Borrowed for the call */
    GCancellable *gone;   /* cancelled when it has left the bus */
} DaemonSuccessor;

typedef struct DaemonControl {
    gpointer daemon; /* handed to each of the others; lives longer than the service */

    /* Reads the configuration again; the error says what is wrong with it, and that nothing has
     * changed. */
    void (*reload_async)(gpointer daemon, GAsyncReadyCallback callback, gpointer user_data);
    gboolean (*reload_finish)(gpointer daemon, GAsyncResult *result, GError **error);

    /* Goes on as another process: executes its program anew, or ends for the successor that was
     * started to take its place. Finished when nothing is in the way any more and the reply is to
     * be sent: it happens right after that. Busy when storage does not answer, or the successor is
     * gone. */
    void (*succeed_async)(gpointer daemon, const DaemonSuccessor *successor,
                          GAsyncReadyCallback callback, gpointer user_data);
    gboolean (*succeed_finish)(gpointer daemon, GAsyncResult *result, GError **error);

    /* Gives all leases back and ends; calls back when they are, before the bus is left. Without
     * `force` refused (Busy) while anybody holds leases. */
    void (*stop_async)(gpointer daemon, gboolean force, GAsyncReadyCallback callback,
                       gpointer user_data);
    gboolean (*stop_finish)(gpointer daemon, GAsyncResult *result, GError **error);

    /* The bus is this one from now on; NULL: there is none. */
    void (*bus_changed)(gpointer daemon, GDBusConnection *bus);
} DaemonControl;
