/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of a record, for records.c, which decides what becomes of it.
 */
#pragma once

#include "common/boottime-timer.h"
#include "engine/engine.h"
#include "engine/record.h"

struct _BailiffRecord {
    GObject parent_instance;

    BailiffRecords *records; /* owns us; NULL once removed */
    BailiffEngine *engine;   /* owns `records` */
    char *name;
    char *path;
    LockspaceSettings *settings;
    char *last_error;
    char *said; /* the last error that went to the log: each is said once */
    gboolean failed;
    gboolean left; /* by somebody: until the daemon is started again, or until it is joined */
    gboolean busy; /* a write or a removal of its file is under way */
    guint delay_seconds;
    guint64 next_attempt_us; /* 0: none */
    BoottimeTimer *timer;
};

BailiffRecord *bailiff_record_new(BailiffRecords *records, BailiffEngine *engine, const char *name,
                                  const char *path, BoottimeTimerFunc on_timer);
void bailiff_record_changed(BailiffRecord *self);
/* Takes over both; exactly one of them is NULL. */
void bailiff_record_take(BailiffRecord *self, LockspaceSettings *settings, char *refusal);
void bailiff_record_set_error(BailiffRecord *self, const char *message);
/* 0: none. */
void bailiff_record_set_next_attempt(BailiffRecord *self, guint64 when_us);
