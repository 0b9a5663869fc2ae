/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of systemd units that can be registered: those that may have processes of their own.
 */
#pragma once

#include <glib.h>

/* A name as systemd.unit(5) has it ("a.service", "b@1.service", not "b@.service", which is only a
 * template), of a service, scope or slice. */
gboolean unit_name_is_valid(const char *name);

/* The interface of org.freedesktop.systemd1 for what is special of its type: "...systemd1.Service"
 * and so on. NULL when the name is not valid. */
const char *unit_name_get_interface(const char *name);
