/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who would lose something if the daemon ended: whoever holds leases, walks a failure policy, or
 * waits to get lost leases again. Orphans are nobody's.
 */
#pragma once

#include "engine/engine.h"

gboolean lease_users_exist(BailiffEngine *engine);

/* Busy, with who holds what, while there are any. */
gboolean lease_users_check_none(BailiffEngine *engine, GError **error);

/* Busy, with the file, while somebody may use a lease of whom only a record is left that cannot be
 * read. */
gboolean lease_users_check_all_known(BailiffEngine *engine, GError **error);

/* "web (process 812): vg0/disk1, vg0/disk2; guest (domain ...): vg0/disk3"; free it. */
char *lease_users_describe(BailiffEngine *engine);

/* What the end waits for: "registration web (process 812, failing, 2 leases), lockspace a
 * (leaving)"; free it. */
char *lease_users_describe_remaining(BailiffEngine *engine);
