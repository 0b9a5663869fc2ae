/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and writing lockspace records without waiting for their disk: one request after the
 * other, each in a thread of its own that nobody waits for. Where the disk hangs the requests
 * behind wait, a bounded number of them; what was asked for first is done first.
 */
#pragma once

#include <gio/gio.h>

#include "engine/record-directory.h"

typedef struct RecordStore RecordStore;

RecordStore *record_store_new(const char *directory);
/* Requests under way go on; nobody is called back any more. */
void record_store_free(RecordStore *self);

/* The directory's name, for people. */
const char *record_store_get_directory(const RecordStore *self);

/* Each calls back once, with the errors of record-directory.h, or Busy. Strings and settings are
 * copied. */
void record_store_load_async(RecordStore *self, GAsyncReadyCallback callback, gpointer user_data);
GPtrArray *record_store_load_finish(GAsyncResult *result, GError **error);
void record_store_write_async(RecordStore *self, const LockspaceSettings *settings,
                              GAsyncReadyCallback callback, gpointer user_data);
void record_store_remove_async(RecordStore *self, const char *name, GAsyncReadyCallback callback,
                               gpointer user_data);
/* Of a write or a removal. */
gboolean record_store_finish(GAsyncResult *result, GError **error);
