/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine on a real file, without D-Bus: an engine, a file of 16 MiB for a lockspace and its
 * resources, children to register. Everything is waited for by its event; a minute without it is a
 * failure. Include it once, in the file with main().
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blockio/aio-queue.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/process-identity.h"
#include "engine/host.h"
#include "engine/lockspace.h"
#include "engine/registration-private.h"
#include "engine/resource.h"
#include "ondisk/leader-record.h"
#include "support/wait-for.h"

#define FILE_SIZE (16 * 1024 * 1024)
#define SPACE "space"

typedef struct Fixture {
    char *directory;
    char *path;
    BailiffEngine *engine;
    GAsyncResult *result;
    GPtrArray *children;
} Fixture;

static inline void on_result(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Fixture *fixture = user_data;

    g_assert_null(fixture->result);
    fixture->result = g_object_ref(result);
}

static inline GAsyncResult *wait_for_result(Fixture *fixture)
{
    WAIT_FOR(fixture->result != NULL);
    return g_steal_pointer(&fixture->result);
}

/* --- the world ------------------------------------------------------------------------------- */

static inline void set_up(Fixture *fixture, gconstpointer data)
{
    const BailiffEngineConfig config = { .host_name = "hostA", .runtime_dir = NULL };
    BailiffEngineConfig real = config;
    g_autoptr(GError) error = NULL;
    int fd;

    /* Beside the test program: a build directory is on a disk, /tmp may be memory, which takes no
     * direct I/O on older kernels. */
    fixture->directory = g_strdup("test-engine-XXXXXX");
    g_assert_nonnull(g_mkdtemp(fixture->directory));
    g_free(fixture->path);
    {
        g_autofree char *here = g_get_current_dir();
        fixture->path = g_build_filename(here, fixture->directory, "leases", NULL);
    }
    fd = open(fixture->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, FILE_SIZE), ==, 0);
    close(fd);
    real.runtime_dir = fixture->directory;
    fixture->engine = bailiff_engine_new(&real, &error);
    g_assert_no_error(error);
    fixture->children = g_ptr_array_new();
}

static inline void end_child(Fixture *fixture, pid_t pid)
{
    g_assert_true(g_ptr_array_remove(fixture->children, GINT_TO_POINTER(pid)));
    kill(pid, SIGKILL);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}

static inline void remove_tree(const char *directory)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *entry;

    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(directory, entry, NULL);

        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            remove_tree(path);
        else
            g_unlink(path);
    }
    g_rmdir(directory);
}

static inline void tear_down(Fixture *fixture, gconstpointer data)
{
    while (fixture->children->len > 0)
        end_child(fixture, GPOINTER_TO_INT(fixture->children->pdata[0]));
    bailiff_engine_shut_down_async(fixture->engine, on_result, fixture);
    {
        g_autoptr(GAsyncResult) result = wait_for_result(fixture);
        g_assert_true(bailiff_engine_shut_down_finish(fixture->engine, result, NULL));
    }
    g_clear_object(&fixture->engine);
    /* What runs in workers ends by itself; nothing of it may be left behind. */
    WAIT_FOR(aio_total_in_flight() == 0);
    remove_tree(fixture->directory);
    g_free(fixture->directory);
    g_free(fixture->path);
    g_ptr_array_unref(fixture->children);
}

static inline pid_t start_child(Fixture *fixture)
{
    pid_t pid = fork();

    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        /* A test that fails leaves nobody behind who keeps its output open. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    g_ptr_array_add(fixture->children, GINT_TO_POINTER(pid));
    return pid;
}

static guint32 format_io_timeout = 1; /* seconds */

static inline gboolean try_format(Fixture *fixture, const char *resource, guint64 offset,
                                  gboolean overwrite, GError **error)
{
    const BailiffFormat format = {
        .path = fixture->path,
        .offset = offset,
        .lockspace_name = SPACE,
        .resource_name = resource,
        .io_timeout = format_io_timeout,
        .overwrite = overwrite,
    };
    BailiffFormat wanted = format;

    if (resource != NULL)
        wanted.io_timeout = 0;
    bailiff_engine_format_async(fixture->engine, &wanted, on_result, fixture);
    g_autoptr(GAsyncResult) result = wait_for_result(fixture);
    return bailiff_engine_format_finish(fixture->engine, result, error);
}

static inline void format(Fixture *fixture, const char *resource, guint64 offset)
{
    g_autoptr(GError) error = NULL;

    try_format(fixture, resource, offset, FALSE, &error);
    g_assert_no_error(error);
}

static inline BailiffLockspace *join(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    BailiffLockspace *lockspace =
        bailiff_engine_join(fixture->engine, SPACE, fixture->path, 0, 1, 1, &error);

    g_assert_no_error(error);
    g_assert_cmpint(bailiff_lockspace_get_state(lockspace), ==, BAILIFF_LOCKSPACE_JOINING);
    WAIT_FOR(bailiff_lockspace_get_state(lockspace) != BAILIFF_LOCKSPACE_JOINING);
    return lockspace;
}

static inline BailiffRegistration *register_child(Fixture *fixture, pid_t pid, const char *name)
{
    g_autoptr(GError) error = NULL;
    BailiffRegistration *registration =
        bailiff_engine_register_pid(fixture->engine, pid, 0, name, FALSE, 0, NULL, &error);

    g_assert_no_error(error);
    return registration;
}

static inline GPtrArray *acquire(Fixture *fixture, BailiffRegistration *registration,
                                 const char *resource, guint64 offset, GError **error)
{
    const BailiffLeaseWish wish = {
        .lockspace = SPACE, .resource = resource, .path = fixture->path, .offset = offset
    };

    bailiff_registration_acquire_async(registration, &wish, 1, NULL, on_result, fixture);
    g_autoptr(GAsyncResult) result = wait_for_result(fixture);
    return bailiff_registration_acquire_finish(registration, result, error);
}

static inline void read_record(Fixture *fixture, guint64 offset, LeaderRecord *ret)
{
    guint8 bytes[LEADER_RECORD_SIZE];
    int fd = open(fixture->path, O_RDONLY | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pread(fd, bytes, sizeof bytes, (off_t)offset), ==, (gssize)sizeof bytes);
    close(fd);
    leader_record_decode(ret, bytes);
}

static inline void write_byte(Fixture *fixture, guint64 offset, guint8 byte)
{
    int fd = open(fixture->path, O_WRONLY | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pwrite(fd, &byte, 1, (off_t)offset), ==, 1);
    close(fd);
}

/* valgrind 3.19 does not know pidfd_open(). */
static inline gboolean skip_without_pidfds(void)
{
    g_auto(ProcessIdentity) self = { .pidfd = -1 };

    if (process_identity_from_pid(&self, getpid(), 0, NULL))
        return FALSE;
    g_test_skip("pidfds do not work here");
    return TRUE;
}
