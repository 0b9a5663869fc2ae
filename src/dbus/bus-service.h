/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine on D-Bus: one object for everything that the engine has, from when it appears there
 * until it goes.
 *
 * The engine knows nothing of this layer. Objects here watch engine objects by their signals and
 * properties, hold references to them, and act on them by their public functions.
 */
#pragma once

#include <gio/gio.h>

#include "common/log-writer.h"
#include "dbus/daemon-control.h"
#include "dbus/passing-changes.h"
#include "engine/engine.h"

#define BAILIFF_BUS_NAME "org.bailiff.Bailiff1"

#define BAILIFF_TYPE_BUS_SERVICE (bailiff_bus_service_get_type())
G_DECLARE_FINAL_TYPE(BailiffBusService, bailiff_bus_service, BAILIFF, BUS_SERVICE, GObject)

BailiffBusService *bailiff_bus_service_new(BailiffEngine *engine, const char *version);

/* Before it is started. `control` is borrowed, and lives longer; without one the methods that need
 * it answer Unsupported. */
void bailiff_bus_service_set_daemon_control(BailiffBusService *self, const DaemonControl *control);

/* The same for the log that can be changed over the bus; without one there is no LogControl1. */
void bailiff_bus_service_set_log(BailiffBusService *self, LogWriter *log);

/* Connects to the bus and takes the name, with everything already in its place. Errors as those of
 * bailiff_bus_presence_start_async(); after success a lost bus is searched for without end. */
void bailiff_bus_service_start_async(BailiffBusService *self, GBusType bus,
                                     GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_bus_service_start_finish(BailiffBusService *self, GAsyncResult *result,
                                          GError **error);

/* Leaves the bus, and loses no call that came before it: gives up the name, so that the bus keeps
 * what is sent to it from then on for the next daemon; answers what has come, within `answer_ms`;
 * and closes the connection once the last messages are out, or after another second. */
void bailiff_bus_service_stop_async(BailiffBusService *self, guint answer_ms,
                                    GAsyncReadyCallback callback, gpointer user_data);
void bailiff_bus_service_stop_finish(BailiffBusService *self, GAsyncResult *result);

/* Calls that are in progress, and when the latest call came (g_get_monotonic_time(); 0: none has).
 */
guint bailiff_bus_service_count_calls(BailiffBusService *self);
gint64 bailiff_bus_service_get_last_call(BailiffBusService *self);

/* What follows is for the objects of this layer. */

BailiffEngine *bailiff_bus_service_get_engine(BailiffBusService *self);
const DaemonControl *bailiff_bus_service_get_daemon_control(BailiffBusService *self);

/* Borrowed: the interface of this type (a GDBusInterfaceSkeleton) of the object at `path`; NULL
 * when there is none, and when the object there is of another kind. */
gpointer bailiff_bus_service_find(BailiffBusService *self, const char *path, GType type);

/* Shows `interface` as an object at `path`, instead of what is there. */
void bailiff_bus_service_show(BailiffBusService *self, const char *path,
                              GDBusInterfaceSkeleton *interface);
/* What is shown there, and what of it is not announced yet. */
void bailiff_bus_service_hide(BailiffBusService *self, const char *path,
                              GDBusInterfaceSkeleton *interface);

/* `interface` has changes that have not been announced. They will be before the next reply of any
 * method, so that a caller who got a reply has seen everything that led to it. */
void bailiff_bus_service_changed(BailiffBusService *self, GDBusInterfaceSkeleton *interface);
void bailiff_bus_service_flush(BailiffBusService *self);

/* For those that will soon be over: no reply waits for them. */
PassingChanges *bailiff_bus_service_get_passing_changes(BailiffBusService *self);
