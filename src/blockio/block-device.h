/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device or file that leases lie on, opened for direct, synchronous I/O.
 */
#pragma once

#include <glib.h>

typedef struct BlockDevice BlockDevice;

/* Opens `path` (absolute) read-write with O_DIRECT and O_SYNC; `read_only` for looking only. Blocks
 * for as long as the storage likes: never call it in the main loop, nor in a thread that others
 * wait for. Errors: NotFound, InvalidArgument (relative path, directory, neither file nor block
 * device), NotAuthorized (permission), Unsupported (no direct I/O there), IoError. */
BlockDevice *block_device_open(const char *path, gboolean read_only, GError **error);

/* Atomic reference count. The last reference closes the file, which can block while I/O is out:
 * AioQueue holds one for each I/O. */
BlockDevice *block_device_ref(BlockDevice *self);
void block_device_unref(BlockDevice *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BlockDevice, block_device_unref)

const char *block_device_get_path(const BlockDevice *self);
int block_device_get_fd(const BlockDevice *self);

/* Bytes at the time of opening. */
guint64 block_device_get_size(const BlockDevice *self);

/* The logical block size of a block device, bytes; 512 for a regular file. */
guint32 block_device_get_block_size(const BlockDevice *self);

/* The same storage, whatever path led there: device number of a block device, or file system and
 * inode. Two BlockDevices with equal keys share their write fences. */
guint64 block_device_get_key_major(const BlockDevice *self);
guint64 block_device_get_key_minor(const BlockDevice *self);
gboolean block_device_is_same(const BlockDevice *a, const BlockDevice *b);
