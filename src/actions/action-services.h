/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * By what actions reach the world. Each may be NULL: the actions that need it then fail at once,
 * with the reason.
 *
 * The bus may be awaited: the daemon was started a moment ago to go on with what another one has
 * begun, or it is about to leave the bus for the one that goes on. What fails for want of the bus
 * meanwhile has not failed for good, and is asked for again when the bus is there. A bus that goes
 * away at any other time is not awaited: nobody knows whether it comes back, and the next step is
 * the better one then.
 */
#pragma once

#include <gio/gio.h>

#include "actions/launcher.h"
#include "actions/libvirt.h"
#include "actions/systemd.h"

typedef struct ActionServices {
    GDBusConnection
        *bus;          /* the bus that logind is on; another one when it was lost and came back */
    guint bus_changes; /* how often it came or went */
    gboolean bus_is_awaited;
    BailiffLibvirt *libvirt;
    BailiffSystemd *systemd;
    Launcher *launcher; /* borrowed */
} ActionServices;

/* Without a bus. `libvirt_driver`, `libvirt_run_dir`: see bailiff_libvirt_new(); NULL: the usual
 * ones. */
void action_services_init(ActionServices *ret, const char *libvirt_driver,
                          const char *libvirt_run_dir, Launcher *launcher);
void action_services_clear(ActionServices *self);

/* NULL: there is none any more. One that has come is not awaited. */
void action_services_set_bus(ActionServices *self, GDBusConnection *bus);
