/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening of lease storage. Block devices are tried with a loop device where one can be had.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blockio/block-device.h"
#include "common/bailiff-error.h"

typedef struct Fixture {
    char *directory;
    char *file;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    int fd;

    fixture->directory = g_strdup("/var/tmp/bailiff-blockio-XXXXXX");
    g_assert_nonnull(g_mkdtemp(fixture->directory));
    fixture->file = g_build_filename(fixture->directory, "disk", NULL);
    fd = open(fixture->file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, 1 << 20), ==, 0);
    close(fd);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    g_remove(fixture->file);
    g_rmdir(fixture->directory);
    g_free(fixture->file);
    g_free(fixture->directory);
}

static void test_file(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BlockDevice) device = block_device_open(fixture->file, FALSE, &error);
    g_autoptr(BlockDevice) other = NULL;
    g_autofree char *alias = g_build_filename(fixture->directory, ".", "alias", NULL);
    int flags;

    g_assert_no_error(error);
    g_assert_cmpstr(block_device_get_path(device), ==, fixture->file);
    g_assert_cmpuint(block_device_get_size(device), ==, 1 << 20);
    g_assert_cmpuint(block_device_get_block_size(device), ==, 512);
    flags = fcntl(block_device_get_fd(device), F_GETFL);
    g_assert_cmpint(flags & O_ACCMODE, ==, O_RDWR);
    g_assert_cmpint(flags & O_DIRECT, ==, O_DIRECT);
    g_assert_cmpint(flags & O_SYNC, ==, O_SYNC);
    g_assert_cmpint(fcntl(block_device_get_fd(device), F_GETFD), ==, FD_CLOEXEC);

    g_assert_cmpint(symlink(fixture->file, alias), ==, 0);
    other = block_device_open(alias, TRUE, &error);
    g_assert_no_error(error);
    g_assert_cmpint(fcntl(block_device_get_fd(other), F_GETFL) & O_ACCMODE, ==, O_RDONLY);
    g_assert_cmpuint(block_device_get_key_major(other), ==, block_device_get_key_major(device));
    g_assert_cmpuint(block_device_get_key_minor(other), ==, block_device_get_key_minor(device));
    g_remove(alias);
}

static void test_references(Fixture *fixture, gconstpointer data)
{
    BlockDevice *device = block_device_open(fixture->file, FALSE, NULL);
    int fd = block_device_get_fd(device);

    block_device_unref(block_device_ref(device));
    g_assert_cmpint(fcntl(fd, F_GETFD), >=, 0);
    block_device_unref(device);
    /* A thread of its own closes it. */
    while (fcntl(fd, F_GETFD) != -1)
        g_thread_yield();
}

static void assert_refused(const char *path, BailiffError code)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(block_device_open(path, FALSE, &error));
    g_assert_error(error, BAILIFF_ERROR, (int)code);
    g_assert_nonnull(strchr(error->message, '\n'));
}

static void test_refused(Fixture *fixture, gconstpointer data)
{
    g_autofree char *missing = g_build_filename(fixture->directory, "none", NULL);
    g_autofree char *below = g_build_filename(fixture->file, "below", NULL);
    g_autofree char *fifo = g_build_filename(fixture->directory, "fifo", NULL);
    g_autofree char *loop = g_build_filename(fixture->directory, "loop", NULL);

    assert_refused("disk", BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_refused("", BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_refused(fixture->directory, BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_refused("/dev/null", BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_refused(missing, BAILIFF_ERROR_NOT_FOUND);
    assert_refused(below, BAILIFF_ERROR_NOT_FOUND);

    /* Must not wait for a writer. */
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    assert_refused(fifo, BAILIFF_ERROR_INVALID_ARGUMENT);
    g_remove(fifo);
    g_assert_cmpint(symlink(loop, loop), ==, 0);
    assert_refused(loop, BAILIFF_ERROR_INVALID_ARGUMENT);
    g_remove(loop);
}

/* Root may do everything, so it is nobody here. */
static void test_not_authorized(Fixture *fixture, gconstpointer data)
{
    gboolean is_root = geteuid() == 0;

    g_assert_cmpint(chmod(fixture->directory, 0755), ==, 0);
    g_assert_cmpint(chmod(fixture->file, 0), ==, 0);
    if (is_root)
        g_assert_cmpint(seteuid(65534), ==, 0);
    assert_refused(fixture->file, BAILIFF_ERROR_NOT_AUTHORIZED);
    if (is_root)
        g_assert_cmpint(seteuid(0), ==, 0);
}

/* A file in /proc that may be opened, but not for direct I/O. */
static void test_no_direct_io(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(block_device_open("/proc/self/status", TRUE, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_UNSUPPORTED);
}

/* The number of a free loop device with `file` and sectors of 4096 bytes; -1 when there is none. */
static int open_loop(const char *file, char **path)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int number = control >= 0 ? ioctl(control, LOOP_CTL_GET_FREE) : -1;
    struct loop_config config = { .block_size = 4096 };
    int loop = -1;

    if (control >= 0)
        close(control);
    if (number < 0)
        return -1;
    *path = g_strdup_printf("/dev/loop%d", number);
    loop = open(*path, O_RDWR | O_CLOEXEC);
    config.fd = (guint32)open(file, O_RDWR | O_CLOEXEC);
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) < 0) {
        close(loop);
        loop = -1;
    }
    close((int)config.fd);
    return loop;
}

static void test_block_device(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BlockDevice) device = NULL;
    g_autofree char *path = NULL;
    struct stat status;
    int loop = open_loop(fixture->file, &path);

    if (loop < 0) {
        g_test_skip("no loop device can be had here");
        return;
    }
    device = block_device_open(path, FALSE, &error);
    g_assert_no_error(error);
    g_assert_cmpint(fstat(loop, &status), ==, 0);
    g_assert_cmpuint(block_device_get_size(device), ==, 1 << 20);
    g_assert_cmpuint(block_device_get_block_size(device), ==, 4096);
    g_assert_cmpuint(block_device_get_key_major(device), ==, G_MAXUINT64);
    g_assert_cmpuint(block_device_get_key_minor(device), ==, status.st_rdev);
    close(loop);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/block-device/file", Fixture, NULL, set_up, test_file, tear_down);
    g_test_add("/block-device/references", Fixture, NULL, set_up, test_references, tear_down);
    g_test_add("/block-device/refused", Fixture, NULL, set_up, test_refused, tear_down);
    g_test_add("/block-device/not-authorized", Fixture, NULL, set_up, test_not_authorized,
               tear_down);
    g_test_add_func("/block-device/no-direct-io", test_no_direct_io);
    g_test_add("/block-device/block-device", Fixture, NULL, set_up, test_block_device, tear_down);
    return g_test_run();
}
