/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A look at storage: what it is, whether it can be opened for direct I/O, how long reads take.
 *
 * Every step can block for ever. So the probe runs in a thread that nobody waits for, and what it
 * has found is to be had at any moment from another one, also what it is stuck in. It never writes:
 * nobody knows whose data is there.
 */
#pragma once

#include <glib.h>

typedef struct StorageProbe StorageProbe;

typedef enum StorageStage {
    STORAGE_LOOKING_UP, /* path and file system */
    STORAGE_OPENING,
    STORAGE_READING,
    STORAGE_ENDED,
} StorageStage;

typedef struct StorageFacts {
    StorageStage stage;
    guint64 stage_since_us; /* boottime; while reading: the start of the read that is out, or 0 */
    gboolean known;         /* the next four are */
    gboolean block_device;  /* else a file */
    guint64 file_system;    /* statfs(2): f_type of the file's file system */
    guint32 owner, mode;    /* of the file or device node */
    GError *open_error;     /* why it cannot be opened at all */
    GError *write_error;    /* why it can be opened for reading only */
    gboolean opened;        /* the next two are known */
    guint64 size;           /* bytes */
    guint32 block_size;     /* the least that can be read or written, bytes */
    gboolean too_small;     /* there is no room for an area at the offset */
    guint32 area_size;      /* bytes of each read */
    int read_error;         /* errno of the read that ended the measurement; 0: none did */
    GArray *latencies;      /* guint64, microseconds, in the order of the reads */
} StorageFacts;

/* Looks for `duration_us` from the first read on, at `offset` of `path` (absolute). */
StorageProbe *storage_probe_new(const char *path, guint64 offset, guint64 duration_us);
/* When storage_probe_run() has returned, or was never called. */
void storage_probe_free(StorageProbe *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StorageProbe, storage_probe_free)

/* All of it, in the calling thread; blocks for as long as the storage likes. */
void storage_probe_run(StorageProbe *self);

/* It starts no further read. Any thread, never blocks. */
void storage_probe_stop(StorageProbe *self);

/* A copy of what is known now. Any thread, never blocks. */
void storage_probe_get_facts(StorageProbe *self, StorageFacts *ret);
void storage_facts_clear(StorageFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StorageFacts, storage_facts_clear)
