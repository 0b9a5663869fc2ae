/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The object /org/freedesktop/LogControl1, by which an administrator changes what the running
 * daemon logs: `systemctl service-log-level bailiffd debug`.
 *
 * It is not below the path of the object manager, where everybody else looks for it. Its properties
 * can be written, so a write goes the way of a method call (dbus/method-call.h) with a polkit
 * action of its own: GDBus gives it to the handler of methods, since none for writes is named.
 */
#pragma once

#include "common/log-writer.h"
#include "dbus/bus-service.h"

#define LOG_CONTROL_PATH "/org/freedesktop/LogControl1"

#define BAILIFF_TYPE_LOG_CONTROL (bailiff_log_control_get_type())
G_DECLARE_FINAL_TYPE(BailiffLogControl, bailiff_log_control, BAILIFF, LOG_CONTROL, GObject)

/* Both are borrowed, and live longer. */
BailiffLogControl *bailiff_log_control_new(BailiffBusService *service, LogWriter *log);
/* NULL: nowhere any more. */
void bailiff_log_control_set_connection(BailiffLogControl *self, GDBusConnection *connection);
