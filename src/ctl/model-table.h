/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables of the daemon's objects, and the colours of their states.
 */
#pragma once

#include "ctl/bus-client.h"
#include "ctl/output.h"

TableColor state_color(const char *state);

/* Ready to be printed; what there is of times is counted from `now_us`. */
OutputTable *hosts_table(GPtrArray *hosts, guint64 now_us);
OutputTable *resources_table(BusClient *client, GPtrArray *resources);
OutputTable *registrations_table(GPtrArray *registrations);

/* aa{sv}, floating: the properties of each. */
GVariant *proxies_to_variant(GPtrArray *proxies);

/* Of registrations, also what names them: Registration, the object's path, as Resource.Registration
 * has it, and Number, the last part of that. Floating. */
GVariant *registration_to_variant(gpointer registration);
GVariant *registrations_to_variant(GPtrArray *registrations);

/* "PATH" or "PATH:OFFSET", as it is typed. */
char *place_text(const char *path, guint64 offset);
