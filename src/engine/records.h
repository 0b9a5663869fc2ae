/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lockspace records of this host: what iscsid does with its node records.
 *
 * Those with Startup=automatic are joined when the daemon starts, and again when they are lost or
 * could not be joined, with growing delay, as long as that can heal by itself: storage that is not
 * there yet, does not answer, or answers with errors; an earlier daemon that has not ended; a host
 * id that another live host has. What a person has to mend (damaged records, a host id that was
 * given twice, sizes that do not fit) is said once, and not tried again until somebody edits the
 * record, joins the lockspace, or starts the daemon anew. Who leaves a lockspace ends it, too.
 *
 * A lockspace of whatever origin that has the name of a record counts as the record's.
 */
#pragma once

#include "engine/engine.h"
#include "engine/record.h"

/*
 * Signals, each with a BailiffRecord:
 *   record-added, record-removed
 * and without:
 *   loaded: what was to be read has been
 */
#define BAILIFF_TYPE_RECORDS (bailiff_records_get_type())
G_DECLARE_FINAL_TYPE(BailiffRecords, bailiff_records, BAILIFF, RECORDS, GObject)

/* `engine` owns it. `directory` NULL: there are no records, and none can be written. Nothing is
 * read yet. */
BailiffRecords *bailiff_records_new(BailiffEngine *engine, const char *directory);

/* The engine goes: nothing is called back, read, written or joined any more. */
void bailiff_records_close(BailiffRecords *self);

/* Reads the records, and joins those that are automatic and not joined, lost, or being joined. To
 * be called once, when whatever a former daemon has left is taken care of. */
void bailiff_records_start(BailiffRecords *self);

/* Reads them again: what is new is as at the start, what is gone or has changed is so from now on.
 * What was joined stays joined. */
void bailiff_records_reload(BailiffRecords *self);
/* They are being read. */
gboolean bailiff_records_are_loading(BailiffRecords *self);

/* The state of a lockspace has changed. TRUE: it is lost, and joined again by its record. */
gboolean bailiff_records_lockspace_changed(BailiffRecords *self, BailiffLockspace *lockspace);
/* A lockspace of that name is being joined, by whomever. */
void bailiff_records_lockspace_joining(BailiffRecords *self, const char *name);
/* Somebody leaves a lockspace of that name. */
void bailiff_records_lockspace_left(BailiffRecords *self, const char *name);
/* The daemon is stopped by somebody: what was left is joined again when it is started. */
void bailiff_records_forget_left(BailiffRecords *self);
/* There is no such lockspace any more. */
void bailiff_records_lockspace_removed(BailiffRecords *self, const char *name);

/* Borrowed; NULL when there is none. */
BailiffRecord *bailiff_records_find(BailiffRecords *self, const char *name);
/* (element-type BailiffRecord) new array with references, ordered by name. */
GPtrArray *bailiff_records_list(BailiffRecords *self);
/* Some of them are still to be joined: the daemon is needed. */
gboolean bailiff_records_are_waiting(BailiffRecords *self);

/* Writes a record, in the place of one of that name. Errors: InvalidArgument, Unsupported (there is
 * no directory), Busy (another change of it is under way), IoError, NotAuthorized. What was chosen
 * for a host id is kept. An automatic record that waits, or has failed, is tried at once. */
void bailiff_records_put_async(BailiffRecords *self, const LockspaceSettings *settings,
                               GAsyncReadyCallback callback, gpointer user_data);
/* Removes the file of a record, also of one that is refused. The lockspace stays as it is, but is
 * not tried to be joined any more. */
void bailiff_records_forget_async(BailiffRecords *self, BailiffRecord *record,
                                  GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_records_finish(BailiffRecords *self, GAsyncResult *result, GError **error);

/* Joins what a record is about, now. Errors as those of bailiff_engine_join_as(), InvalidArgument
 * for a record that is refused. Borrowed. */
BailiffLockspace *bailiff_records_join(BailiffRecords *self, BailiffRecord *record, GError **error);
/* Nobody tries to join it any more, until somebody joins it, or the daemon is stopped and
 * started. */
void bailiff_records_stop_joining(BailiffRecords *self, BailiffRecord *record);
