/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Manager.RegisterProcess(), RegisterPid(), RegisterUnit(), RegisterDomain(): who it is that will
 * hold leases.
 */
#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include "dbus/bus-service.h"

gboolean register_process_method(BailiffBusService *service, gpointer target,
                                 GDBusMethodInvocation *invocation, GUnixFDList *fd_list,
                                 gint32 handle, const char *name, GVariant *options);

gboolean register_pid_method(BailiffBusService *service, gpointer target,
                             GDBusMethodInvocation *invocation, guint32 pid, const char *name,
                             GVariant *options);

gboolean register_unit_method(BailiffBusService *service, gpointer target,
                              GDBusMethodInvocation *invocation, const char *unit,
                              GVariant *options);

gboolean register_domain_method(BailiffBusService *service, gpointer target,
                                GDBusMethodInvocation *invocation, const char *uuid,
                                GVariant *options);
