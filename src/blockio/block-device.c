/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening lease storage. The path is looked up once, with O_PATH, which starts nothing and blocks
 * on no fifo or tape; what it found is judged, and that very inode is then opened for I/O through
 * /proc/self/fd. A name that changes in between changes nothing.
 *
 * O_SYNC: a lease that a host has seen written must survive that host's power cut; others may have
 * acted on it. O_DIRECT: the other hosts' writes are on the device, never in our page cache.
 */
#include "blockio/block-device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blockio/io-gate.h"
#include "common/bailiff-error.h"

#define FILE_BLOCK_BYTES 512u
#define LARGEST_BLOCK_BYTES 65536u

/* No file system has this device number: keys of block devices and of files never meet. */
#define KEY_MAJOR_BLOCK_DEVICE G_MAXUINT64

struct BlockDevice {
    gatomicrefcount references;
    char *path;
    int fd;
    guint64 size;
    guint32 block_size;
    guint64 key_major;
    guint64 key_minor;
};

static void set_open_error(GError **error, const char *path, int error_number)
{
    switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case ENXIO:
    case ENODEV:
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND,
                          "Check the path, and that the storage is attached and active.",
                          "There is no storage at %s: %s.", path, g_strerror(error_number));
        break;
    case EACCES:
    case EPERM:
    case EROFS:
        bailiff_set_error(error, BAILIFF_ERROR_NOT_AUTHORIZED,
                          "Give the daemon the right to read and write it.",
                          "The daemon may not open %s: %s.", path, g_strerror(error_number));
        break;
    case ELOOP:
    case ENAMETOOLONG:
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Pass the path of the storage.",
                          "The path %s leads nowhere: %s.", path, g_strerror(error_number));
        break;
    case EINVAL:
        bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                          "Put leases on a block device or on a file system with direct I/O.",
                          "The storage at %s cannot do direct I/O.", path);
        break;
    default:
        bailiff_set_error(
            error, BAILIFF_ERROR_IO_ERROR, "See the kernel's log for faults of that storage.",
            "The storage at %s cannot be opened: %s.", path, g_strerror(error_number));
        break;
    }
}

static gboolean check_path(const char *path, GError **error)
{
    if (path != NULL && path[0] == '/')
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Pass an absolute path.",
                      "The path \"%s\" is not absolute.", path != NULL ? path : "");
    return FALSE;
}

static gboolean check_kind(const char *path, const struct stat *status, GError **error)
{
    if (S_ISREG(status->st_mode) || S_ISBLK(status->st_mode))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "Pass the path of a block device or of a regular file.",
                      "What is at %s is neither a block device nor a regular file.", path);
    return FALSE;
}

/* The descriptor for I/O, of the inode that `path` leads to; its facts in `status`. */
static int open_checked(const char *path, gboolean read_only, struct stat *status, GError **error)
{
    const int flags = (read_only ? O_RDONLY : O_RDWR) | O_DIRECT | O_SYNC | O_CLOEXEC | O_NOCTTY;
    char by_number[64];
    int found;
    int fd;

    found = open(path, O_PATH | O_CLOEXEC);
    if (found < 0 || fstat(found, status) < 0) {
        set_open_error(error, path, errno);
        fd = -1;
    } else if (!check_kind(path, status, error)) {
        fd = -1;
    } else {
        g_snprintf(by_number, sizeof(by_number), "/proc/self/fd/%d", found);
        fd = open(by_number, flags);
        if (fd < 0)
            set_open_error(error, path, errno);
    }
    if (found >= 0)
        close(found);
    return fd;
}

static gboolean read_block_device(BlockDevice *self, const struct stat *status, GError **error)
{
    guint64 size = 0;
    int block_size = 0;

    if (ioctl(self->fd, BLKGETSIZE64, &size) < 0 || ioctl(self->fd, BLKSSZGET, &block_size) < 0) {
        set_open_error(error, self->path, errno == EINVAL ? EIO : errno);
        return FALSE;
    }
    if (block_size < (int)FILE_BLOCK_BYTES || block_size > (int)LARGEST_BLOCK_BYTES ||
        (block_size & (block_size - 1)) != 0) {
        bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                          "Use a device with blocks of 512 or 4096 bytes.",
                          "The device %s has blocks of %d bytes.", self->path, block_size);
        return FALSE;
    }
    self->size = size;
    self->block_size = (guint32)block_size;
    self->key_major = KEY_MAJOR_BLOCK_DEVICE;
    self->key_minor = status->st_rdev;
    return TRUE;
}

BlockDevice *block_device_open(const char *path, gboolean read_only, GError **error)
{
    g_autoptr(BlockDevice) self = NULL;
    struct stat status;
    int fd;

    if (!check_path(path, error))
        return NULL;
    fd = open_checked(path, read_only, &status, error);
    if (fd < 0)
        return NULL;

    self = g_new0(BlockDevice, 1);
    g_atomic_ref_count_init(&self->references);
    self->path = g_strdup(path);
    self->fd = fd;
    if (S_ISBLK(status.st_mode))
        return read_block_device(self, &status, error) ? g_steal_pointer(&self) : NULL;

    self->size = (guint64)status.st_size;
    self->block_size = FILE_BLOCK_BYTES;
    self->key_major = status.st_dev;
    self->key_minor = status.st_ino;
    return g_steal_pointer(&self);
}

BlockDevice *block_device_ref(BlockDevice *self)
{
    g_atomic_ref_count_inc(&self->references);
    return self;
}

static gpointer close_in_thread(gpointer data)
{
    io_gate_wait_and_enter();
    close(GPOINTER_TO_INT(data));
    io_gate_leave();
    return NULL;
}

/* FUSE and network file systems talk to their server in close(), and wait for it. The last
 * reference may be dropped anywhere, the main loop included. */
static void close_aside(int fd)
{
    GThread *thread = g_thread_try_new("bailiff-close", close_in_thread, GINT_TO_POINTER(fd), NULL);

    if (thread != NULL)
        g_thread_unref(thread);
    else
        close(fd); /* late for once is better than a descriptor lost for ever */
}

void block_device_unref(BlockDevice *self)
{
    if (!g_atomic_ref_count_dec(&self->references))
        return;
    g_free(self->path);
    close_aside(self->fd);
    g_free(self);
}

const char *block_device_get_path(const BlockDevice *self)
{
    return self->path;
}

int block_device_get_fd(const BlockDevice *self)
{
    return self->fd;
}

guint64 block_device_get_size(const BlockDevice *self)
{
    return self->size;
}

guint32 block_device_get_block_size(const BlockDevice *self)
{
    return self->block_size;
}

guint64 block_device_get_key_major(const BlockDevice *self)
{
    return self->key_major;
}

guint64 block_device_get_key_minor(const BlockDevice *self)
{
    return self->key_minor;
}

gboolean block_device_is_same(const BlockDevice *a, const BlockDevice *b)
{
    return a->key_major == b->key_major && a->key_minor == b->key_minor;
}
