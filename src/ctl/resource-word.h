/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A held resource as a person writes it: LOCKSPACE/RESOURCE, or its object path.
 */
#pragma once

#include "ctl/bus-client.h"

gboolean resource_is_word(BailiffBusResource *resource, const char *word);

/* One of the registrations that hold it is at `registration_path`. */
gboolean resource_is_held_by(BailiffBusResource *resource, const char *registration_path);

/* A new reference; `registration_path`: held by that one; NULL: by anybody on this host. */
BailiffBusResource *find_resource_word(BusClient *client, const char *registration_path,
                                       const char *word, GError **error);
