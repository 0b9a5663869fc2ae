/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who holds leases, written down in the runtime directory (which is memory, and gone with the
 * boot).
 *
 * If bailiffd dies, processes that hold leases go on, and nobody enforces anything for them. A new
 * bailiffd that joined the lockspace again would make other hosts believe that the old holds are
 * void: so it refuses to join while such a process lives. One small file for each registration,
 * written before its first lease is granted, removed when it is cleared, or has held nothing for a
 * moment.
 */
#pragma once

#include <glib.h>

#include "actions/target.h"

/* Writes DIR/held/ID, atomically. `lockspaces`: NULL-terminated names. */
gboolean held_record_write(const char *runtime_dir, guint64 id, const char *name,
                           BailiffTarget *target, const char *const *lockspaces, GError **error);
void held_record_remove(const char *runtime_dir, guint64 id);

/* Called before anything is joined: TRUE when no target of an earlier daemon lives that may use
 * `lockspace`. Records of those that are gone, or of an earlier boot, are removed. A record
 * that cannot be understood counts as alive. Only ids below `below_id` count: the others are this
 * daemon's own. Busy, naming the process or the file. */
gboolean held_records_check(const char *runtime_dir, guint64 below_id, const char *lockspace,
                            GError **error);

/* The highest id in use by records, so that new ones do not collide. */
guint64 held_records_highest_id(const char *runtime_dir);
