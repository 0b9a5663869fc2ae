/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The service manager (org.freedesktop.systemd1 on the bus): one object for the daemon, shared by
 * all units. While no unit is watched and no call is out, nothing is asked of it.
 */
#pragma once

#include <gio/gio.h>

#define BAILIFF_TYPE_SYSTEMD (bailiff_systemd_get_type())
G_DECLARE_FINAL_TYPE(BailiffSystemd, bailiff_systemd, BAILIFF, SYSTEMD, GObject)

BailiffSystemd *bailiff_systemd_new(void);

/* The bus that systemd is on; NULL while there is none. */
void bailiff_systemd_set_bus(BailiffSystemd *self, GDBusConnection *bus);
