/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of resource leases that are over, kept for a moment: who takes a resource again and again
 * finds its file at its place and writes it there, instead of removing it and making it anew.
 *
 * A void file is to every reader what no file is (runtime_file_make_void()): nothing of the lease
 * is left on disk, and the next bailiffd has nothing to give back. So it makes no difference when
 * this daemon is killed, nor whether a void file is removed by this one or by the next.
 *
 *   written (resource-saved.c) ──► void, when its lease is gone ──► removed after one to two
 * seconds ▲                              │ └────── acquired again ────────┘
 */
#pragma once

#include <glib.h>

/* At the same time; what comes beyond them is removed at once. */
#define VOID_RECORDS_MAX 1024u

typedef struct VoidRecords VoidRecords;

/* `runtime_dir` has to live as long. */
VoidRecords *void_records_new(const char *runtime_dir);
/* Removes all. */
void void_records_free(VoidRecords *self);

/* The lease is over, and so is what its file tells. */
void void_records_put(VoidRecords *self, const char *lockspace, const char *name);
/* Its file is to be written again, or has been: it is nobody's to remove any more. */
void void_records_take(VoidRecords *self, const char *lockspace, const char *name);
/* When another program or process goes on with the files. */
void void_records_remove_all(VoidRecords *self);
