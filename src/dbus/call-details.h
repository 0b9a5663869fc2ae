/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a polkit rule can know of a call.
 */
#pragma once

#include <gio/gio.h>

/* An a{ss}, full reference. The keys, each where the call has it: method, lockspace, resource,
 * path, host-id, registration (its name), unit, domain, pid, uid (of who registered what is called,
 * or of the process to be registered). Of several leases in one call: lockspace and path only when
 * they all agree, resource all names, with blanks between them. `interface` is the skeleton that
 * was called. */
GVariant *call_details_new(GDBusMethodInvocation *invocation, gpointer interface);
