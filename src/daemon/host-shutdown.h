/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of the host, as far as logind (org.freedesktop.login1) tells of it beforehand.
 *
 * While lockspaces are joined the host waits a moment with its shutdown (a delay inhibitor). When
 * it begins, every lockspace that nobody uses is left, which takes one write, and then the host
 * goes on: systemd, libvirt-guests and logind stop who uses the others, each with the patience of
 * its own, and each of those lockspaces is left when its last user is gone. So the host leases are
 * given back before the storage goes away, and the next join need not wait for them to expire.
 *
 * Nothing is taken from anybody here. What is in use at the end of the daemon is the end of the
 * daemon's business (host_shutdown_wait_async()).
 */
#pragma once

#include "engine/engine.h"

typedef struct HostShutdown HostShutdown;

/* Takes a reference to the engine. */
HostShutdown *host_shutdown_new(BailiffEngine *engine);
void host_shutdown_free(HostShutdown *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostShutdown, host_shutdown_free)

/* The bus that logind is on; NULL while there is none. */
void host_shutdown_set_bus(HostShutdown *self, GDBusConnection *bus);

/* Calls back when nobody holds leases any more: at once, unless the host shuts down, whose service
 * manager ends them; then after HOST_SHUTDOWN_PATIENCE_SECONDS at the latest. Once at a time. */
void host_shutdown_wait_async(HostShutdown *self, GAsyncReadyCallback callback, gpointer user_data);
void host_shutdown_wait_finish(HostShutdown *self, GAsyncResult *result);

/* systemd gives a unit 90 seconds as a rule (DefaultTimeoutStopSec=) before it kills it, and this
 * daemon's unit three minutes: there is time to walk failure policies after it. */
#define HOST_SHUTDOWN_PATIENCE_SECONDS 95u
