/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of the records, shared by records.c (the list, and when they are joined) and
 * records-change.c (their files).
 */
#pragma once

#include "engine/record-private.h"
#include "engine/record-store.h"
#include "engine/records.h"

struct _BailiffRecords {
    GObject parent_instance;

    BailiffEngine *engine; /* owns us */
    GHashTable *records;   /* name, the record's -> BailiffRecord */
    RecordStore *store;    /* NULL: there is no directory */
    char *host_key;        /* for what host ids are chosen */
    GHashTable *left;      /* names of lockspaces that somebody has left (left-lockspaces.h) */
    gboolean started;
    guint loading; /* how many reads of the directory are under way */
    char *said; /* what is wrong with the directory, said once */
};

/* records.c. Takes over `settings` and `refusal`, one of which is NULL. Borrowed. */
BailiffRecord *records_add(BailiffRecords *self, const char *name, const char *path,
                           LockspaceSettings *settings, char *refusal);
void records_remove(BailiffRecords *self, BailiffRecord *record);
/* Joins it when it is automatic and was not left. */
void records_begin(BailiffRecord *record);

/* records-change.c */
/* Its settings are others now: what was tried in vain with the old ones is tried at once. */
void records_changed(BailiffRecord *record);
/* Writes what was chosen for a record, in the background. */
void records_keep(BailiffRecords *self, BailiffRecord *record, const LockspaceSettings *settings);
