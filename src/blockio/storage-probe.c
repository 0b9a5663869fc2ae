/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking at storage. The lock is held for moments only, and never around a call that can block.
 *
 * A read takes a whole area, as that of a renewal does, and there are not more than fifty in a
 * second: the storage may be at work for others.
 */
#include "blockio/storage-probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "blockio/aligned-buffer.h"
#include "blockio/block-device.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"

#define READ_INTERVAL_US (USEC_PER_SECOND / 50)
#define SMALL_AREA_BYTES (1u << 20) /* of sectors of 512 bytes */
#define LARGE_AREA_BYTES (8u << 20) /* of sectors of 4096 bytes */
#define SMALL_SECTOR_BYTES 512u
#define LARGE_SECTOR_BYTES 4096u

struct StorageProbe {
    char *path;
    guint64 offset, duration_us;
    GMutex lock; /* of all below */
    GCond stopped;
    gboolean stop;
    StorageFacts facts;
};

StorageProbe *storage_probe_new(const char *path, guint64 offset, guint64 duration_us)
{
    StorageProbe *self = g_new0(StorageProbe, 1);

    self->path = g_strdup(path);
    self->offset = offset;
    self->duration_us = duration_us;
    g_mutex_init(&self->lock);
    g_cond_init(&self->stopped);
    self->facts.stage_since_us = boottime_now();
    self->facts.latencies = g_array_new(FALSE, FALSE, sizeof(guint64));
    return self;
}

void storage_facts_clear(StorageFacts *facts)
{
    g_clear_error(&facts->open_error);
    g_clear_error(&facts->write_error);
    g_clear_pointer(&facts->latencies, g_array_unref);
}

void storage_probe_free(StorageProbe *self)
{
    storage_facts_clear(&self->facts);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->stopped);
    g_free(self->path);
    g_free(self);
}

void storage_probe_stop(StorageProbe *self)
{
    g_mutex_lock(&self->lock);
    self->stop = TRUE;
    g_cond_signal(&self->stopped);
    g_mutex_unlock(&self->lock);
}

void storage_probe_get_facts(StorageProbe *self, StorageFacts *ret)
{
    g_mutex_lock(&self->lock);
    *ret = self->facts;
    ret->open_error = ret->open_error != NULL ? g_error_copy(ret->open_error) : NULL;
    ret->write_error = ret->write_error != NULL ? g_error_copy(ret->write_error) : NULL;
    ret->latencies = g_array_copy(self->facts.latencies);
    g_mutex_unlock(&self->lock);
}

static void set_stage(StorageProbe *self, StorageStage stage, guint64 since_us)
{
    g_mutex_lock(&self->lock);
    self->facts.stage = stage;
    self->facts.stage_since_us = since_us;
    g_mutex_unlock(&self->lock);
}

/* What it is, without opening it for I/O. Why it is not there is for the open to say. */
static void look_up(StorageProbe *self)
{
    struct stat status;
    struct statfs file_system;
    int fd = open(self->path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return;
    if (fstat(fd, &status) == 0 && fstatfs(fd, &file_system) == 0) {
        g_mutex_lock(&self->lock);
        self->facts.known = TRUE;
        self->facts.block_device = S_ISBLK(status.st_mode);
        self->facts.file_system = (guint64)file_system.f_type & G_MAXUINT32;
        self->facts.owner = status.st_uid;
        self->facts.mode = status.st_mode & 07777;
        g_mutex_unlock(&self->lock);
    }
    close(fd);
}

/* For writing, as leases need it; else, if that is not allowed, for reading. */
static BlockDevice *open_device(StorageProbe *self)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) write_error = NULL;
    BlockDevice *device = block_device_open(self->path, FALSE, &write_error);

    if (device == NULL && g_error_matches(write_error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_AUTHORIZED))
        device = block_device_open(self->path, TRUE, &error);
    g_mutex_lock(&self->lock);
    if (device != NULL) {
        self->facts.write_error = g_steal_pointer(&write_error);
        self->facts.opened = TRUE;
        self->facts.size = block_device_get_size(device);
        self->facts.block_size = block_device_get_block_size(device);
    } else {
        GError **cause = error != NULL ? &error : &write_error;

        self->facts.open_error = g_steal_pointer(cause);
    }
    g_mutex_unlock(&self->lock);
    return device;
}

/* False when it is over: the read has failed, or somebody wants an end. */
static gboolean note_read(StorageProbe *self, guint64 started_us, gssize got, int error)
{
    guint64 now_us = boottime_now(), took_us = time_since(now_us, started_us);
    gint64 next_us = g_get_monotonic_time() + (gint64)time_since(READ_INTERVAL_US, took_us);
    gboolean stop;

    g_mutex_lock(&self->lock);
    self->facts.stage_since_us = 0;
    if (got == (gssize)self->facts.area_size)
        g_array_append_val(self->facts.latencies, took_us);
    else
        self->facts.read_error = got < 0 ? error : EIO;
    while (!self->stop && self->facts.read_error == 0 &&
           g_cond_wait_until(&self->stopped, &self->lock, next_us))
        ;
    stop = self->stop || self->facts.read_error != 0;
    g_mutex_unlock(&self->lock);
    return !stop;
}

/* A file has no block size of its own: that of the device below shows when a read is refused. */
static guint32 find_block_size(StorageProbe *self, const BlockDevice *device, guint8 *buffer)
{
    guint32 size = block_device_get_block_size(device);

    if (size == SMALL_SECTOR_BYTES &&
        pread(block_device_get_fd(device), buffer, size, (off_t)self->offset) < 0 &&
        errno == EINVAL)
        size = LARGE_SECTOR_BYTES;
    return size;
}

static gboolean has_room(const StorageProbe *self, const BlockDevice *device, guint32 length)
{
    guint64 size = block_device_get_size(device);

    return size >= length && self->offset <= size - length;
}

static guint32 choose_area_size(StorageProbe *self, const BlockDevice *device, guint32 block_size)
{
    guint32 size = block_size > SMALL_SECTOR_BYTES && has_room(self, device, LARGE_AREA_BYTES)
                       ? LARGE_AREA_BYTES
                       : SMALL_AREA_BYTES;

    g_mutex_lock(&self->lock);
    self->facts.block_size = block_size;
    self->facts.area_size = size;
    self->facts.too_small = !has_room(self, device, size);
    g_mutex_unlock(&self->lock);
    return has_room(self, device, size) ? size : 0;
}

static void measure(StorageProbe *self, const BlockDevice *device)
{
    guint8 *buffer = aligned_buffer_take(LARGE_AREA_BYTES);
    guint64 begun_us = boottime_now(), started_us = begun_us;
    guint32 size;
    gssize got = -1;
    int error;

    if (buffer == NULL)
        return;
    set_stage(self, STORAGE_READING, begun_us);
    size = choose_area_size(self, device, find_block_size(self, device, buffer));
    if (size > 0)
        do {
            started_us = boottime_now();
            set_stage(self, STORAGE_READING, started_us);
            got = pread(block_device_get_fd(device), buffer, size, (off_t)self->offset);
            error = errno;
        } while (note_read(self, started_us, got, error) &&
                 time_since(boottime_now(), begun_us) < self->duration_us);
    aligned_buffer_give(buffer, LARGE_AREA_BYTES);
}

void storage_probe_run(StorageProbe *self)
{
    BlockDevice *device;

    look_up(self);
    set_stage(self, STORAGE_OPENING, boottime_now());
    device = open_device(self);
    if (device != NULL) {
        measure(self, device);
        block_device_unref(device);
    }
    set_stage(self, STORAGE_ENDED, boottime_now());
}
