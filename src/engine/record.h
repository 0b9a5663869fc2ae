/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lockspace record: a file that says how a lockspace is joined, and how that is going.
 */
#pragma once

#include <gio/gio.h>

#include "engine/engine.h"
#include "engine/lockspace-settings.h"

/*
 * What becomes of it:
 *   refused   the file is not understood, or not to be trusted
 *   idle      nobody tries to join it: it is manual, or somebody has left it
 *   waiting   it is joined again at the next attempt
 *   failed    trying again would be of no use; a person has to mend something
 *   joined    there is a lockspace of that name, whose own state tells more
 */
typedef enum BailiffRecordState {
    BAILIFF_RECORD_REFUSED,
    BAILIFF_RECORD_IDLE,
    BAILIFF_RECORD_WAITING,
    BAILIFF_RECORD_FAILED,
    BAILIFF_RECORD_JOINED,
} BailiffRecordState;

/* Signal: changed (), when anything of it has. */
#define BAILIFF_TYPE_RECORD (bailiff_record_get_type())
G_DECLARE_FINAL_TYPE(BailiffRecord, bailiff_record, BAILIFF, RECORD, GObject)

/* After the file; that of the lockspace, unless it is refused. */
const char *bailiff_record_get_name(BailiffRecord *self);
const char *bailiff_record_get_path(BailiffRecord *self); /* of the file, printable */
/* NULL: refused. */
const LockspaceSettings *bailiff_record_get_settings(BailiffRecord *self);
BailiffRecordState bailiff_record_get_state(BailiffRecord *self);
/* The word for it: the lockspace's state when there is one, else as above. */
const char *bailiff_record_get_state_name(BailiffRecord *self);
/* Why it is refused, or why the last attempt did not work; empty: there is nothing to say. */
const char *bailiff_record_get_last_error(BailiffRecord *self);
/* While it waits: CLOCK_BOOTTIME, microseconds. Else 0. */
guint64 bailiff_record_get_next_attempt(BailiffRecord *self);
