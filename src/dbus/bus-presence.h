/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Being on the bus under a well-known name, and coming back to it.
 *
 * Leases are kept whether there is a bus or not: a bus that goes is a line in the log and a search
 * for it that goes on, never the end of the daemon. Only the very first attempt can fail: then
 * nothing is held yet and somebody is there to read the message.
 */
#pragma once

#include <gio/gio.h>

/*
 * Signals:
 *   connected (GDBusConnection)   before the name is asked for: the moment to export objects
 *   lost ()                       the connection of the last `connected` is gone
 */
#define BAILIFF_TYPE_BUS_PRESENCE (bailiff_bus_presence_get_type())
G_DECLARE_FINAL_TYPE(BailiffBusPresence, bailiff_bus_presence, BAILIFF, BUS_PRESENCE, GObject)

BailiffBusPresence *bailiff_bus_presence_new(const char *name);

/* Before the start: a first attempt that fails is as one that fails later, and tried again without
 * end. For who holds something already. */
void bailiff_bus_presence_set_persists(BailiffBusPresence *self, gboolean persists);

/* Before the start: whoever has the name, and lets it be taken away, loses it. */
void bailiff_bus_presence_set_replaces(BailiffBusPresence *self, gboolean replaces);

/* Connects to the bus and takes the name; once this has worked it is kept up until
 * bailiff_bus_presence_stop_async(). AlreadyExists (naming the process) when somebody has the name,
 * NotAuthorized when the bus refuses it, IoError when there is no bus. */
void bailiff_bus_presence_start_async(BailiffBusPresence *self, GBusType bus,
                                      GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_bus_presence_start_finish(BailiffBusPresence *self, GAsyncResult *result,
                                           GError **error);

/* Gives up the name, within a second: what is sent to it from then on does not come here any more.
 */
void bailiff_bus_presence_release_async(BailiffBusPresence *self, GAsyncReadyCallback callback,
                                        gpointer user_data);
void bailiff_bus_presence_release_finish(BailiffBusPresence *self, GAsyncResult *result);

/* Sends what is still to be sent, within a second, and leaves the bus for good. */
void bailiff_bus_presence_stop_async(BailiffBusPresence *self, GAsyncReadyCallback callback,
                                     gpointer user_data);
void bailiff_bus_presence_stop_finish(BailiffBusPresence *self, GAsyncResult *result);
