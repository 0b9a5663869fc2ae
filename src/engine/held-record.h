/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registrations, written down in the runtime directory (which is memory, and gone with the boot):
 * HELD/ID, a small key file for each.
 *
 * If bailiffd dies, processes that hold leases go on, and nobody enforces anything for them. The
 * bailiffd that follows takes the registrations over as they are written here (succession.h). A
 * record that it cannot take over may be of somebody who uses leases: as long as that cannot be
 * ruled out no lockspace that it may use is joined, since to join would make other hosts believe
 * that the old holds are void.
 */
#pragma once

#include <glib.h>

#include "actions/target.h"
#include "common/saved-state.h"

/* The group of a record that this and bailiff_target_fill_record() write into. */
#define HELD_RECORD_GROUP SAVED_REGISTRATION_GROUP

/* What every record tells; `lockspaces`: in which it may hold leases, NULL-terminated. NULL with
 * IoError. */
GKeyFile *held_record_new(const char *name, BailiffTarget *target, const char *const *lockspaces,
                          GError **error);
/* Writes DIR/held/ID, whole or not at all. */
gboolean held_record_write(const char *runtime_dir, guint64 id, GKeyFile *record, GError **error);
/* Errors as those of runtime_file_load(). */
GKeyFile *held_record_load(const char *runtime_dir, guint64 id, GError **error);
/* Of guint64, in order: all that there are, also those that cannot be read. */
GArray *held_records_list(const char *runtime_dir);
/* Takes those out of `ids` whose records were removed; TRUE if there were any. That one cannot be
 * seen (the directory is a loop of links, say) does not tell that, nor that one of `never_there` is
 * not. */
gboolean held_records_drop_removed(const char *runtime_dir, GArray *ids, const GArray *never_there);
/* In the place of a record that is missing: a file that cannot be read as one, for somebody who may
 * be anybody. IoError. */
gboolean held_record_mark_missing(const char *runtime_dir, guint64 id, GError **error);
void held_record_remove(const char *runtime_dir, guint64 id);

/* Called before anything is joined: TRUE when no target of an earlier daemon lives that may use
 * `lockspace`. Records of those that are gone, or of an earlier boot, are removed. A record
 * that cannot be understood counts as alive. Only ids below `below_id` that `own` says FALSE of
 * count: the others are this daemon's own. Busy, naming the process or the file. */
typedef gboolean (*HeldRecordIsOwn)(guint64 id, gpointer user_data);
gboolean held_records_check(const char *runtime_dir, guint64 below_id, HeldRecordIsOwn own,
                            gpointer user_data, const char *lockspace, GError **error);

/* The highest id in use by records, so that new ones do not collide. */
guint64 held_records_highest_id(const char *runtime_dir);
